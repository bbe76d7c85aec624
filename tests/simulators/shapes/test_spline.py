import math
from itertools import pairwise

import pytest
import torch

from understudy.simulators.shapes.spline import Spline


def _ellipse(points: int, aspect: float = 0.5) -> torch.Tensor:
    angle = torch.linspace(0, 2 * math.pi, points, dtype=torch.float64)
    return torch.stack([0.5 + 0.5 * torch.cos(angle), 0.5 * aspect * torch.sin(angle)], dim=-1)[None]


def test_points_between_lie_on_an_ellipse_to_fourth_order() -> None:
    errors = []
    for points in (41, 81, 161):
        spline = Spline.through(_ellipse(points))
        at = torch.linspace(0.2, 0.8, 997, dtype=torch.float64)[None] * spline.length[:, None]
        x, y = spline.at(at).unbind(-1)
        errors.append((((x - 0.5) / 0.5) ** 2 + (y / 0.25) ** 2 - 1).abs().max().item())
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert min(orders) > 3.7


def test_second_derivative_is_continuous_across_points() -> None:
    spline = Spline.through(_ellipse(30))
    inner = torch.arange(1, 29)[None]
    at = spline.arc[:, 1:29]
    before, after = spline.piece(inner - 1, at)[2], spline.piece(inner, at)[2]
    torch.testing.assert_close(before, after, rtol=1e-10, atol=1e-10)


def test_a_parabola_in_its_arc_is_met_exactly_up_to_both_ends() -> None:
    # Points on a straight line spaced unevenly: the parabolic end condition must leave the line straight.
    x = torch.tensor([0.0, 0.1, 0.15, 0.4, 0.9, 1.0], dtype=torch.float64)
    spline = Spline.through(torch.stack([x, 2 * x], dim=-1)[None])
    torch.testing.assert_close(spline.slope[0], torch.tensor([1.0, 2.0]).double().expand(6, 2) / math.sqrt(5))


@pytest.mark.usefixtures("annotations_unchecked")
def test_refusals() -> None:
    good = _ellipse(30)
    with pytest.raises(ValueError, match="at least 5 points"):
        Spline.through(good[:, :4])
    with pytest.raises(ValueError, match="finite"):
        Spline.through(torch.where(good > 0.99, torch.nan, good))
    with pytest.raises(ValueError, match="two consecutive points of a contour are equal"):
        Spline.through(good[:, [0, 1, 1, 2, 3, 4, 5]])
