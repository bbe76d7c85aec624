"""Slabs as chemists draw them, against ASE's own builders and in their derivatives."""

from collections.abc import Callable
from itertools import pairwise

import ase.build
import numpy as np
import pytest
import torch
from ase.neighborlist import neighbor_list

from understudy.simulators.materials.atoms import atoms_of
from understudy.simulators.materials.slabs import RPBE_LATTICE_CONSTANTS, Facet, SlabPlan

Prove = Callable[..., None]

NO_STRAIN = torch.zeros(1, dtype=torch.float64)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("facet", list(Facet))
def test_a_pure_slab_is_that_of_ase(facet: Facet, size: tuple[int, int], prove: Prove) -> None:
    """All distances between its atoms and their images; the origin, the order and the sense of stacking are our own."""
    plan = SlabPlan(facet=facet, size=size, layers=4)
    ours = atoms_of(plan.slabs(plan.occupation(["Pt"] * 4)[None], NO_STRAIN), 0)
    build = ase.build.fcc111 if facet is Facet.FCC111 else ase.build.fcc100
    known = build("Pt", (*size, 4), a=RPBE_LATTICE_CONSTANTS["Pt"], vacuum=6.0)
    assert len(ours) == len(known)
    apart = [np.sort(neighbor_list("d", atoms, 8.0)) for atoms in (ours, known)]
    away = float(np.abs(apart[0] - apart[1]).max())
    prove("distances in a pure slab against ASE's own, two facets in three cells: difference [Å]", away, at_most=1e-6)


def test_layers_keep_their_volume_under_strain(prove: Prove) -> None:
    """Atoms of a layer fill the volume of their metal, whatever the cell along the surface."""
    plan = SlabPlan(size=(1, 1), layers=4)
    strain = torch.tensor([0.03], dtype=torch.float64)
    layers = ["Ag", "Cu", "Pt", "Cu"]
    case = plan.slabs(plan.occupation(layers)[None], strain)
    mean = np.mean([RPBE_LATTICE_CONSTANTS[symbol] for symbol in layers])
    side = 1.03 * mean / np.sqrt(2)
    assert case.cell[0, 0, 0].item() == pytest.approx(side)
    volume = [RPBE_LATTICE_CONSTANTS[symbol] ** 3 / 4 for symbol in reversed(layers)]
    area = side**2 * np.sqrt(0.75)
    rises = case.positions[:, 2].diff().numpy() * area
    away = float(np.abs(rises / [0.5 * (a + b) for a, b in pairwise(volume)] - 1).max())
    prove("volume of the layers of a mixed, strained stack against their metals': relative", away, at_most=1e-7)


def test_the_cell_of_the_recipe() -> None:
    """Near-surface alloy of four metals: heights and vacuum of the published recipe."""
    plan = SlabPlan()
    case = plan.slabs(plan.occupation(["Pt"] * 4)[None], NO_STRAIN)
    assert case.symbols(0) == ("Pt",) * 4
    assert case.positions[0, 2].item() == 5.0
    assert case.positions[-1, 2].item() == pytest.approx(5.0 + 3 * 3.99 / np.sqrt(3))
    assert case.cell[0, 2, 2].item() == pytest.approx(3 * 3.99 / np.sqrt(3) + 11.5)


def test_gradients_reach_composition_and_strain() -> None:
    plan = SlabPlan(size=(1, 2), layers=3, constants={"Pt": 3.99, "Cu": 3.68})
    random = torch.Generator().manual_seed(0)
    occupation = torch.rand(2, 3, 2, 2, generator=random, dtype=torch.float64).softmax(-1).requires_grad_()
    strain = torch.tensor([0.01, -0.02], dtype=torch.float64, requires_grad=True)

    def places(occupation: torch.Tensor, strain: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        case = plan.slabs(occupation / occupation.sum(-1, keepdim=True), strain)
        return case.positions, case.cell

    assert torch.autograd.gradcheck(places, (occupation, strain))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": (0, 1)}, "at least 1 x 1 sites and 2 layers; got 0 x 1"),
        ({"layers": 1}, "at least 1 x 1 sites and 2 layers; got 1 x 1 and 1"),
        ({"free": 5}, "free must be 0 to 4 layers; got 5"),
        ({"constants": {"Pt": -1.0}}, "lattice constants must be positive .*; got -1.0 of Pt"),
    ],
)
def test_impossible_plans_are_refused(change: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SlabPlan(**change)


def test_impossible_layers_are_refused() -> None:
    plan = SlabPlan(size=(1, 2))
    with pytest.raises(ValueError, match="expected 4 layers, surface first; got 1"):
        plan.occupation(["Pt"])
    with pytest.raises(ValueError, match="one symbol, or one for each of 2 sites; got 3"):
        plan.occupation([["Pt"] * 3, "Pt", "Pt", "Pt"])
    with pytest.raises(ValueError, match=r"layers must be of Pt, .*; got 'Fe'"):
        plan.occupation(["Fe", "Pt", "Pt", "Pt"])
    with pytest.raises(ValueError, match=r"strain must be within 0\.15; got 0\.2"):
        plan.slabs(plan.occupation(["Pt"] * 4)[None], torch.tensor([0.2], dtype=torch.float64))
