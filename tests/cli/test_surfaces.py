"""Surfaces on the command line: answers to files of structures, a screening, a design that nobody can follow."""

import csv
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc111

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
