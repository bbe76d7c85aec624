"""XFOIL behind the interface: its known numbers, what its answers must obey, and every way a run can end badly."""

import json
import runpy
import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float64
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.airfoil.xfoil import March, Xfoil, XfoilNotInstalledError
from understudy.simulators.airfoil.xfoil.polar_dump import PolarDumpError, read_polar_dump
from understudy.simulators.airfoil.xfoil.program import find_xfoil
from understudy.simulators.airfoil.xfoil.surface import at_nodes, edge_speed
from understudy.simulators.interface import NotDifferentiableError, Status
from understudy.simulators.quantities import QUANTITIES
from understudy.simulators.shapes.naca import half_thickness
from understudy.simulators.shapes.panelling import panel

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _missing() -> str:
    try:
        find_xfoil()
    except XfoilNotInstalledError as error:
        return str(error)
    return ""


needs_xfoil = pytest.mark.skipif(bool(_missing()), reason=_missing())


def naca2412_of_xfoil() -> Float64[Tensor, "nodes 2"]:
    """The section that XFOIL's own NACA command makes: thickness laid off vertically, not normal to the mean line."""
    x = 0.5 * (1 - torch.cos(torch.linspace(0, torch.pi, 120, dtype=torch.float64)))
    half = half_thickness(x, torch.tensor(0.12, dtype=torch.float64), sharp=False)
    line = torch.where(x < 0.4, 0.02 / 0.16 * (0.8 * x - x * x), 0.02 / 0.36 * (0.2 + 0.8 * x - x * x))
    upper, lower = torch.stack([x, line + half], dim=1), torch.stack([x, line - half], dim=1)
    return panel(torch.cat([upper.flip(0), lower[1:]])[None], 160)[0]


@pytest.fixture(scope="module")
def section() -> Float64[Tensor, "nodes 2"]:
    return naca2412_of_xfoil()


@needs_xfoil
@pytest.mark.unchecked
def test_naca2412_gives_the_known_answer_of_xfoil(section: Tensor) -> None:
    """What XFOIL 6.99 prints for its own NACA 2412 on 160 panels; half a digit of the print is allowed."""
    answer = Xfoil(panels=160).predict(AirfoilCase.of(section, alpha=5.0))
    answer.raise_unless_ok()
    assert answer["cl"].item() == pytest.approx(0.8094, abs=5e-5)
    assert answer["cd"].item() == pytest.approx(0.00775, abs=5e-6)
    assert answer["cm"].item() == pytest.approx(-0.0540, abs=5e-5)
    assert answer["cd_friction"].item() == pytest.approx(0.00497, abs=5e-6)
    assert answer["xtr_top"].item() == pytest.approx(0.3155, abs=5e-5)
    assert answer["xtr_bottom"].item() == pytest.approx(1.0, abs=5e-5)


@needs_xfoil
@pytest.mark.unchecked
def test_own_nodes_and_xfoils_nodes_agree_within_the_panelling_error(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=3.0)
    own, repanelled = Xfoil().predict(case), Xfoil(panels=160).predict(case)
    assert own["cl"].item() == pytest.approx(repanelled["cl"].item(), abs=0.002)
    assert own["cd"].item() == pytest.approx(repanelled["cd"].item(), rel=0.01)
    difference = (own["edge_speed"] - repanelled["edge_speed"]).abs()
    assert difference.median() < 0.002
    assert difference.max() < 0.05


@needs_xfoil
@pytest.mark.unchecked
@pytest.mark.parametrize("mach", [0.0, 0.4])
def test_pressure_on_the_nodes_integrates_to_lift_and_moment(section: Tensor, mach: float) -> None:
    """The fields belong to the nodes they are given on: XFOIL integrates the same straight panels."""
    case = AirfoilCase.of(section, alpha=torch.tensor([0.0, 4.0, 8.0]), mach=mach)
    answer = Xfoil().predict(case)
    lift, moment = pressure_forces(case.coordinates, answer["cp"], answer["alpha"])
    torch.testing.assert_close(lift, answer["cl"], atol=1e-9, rtol=0)
    torch.testing.assert_close(moment, answer["cm"], atol=1e-6, rtol=0)


@needs_xfoil
@pytest.mark.unchecked
def test_drag_has_two_parts_and_shape_factor_is_a_ratio(section: Tensor) -> None:
    answer = Xfoil().predict(AirfoilCase.of(section, alpha=4.0))
    torch.testing.assert_close(answer["cd_friction"] + answer["cd_pressure"], answer["cd"])
    torch.testing.assert_close(answer["shape_factor"] * answer["theta"], answer["delta_star"])


