"""From ASE's atoms and back, and the traps between the two."""

from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.constraints import FixAtoms
from ase.geometry import find_mic

from understudy.simulators.materials.adsorbates import ADSORBATES, likely_height, placed
from understudy.simulators.materials.atoms import StructureError, atoms_of, case_of, read_atoms
from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.elements import COVALENT_RADII
from understudy.simulators.materials.sites import sites_of
from understudy.simulators.materials.slabs import LARGEST_STRAIN, SlabPlan


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
    assert case.adsorbates[0] == "O"


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


@pytest.mark.parametrize("repeats", [(False, False, False), (True, False, False), (False, True, True)])
def test_what_does_not_repeat_along_the_surface_is_no_slab(covered: Atoms, repeats: tuple[bool, bool, bool]) -> None:
    covered.pbc = repeats
    with pytest.raises(
        StructureError, match=r"repeats along its first two vectors; got pbc = \((True|False), .*\): set"
    ):
        case_of([covered])


def test_roles_of_the_open_catalyst_project_without_their_array(covered: Atoms) -> None:
    """Its tags mean bulk 0, surface 1, adsorbate 2; heights and elements find the same, so the tags are not needed."""
    other = covered.copy()
    other.set_tags([0] * 8 + [1] * 4 + [2])
    assert case_of([other]).role.tolist() == other.get_tags().tolist() == case_of([covered]).role.tolist()


def test_the_array_of_roles_is_asked_and_checked(covered: Atoms) -> None:
    germanium = covered.copy()
    germanium.symbols[-1] = "Ge"  # no metal, but not among what is taken for an adsorbate
    assert case_of([germanium]).adsorbates[0] == ""
    germanium.set_array("role", np.array([0] * 8 + [1] * 4 + [2]))
    assert case_of([germanium]).adsorbates[0] == "Ge"
    germanium.set_array("role", germanium.get_tags() + 1)
    with pytest.raises(StructureError, match=r"expected role to be 0 inside the slab, 1 on its .* got 1, 2, 3, 4"):
        case_of([germanium])


def test_overlapping_atoms_are_named(covered: Atoms) -> None:
    covered.positions[12] = covered.positions[9] + [0.1, 0.0, 0.3]
    with pytest.raises(StructureError, match=r"got 0\.32 Å between atom 9 \(Pt\) and atom 12 \(O\): move them apart"):
        case_of([covered])
    covered.positions[12] += covered.cell[0] - 3 * covered.cell[1]  # an image is as near
    with pytest.raises(StructureError, match="between atom 9"):
        case_of([covered])
    squeezed = ase.build.fcc111("Pt", (1, 1, 3), a=2.0, vacuum=8.0)
    with pytest.raises(StructureError, match=r"got 1\.\d\d Å between atom \d \(Pt\) and (its own image|atom \d)"):
        case_of([squeezed])


def test_what_is_simulated_overlaps_nowhere() -> None:
    """Hydrogen 0.9 Å above the hollow, and every adsorbate that touches its site, on the most compressed slabs."""
    plan = SlabPlan()
    for metal in ("Cu", "Ag"):
        slab = plan.slabs(plan.occupation([metal] * 4)[None], torch.tensor([-LARGEST_STRAIN], dtype=torch.float64))
        for name in ADSORBATES:
            for site in sites_of(slab, 0):
                height = likely_height(name, site, dict.fromkeys(site.atoms, COVALENT_RADII[metal]))
                for above in {height, 0.9} if name == "H" and site.kind in ("fcc", "hcp") else {height}:
                    place = torch.from_numpy(site.place)[None]
                    case = placed(slab, name, place, torch.tensor([above], dtype=torch.float64))
                    assert case_of([atoms_of(case, 0)]).adsorbates[0] == name


def test_an_adsorbate_inside_the_slab_is_refused(covered: Atoms) -> None:
    inside = covered.copy()
    inside.positions[-1, 2] -= 1.2 + 1.1
    with pytest.raises(StructureError, match=r"expected the adsorbate above .* its lowest atom 1\.10 Å below"):
        case_of([inside])
    below = covered.copy()
    below.positions[-1, 2] = below.positions[0, 2] - 1.5
    with pytest.raises(StructureError, match="turn the slab over"):
        case_of([below])


def test_a_slab_without_vacuum_is_refused_with_or_without_adsorbate(covered: Atoms) -> None:
    for atoms in (covered, covered[:-1]):
        atoms.pbc = True
        atoms.cell[2, 2] -= 12.0
        with pytest.raises(StructureError, match=r"at least 5 Å of vacuum .*; got 4\.00 Å"):
            case_of([atoms])


def test_elements_beyond_radon_are_refused(covered: Atoms) -> None:
    covered.symbols[0] = "U"
    with pytest.raises(StructureError, match="expected elements from hydrogen to radon; got U"):
        case_of([covered])


@pytest.mark.parametrize("name", ["slabs.db", "slabs.json"])
def test_a_database_that_is_damaged_is_one_sentence(covered: Atoms, tmp_path: Path, name: str) -> None:
    ase.io.write(tmp_path / name, [covered] * 40)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StructureError, match=f"{name} is cut short or no file of structures"):
        read_atoms(tmp_path / name)


def test_a_mixture_is_no_atoms(covered: Atoms) -> None:
    case = case_of([covered])
    mixed = SlabCase(**{**vars(case), "occupation": 0.5 * case.occupation + 0.5 * case.occupation.flip(1)})
    with pytest.raises(ValueError, match="a mixture of elements is no atom; round the occupations first"):
        atoms_of(mixed, 0)


def test_what_is_neither_metal_nor_a_known_adsorbate_must_be_told(covered: Atoms) -> None:
    """Fluorine on platinum is not an atom of the slab."""
    fluorine = covered.copy()
    fluorine.symbols[-1] = "F"
    with pytest.raises(
        StructureError, match=r"made of F \(they are H, C, N, O, OH, CO\): remove it or say by the array"
    ):
        case_of([fluorine])
    fluorine.set_array("role", np.array([0] * 8 + [1] * 4 + [2]))
    assert case_of([fluorine]).adsorbates[0] == "F"
