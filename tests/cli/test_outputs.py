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
