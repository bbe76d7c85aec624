"""Slabs of a file are screened as those of a space are: what is asked, found, refused and remembered."""

import csv
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111

from understudy.design.materials.run import Verification, run_screen
from understudy.design.materials.scoring import Limit, Scoring
from understudy.design.materials.screening import ScreenProblem, screen
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.structures import StructureList
from understudy.design.materials.verification import verdicts_in
from understudy.simulators.materials.atoms import StructureError, atoms_of

SCORING = Scoring(limits=(Limit(quantity="segregation_energy", at_least=-0.05),))
NUMBERS = torch.arange(0, 3125, 97)


@pytest.fixture
def own(space: SlabSpace, law, tmp_path: Path) -> Path:
    """Some slabs of the space in a file, one of them twice."""
    case = space.candidates(NUMBERS).case(law.constants)
    atoms = [atoms_of(case, row) for row in (*range(len(NUMBERS)), 0)]
    ase.io.write(tmp_path / "own.extxyz", atoms)
    return tmp_path / "own.extxyz"


def test_slabs_of_a_file_are_worth_what_they_are_worth_in_a_space(space: SlabSpace, law, own: Path, tmp_path: Path):
    """The exchanged twin too, which a space makes anew and a list by moving atoms: they differ in nothing but the cell.

    Files keep eight digits.
    """
    whole = screen(ScreenProblem(space=space, scoring=SCORING), law, tmp_path / "space")
    few = screen(ScreenProblem(structures=own, scoring=SCORING), law, tmp_path / "list")
    for name in ("score", "formation_energy", "segregation_energy", "price", "scarcity", "near_peak"):
        wanted = whole.columns[name][NUMBERS.numpy()]
        np.testing.assert_allclose(few.columns[name][:-1], wanted, atol=1e-6, err_msg=name)
    candidates, listed = space.candidates(NUMBERS), StructureList.read(own).candidates(torch.arange(len(NUMBERS)))
    made, moved = candidates.exchanged(law.constants), listed.exchanged(law.constants)
    torch.testing.assert_close(moved.positions, made.positions, atol=1e-6, rtol=0)
    assert [moved.symbols(row) for row in range(len(moved))] == [made.symbols(row) for row in range(len(made))]
    kept = np.isin(NUMBERS.numpy(), whole.columns["number"][whole.columns["kept"]])
    assert sorted(few.order.tolist()) == np.flatnonzero(kept).tolist()  # the slab that is there twice once


def test_layers_of_many_atoms_change_places_in_one_direction():
    """A pattern keeps its shape: neighbours of one metal in the surface are neighbours in the second layer."""
    slab = fcc111("Pt", (3, 3, 3), a=3.92, vacuum=7.0)
    top = np.flatnonzero(slab.positions[:, 2] > slab.positions[:, 2].max() - 0.1)
    slab.symbols[top[[0, 1]]] = "Cu"
    slab.rattle(0.05, seed=1)
    add_adsorbate(slab, "H", 1.0, "fcc")
    (row,) = [StructureList.of([slab]).candidates(torch.tensor([0]))]
    after = row.exchanged({})
    assert torch.equal(after.positions, row.case({}).clean().positions)  # without lattice constants nothing rises
    moved = [number for number, symbol in enumerate(after.symbols(0)) if symbol == "Cu"]
    heights = after.positions[moved, 2]
    assert float(heights.max()) < float(after.positions[:, 2].max()) - 1.5
    apart = after.positions[moved[1], :2] - after.positions[moved[0], :2]
    before = torch.from_numpy(slab.positions[top[1], :2] - slab.positions[top[0], :2])
    shares = torch.linalg.solve(after.cell[0, :2, :2].T, apart - before)
    assert torch.linalg.norm((shares - shares.round()) @ after.cell[0, :2, :2]) < 0.3  # rattled by 0.05 Å


def test_what_is_no_slab_or_lacks_something_is_a_row_with_a_sentence(law, judge, tmp_path: Path):
    slabs = []
    for metal, constant in law.constants.items():
        slab = fcc111(metal, (1, 1, 4), a=constant, vacuum=6.0)
        add_adsorbate(slab, "H", 1.0, "fcc")
        slab.info["name"] = f"my {metal}"
        slabs.append(slab)
    no_slab = Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.7)], cell=[8, 8, 8])
    step = fcc111("Pt", (2, 1, 4), a=3.99, vacuum=6.0)
    del step[-1]
    add_adsorbate(step, "H", 1.0, "fcc")
    ase.io.write(tmp_path / "own.extxyz", [slabs[0], no_slab, *slabs[2:], step])
    problem = ScreenProblem(structures=tmp_path / "own.extxyz", scoring=SCORING, top=2)
    verification = Verification(judge=judge, count=9)
    found, verdicts = run_screen(problem, law, tmp_path / "run", settings="one", verification=verification)
    with (tmp_path / "run" / "table.csv").open() as file:
        rows = {row["number"]: row for row in csv.DictReader(file)}
    assert rows["0"]["slab"] == "my Pt"
    assert rows["1"]["slab"] == "H2 1"
    assert "nothing but H, C, N and O" in rows["1"]["message"]
    assert rows["1"]["adsorption_energy"] == ""
    assert "equally many atoms; got 1 and 2" in rows["5"]["message"]
    assert float(rows["5"]["price"]) == pytest.approx(1.0)
    assert {verdict.slab.name for verdict in verdicts} == {found.candidates(found.order).names()[k] for k in range(4)}
    assert "Not compared" in (tmp_path / "run" / "report.html").read_text()
    assert [atoms.info["slab"] for atoms in ase.io.read(tmp_path / "run" / "best.extxyz", ":")] == [
        row["slab"] for row in list(rows.values())[:2]
    ]


