"""Neighbours against ASE's, and a network that does not see how a structure is written down."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.neighborlist import neighbor_list

from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.atoms import atoms_of, case_of
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.slabs import SlabPlan
from understudy.surrogate.atoms.graph import encode
from understudy.surrogate.atoms.member import SlabMember, SlabOutput
from understudy.surrogate.atoms.neighbours import neighbours
from understudy.surrogate.networks.atoms_config import AtomsConfig

Prove = Callable[..., None]

TINY = AtomsConfig(features=8, layers=2, basis=6, cutoff=5.0)


def stacks(size: tuple[int, int] = (1, 1)) -> SlabCase:
    plan = SlabPlan(size=size)
    layers = [["Pt", "Cu", "Au", "Pd"], ["Ag", "Ag", "Cu", "Pt"]]
    occupation = torch.stack([plan.occupation(one) for one in layers])
    slabs = plan.slabs(occupation, torch.tensor([0.01, -0.02], dtype=torch.float64))
    place = torch.tensor([[1 / 3, 1 / 3], [0.2, 0.1]], dtype=torch.float64) / torch.tensor(size)
    return placed(slabs, "OH", place, torch.tensor([0.9, 1.3], dtype=torch.float64))


@pytest.fixture
def member() -> SlabMember:
    torch.manual_seed(0)
    return SlabMember(TINY).double()


def answer(member: SlabMember, case: SlabCase) -> SlabOutput:
    graph = encode(case, TINY.cutoff)
    exact = replace(
        graph, occupation=graph.occupation.double(), distance=neighbours(case, TINY.cutoff).vectors(case).norm(dim=1)
    )
    with torch.no_grad():
        return member(exact)


def apart(one: SlabOutput, other: SlabOutput) -> float:
    """Largest difference of what they say."""
    pairs = [(value, other.energy[name]) for name, value in one.energy.items()] + [(one.anomaly, other.anomaly)]
    return float(np.max([float((left - right).abs().max()) for left, right in pairs]))  # NaN stays NaN


@pytest.mark.parametrize("cutoff", [3.0, 5.0, 9.0])
def test_neighbours_are_those_of_ase(cutoff: float, prove: Prove) -> None:
    """Cells of one atom a layer see many images of themselves."""
    case = SlabCase.concatenate([stacks(), stacks((2, 3))])
    found = neighbours(case, cutoff)
    lengths, row = found.vectors(case).norm(dim=1), case.row_of_atom[found.receiver]
    for number in range(len(case)):
        known = neighbor_list("d", atoms_of(case, number), cutoff)
        ours = np.sort(lengths[row == number].numpy())
        assert ours.shape == known.shape
        away = float(np.abs(ours - np.sort(known)).max())
        prove("distances to neighbours against ASE's, cutoffs of 3 to 9 Å: difference [Å]", away, at_most=1e-10)


def test_a_cell_of_one_site_hears_its_own_images() -> None:
    """Each metal atom of fcc(111) has six of them in its layer; so has hydrogen where every hollow is covered."""
    case = placed(stacks().clean(), "H", torch.full((2, 2), 1 / 3).double(), torch.full((2,), 0.9).double())
    side = case.cell[:, 0].norm(dim=1)
    found = neighbours(case, 3.2)
    own = found.sender == found.receiver
    assert torch.bincount(found.receiver[own], minlength=len(case.positions)).tolist() == [6] * len(case.positions)
    lengths = found.vectors(case).norm(dim=1)[own]
    torch.testing.assert_close(lengths, side[case.row_of_atom[found.receiver[own]]])
    for number in range(2):
        known = len(neighbor_list("i", atoms_of(case, number), 3.2))
        assert int((case.row_of_atom[found.receiver] == number).sum()) == known


def test_turning_moving_and_renumbering_change_nothing(member: SlabMember, prove: Prove) -> None:
    case = stacks()
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.eye(3, dtype=torch.float64)
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[0, 1], turn[1, 0] = angle.sin(), -angle.sin()
    shift = torch.tensor([0.3, -1.7, 0.9], dtype=torch.float64)
    moved = replace(case, positions=case.positions @ turn + shift, cell=case.cell @ turn)
    away = apart(answer(member, case), answer(member, moved))
    prove("what a network of atoms says of slabs that are turned and moved: difference", away, at_most=1e-12)
    order = torch.cat([start + torch.randperm(6, generator=torch.Generator().manual_seed(1)) for start in (0, 6)])
    renumbered = {name: getattr(case, name)[order] for name in ("occupation", "positions", "fixed", "role")}
    shuffled = replace(case, **renumbered)
    away = apart(answer(member, case), answer(member, shuffled))
    prove("what a network of atoms says of slabs with atoms in another order: difference", away, at_most=1e-12)


def test_the_choice_of_the_cell_changes_nothing(member: SlabMember, prove: Prove) -> None:
    """Other vectors of the same lattice, and atoms in other images."""
    case = stacks()
    sheared = case.cell.clone()
    sheared[:, 1] += 2 * sheared[:, 0]
    moved = case.positions.clone()
    moved[2] += case.cell[0, 0] - 3 * case.cell[0, 1]
    away = apart(answer(member, case), answer(member, replace(case, cell=sheared, positions=moved)))
    prove("what a network of atoms says of slabs in another cell of the same lattice: difference", away, at_most=1e-12)


def test_a_larger_cell_of_the_same_metal_has_the_same_formation_energy(member: SlabMember, prove: Prove) -> None:
    energies = [answer(member, stacks(size).clean()).energy["formation_energy"] for size in ((1, 1), (2, 2))]
    away = float((energies[0] - energies[1]).abs().max())
    prove(
        "formation energy by a network of atoms, cells of one site and of four: difference [eV/atom]",
        away,
        at_most=1e-12,
    )


@pytest.mark.parametrize("size", [(2, 1), (1, 2), (2, 2)])
def test_a_repeated_cell_has_the_same_energies(member: SlabMember, size: tuple[int, int]) -> None:
    """Every hollow of the larger cell is covered, as in the cell of one site."""
    small = placed(stacks().clean()[:1], "H", torch.full((1, 2), 1 / 3).double(), torch.full((1,), 0.9).double())
    atoms = atoms_of(small, 0).repeat((*size, 1))
    graph = encode(case_of([atoms]), TINY.cutoff)
    large = replace(graph, adsorbate=encode(small, TINY.cutoff).adsorbate)  # several of them have no name
    with torch.no_grad():
        one, other = (member.float()(each).energy for each in (encode(small, TINY.cutoff), large))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=2e-6, msg=name)  # single precision


def test_a_slab_that_repeats_along_the_normal_is_the_same() -> None:
    """Also where the empty space is narrower than the cutoff."""
    case = stacks()
    cell = case.cell.clone()
    cell[:, 2, 2] = case.positions[:, 2].max() - case.positions[:, 2].min() + 3.0
    thin = replace(case, cell=cell)
    one, other = (replace(thin, periodic=torch.tensor([[True, True, flag]] * 2)) for flag in (False, True))
    assert len(neighbours(other, TINY.cutoff).sender) > len(neighbours(one, TINY.cutoff).sender)
    graphs = encode(one, TINY.cutoff), encode(other, TINY.cutoff)
    for name, value in vars(graphs[0]).items():
        assert torch.equal(value, getattr(graphs[1], name)), name


def test_stress_is_the_slope_of_the_energy_and_positive_where_stretching_costs(
    member: SlabMember, prove: Prove
) -> None:
    """(1 / V) dE / d strain against central differences, component by component; turning the slab costs nothing."""
    case = stacks()[:1]
    edges = neighbours(case, TINY.cutoff + 0.5)
    volume = torch.linalg.det(case.cell[0])

    def energy(strain: torch.Tensor) -> torch.Tensor:
        turned = torch.eye(3, dtype=torch.float64) + strain
        stretched = replace(case, positions=case.positions @ turned, cell=case.cell @ turned)
        graph = encode(stretched, TINY.cutoff, edges)
        exact = replace(graph, occupation=case.over(_elements()), distance=edges.vectors(stretched).norm(dim=1))
        return member(exact).energy["formation_energy"][0] * int((~graph.adsorbed).sum())

    still = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(energy(still), still)
    stress, step = slope / volume, 1e-4
    torch.testing.assert_close(stress, stress.T, rtol=0, atol=1e-12)
    with torch.no_grad():
        for row in range(3):
            for column in range(3):
                along = torch.zeros(3, 3, dtype=torch.float64)
                along[row, column] = step
                rise = (energy(along) - energy(-along)) / (2 * step * volume)
                away = abs(stress[row, column].item() - rise.item())
                told = "stress by a network of atoms against central differences, nine components: difference [eV/Å³]"
                prove(told, away, at_most=1e-9)


def test_the_slab_does_not_hear_its_adsorbate(member: SlabMember) -> None:
    case = stacks()
    covered, clean = answer(member, case), answer(member, case.clean())
    torch.testing.assert_close(covered.energy["formation_energy"], clean.energy["formation_energy"], rtol=0, atol=1e-12)
    assert clean.energy["adsorption_energy"].isnan().all()


def test_rows_of_a_batch_are_the_rows_alone(member: SlabMember) -> None:
    case = SlabCase.concatenate([stacks(), stacks((2, 2))])
    graph = encode(case, TINY.cutoff)
    with torch.no_grad():
        member = member.float()
        whole, part = member(graph), member(graph[torch.tensor([3, 1])])
    for name, value in whole.energy.items():
        torch.testing.assert_close(part.energy[name], value[torch.tensor([3, 1])], rtol=1e-5, atol=1e-6)


def test_gradients_reach_occupation_positions_and_strain(member: SlabMember) -> None:
    """Against central differences, through the builder of slabs."""
    plan = SlabPlan(constants={"Pt": 3.99, "Cu": 3.68})
    edges = None

    def energy(raw: torch.Tensor, strain: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        nonlocal edges
        slabs = plan.slabs(raw.softmax(-1), strain)
        case = placed(slabs, "H", torch.full((1, 2), 1 / 3, dtype=torch.float64), height)
        edges = edges or neighbours(case, TINY.cutoff + 0.5)
        graph = encode(case, TINY.cutoff, edges)
        exact = replace(graph, occupation=case.over(_elements()), distance=edges.vectors(case).norm(dim=1))
        output = member(exact)
        return output.energy["adsorption_energy"] + 3 * output.energy["formation_energy"]

    random = torch.Generator().manual_seed(4)
    raw = torch.randn(1, 4, 1, 2, generator=random, dtype=torch.float64).requires_grad_()
    strain = torch.tensor([0.01], dtype=torch.float64, requires_grad=True)
    height = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(energy, (raw, strain, height), eps=1e-5, atol=1e-6)


def _elements() -> tuple[str, ...]:
    from understudy.surrogate.atoms.descriptors import ELEMENTS

    return ELEMENTS
