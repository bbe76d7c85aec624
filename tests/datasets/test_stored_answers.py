"""Stored labels as a judge: what is known is told as it was stored, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import ase.io
import pytest
import torch

from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.stored_answers import StoredAnswers
from understudy.datasets.structure_exchange import export_structures, import_structures
from understudy.datasets.synthetic import THIN_AIRFOIL
from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.atoms import case_of, read_atoms
from understudy.simulators.materials.case import SlabCase

KEPT = torch.tensor([3, 40, 41, 99])


@pytest.fixture(scope="module")
def stored() -> tuple[SlabCase, Solution]:
    with load(NEAR_SURFACE_ALLOYS) as data:
        return data.slab_case(torch.arange(120)), data.solution(torch.arange(120))


@pytest.fixture(scope="module")
def judge() -> StoredAnswers:
    return StoredAnswers([NEAR_SURFACE_ALLOYS], KEPT, title="labels kept out")


def test_known_slabs_get_their_labels_in_any_order_and_others_are_refused(judge: StoredAnswers, stored):
    case, truth = stored
    rows = torch.tensor([99, 7, 3, 100, 41])
    answer = judge.predict(case[rows])
    known = torch.tensor([True, False, True, False, True])
    assert answer.status == tuple(Status.OK if here else Status.REFUSED for here in known)
    for name in ("adsorption_energy", "formation_energy", "height"):
        assert torch.equal(answer[name][known], truth[name][rows][known])
        assert torch.isnan(answer[name][~known]).all()
    assert "not among the 4 slabs whose labels are stored" in answer.message[1]
    assert answer.message[0] == ""


def test_slabs_are_known_after_a_way_through_a_file(judge: StoredAnswers, stored, tmp_path: Path):
    with load(NEAR_SURFACE_ALLOYS) as data:
        export_structures(data, tmp_path / "kept.extxyz", KEPT)
    answer = judge.predict(case_of(read_atoms(tmp_path / "kept.extxyz")))
    torch.testing.assert_close(answer["adsorption_energy"], stored[1]["adsorption_energy"][KEPT], rtol=0, atol=0)


def test_a_slab_moved_by_a_cell_is_the_same_and_a_strained_or_exchanged_one_is_not(judge: StoredAnswers, stored):
    case = stored[0][torch.tensor([40])]
    moved = SlabCase(**{**vars(case), "positions": case.positions + case.cell[0, 0] - 2 * case.cell[0, 1]})
    assert judge.predict(moved).status == (Status.OK,)
    strained = SlabCase(**{**vars(case), "cell": case.cell * 1.001, "positions": case.positions * 1.001})
    lifted = case.positions.clone()
    lifted[-1, 2] += 0.01
    higher = SlabCase(**{**vars(case), "positions": lifted})
    assert judge.predict(SlabCase.concatenate([strained, higher, case.clean()])).status == (Status.REFUSED,) * 3


def test_a_mixture_is_refused_alone(judge: StoredAnswers, stored):
    case = stored[0][KEPT]
    mixed = case.occupation.clone()
    mixed[case.row_of_atom == 1] = mixed[case.row_of_atom == 1].mean(0)
    answer = judge.predict(replace(case, occupation=mixed))
    assert answer.status == (Status.OK, Status.REFUSED, Status.OK, Status.OK)


def test_labels_are_told_with_the_settings_that_they_were_made_with(judge: StoredAnswers, tmp_path: Path):
    assert judge.fingerprint == "gpaw cfcdeaef3708"
    with load(NEAR_SURFACE_ALLOYS) as data:
        export_structures(data, tmp_path / "few.extxyz", KEPT)
    told = []
    for settings in ("RPBE", "PBE"):
        structures = read_atoms(tmp_path / "few.extxyz")
        for atoms in structures:
            atoms.info["settings"] = settings
        ase.io.write(tmp_path / "others.extxyz", structures)
        import_structures(tmp_path / "others.extxyz", tmp_path / f"{settings}.h5", simulator="vasp")
        told.append(tmp_path / f"{settings}.h5")
    assert StoredAnswers(told).fingerprint == "RPBE, PBE"
    assert StoredAnswers(told, torch.tensor([5])).fingerprint == "PBE"


def test_other_rows_are_another_judge(judge: StoredAnswers):
    every = StoredAnswers([NEAR_SURFACE_ALLOYS])
    assert every.identity != judge.identity
    assert judge.identity == StoredAnswers([NEAR_SURFACE_ALLOYS], KEPT).identity
    assert judge.title == "labels kept out"
    assert judge.constants["Pt"] == pytest.approx(3.99)


def test_a_data_set_of_airfoils_judges_no_slabs(tmp_path: Path):

    generate(SimulateConfig(out=tmp_path / "foils.h5", simulator=THIN_AIRFOIL, cases=2))
    with pytest.raises(TypeError, match="expected a data set about structures; got one about shapes"):
        StoredAnswers([tmp_path / "foils.h5"])