@needs_xfoil
@pytest.mark.unchecked
def test_mirrored_section_at_the_opposite_angle_is_the_mirror_image(section: Tensor) -> None:
    mirrored = section.flip(0) * torch.tensor([1.0, -1.0])
    case = AirfoilCase.of(torch.stack([section, mirrored]), alpha=torch.tensor([4.0, -4.0]))
    answer = Xfoil().predict(case)
    converged = 2 * 1e-4  # each of the two iterations stops at a Newton change of 1e-4
    assert answer["cl"].sum().abs() < converged
    assert answer["cm"].sum().abs() < converged
    assert answer["cd"].diff().abs() < converged * answer["cd"][0]
    assert (answer["xtr_top"] - answer["xtr_bottom"].flip(0)).abs().max() < converged


@needs_xfoil
@pytest.mark.unchecked
def test_prescribed_lift_and_the_angle_it_needs_are_the_same_point(section: Tensor) -> None:
    by_lift = Xfoil().predict(AirfoilCase.of(section, cl=0.7))
    by_angle = Xfoil().predict(AirfoilCase.of(section, alpha=by_lift["alpha"]))
    assert by_lift["cl"].item() == pytest.approx(0.7, abs=1e-6)
    assert by_angle["cl"].item() == pytest.approx(0.7, abs=1e-4)
    assert by_angle["cd"].item() == pytest.approx(by_lift["cd"].item(), rel=1e-3)


@needs_xfoil
@pytest.mark.unchecked
def test_a_point_is_the_same_alone_in_a_batch_and_with_any_number_of_workers(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=torch.tensor([0.0, 2.0, 4.0, 6.0]))
    together, alone = Xfoil(workers=3).predict(case), Xfoil(workers=1).predict(case[2:3])
    for name in Xfoil.quantities:
        torch.testing.assert_close(together[name][2:3], alone[name], atol=0, rtol=0)


@needs_xfoil
@pytest.mark.unchecked
def test_trips_reynolds_number_and_n_crit_arrive(section: Tensor) -> None:
    free, tripped, rough, fast = (
        Xfoil().predict(AirfoilCase.of(section, alpha=2.0, **changed))
        for changed in ({}, {"trip_top": 0.1, "trip_bottom": 0.2}, {"n_crit": 5.0}, {"reynolds": 5e6})
    )
    assert tripped["xtr_top"].item() == pytest.approx(0.1, abs=1e-3)
    assert tripped["xtr_bottom"].item() == pytest.approx(0.2, abs=1e-3)
    assert tripped["cd"] > free["cd"]
    assert rough["xtr_top"] < free["xtr_top"]
    assert fast["xtr_top"] < free["xtr_top"]


@needs_xfoil
@pytest.mark.unchecked
def test_marching_to_a_regular_point_ends_where_a_cold_start_ends(section: Tensor) -> None:
    case = AirfoilCase.of(section, alpha=6.0)
    cold, marched = (Xfoil(march=march).predict(case) for march in (March.NEVER, March.ALWAYS))
    assert marched["cd"].item() == pytest.approx(cold["cd"].item(), rel=1e-3)


@needs_xfoil
@pytest.mark.unchecked
@pytest.mark.physics
def test_stored_cases_are_repeated_and_marching_answers_more_of_them() -> None:
    """Rows 0 to 29 give the stored drag again; a failure means another XFOIL, or a driver that changes its input."""
    stored = runpy.run_path(str(BENCHMARKS / "airfoil_cases.py"))["judged_cases"]()
    again = Xfoil(march=March.NEVER).predict(stored.case[:30])
    assert again.status == stored.answer.status[:30]
    torch.testing.assert_close(again["cd"], stored.answer["cd"][:30], rtol=1e-6, atol=0, equal_nan=True)
    failed = stored.case[~stored.converged][:8]
    assert sum(status is Status.OK for status in Xfoil().predict(failed).status) >= 5


@needs_xfoil
@pytest.mark.unchecked
@pytest.mark.physics
def test_the_judge_of_the_daedalus_problem_repeats_its_published_score() -> None:
    """The DAE-11, fitted with 8 CST weights a side, has a weighted drag of 0.010569; 0.1 % for the fit's freedom."""
    aerosandbox = pytest.importorskip("aerosandbox")
    fit = aerosandbox.Airfoil("dae11").normalize().to_kulfan_airfoil(n_weights_per_side=8)
    shape = torch.from_numpy(np.asarray(fit.to_airfoil(n_coordinates_per_side=120).coordinates, dtype=np.float64))
    verdict = runpy.run_path(str(BENCHMARKS / "support" / "daedalus.py"))["judge_daedalus"](shape)
    verdict.answer.raise_unless_ok()
    assert verdict.weighted_cd == pytest.approx(0.010569, rel=1e-3)
    assert verdict.angle_grows_with_lift


@needs_xfoil
@pytest.mark.unchecked
def test_what_it_says_of_itself() -> None:
    simulator = Xfoil()
    assert simulator.version.startswith("6.")
    assert json.loads(json.dumps(simulator.configuration))["iterations"] == 100
    assert set(simulator.quantities) <= set(QUANTITIES)


