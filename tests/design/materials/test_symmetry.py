"""Slabs that are turned about their adsorbate are one slab."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase.calculators.emt import EMT

from understudy.design.materials.repair import layouts_of
from understudy.design.materials.space import SlabSpace, Stacks
from understudy.design.materials.symmetry import Layout, exchanges_apart, turned, turns_of, upright
from understudy.simulators.materials.atoms import atoms_of
from understudy.simulators.materials.emt import EMT_LATTICE_CONSTANTS
from understudy.simulators.materials.slabs import Facet

Prove = Callable[..., None]

METALS = ("Pt", "Cu", "Ag", "Au")
STRAIN = 0.01
ROUNDING = 1e-6  # eV: the place of a hollow is known to 1e-8 of the cell


def energy(space: SlabSpace, layout: Layout) -> float:
    """Of the slab with its adsorbate where it starts."""
    one = Stacks.first(space, torch.tensor([layout]), torch.tensor([STRAIN], dtype=torch.float64))
    atoms = atoms_of(one.case(EMT_LATTICE_CONSTANTS), 0)
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


def any_layout(space: SlabSpace) -> Layout:
    random = torch.Generator().manual_seed(3)
    metals = torch.randint(len(METALS), (1, space.depth, space.size[0] * space.size[1]), generator=random)
    strain = torch.zeros(1, dtype=torch.float64)
    return layouts_of(Stacks.first(space, metals, strain))[0]


@pytest.mark.parametrize(
    ("facet", "size", "site", "count"),
    [
        (Facet.FCC111, (2, 2), "fcc", 6),
        (Facet.FCC111, (2, 2), "ontop", 6),
        (Facet.FCC111, (2, 2), "bridge", 2),
        (Facet.FCC111, (3, 2), "fcc", 1),
        (Facet.FCC100, (2, 2), "hollow", 8),
    ],
)
def test_turned_slabs_have_one_energy(facet: Facet, size: tuple[int, int], site: str, count: int, prove: Prove):
    space = SlabSpace(metals=METALS, facet=facet, size=size, sites=(site,))
    layout, turns = any_layout(space), turns_of(space)
    assert len(turns) == count
    others = {turned(layout, turn) for turn in turns}
    assert len(others) == count
    away = float(np.max([abs(energy(space, other) - energy(space, layout)) for other in others]))
    prove("energies of a layout and of it turned, EMT, five cells: difference [eV]", away, at_most=ROUNDING)
    assert {upright(other, turns) for other in others} == {upright(layout, turns)}


def test_two_sites_that_change_places_make_another_slab():
    space = SlabSpace(metals=METALS, size=(2, 2))
    layout, turns = any_layout(space), turns_of(space)
    top = layout[0]
    assert top[0] != top[3]
    other = ((top[3], top[1], top[2], top[0]), *layout[1:])
    assert abs(energy(space, other) - energy(space, layout)) > 1e-3
    assert upright(other, turns) != upright(layout, turns)
    assert exchanges_apart(turned(other, turns[3]), torch.tensor([layout, other]), turns).tolist() == [2, 0]
