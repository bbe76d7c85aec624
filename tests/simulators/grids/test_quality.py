import math

import pytest
import torch

from understudy.simulators.grids import Grid, GridOptions, wall_spacing
from understudy.simulators.grids.quality import assess, corner_sines, skews
from understudy.simulators.interface import Status

OPTIONS = GridOptions(size=(65, 17), wake_share=0.0)
REYNOLDS = torch.tensor([1e6], dtype=torch.float64)


def _ring(ratio: float = 1.1, turn: float = 0.0) -> torch.Tensor:
    """Clockwise circles whose distances grow by one ratio; each is turned by so much more than the one inside."""
    angle = -2 * math.pi * (torch.arange(65, dtype=torch.float64) % 64) / 64
    steps = 1e-3 * ratio ** torch.arange(16, dtype=torch.float64)
    radius = 1 + torch.nn.functional.pad(steps.cumsum(0), (1, 0))
    at = angle[:, None] + turn * (radius - 1)
    return torch.stack([radius * torch.cos(at), radius * torch.sin(at)], dim=-1)[None]


def test_a_ring_is_measured_exactly() -> None:
    quality = assess(Grid(_ring(), 0), REYNOLDS, OPTIONS)
    assert quality.status == (Status.OK,)
    assert quality.skew.item() == pytest.approx(0, abs=1e-6)
    assert quality.growth.item() == pytest.approx(1.1)
    assert quality.growth_along.item() == pytest.approx(1)
    assert quality.y_plus.item() == pytest.approx(1e-3 / wall_spacing(REYNOLDS, 1.0).item())
    # Corners between a chord and a radius: half the angle of a cell off the right angle.
    assert quality.min_area.item() == pytest.approx(math.cos(math.pi / 64))


def test_lines_that_lean_are_seen_with_their_angle() -> None:
    nodes = _ring(turn=0.5)
    assert skews(nodes)[0, :, 0].abs().mean().item() == pytest.approx(math.degrees(math.atan(0.5)), abs=0.1)
    assert (corner_sines(nodes) > 0).all()


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (_ring().flip(1), "folds over itself"),
        (_ring(turn=8.0), "skewed by 83 deg, more than 80"),
        (_ring(ratio=1.3), "grow by 1.300, more than 1.2"),
    ],
    ids=["folded", "skewed", "growing"],
)
def test_bad_grids_are_told(nodes: torch.Tensor, words: str) -> None:
    quality = assess(Grid(nodes, 0), REYNOLDS, OPTIONS)
    assert quality.status == (Status.FAILED,)
    assert words in quality.message[0]
