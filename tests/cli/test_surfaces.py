"""Surfaces on the command line: answers to files of structures, a screening, a design that nobody can follow."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path

import ase.io
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111

from understudy.datasets import shipped
from understudy.datasets.reader import load
from understudy.simulators.materials.emt import Emt

SCREEN = """
name = "two metals"
top = 2
[space]
metals = ["Pt", "Cu"]
depth = 2
strains = [0.0, 0.0, 1]
[scoring]
score = "abs(free_energy)"
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    slabs = []
    for metal, constant in (("Pt", 3.92), ("Cu", 3.59)):
        slab = fcc111(metal, (1, 1, 3), a=constant, vacuum=6.0)
        add_adsorbate(slab, "H", 1.0, "fcc")
        slabs.append(slab)
    ase.io.write(tmp_path / "slabs.extxyz", [*slabs, Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.7)], cell=[8, 8, 8])])
    return tmp_path / "slabs.extxyz"


def test_structures_are_answered_and_energies_of_toys_are_called_so(understudy, structures):
    code, out, err = understudy("predict", structures, "--by", "emt")
    assert code == 0
    assert "wrong for choosing a catalyst" in err
    lines = out.splitlines()
    assert lines[1].split()[1:3] == ["Pt3", "H"]
    assert "nothing but H, C, N and O" in lines[3]


def test_structures_are_called_by_their_names(understudy, structures, tmp_path):
    slabs = ase.io.read(structures, ":")
    slabs[0].info, slabs[2].info = {"name": "bright platinum"}, {"slab": "no slab"}
    ase.io.write(tmp_path / "named.extxyz", slabs)
    _, out, _ = understudy("predict", tmp_path / "named.extxyz", "--by", "emt")
    names = [line[: len("bright platinum")].strip() for line in out.splitlines()[1:]]
    assert names == ["bright platinum", "1", "no slab"]


def test_a_table_of_structures_is_not_made_twice(understudy, structures, tmp_path):
    answers = tmp_path / "answers.csv"
    code, out, _ = understudy("predict", structures, "--by", "emt", "--out", answers)
    assert (code, "2 ok, 1 refused" in out) == (0, True)
    with answers.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "ok", "refused"]
    assert float(rows[0]["adsorption_energy"]) == pytest.approx(-0.52, abs=0.03)  # EMT binds hydrogen alike everywhere
    code, out, _ = understudy("predict", structures, "--by", "emt", "--out", answers)
    assert "answers the same question already" in out


def test_a_file_cut_short_and_one_that_is_not_there(understudy, structures, tmp_path):
    cut = tmp_path / "cut.extxyz"
    cut.write_text(structures.read_text()[:300])
    code, _, err = understudy("predict", cut, "--by", "emt")
    assert (code, "is cut short or no file of structures" in err) == (1, True)
    code, _, err = understudy("predict", tmp_path / "none.extxyz", "--by", "emt")
    assert (code, "no file of structures at" in err) == (1, True)


def test_who_answers_airfoils_answers_no_slabs(understudy, structures):
    code, _, err = understudy("predict", structures, "--by", "viscous")
    assert (code, "answers cases of the kind slab; viscous answers airfoil" in err) == (1, True)
    code, _, err = understudy("predict", "naca0012", "--alpha", "3", "--by", "emt")
    assert (code, "answers cases of the kind airfoil; emt answers slab" in err) == (1, True)


def test_a_package_that_is_not_there_is_named(understudy, structures):
    code, _, err = understudy("predict", structures, "--by", "no_such_package.calculators:Good")
    assert (code, "no module 'no_such_package'" in err) == (1, True)


def test_errors_of_energies_are_told_with_their_units(understudy):
    code, out, _ = understudy("evaluate", shipped.NEAR_SURFACE_ALLOYS)
    assert code == 0
    assert out.splitlines()[-1] == "units of errors and widths: adsorption_energy [eV], formation_energy [eV/atom]"


