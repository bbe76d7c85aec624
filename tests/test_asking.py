"""The doors of the package: who answers, and what is asked, airfoils and slabs alike."""

from pathlib import Path

import ase.io
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111

import understudy
from understudy.simulators.interface import Subject


@pytest.fixture
def slabs() -> list[Atoms]:
    found = []
    for metal, constant in (("Pt", 3.99), ("Cu", 3.68)):
        slab = fcc111(metal, (1, 1, 4), a=constant, vacuum=6.0)
        add_adsorbate(slab, "H", 0.9, "fcc")
        found.append(slab)
    return found


def test_every_door_to_slabs_leads_to_the_same_case(slabs: list[Atoms], tmp_path: Path):
    ase.io.write(tmp_path / "slabs.extxyz", slabs)
    cases = [
        understudy.slab_case(words) for words in (slabs, tmp_path / "slabs.extxyz", str(tmp_path / "slabs.extxyz"))
    ]
    for case in cases:
        assert case.adsorbates == ("H", "H")
        torch.testing.assert_close(case.positions, cases[0].positions, rtol=0, atol=1e-7)  # digits of the file
    assert len(understudy.slab_case(slabs[0])) == 1


def test_a_subject_is_told_by_its_name_or_not_at_all(slabs: list[Atoms]):
    case = understudy.slab_case(slabs)
    answers = [understudy.predictor("surrogate", about).predict(case) for about in ("slab", Subject.SLAB)]
    assert torch.equal(answers[0]["adsorption_energy"], answers[1]["adsorption_energy"])
    for words in ("emt", "ase.calculators.emt:EMT"):
        assert understudy.predictor(words).about is Subject.SLAB
    assert understudy.predictor("surrogate").about is understudy.predictor("viscous").about is Subject.AIRFOIL


def test_who_answers_something_else_is_refused():
    with pytest.raises(ValueError, match="answers cases of the kind airfoil; emt answers slab"):
        understudy.predictor("emt", "airfoil")
    with pytest.raises(ValueError, match="expected one of airfoil, slab as what is asked about; got 'slabs'"):
        understudy.predictor("surrogate", "slabs")


def test_what_is_no_question_is_said_to_be_none(slabs: list[Atoms], tmp_path: Path):
    with pytest.raises(ValueError, match=r"slab\.extxyz, a file of atoms by its name: slabs are asked by "):
        understudy.case("slab.extxyz", alpha=1.0)
    with pytest.raises(TypeError, match=r"of the kind Atoms: slabs are asked by understudy\.slab_case"):
        understudy.case(slabs[0], alpha=1.0)
    with pytest.raises(FileNotFoundError, match="no file of structures at"):
        understudy.slab_case(tmp_path / "none.extxyz")
    for strange in (3, [slabs[0], "Pt"]):
        with pytest.raises(
            TypeError, match="expected the path of a file, ASE's Atoms or a list of them; got something"
        ):
            understudy.slab_case(strange)