@needs_xfoil
@pytest.mark.unchecked
def test_too_few_iterations_are_a_row_that_did_not_converge(section: Tensor) -> None:
    answer = Xfoil(iterations=2, march=March.NEVER).predict(AirfoilCase.of(section, alpha=5.0))
    assert answer.status == (Status.NOT_CONVERGED,)
    assert "did not converge in 2 iterations" in answer.message[0]
    assert answer["cl"].isnan().all()
    assert answer.residuals is not None
    assert answer.residuals.shape == (1, 2)


@needs_xfoil
@pytest.mark.unchecked
def test_too_many_nodes_are_refused_with_the_remedy(section: Tensor) -> None:
    case = AirfoilCase.of(panel(section[None], 400), alpha=2.0)
    answer = Xfoil().predict(case)
    assert answer.status == (Status.REFUSED,)
    assert "at most 365 nodes" in answer.message[0]
    assert Xfoil(panels=160).predict(case).status == (Status.OK,)


@needs_xfoil
@pytest.mark.unchecked
def test_a_run_over_its_time_limit_is_a_failed_row(section: Tensor) -> None:
    answer = Xfoil(time_limit=1e-4, march=March.NEVER).predict(AirfoilCase.of(section, alpha=2.0))
    assert answer.status == (Status.FAILED,)
    assert "took longer than the limit" in answer.message[0]


@needs_xfoil
@pytest.mark.unchecked
def test_a_shape_that_makes_no_sense_does_not_end_the_batch(section: Tensor) -> None:
    twisted = section.clone()
    twisted[::2, 1] *= -1
    answer = Xfoil(march=March.NEVER, time_limit=3.0).predict(
        AirfoilCase.of(torch.stack([twisted, section]), alpha=2.0)
    )
    assert answer.status[0] in (Status.NOT_CONVERGED, Status.FAILED)
    assert answer.message[0]
    assert answer.status[1] is Status.OK


