"""A closed trailing edge is the limit of a narrow open one."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.panel import SHARP_GAP
from understudy.simulators.interface import Solution
from understudy.simulators.shapes import airfoil, panel


@pytest.mark.parametrize(("name", "alpha", "reynolds"), [("goe522", -0.77, 5.46e5), ("ah82150f", 9.75, 2.39e6)])
def test_closing_a_narrow_base_hardly_changes_the_flow(
    solve: Callable[..., Solution], name: str, alpha: float, reynolds: float, prove: Callable[..., None]
) -> None:
    """Rear-loaded sections at which an extrapolated Kutta condition let lift jump by 5 to 80 % when the base closed."""
    shape = panel(airfoil(name, raw=False).coordinates[None])
    x = shape[..., 0].clamp(0, 1)
    side = torch.where(torch.arange(shape.shape[1]) < shape[..., 0].argmin(1)[:, None], 0.5, -0.5)
    base = shape[:, 0, 1] - shape[:, -1, 1]
    contours = []
    for gap in (0.0, 1.2 * SHARP_GAP):
        contour = shape.clone()
        contour[..., 1] += side * (gap - base[:, None]) * x
        contours.append(contour)
    answer = solve(AirfoilCase.of(torch.cat(contours), alpha, reynolds))
    answer.raise_unless_ok()
    closed, narrow = answer["cl"].tolist()
    drag = answer["cd"].tolist()
    prove("lift when a narrow base closes, worst of two: relative change", abs(closed / narrow - 1), at_most=0.01)
    prove("drag when a narrow base closes, worst of two: relative change", abs(drag[0] / drag[1] - 1), at_most=0.01)
