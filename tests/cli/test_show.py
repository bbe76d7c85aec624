"""show: a flow solved, of a data set, or of a file, as pictures; what cannot be drawn is one sentence."""

from pathlib import Path

import pytest

from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.sampling import ConditionRanges
from understudy.datasets.vtk_file import read_vtk

FAST = ("--drawing", "matplotlib", "--only", "mach")


@pytest.fixture(scope="module")
def flows(let_it_simulate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flows") / "flows.h5"
    with pytest.MonkeyPatch.context() as patch:
        let_it_simulate(patch)
        ranges = ConditionRanges(alpha=(0.0, 4.0), mach=(0.6, 0.8))
        generate(SimulateConfig(out=out, simulator="rans", cases=2, conditions=ranges, fields=True))
    return out


def test_a_row_then_its_file(understudy, flows: Path, tmp_path: Path):
    code, told, _ = understudy("show", flows, "--row", "1", "-o", tmp_path, *FAST)
    assert code == 0
    assert told.splitlines()[-2:] == [str(tmp_path / "flows-1.vts"), str(tmp_path / "flows-1-mach.png")]
    first = (tmp_path / "flows-1-mach.png").read_bytes()
    code, told, _ = understudy("show", tmp_path / "flows-1.vts", "-o", tmp_path / "again", *FAST)
    assert code == 0
    assert [file.name for file in (tmp_path / "again").iterdir()] == ["flows-1-mach.png"]
    assert abs(len((tmp_path / "again" / "flows-1-mach.png").read_bytes()) - len(first)) < 0.02 * len(first)


def test_an_airfoil_is_solved_and_drawn(understudy, made_up_rans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("understudy.simulators.registry.simulator", lambda name: made_up_rans())
    words = ("show", "naca0012-sharp", "--alpha", "-2", "--mach", "0.7", "--by", "made:Up", "-o", tmp_path)
    code, told, _ = understudy(*words, *FAST, "--window", "-0.2", "0.4", "-0.2", "0.3")
    assert code == 0
    flow = read_vtk(tmp_path / "naca0012-sharp.vts")
    assert (flow.airfoil, flow.facts["alpha"], flow.facts["mach"], flow.facts["reynolds"]) == (
        "naca0012-sharp", -2.0, 0.7, 1e6
    )  # fmt: skip
    assert f"CL {flow.facts['cl']:.5f}" in told
    words = ("show", "naca0012", "--alpha", "9", "--mach", "0.7", "--by", "made:Up", "-o", tmp_path)
    code, _, err = understudy(*words, *FAST)
    assert code == 1
    assert "not converged: stalled" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("flows.h5",), "flows.h5 holds 2 rows; say which one to draw, such as --row 0"),
        (("flows.h5", "--row", "2"), "--row must be 0 to 1, as flows.h5 holds 2 rows; got 2"),
        (("flows.h5", "--row", "-1"), "--row must be 0 to 1, as flows.h5 holds 2 rows; got -1"),
        (("flows.h5", "--row", "0", "--mach", "0.7"), "--mach cannot be chosen of a flow that is stored in flows.h5"),
        (("flows.h5", "--row", "0", "--drawing", "crayon"), "drawing must be one of auto, pyvista, matplotlib; got"),
        (("flows.h5", "--row", "0", "--only", "heat"), "the pictures are mach, cp, eddy_viscosity, grid, surface; got"),
        (("naca0012", "--alpha", "1", "--mach", "0.7", "--only", "heat"), "the pictures are mach, cp, eddy_viscosity"),
        (("naca0012", "--alpha", "1", "--mach", "0.7", "--row", "1"), "--row cannot be chosen of anything but a data"),
        (("naca0012", "--alpha", "1"), "a compressible flow needs --mach"),
        (("naca0012", "--mach", "0.7"), "expected exactly one of --alpha [deg] and --cl"),
        (("naca0012", "--alpha", "1", "--by", "viscous"), "viscous gives no flow fields; these simulators do: rans"),
        (
            ("naca0012", "--alpha", "1", "--by", "viscous", "--grid", "97x25"),
            "--grid 97x25 is an option of none of viscous",
        ),
        (("none.vts",), "no VTK file at none.vts"),
        (("none.h5", "--row", "0"), "no data set at none.h5"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    understudy, flows: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
):
    monkeypatch.chdir(flows.parent)
    code, _, err = understudy("show", *words)
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err


def test_simulate_stores_flows_and_data_exports_them(
    understudy, let_it_simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    let_it_simulate(monkeypatch)
    out = tmp_path / "flows.h5"
    words = ("simulate", "--simulator", "rans", "--cases", "2", "--alpha", "0", "4", "--mach", "0.6", "0.8")
    assert understudy(*words, "--fields", "--out", out)[0] == 0
    assert "fields = true" in out.with_name("flows.h5.toml").read_text()
    assert understudy("data", "check", out)[:2] == (0, f"{out}: sound\n")
    assert "flows      density, eddy_viscosity" in understudy("data", "info", out)[1]
    code, told, _ = understudy("data", "export", out, "--vtk", tmp_path / "vtk")
    assert code == 0
    assert "2 surfaces" in told
    assert "2 flows" in told
    assert len(list((tmp_path / "vtk").glob("*.vts"))) == 2


def test_simulate_without_flows_to_store_is_one_sentence(understudy, tmp_path: Path):
    code, _, err = understudy("simulate", "--cases", "2", "--fields", "--out", tmp_path / "data.h5")
    assert code == 1
    assert err.splitlines()[-1] == "understudy: viscous gives no flow fields; these simulators do: rans"
