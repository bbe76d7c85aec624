import math

import pytest
import torch

from understudy.simulators.grids import wall_spacing
from understudy.simulators.grids.spacing import geometric, surface_places, wake_distances


def _one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def test_wall_spacing_is_one_wall_unit_of_the_flat_plate() -> None:
    reynolds = torch.tensor([1e5, 6e6, 1e8], dtype=torch.float64)
    spacing = wall_spacing(reynolds, 0.7)
    friction_speed = torch.sqrt(0.5 * 0.027 * reynolds ** (-1 / 7))
    torch.testing.assert_close(spacing * friction_speed * reynolds, torch.full_like(reynolds, 0.7))
    assert spacing[1].item() == pytest.approx(3.06e-6, rel=0.01)


@pytest.mark.parametrize(("first", "total"), [(3e-6, 100.0), (0.2, 1.0), (1e-3, 0.024)])
def test_a_geometric_series_starts_and_ends_as_asked(first: float, total: float) -> None:
    steps = geometric(_one(first), _one(total), 96 if first < 1e-4 else 24).diff(dim=-1)[0]
    assert steps[0].item() == pytest.approx(first, rel=1e-9)
    assert steps.sum().item() == pytest.approx(total, rel=1e-12)
    ratio = steps[1:] / steps[:-1]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))


def test_surface_spacing_is_as_asked_at_both_ends_and_even_about_them() -> None:
    length, edge, nose = 1.02, 1e-4, 9e-4
    steps = (length * surface_places(_one(length), _one(edge), _one(nose), 128)).diff(dim=1)[0]
    assert steps[0].item() == pytest.approx(edge, rel=0.01)
    assert steps[-1].item() == pytest.approx(nose, rel=0.01)
    ratio = steps[1:] / steps[:-1]
    assert torch.maximum(ratio, 1 / ratio).max() < math.exp(16 / 128)
    assert ratio[[0, -1]].log().abs().max() < 0.03  # the spacing is level at the ends


def test_wake_starts_at_the_spacing_asked_and_reaches_its_length() -> None:
    behind = wake_distances(_one(1e-4), _one(100.0), 64)[0]
    assert behind[1].item() == pytest.approx(1e-4, rel=1e-9)
    assert behind[-1].item() == pytest.approx(100)
    steps = behind.diff()
    assert (steps[1:] / steps[:-1]).max() < 1.25


def test_refusals() -> None:
    for bad in (0.0, math.nan):
        with pytest.raises(ValueError, match="reynolds must be positive and finite"):
            wall_spacing(_one(bad), 1.0)
        with pytest.raises(ValueError, match="y_plus must be positive and finite"):
            wall_spacing(_one(1e6), bad)