def test_verdicts_on_structures_are_remembered_whatever_they_are_called(law, judge, own: Path, tmp_path: Path):
    problem = ScreenProblem(structures=own, scoring=SCORING)
    verification = Verification(judge=judge, count=3)
    _, verdicts = run_screen(problem, law, tmp_path / "run", settings="one", verification=verification)
    asked = judge.asked
    _, again = run_screen(problem, law, tmp_path / "run", settings="one", verification=verification)
    assert judge.asked == asked
    assert again == verdicts == verdicts_in(tmp_path / "run" / "verdicts.jsonl")
    renamed = ase.io.read(own, ":")
    renamed[0].info["name"] = "another name"
    assert StructureList.of(renamed).structures == StructureList.read(own).structures
    ase.io.write(own, renamed)
    changed = ScreenProblem(structures=own, scoring=SCORING)
    with pytest.raises(ValueError, match="other structures: their file has changed"):
        run_screen(changed, law, tmp_path / "run", settings="one", verification=verification)


def test_a_file_without_one_slab_is_a_table_of_sentences(law, tmp_path: Path):
    ase.io.write(tmp_path / "gas.extxyz", [Atoms("H2", cell=[8, 8, 8], positions=[(0, 0, 0), (0, 0, 0.7)])] * 2)
    problem = ScreenProblem(structures=tmp_path / "gas.extxyz", scoring=SCORING)
    found, _ = run_screen(problem, law, tmp_path / "run", settings="one")
    assert len(found) == 2
    assert not len(found.order)
    assert "nothing but H, C, N and O" in (tmp_path / "run" / "table.csv").read_text()


def test_metals_that_a_slab_lacks_may_have_no_price(law, tmp_path: Path):
    slabs = [fcc111(metal, (1, 1, 4), a=4.0, vacuum=6.0) for metal in ("Pt", "Ru")]
    listed = StructureList.of(slabs)
    told = Scoring().of_composition(listed.candidates(torch.arange(2)).shares(), listed.metals)
    assert told["price"].tolist()[0] == pytest.approx(1.0)
    assert np.isnan(told["price"].tolist()[1])


def test_a_metal_without_price_is_a_row_with_a_sentence(law, tmp_path: Path):
    """The file is refused only where that leaves no slab to be compared."""
    slabs = {}
    for metal in ("Pt", "Ru"):
        slabs[metal] = fcc111(metal, (1, 1, 4), a=3.9, vacuum=6.0)
        add_adsorbate(slabs[metal], "H", 1.0, "fcc")
    ase.io.write(tmp_path / "own.extxyz", list(slabs.values()))
    scoring = Scoring(score="abs(free_energy) + price")
    found, _ = run_screen(
        ScreenProblem(structures=tmp_path / "own.extxyz", scoring=scoring), law, tmp_path / "run", settings="one"
    )
    assert found.order.tolist() == [0]
    assert found.columns["message"].tolist() == ["", "the price of Ru is not known; give it under [scoring.prices]"]
    ase.io.write(tmp_path / "own.extxyz", slabs["Ru"])
    with pytest.raises(ValueError, match=r"no structure of .* can be scored: the price of Ru is not known"):
        run_screen(
            ScreenProblem(structures=tmp_path / "own.extxyz", scoring=scoring), law, tmp_path / "none", settings="one"
        )
    assert not (tmp_path / "none").exists()


def test_what_a_list_cannot_be_asked(own: Path, tmp_path: Path, space: SlabSpace):
    with pytest.raises(ValueError, match="the strain of a structure of a file is not defined"):
        ScreenProblem(structures=own, scoring=Scoring(score="abs(free_energy) + strain**2"))
    with pytest.raises(ValueError, match="either a space or structures, a file of them; got both"):
        ScreenProblem(structures=own, space=space, scoring=SCORING)
    with pytest.raises(ValueError, match="got neither"):
        ScreenProblem(scoring=SCORING)
    (tmp_path / "cut.extxyz").write_text(own.read_text()[:200])
    with pytest.raises(StructureError, match="cut short or no file of structures"):
        _ = ScreenProblem(structures=tmp_path / "cut.extxyz", scoring=SCORING).slabs
    with pytest.raises(FileNotFoundError, match="no file of structures at"):
        _ = ScreenProblem(structures=tmp_path / "none.extxyz", scoring=SCORING).slabs
