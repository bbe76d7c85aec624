from collections.abc import Callable

import pytest
import torch

from understudy.simulators.shapes import Kulfan, library, random_shapes
from understudy.simulators.shapes.airfoil import first_crossing
from understudy.simulators.shapes.random_shapes import RandomShapes, blends, box

GENERATORS = [blends, box]


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("generate", GENERATORS)
def test_shapes_are_sensible(generate: Callable[[int, torch.Generator], RandomShapes]) -> None:
    shapes = generate(100, _seeded())
    assert len(shapes) == len(shapes.weights) == 100
    assert random_shapes.is_sensible(shapes.weights).all()
    for contour in shapes.weights.coordinates(60)[:20]:
        assert first_crossing(contour) is None
    assert torch.unique(shapes.weights.vector, dim=0).shape[0] == 100


@pytest.mark.parametrize("generate", GENERATORS)
def test_a_seed_repeats_the_shapes(generate: Callable[[int, torch.Generator], RandomShapes]) -> None:
    once, again, other = generate(20, _seeded(3)), generate(20, _seeded(3)), generate(20, _seeded(4))
    assert torch.equal(once.weights.vector, again.weights.vector)
    assert once.families == again.families
    assert not torch.equal(once.weights.vector, other.weights.vector)


def test_blends_come_from_the_families_allowed_and_name_them() -> None:
    allowed = sorted(set(library.collection().families))
    train, test = set(allowed[::2]), set(allowed[1::2])
    shapes = blends(200, _seeded(), families=train)
    assert all(1 <= len(parents) <= 4 for parents in shapes.families)
    assert max(len(parents) for parents in shapes.families) == 4
    used = frozenset().union(*shapes.families)
    assert used <= train
    assert not used & test


def test_an_unperturbed_blend_lies_between_its_parents() -> None:
    # Scaled in thickness only: the camber line stays inside that of the library.
    shapes = blends(50, _seeded(), perturbation=0.0)
    weights = library.collection().weights
    middle = shapes.weights.upper + shapes.weights.lower
    bounds = weights[:, :8] + weights[:, 8:16]
    assert (middle >= bounds.amin(0)).all()
    assert (middle <= bounds.amax(0)).all()


def test_shapes_outside_the_thickness_range_are_told_apart() -> None:
    half = torch.full((3, 8), 1.0, dtype=torch.float64) * torch.tensor([[0.02], [0.2], [0.8]], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    assert random_shapes.is_sensible(Kulfan(half, -half, zero, zero)).tolist() == [False, True, False]
    assert random_shapes.is_sensible(Kulfan(-half, half, zero, zero)).tolist() == [False] * 3


def test_refusals() -> None:
    with pytest.raises(ValueError, match="at least four families"):
        blends(5, _seeded(), families={"naca4", "no such family"})
    with pytest.raises(ValueError, match="perturbation must be at least 0"):
        blends(5, _seeded(), perturbation=-1.0)
    with pytest.raises(ValueError, match="at least one shape"):
        box(0, _seeded())
    with pytest.raises(ValueError, match="none of the shapes drawn is sensible"):
        blends(5, _seeded(), perturbation=1e4)