def test_a_screening_by_a_simulator_and_its_judge(understudy, tmp_path):
    problem = tmp_path / "screen.toml"
    problem.write_text(SCREEN)
    words = ("screen", problem, "--out", tmp_path / "run", "--predictor", "emt", "--verify", "1", "--by", "emt")
    code, out, _ = understudy(*words)
    assert code == 0
    assert "4 candidates, 4 slabs listed, 1 judged" in out
    assert "Not chemistry" in (tmp_path / "run" / "report.html").read_text()
    code, out, _ = understudy(*words)
    assert code == 0


def test_a_judge_that_fails_is_told(understudy, tmp_path, monkeypatch):
    (tmp_path / "bad_code.py").write_text(
        "from ase.calculators.calculator import Calculator\n"
        "class Boom(Calculator):\n"
        "    implemented_properties = ['energy', 'forces']\n"
        "    def calculate(self, *words, **more):\n"
        "        raise RuntimeError('no licence')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    problem = tmp_path / "screen.toml"
    problem.write_text(SCREEN)
    words = ("screen", problem, "--out", tmp_path / "run", "--predictor", "emt", "--verify", "2")
    code, out, err = understudy(*words, "--by", "bad_code:Boom")
    assert (code, "4 slabs listed, 0 judged" in out) == (1, True)
    assert "The judge failed on 2 of 2 candidates, first with: " in err
    assert "no licence" in err


def test_a_file_of_structures_is_screened(understudy, structures, tmp_path):
    problem = tmp_path / "screen.toml"
    problem.write_text(f'structures = "{structures}"\n[scoring]\nscore = "abs(free_energy)"\n')
    code, out, _ = understudy("screen", problem, "--out", tmp_path / "run", "--predictor", "emt")
    assert (code, "3 candidates, 2 slabs listed, 0 judged" in out) == (0, True)
    with (tmp_path / "run" / "table.csv").open() as file:
        assert "nothing but H, C, N and O" in list(csv.DictReader(file))[-1]["message"]
    problem.write_text(problem.read_text().replace("abs(free_energy)", "abs(strain)"))
    code, _, err = understudy("screen", problem, "--out", tmp_path / "other", "--predictor", "emt")
    assert (code, "the strain of a structure of a file is not defined" in err) == (1, True)


def test_a_misspelt_key_is_named(understudy, tmp_path):
    problem = tmp_path / "screen.toml"
    problem.write_text(SCREEN.replace("strains", "strain"))
    code, _, err = understudy("screen", problem, "--out", tmp_path / "run", "--predictor", "emt")
    assert (code, "unknown key 'strain'" in err) == (1, True)


def test_rounds_need_verdicts_and_someone_who_learns(understudy, tmp_path):
    problem = tmp_path / "screen.toml"
    problem.write_text(SCREEN)
    words = ("screen", problem, "--out", tmp_path / "run", "--predictor", "emt", "--rounds", "1")
    code, _, err = understudy(*words)
    assert (code, "say how many candidates are judged" in err) == (1, True)
    code, _, err = understudy(*words, "--verify", "1", "--by", "emt")
    assert (code, "rounds need a surrogate" in err) == (1, True)


def test_a_surface_needs_someone_to_follow(understudy, tmp_path):
    problem = tmp_path / "surface.toml"
    problem.write_text(SCREEN.replace("top = 2\n", ""))
    code, _, err = understudy("design", problem, "--out", tmp_path / "run", "--by", "emt")
    assert (code, "emt gives no gradients" in err) == (1, True)


def test_answers_say_what_they_are_counted_from(understudy, structures, tmp_path):
    slabs = ase.io.read(structures, ":")
    ase.io.write(tmp_path / "two.extxyz", [slabs[0], slabs[0][:-1]])
    understudy("predict", tmp_path / "two.extxyz", "--by", "emt", "--out", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        covered, clean = csv.DictReader(file)
    assert covered["reaction"] == "H2/2 + * -> H*"
    assert covered["settings"] == clean["settings"] == f"emt {Emt().digest}"
    assert covered["clean_energy"] == clean["clean_energy"] != ""
    assert float(covered["gas_energy"]) == pytest.approx(0.5 * 1.0, abs=0.1)  # EMT's hydrogen molecule is above zero
    assert (clean["status"], clean["reaction"], clean["adsorption_energy"], clean["gas_energy"]) == ("ok", "", "", "")
    _, out, _ = understudy("predict", tmp_path / "two.extxyz", "--by", "emt")
    assert "a clean slab: nothing to adsorb" in out.splitlines()[2]
    assert "a clean slab" not in out.splitlines()[1]


def test_bad_structures_are_rows_with_a_sentence(understudy, structures, tmp_path):
    good = ase.io.read(structures, 0)
    inside, near, thin = good.copy(), good.copy(), good.copy()
    inside.positions[-1, 2] -= 2.2
    near.positions[-1] = near.positions[-2] + [0.0, 0.0, 0.2]
    thin.pbc, thin.cell[2, 2] = True, 8.0
    ase.io.write(tmp_path / "bad.extxyz", [good, inside, near, thin])
    code, out, _ = understudy("predict", tmp_path / "bad.extxyz", "--by", "emt")
    assert code == 0
    told = out.splitlines()[1:]
    assert "refused" not in told[0]
    assert "Å below the surface atoms: move it above them" in told[1]
    assert "got 0.20 Å between atom 2 (Pt) and atom 3 (H): move them apart" in told[2]
    assert "at least 5 Å of vacuum" in told[3]


def test_an_element_without_descriptors_refuses_its_own_row_alone(understudy, structures, tmp_path):
    """The shipped surrogate has not seen nickel and cannot read cobalt."""
    good = ase.io.read(structures, 0)
    nickel, cobalt = (fcc111(metal, (1, 1, 4), a=3.6, vacuum=6.0) for metal in ("Ni", "Co"))
    for slab in (nickel, cobalt):
        add_adsorbate(slab, "H", 0.9, "fcc")
    ase.io.write(tmp_path / "metals.extxyz", [nickel, cobalt, good])
    understudy("predict", tmp_path / "metals.extxyz", "--out", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok", "refused", "ok"]
    assert [row["known"] for row in rows[:2]] == ["false", "false"]
    assert "got Co" in rows[1]["message"]


def test_missing_programs_are_named_with_the_way_to_them(understudy, structures, monkeypatch):
    code, _, err = understudy("predict", structures, "--by", "gpaw:interpreter=/no/python")
    assert (code, "GPAW is not installed for /no/python; on Debian run 'apt-get install gpaw" in err) == (1, True)
    code, _, err = understudy("predict", structures, "--by", "no_such_package.calculators:Good")
    assert (code, "nor is one installed; run where its file lies, or install it (a published" in err) == (1, True)
    monkeypatch.delitem(sys.modules, "understudy.simulators.materials.emt", raising=False)
    monkeypatch.setitem(sys.modules, "ase", None)
    code, _, err = understudy("simulate", "--simulator", "emt", "--cases", "2", "--out", "none.h5")
    assert (code, err.rstrip().endswith("; pip install 'understudy[materials]'")) == (1, True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('[slabs]\nmetals = ["Cu"]', "expected a simulator for the slabs of"),
        ("[slabs]", "(emt, gpaw, or package.module:Class of a calculator of ASE); got none: name one, such as"),
        (
            'simulator = "viscous"\n[slabs]\nmetals = ["Cu"]',
            "expected a simulator of slabs (emt, gpaw, or package.module:Class of a calculator of ASE) for the "
            "settings slabs; got viscous, which answers airfoils: name one as simulator, or leave the settings out",
        ),
        ('simulator = "emt"\n[shapes]\nnodes = 40', "for the settings shapes; got emt, which answers slabs"),
        ('simulator = "emt"\n[conditions]\nalpha = [1, 2]', "for the settings conditions; got emt"),
        ('simulator = "emt"\n[slabs]\nmetals = ["Cu", "Ru"]', "expected metals among Al, Cu, Ag, Au, Ni, Pd, Pt; got"),
        ('simulator = "emt"\n[slabs]\nmetals = ["Cu"]\nsites = ["hollow"]', "has the sites"),
        ('simulator = "emt"\n[slabs]\nlayers = 1', "a slab needs at least 1 x 1 sites and 2 layers; got 1 x 1 and 1"),
        ('simulator = "emt"\n[slabs]\nsize = [0, 2]', "got 0 x 2 and 4"),
        ('simulator = "emt"\n[slabs]\nfree = 9', "free must be 0 to 4 layers; got 9"),
    ],
)
def test_settings_of_what_cannot_be_simulated_are_refused_and_leave_nothing(understudy, tmp_path, settings, sentence):
    (tmp_path / "slabs.toml").write_text(f'out = "{tmp_path}/data/slabs.h5"\ncases = 2\n{settings}\n')
    code, _, err = understudy("simulate", tmp_path / "slabs.toml")
    assert (code, sentence in err) == (1, True), err
    assert not (tmp_path / "data").exists()


def test_the_settings_left_beside_a_data_set_are_read_again(understudy, tmp_path):
    for name in ("emt", "understudy.datasets.synthetic:ThinAirfoilTheory"):
        out = tmp_path / "data.h5"
        assert understudy("simulate", "--simulator", name, "--cases", "2", "--out", out)[0] == 0
        code, said, err = understudy("simulate", f"{out}.toml")
        assert (code, "nothing left to do" in said) == (0, True), err
        out.unlink()


def test_flags_of_airfoils_are_refused_of_slabs(understudy, structures, tmp_path):
    problem, wing = tmp_path / "surface.toml", tmp_path / "wing.toml"
    problem.write_text(SCREEN.replace("top = 2\n", ""))
    wing.write_text("[[points]]\ncl = 0.5\n")
    for words, sentence in (
        (("predict", structures, "--alpha", "4"), "--alpha cannot be chosen of slabs"),
        (
            ("predict", structures, "--plot", tmp_path / "a.png", "--mach", "0.3"),
            "--plot, --mach cannot be chosen of slabs",
        ),
        (("design", problem, "--out", tmp_path / "run", "--polar", "3"), "--polar cannot be chosen of a surface"),
        (
            ("design", problem, "--out", tmp_path / "run", "--grid", "33x11", "--model", "euler"),
            "--model, --grid cannot be chosen of a surface",
        ),
        (("design", wing, "--out", tmp_path / "run", "--judged", "5"), "--judged cannot be chosen of an airfoil"),
        (
            ("simulate", "--by", "emt", "--cases", "2", "--out", tmp_path / "a.h5", "--alpha", "0", "4"),
            "--alpha cannot be chosen of slabs",
        ),
    ):
        code, _, err = understudy(*words)
        assert (code, sentence in err) == (1, True), err
    assert not any((tmp_path / name).exists() for name in ("run", "a.h5", "a.png"))


def test_misspelt_keys_of_slabs_and_designs_are_named(understudy, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text('out = "slabs.h5"\nsimulator = "emt"\n[slabs]\nmetal = ["Pt"]\n')
    code, _, err = understudy("simulate", settings)
    assert (code, "unknown key 'metal' in " in err) == (1, True)
    assert "expected one of metals, facet, size" in err
    settings.write_text(SCREEN.replace("top = 2\n", "").replace("score =", "scores ="))
    code, _, err = understudy("design", settings, "--out", tmp_path / "run", "--by", "surrogate")
    assert (code, "unknown key 'scores' in " in err) == (1, True)


CALCULATOR = """
import os, time
from pathlib import Path
from ase.calculators.emt import EMT

class Slow(EMT):
    def calculate(self, atoms, properties, system_changes):
        calls, hold = (Path(os.environ["CALLS"], name) for name in ("calls", "hold"))
        if hold.exists() and len(calls.read_text().split()) == int(hold.read_text()):
            Path(os.environ["CALLS"], "waiting").touch()
            time.sleep(600)
        with calls.open("a") as file:
            file.write(f"{atoms.symbols}\\n")
        super().calculate(atoms, properties, system_changes)
"""


def test_labels_that_are_stopped_lose_the_one_under_way(understudy, structures, tmp_path, monkeypatch):
    """By Ctrl-C in the third of four labels, then by kill -9 in the last; every call of the calculator is noted."""
    (tmp_path / "slow_calculator.py").write_text(CALCULATOR)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CALLS", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    slabs = [ase.io.read(structures, number) for number in (0, 1, 0, 1)]
    for slab in slabs[2:]:
        slab.positions[-1, 2] += 0.1
    ase.io.write(tmp_path / "asked.extxyz", slabs)
    (tmp_path / "settings.toml").write_text(f'structures = "{tmp_path / "asked.extxyz"}"\n')
    words = [str(word) for word in ("simulate", tmp_path / "settings.toml", "--by", "slow_calculator:Slow", "--out")]
    assert understudy(*words, tmp_path / "whole.h5")[0] == 0
    calls = tmp_path / "calls"
    whole = calls.read_text().split()
    last = len(list(takewhile(lambda one: one == "Cu3H", reversed(whole))))  # calls of the last label
    third = len(list(takewhile(lambda one: one == "Pt3H", reversed(whole[:-last]))))
    assert min(last, third) > 2
    calls.unlink()
    calls.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    before = len(whole) - last - third
    stopped(words, tmp_path, signal.SIGINT, after=before + 2, labels=2)
    stopped(words, tmp_path, signal.SIGKILL, after=len(whole) + 2 - 1, labels=3)
    (tmp_path / "hold").unlink()
    assert "this run computed 1 in" in understudy(*words, tmp_path / "cut.h5")[1]
    assert calls.read_text().split() == whole[: before + 2] + whole[before:-1] + whole[-last:]
    with load(tmp_path / "whole.h5") as one, load(tmp_path / "cut.h5") as other:
        assert other.ok.all()
        for name, values in one.outputs.items():
            assert torch.equal(values, other.outputs[name]), name


def stopped(words: list[str], folder: Path, number: signal.Signals, *, after: int, labels: int) -> None:
    """Send a signal while the calculator works, after so many calls; so many labels are stored then."""
    (folder / "hold").write_text(str(after))
    (folder / "waiting").unlink(missing_ok=True)
    job = subprocess.Popen([sys.executable, "-m", "understudy", *words, str(folder / "cut.h5")], stderr=subprocess.PIPE)
    while not (folder / "waiting").exists() and job.poll() is None:
        time.sleep(0.02)
    job.send_signal(number)
    _, err = job.communicate(timeout=60)
    assert job.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)
    assert (f"{labels} of 4 cases are stored; run the same command again" in err.decode()) is (number is signal.SIGINT)
    assert len(list(folder.glob("cut.h5.parts/*.h5"))) == labels


def test_answers_of_slabs_without_room_go_on(understudy, structures, tmp_path, room):
    """Energies that could not be kept neither: they are worked out again, and no answer is lost."""
    slabs = ase.io.read(structures, ":2") * 8
    ase.io.write(tmp_path / "many.extxyz", slabs)
    words = ("predict", tmp_path / "many.extxyz", "--by", "emt", "--out")
    assert understudy(*words, tmp_path / "whole.csv")[0] == 0
    shutil.rmtree(tmp_path / "cache")
    with room(300):
        code, _, err = understudy(*words, tmp_path / "a.csv")
        assert (code, "no room left to write a.csv.part (File too large); nothing" in err) == (1, True)
    with room(2000):
        code, _, err = understudy(*words, tmp_path / "a.csv")
        assert (code, "no room left to write a.csv.part (File too large); nothing" in err) == (1, True)
    assert understudy(*words, tmp_path / "a.csv")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_what_is_no_calculator_is_said_to_be_none(understudy, structures):
    code, _, err = understudy("predict", structures, "--by", "ase.atoms:Atoms")
    assert (code, "defect" in err) == (1, False)
    assert "expected a calculator of ASE or a Simulator" in err
    assert err.endswith("ase.atoms:Atoms is neither\n")


def test_who_is_not_there_is_told_those_who_answer_slabs(understudy, structures, tmp_path):
    problem = tmp_path / "surface.toml"
    problem.write_text(SCREEN.replace("top = 2\n", ""))
    for word, end in (("emtt", ": did you mean emt?"), ("runs/nothing", "")):
        code, _, err = understudy("predict", structures, "--by", word)
        assert code == 1
        assert "expected one of surrogate, emt, gpaw, package.module:Class of a calculator of ASE, or the path" in err
        assert err.endswith(f"got {word!r}, and no such file is there{end}\n")
    for word, end in (("gpww", "got 'gpww': did you mean gpaw?"), ("surrogate", "got 'surrogate'")):
        code, _, err = understudy("design", problem, "--out", tmp_path / "run", "--judge", word)
        assert code == 1
        assert err.endswith(f"simulators emt, gpaw, or package.module:Class of a calculator of ASE; {end}\n")
    code, _, err = understudy("design", problem, "--out", tmp_path / "run", "--judge", "viscous")
    assert (code, "viscous answers airfoil: ask emt, gpaw or a surrogate" in err) == (1, True)
    code, _, err = understudy("design", problem, "--out", tmp_path / "run", "--by", "emt")
    assert (code, "follow a surrogate (surrogate, or the path of a checkpoint) instead" in err) == (1, True)


def test_a_file_of_another_command_names_the_command(understudy, tmp_path):
    files = {
        "screened": SCREEN,
        "designed": SCREEN.replace("top = 2\n", "by_site = true\n"),
        "simulated": 'out = "a.h5"\nsimulator = "emt"\n[slabs]\n',
        "wing": "[[points]]\ncl = 0.5\n",
    }
    for name, content in files.items():
        (tmp_path / f"{name}.toml").write_text(content)
    for command, name, sentence in (
        ("design", "screened", "has the key 'top', which is none of design: such a file is read by understudy screen"),
        ("screen", "designed", "'by_site', which is none of screen: such a file is read by understudy design"),
        ("design", "simulated", "such a file is read by understudy simulate"),
        ("screen", "simulated", "such a file is read by understudy simulate"),
        ("screen", "wing", "a problem of an airfoil: such a file is read by understudy design"),
    ):
        code, _, err = understudy(command, tmp_path / f"{name}.toml", "--out", tmp_path / "run")
        assert (code, sentence in err) == (1, True), err


def test_counts_below_their_least_are_refused(understudy, tmp_path):
    (tmp_path / "screen.toml").write_text(SCREEN)
    (tmp_path / "design.toml").write_text(SCREEN.replace("top = 2\n", ""))
    words = ("--out", tmp_path / "run")
    code, _, err = understudy("screen", tmp_path / "screen.toml", *words, "--verify", "-1")
    assert (code, "--verify must be at least 0; got -1" in err) == (1, True)
    code, _, err = understudy("screen", tmp_path / "screen.toml", *words, "--rounds", "-1")
    assert (code, "--rounds must be at least 0; got -1" in err) == (1, True)
    code, _, err = understudy("design", tmp_path / "design.toml", *words, "--judged", "5")
    assert (code, "--judged cannot be chosen without --judge" in err) == (1, True)
    code, _, err = understudy("design", tmp_path / "design.toml", *words, "--judge", "emt", "--judged", "0")
    assert (code, "--judged must be at least 1; got 0" in err) == (1, True)


def test_a_surface_without_a_judge_is_not_verified(understudy, tmp_path):
    """Nor is it a success."""
    problem = tmp_path / "surface.toml"
    problem.write_text(
        SCREEN.replace("top = 2\n", "").replace("depth = 2", "depth = 4") + "[descent]\nstarts = 2\nsteps = 3\n"
    )
    code, out, _ = understudy("design", problem, "--out", tmp_path / "run")
    assert code == 1
    assert out.splitlines()[1].endswith(" by surrogate, not verified")
    code, out, _ = understudy("design", problem, "--out", tmp_path / "judged", "--judge", "emt", "--judged", "1")
    assert code == 0
    assert " by surrogate, verified " in out.splitlines()[1]
    assert (tmp_path / "judged" / "best.extxyz").is_file()
