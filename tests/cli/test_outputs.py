"""What a command leaves takes the place of nothing that it reads, nor of what somebody else made."""

from pathlib import Path

import ase.io
import pytest
from ase.build import add_adsorbate, fcc111


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    slab = fcc111("Pt", (1, 1, 3), a=3.92, vacuum=6.0)
    add_adsorbate(slab, "H", 1.0, "fcc")
    slab.info["adsorption_energy"] = -0.4
    ase.io.write(tmp_path / "lab.extxyz", slab)
    return tmp_path / "lab.extxyz"


def test_structures_are_not_replaced_by_answers(understudy, labels, tmp_path):
    before = labels.read_bytes()
    (tmp_path / "same.csv").symlink_to(labels)
    for out in (labels, tmp_path / "same.csv"):
        code, _, err = understudy("predict", labels, "--by", "emt", "--out", out)
        assert (code, f"got {out}, which is read: choose another" in err) == (1, True)
    code, _, err = understudy("predict", labels, "--by", "emt", "--out", tmp_path / "answers.json")
    assert (code, "expected a name that ends in .csv; got" in err, "answers.csv" in err) == (1, True, True)
    assert labels.read_bytes() == before


def test_airfoils_and_tables_of_cases_are_not_replaced(understudy, tmp_path):
    wing, cases = tmp_path / "wing.dat", tmp_path / "cases.csv"
    for file in (wing, cases):
        file.write_text("airfoil,alpha_deg,reynolds\nnaca0012,1,1e6\n")
    before = wing.read_bytes()
    for option in ("--plot", "--xfoil-polar"):
        assert "which is read" in understudy("predict", wing, "--alpha", "1", option, wing)[2]
    assert "which is read" in understudy("predict", "--cases", cases, "--out", cases)[2]
    assert wing.read_bytes() == cases.read_bytes() == before


def test_an_export_leaves_configurations_and_data_alone(understudy, labels, tmp_path):
    data, settings = tmp_path / "labels.h5", tmp_path / "emt.toml"
    assert understudy("data", "import", labels, "--out", data, "--simulator", "vasp")[0] == 0
    settings.write_text("seed = 1\n")
    before = data.read_bytes()
    code, _, err = understudy("data", "export", data, "--csv", settings)
    assert (code, "expected a name that ends in .csv; got" in err) == (1, True)
    assert "which is read" in understudy("data", "export", data, "--csv", data)[2]
    assert "which is read" in understudy("evaluate", data, "--out", data)[2]
    assert "ends in .json" in understudy("evaluate", data, "--out", tmp_path / "trust.html")[2]
    assert (data.read_bytes(), settings.read_text()) == (before, "seed = 1\n")


def test_an_import_replaces_only_what_it_made(understudy, labels, tmp_path):
    words = ("data", "import", labels, "--simulator", "vasp", "--out")
    keep = tmp_path / "keep.h5"
    assert understudy(*words, keep)[0] == 0
    assert understudy(*words, keep)[0] == 0
    before = keep.read_bytes()
    assert "holds something else: choose another name" in understudy(*words, keep, "--settings", "PBE")[2]
    changed = ase.io.read(labels)
    changed.info["adsorption_energy"] = -0.5
    ase.io.write(labels, changed)
    code, _, err = understudy(*words, keep)
    assert (code, "one made by the same import" in err) == (1, True)
    assert keep.read_bytes() == before
    foreign = tmp_path / "foreign.h5"
    foreign.write_text("notes")
    assert "holds something else" in understudy(*words, foreign)[2]
    assert "expected a name that ends in .h5 or .hdf5" in understudy(*words, tmp_path / "keep.csv")[2]
    assert "which is read" in understudy(*words, labels)[2]


def test_a_folder_is_no_file_and_a_file_no_folder(understudy, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem, cases = tmp_path / "surface.toml", tmp_path / "cases.csv"
    problem.write_text("[space]\n")
    cases.write_text("airfoil,alpha_deg,reynolds\nnaca0012,1,1e6\n")
    assert understudy("data", "import", labels, "--out", tmp_path / "labels.h5", "--simulator", "vasp")[0] == 0
    for words in (
        ("predict", labels, "--by", "emt", "--out"),
        ("predict", "--cases", cases, "--out"),
        ("evaluate", tmp_path / "labels.h5", "--out"),
        ("simulate", "--by", "emt", "--cases", "2", "--out"),
    ):
        code, _, err = understudy(*words, ".")
        assert (code, "expected a name for the file of results; got the folder ." in err) == (1, True), words
    for words in (
        ("screen", problem, "--predictor", "emt", "--out"),
        ("design", problem, "--out"),
        ("train", "--data", tmp_path / "labels.h5", "--out"),
        ("show", "naca0012", "--alpha", "1", "--mach", "0.7", "--out"),
    ):
        code, _, err = understudy(*words, problem)
        assert (code, f"expected a folder for the results; got the file {problem}" in err) == (1, True), words
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for words in (("evaluate", "."), ("data", "info", "."), ("data", "check", ".")):
        code, _, err = understudy(*words)
        assert (code, f"no data set at {tmp_path / 'empty'}: neither a file, nor a folder" in err) == (1, True), words


def test_what_is_asked_is_a_folder_or_not_there(understudy, tmp_path):
    for word, sentence in (
        (tmp_path, f"expected an airfoil or a file of slabs; got the folder {tmp_path}"),
        (tmp_path / "OUTCAR", "no file of structures at"),
        ("no_such_wing", "no airfoil is called 'no_such_wing'"),
    ):
        code, _, err = understudy("predict", word)
        assert (code, sentence in err) == (1, True)


def test_numbers_that_are_too_small_are_told_before_work_starts(understudy, labels, tmp_path):
    problem = tmp_path / "screen.toml"
    problem.write_text("[space]\n")
    code, _, err = understudy("screen", problem, "--predictor", "emt", "--workers", "0", "--out", tmp_path / "run")
    assert (code, err) == (1, "understudy: --workers must be at least 1; got 0\n")
    assert understudy("data", "import", labels, "--out", tmp_path / "labels.h5", "--simulator", "vasp")[0] == 0
    for members in ("0", "3"):
        code, _, err = understudy(
            "train", "--data", tmp_path / "labels.h5", "--out", tmp_path / "run", "--members", members
        )
        assert (code, f"members must be at least 4, so that each slab has 2 judges; got {members}" in err) == (1, True)
    assert not (tmp_path / "run").exists()


def test_the_judge_of_a_surface_is_named_where_it_is_made(understudy, tmp_path):
    (tmp_path / "design.json").write_text("{}")
    (tmp_path / "problem.toml").write_text("[space]\n")
    for judge in ("viscous", "emt"):
        code, _, err = understudy("verify", tmp_path, "--by", judge)
        assert (code, "--judge gpaw, emt or package.module:Class of a calculator of ASE" in err) == (1, True)