@needs_xfoil
@pytest.mark.unchecked
def test_nothing_is_left_behind_and_a_cache_path_with_spaces_works(
    section: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache: mine"))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert Xfoil().predict(AirfoilCase.of(section, alpha=2.0)).status == (Status.OK,)
    assert list(scratch.iterdir()) == []


@needs_xfoil
@pytest.mark.unchecked
@pytest.mark.parametrize("tensor", ["coordinates", "alpha", "reynolds"])
def test_a_gradient_is_refused(section: Tensor, tensor: str) -> None:
    case = AirfoilCase.of(section, alpha=2.0)
    case = replace(case, **{tensor: getattr(case, tensor).clone().requires_grad_()})
    with pytest.raises(NotDifferentiableError, match="xfoil gives no gradients"):
        Xfoil().predict(case)
    with torch.no_grad():
        assert Xfoil().predict(case).status == (Status.OK,)


@needs_xfoil
@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"panels": 500}, "panels must be None or from 20 to 365; got 500"),
        ({"iterations": 0}, "iterations must be positive; got 0"),
        ({"march_step": -1.0}, "march_step must be positive; got -1.0"),
        ({"time_limit": 0.0}, "time_limit must be positive; got 0.0"),
        ({"workers": 0}, "workers must be None or at least 1; got 0"),
    ],
)
def test_impossible_configurations_are_refused(changed: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Xfoil(**changed)


def test_without_the_program_the_way_to_install_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(XfoilNotInstalledError, match="`make system` or `apt-get install xfoil`"):
        Xfoil()


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("exit 3", "ended with exit status 3"),
        ("kill -SEGV $$", "ended with exit status -11"),
        ("echo garbage > p", "answer cannot be read"),
        ("exit 0", "did not accept the shape"),
    ],
)
def test_a_program_that_misbehaves_is_a_failed_row(
    section: Tensor, behaviour: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "xfoil"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{behaviour}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    answer = Xfoil(march=March.NEVER).predict(AirfoilCase.of(section, alpha=2.0))
    assert answer.status == (Status.FAILED,)
    assert sentence in answer.message[0]
    assert answer["cp"].isnan().all()


def test_a_program_that_cannot_be_run_is_a_failed_row(
    section: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a compiler that fails end the batch; it is asked for where nothing is cached."""
    for name, script in (("xfoil", "#!/no/such/interpreter\n"), ("cc", "#!/bin/sh\nexit 1\n")):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    answer = Xfoil(march=March.NEVER).predict(AirfoilCase.of(section, alpha=2.0))
    assert answer.status == (Status.FAILED,)
    assert "XFOIL cannot be run" in answer.message[0]


def test_karman_tsien_edge_speed_has_its_limits() -> None:
    cp = np.array([-1.0, 0.0, 0.5, 1.0])
    np.testing.assert_allclose(edge_speed(cp, 0.0), np.sqrt(1 - cp), rtol=1e-15)
    assert edge_speed(np.array([0.0]), 0.5)[0] == pytest.approx(1.0, abs=1e-15)
    mach, change = 0.5, np.array([1e-6])  # where disturbances are small, du = -cp / 2 at any Mach number
    assert (edge_speed(change, mach)[0] - 1) / change[0] == pytest.approx(-0.5, rel=1e-5)


def test_fields_carried_to_other_nodes_keep_a_straight_line_and_never_overshoot(section: Tensor) -> None:
    nodes = section.numpy()
    arc = np.concatenate([[0], np.linalg.norm(np.diff(nodes, axis=0), axis=1).cumsum()])
    step = (arc > 0.4 * arc[-1]).astype(float)
    carried = at_nodes(nodes, np.stack([arc / arc[-1], step]), panel(section[None], 111)[0].numpy())
    assert np.all(np.diff(carried[0]) > 0)
    np.testing.assert_allclose(carried[0][[0, -1]], [0, 1], atol=1e-12)
    assert carried[1].min() >= 0
    assert carried[1].max() <= 1


def fortran_record(*values: bytes) -> bytes:
    content = b"".join(values)
    return struct.pack("<i", len(content)) + content + struct.pack("<i", len(content))


def small_dump() -> bytes:
    """A dump of one point on four nodes, two a side, each side with its stagnation station and one of the wake."""
    nodes = np.array([[1.0, 0.1], [0.5, 0.2], [0.5, -0.2], [1.0, -0.1]])
    side = np.arange(24.0).reshape(4, 6)
    side[:, 0] = [0.0, 0.5, 1.0, 1.1]
    return b"".join(
        [
            fortran_record(b"airfoil".ljust(48), b"XFOIL   ", struct.pack("<d", 6.99)),
            fortran_record(b"", struct.pack("<4d", 0.0, 1.0, 9.0, 9.0)),
            fortran_record(struct.pack("<2i", 1, 1)),
            fortran_record(struct.pack("<4i", 0, 0, 0, 4)),
            fortran_record(nodes.tobytes()),
            fortran_record(struct.pack("<7d", 2.0, 0.5, 0.007, 0.0, -0.05, 0.4, 0.9)),
            fortran_record(struct.pack("<4i", 4, 4, 3, 3)),
            fortran_record(side.tobytes()),
            fortran_record((side + np.array([0, 100, 100, 100, 100, 100])).tobytes()),
        ]
    )


def test_polar_dump_is_read_in_the_order_of_the_airfoil() -> None:
    dump = read_polar_dump(small_dump())
    (point,) = dump.points
    assert (dump.version, point.alpha, point.cl, point.cd, point.cm) == ("6.99", 2.0, 0.5, 0.007, -0.05)
    assert (point.xtr_top, point.xtr_bottom, point.upper_nodes) == (0.4, 0.9, 2)
    np.testing.assert_array_equal(point.cp, [13, 7, 107, 113])
    np.testing.assert_array_equal(point.cf, [16, 10, 110, 116])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda content: content[:-10], "cut short"),
        (lambda content: content[:2], "ends inside a record length"),
        (lambda content: content[: content.rindex(fortran_record(struct.pack("<4i", 4, 4, 3, 3)))], "4 per point"),
        (lambda content: content.replace(struct.pack("<4i", 4, 4, 3, 3), struct.pack("<4i", 4, 4, 4, 3)), "do not lie"),
    ],
)
def test_a_spoilt_polar_dump_is_refused(spoil: Callable[[bytes], bytes], sentence: str) -> None:
    with pytest.raises(PolarDumpError, match=sentence):
        read_polar_dump(spoil(small_dump()))


def test_stored_cases_can_be_read_without_xfoil() -> None:
    stored = runpy.run_path(str(BENCHMARKS / "airfoil_cases.py"))["judged_cases"]()
    assert len(stored.case) == len(stored.answer) == len(stored.shapes) == 400
    assert int(stored.converged.sum()) == 377
    lift, moment = pressure_forces(stored.case.coordinates, stored.answer["cp"], stored.case.alpha)
    answered = stored.converged
    assert (lift - stored.answer["cl"])[answered].abs().max() < 1e-4  # the stored fields are shortened
    assert (moment - stored.answer["cm"])[answered].abs().max() < 1e-4


def test_every_stored_scalar_is_finite_exactly_where_xfoil_converged() -> None:
    stored = runpy.run_path(str(BENCHMARKS / "airfoil_cases.py"))["judged_cases"]()
    for name, values in stored.answer.values.items():
        if name != "alpha":
            finite = values.isfinite() if values.ndim == 1 else values.isfinite().all(1)
            assert torch.equal(finite, stored.converged), name
