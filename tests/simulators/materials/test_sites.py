"""Sites where chemists know them to be, on pure, alloyed and strained surfaces."""

from collections import Counter

import numpy as np
import pytest
import torch

from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.sites import SiteKind, sites_of
from understudy.simulators.materials.slabs import Facet, SlabPlan


def slab(layers: list, facet: Facet = Facet.FCC111, size: tuple[int, int] = (2, 2), strain: float = 0.0) -> SlabCase:
    plan = SlabPlan(facet=facet, size=size)
    return plan.slabs(plan.occupation(layers)[None], torch.tensor([strain], dtype=torch.float64))


def counts(case: SlabCase) -> Counter[str]:
    return Counter({str(site.kind): site.count for site in sites_of(case, 0)})


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 3), (3, 2)])
@pytest.mark.parametrize("strain", [-0.05, 0.0, 0.05])
def test_a_pure_surface_has_one_of_each(size: tuple[int, int], strain: float) -> None:
    """For each atom of fcc(111): one top, three bridges, one hollow of each kind; of fcc(100): two bridges, one."""
    atoms = size[0] * size[1]
    hexagonal = counts(slab(["Pt"] * 4, Facet.FCC111, size, strain))
    assert hexagonal == {"ontop": atoms, "bridge": 3 * atoms, "fcc": atoms, "hcp": atoms}
    square = counts(slab(["Pt"] * 4, Facet.FCC100, size, strain))
    assert square == {"ontop": atoms, "bridge": 2 * atoms, "hollow": atoms}


def test_hcp_lies_above_the_second_layer_and_fcc_above_the_third() -> None:
    case = slab(["Pt"] * 4, size=(1, 1))
    places = {site.kind: site.place for site in sites_of(case, 0)}
    inverse = torch.linalg.inv(case.cell[0, :2, :2]).numpy()
    shares = (case.positions[:, :2].numpy() @ inverse) % 1.0
    np.testing.assert_allclose(places[SiteKind.HCP], shares[2], atol=1e-8)
    np.testing.assert_allclose(places[SiteKind.FCC], shares[1], atol=1e-8)
    np.testing.assert_allclose(places[SiteKind.ONTOP], shares[3], atol=1e-8)


def test_one_foreign_atom_parts_the_sites_around_it() -> None:
    """Of four atoms one is copper: two kinds of tops, of bridges and of hollows, by how many coppers they touch."""
    found = sites_of(slab([["Cu", "Pt", "Pt", "Pt"], "Pt", "Pt", "Pt"]), 0)
    told = {(str(site.kind), site.count) for site in found}
    assert told == {("ontop", 1), ("ontop", 3), ("bridge", 6), ("fcc", 1), ("fcc", 3), ("hcp", 1), ("hcp", 3)}
    assert len([site for site in found if site.kind is SiteKind.BRIDGE]) == 2


def test_what_lies_below_parts_sites_too() -> None:
    alike = sites_of(slab(["Pt", "Pt", "Pt", "Pt"]), 0)
    buried = sites_of(slab(["Pt", ["Cu", "Pt", "Pt", "Pt"], "Pt", "Pt"]), 0)
    assert len(buried) > len(alike)


def test_the_order_does_not_depend_on_the_numbering_of_atoms() -> None:
    case = slab([["Cu", "Pt", "Au", "Pt"], "Pt", "Pt", "Pt"])
    order = torch.randperm(len(case.positions), generator=torch.Generator().manual_seed(3))
    shuffled = SlabCase(
        elements=case.elements,
        occupation=case.occupation[order],
        positions=case.positions[order],
        cell=case.cell,
        periodic=case.periodic,
        fixed=case.fixed[order],
        role=case.role[order],
        offsets=case.offsets,
    )
    for one, other in zip(sites_of(case, 0), sites_of(shuffled, 0), strict=True):
        assert (one.kind, one.count) == (other.kind, other.count)
        np.testing.assert_allclose(one.place, other.place, atol=1e-9)
