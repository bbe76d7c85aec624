import math

import torch

from understudy.simulators.shapes import naca
from understudy.simulators.shapes.chord import chord_line, to_unit_chord
from understudy.simulators.shapes.spline import Spline


def _turned(points: torch.Tensor, degrees: float) -> torch.Tensor:
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    return points @ turn.T


def test_a_turned_scaled_moved_section_shows_chord_and_incidence() -> None:
    raw = 2.5 * _turned(naca("0012"), -8.0)[None] + torch.tensor([3.0, -1.0], dtype=torch.float64)
    line = chord_line(Spline.through(raw))
    torch.testing.assert_close(line.chord, torch.tensor([2.5], dtype=torch.float64), rtol=1e-12, atol=0)
    torch.testing.assert_close(line.incidence, torch.tensor([8.0], dtype=torch.float64), rtol=1e-10, atol=0)
    torch.testing.assert_close(line.leading_edge[0], torch.tensor([3.0, -1.0], dtype=torch.float64))


def test_unit_chord_undoes_any_placement() -> None:
    unit = to_unit_chord(naca("4412")[None])
    placed = 0.3 * _turned(unit[0], 20.0)[None] - 7
    torch.testing.assert_close(to_unit_chord(placed), unit, rtol=0, atol=1e-12)
    line = chord_line(Spline.through(placed))
    torch.testing.assert_close(line.from_unit(line.to_unit(placed)), placed, rtol=0, atol=1e-14)


def test_the_leading_edge_is_farthest_from_the_trailing_edge() -> None:
    spline = Spline.through(naca("6412", 40)[None])
    line = chord_line(spline)
    along = torch.linspace(0, 1, 20001, dtype=torch.float64)[None] * spline.length[:, None]
    distance = torch.linalg.vector_norm(spline.at(along) - line.trailing_edge[:, None], dim=-1)
    assert distance.max() <= line.chord + 1e-14
    assert distance.max() > line.chord - 1e-7  # a sample lies up to 5e-5 beside it, on a radius of 0.015


def test_gradient_is_that_of_finite_differences() -> None:
    raw = naca("4412", 15)[None].requires_grad_()
    assert torch.autograd.gradcheck(to_unit_chord, (raw,), fast_mode=True)
