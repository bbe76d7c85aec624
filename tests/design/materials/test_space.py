"""Numbers and slabs correspond, one to one."""

from itertools import product

import pytest
import torch

from understudy.design.materials.space import SlabSpace
from understudy.simulators.materials.case import Role


def test_every_number_is_another_slab(space: SlabSpace):
    few = SlabSpace(metals=("Pt", "Cu"), depth=3, strains=(0.0, 0.01, 2), adsorbates=("H", "O"), sites=("fcc", "hcp"))
    told = few.candidates(torch.arange(len(few))).told()
    assert len(few) == len(set(told)) == 2**3 * 2 * 2 * 2
    assert {slab.name for slab in told} == {"/".join(stack) for stack in product(("Pt", "Cu"), repeat=3)}
    assert few.called(told).told() == told


def test_layers_may_hold_different_metals():
    some = SlabSpace(depth=2, layers=(("Pt",), ("Cu", "Ag")), strains=(0.0, 0.0, 1))
    assert some.candidates(torch.arange(len(some))).names() == ["Pt/Cu", "Pt/Ag"]


def test_the_question_is_in_the_order_of_the_candidates():
    """Adsorbates are placed kind by kind, and sorted back."""
    mixed = SlabSpace(metals=("Pt", "Cu"), depth=2, strains=(0.0, 0.0, 1), adsorbates=("H", "CO"))
    candidates = mixed.candidates(torch.tensor([5, 0, 7, 2]))
    case = candidates.case({"Pt": 3.99, "Cu": 3.68})
    assert list(case.adsorbates[:4]) == [slab.adsorbate for slab in candidates.told()]
    surface = [case.symbols(row)[1] for row in range(4)]
    assert surface == [slab.layers[0][0] for slab in candidates.told()]
    assert (case.role == Role.ADSORBATE).sum() == 2 * 2 + 2 * 1


def test_swapping_twice_changes_nothing(space: SlabSpace):
    candidates = space.candidates(torch.arange(40))
    assert candidates.swapped().swapped().told() == candidates.told()
    assert candidates.swapped().names()[7].split("/")[:2] == candidates.names()[7].split("/")[1::-1]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"metals": ()}, "at least one metal"),
        ({"layers": (("Pt",),)}, "metals of 4 layers, surface first; got 1"),
        ({"depth": 1, "layers": (("Xe",),)}, "metals among"),
        ({"adsorbates": ("XY",)}, "one of the adsorbates"),
        ({"sites": ("top",)}, "sites must be among ontop"),
        ({"strains": (0.1, -0.1, 3)}, "strains must be"),
        ({"strains": (-0.5, 0.5, 3)}, "strains must be"),
        ({"height": 0.0}, "height must be positive"),
        ({"facet": "110"}, "facet must be one of 111, 100; got '110'"),
        ({"depth": 0}, "depth must be at least 2 layers; got 0"),
        ({"size": (0, 1)}, "at least 1 x 1 sites"),
        ({"free": 5}, "free must be 0 to 4 layers; got 5"),
    ],
)
def test_a_space_that_is_none(settings: dict, complaint: str, annotations_unchecked):
    with pytest.raises(ValueError, match=complaint):
        SlabSpace(**settings)


def test_a_metal_or_a_site_that_is_not_there():
    with pytest.raises(ValueError, match="metals among Pt; got 'Cu'"):
        SlabSpace(metals=("Cu",)).plan({"Pt": 3.99})
    with pytest.raises(ValueError, match=r"has the sites .* got 'hollow'"):
        _ = SlabSpace(sites=("hollow",)).places
