"""From ASE's atoms and back, and the traps between the two."""

from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.geometry import find_mic

from understudy.simulators.materials.atoms import StructureError, atoms_of, case_of, read_atoms
from understudy.simulators.materials.case import Role, SlabCase


@pytest.fixture
def covered() -> Atoms:
    slab = ase.build.fcc111("Pt", (2, 2, 3), vacuum=8.0)
    ase.build.add_adsorbate(slab, "O", 1.2, "fcc")
    return slab


def test_there_and_back_is_the_same(covered: Atoms) -> None:
    covered.set_constraint(FixAtoms(indices=[0, 3]))
    case = case_of([covered, covered])
    back = atoms_of(case, 1)
    assert back.get_chemical_symbols() == covered.get_chemical_symbols()
    moved = find_mic(back.positions - covered.positions, covered.cell, covered.pbc)[1]
    np.testing.assert_allclose(moved, 0, atol=1e-12)
    assert back.constraints[0].index.tolist() == [0, 3]
    assert case.adsorbate(0) == "O"


def test_tags_of_ase_are_not_taken_for_roles(covered: Atoms) -> None:
    """ASE numbers layers from the top and gives an adsorbate 0, where others mean the bulk by 0 and it by 2."""
    assert covered.get_tags().tolist() == [3] * 4 + [2] * 4 + [1] * 4 + [0]
    role = case_of([covered]).role.tolist()
    assert role == [Role.BULK] * 8 + [Role.SURFACE] * 4 + [Role.ADSORBATE]


def test_atoms_outside_the_cell_come_back_along_the_surface_alone(covered: Atoms) -> None:
    moved = covered.copy()
    moved.positions[3] += 2 * moved.cell[0] - moved.cell[1]
    np.testing.assert_allclose(case_of([moved]).positions, case_of([covered]).positions, atol=1e-9)


def test_a_turned_cell_is_turned_back(covered: Atoms) -> None:
    turned = covered.copy()
    turned.rotate(40, "z", rotate_cell=True)
    one, other = case_of([covered]), case_of([turned])
    np.testing.assert_allclose(other.cell, one.cell, atol=1e-9)
    np.testing.assert_allclose(other.positions, one.positions, atol=1e-9)


def test_a_file_cut_short_is_one_sentence(covered: Atoms, tmp_path: Path) -> None:
    ase.io.write(tmp_path / "two.extxyz", [covered, covered])
    text = (tmp_path / "two.extxyz").read_text()
    (tmp_path / "cut.extxyz").write_text(text[: len(text) * 3 // 4])
    assert len(read_atoms(tmp_path / "two.extxyz")) == 2
    with pytest.raises(StructureError, match=r"cut\.extxyz is cut short or no file of structures"):
        read_atoms(tmp_path / "cut.extxyz")
    with pytest.raises(FileNotFoundError, match="no file of structures at"):
        read_atoms(tmp_path / "none.xyz")


def test_what_is_no_slab_is_refused(covered: Atoms) -> None:
    bulk = ase.build.bulk("Pt", cubic=True)
    with pytest.raises(StructureError, match="structure 1: expected a slab with at least 5 Å of vacuum"):
        case_of([covered, bulk])
    with pytest.raises(StructureError, match="nothing but H, C, N and O"):
        case_of([ase.build.molecule("CO", vacuum=6.0)])
    broken = covered.copy()
    broken.positions[0, 0] = np.nan
    with pytest.raises(StructureError, match="positions and cell must be finite"):
        case_of([broken])


def test_a_mixture_is_no_atoms(covered: Atoms) -> None:
    case = case_of([covered])
    mixed = SlabCase(**{**vars(case), "occupation": 0.5 * case.occupation + 0.5 * case.occupation.flip(1)})
    with pytest.raises(ValueError, match="a mixture of elements is no atom; round the occupations first"):
        atoms_of(mixed, 0)
