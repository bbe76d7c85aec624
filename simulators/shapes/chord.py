"""The chord line of a contour, and contours moved to the unit chord along x.

The trailing edge is the middle between the first and the last point; the leading edge is the point of the surface
farthest from it. Both move smoothly with the points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.shapes.spline import Spline


@dataclass(frozen=True, eq=False)
class ChordLine:
    """Leading edge, trailing edge, and the arc length at which the leading edge lies."""

    leading_edge: Float[Tensor, "batch 2"]
    trailing_edge: Float[Tensor, "batch 2"]
    arc: Float[Tensor, " batch"]

    @property
    def chord(self) -> Float[Tensor, " batch"]:
        """Distance from leading to trailing edge."""
        return torch.linalg.vector_norm(self.trailing_edge - self.leading_edge, dim=-1)

    @property
    def incidence(self) -> Float[Tensor, " batch"]:
        """Angle of the chord line against x, nose up positive [deg]."""
        along = self.trailing_edge - self.leading_edge
        return torch.rad2deg(torch.atan2(-along[:, 1], along[:, 0]))

    def to_unit(self, points: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch nodes 2"]:
        """Points as seen from the leading edge, along and normal to the chord line, in chords."""
        along = (self.trailing_edge - self.leading_edge) / self.chord[:, None] ** 2
        moved = points - self.leading_edge[:, None]
        x = moved[..., 0] * along[:, None, 0] + moved[..., 1] * along[:, None, 1]
        y = moved[..., 1] * along[:, None, 0] - moved[..., 0] * along[:, None, 1]
        return torch.stack([x, y], dim=-1)

    def from_unit(self, points: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch nodes 2"]:
        """The inverse of `to_unit`."""
        along = (self.trailing_edge - self.leading_edge)[:, None]
        x = points[..., 0] * along[..., 0] - points[..., 1] * along[..., 1]
        y = points[..., 0] * along[..., 1] + points[..., 1] * along[..., 0]
        return torch.stack([x, y], dim=-1) + self.leading_edge[:, None]


def chord_line(spline: Spline) -> ChordLine:
    """The chord line of each contour."""
    trailing_edge = 0.5 * (spline.points[:, 0] + spline.points[:, -1])
    away = spline.points - trailing_edge[:, None]
    rising = (away * spline.slope).sum(-1)
    farthest = (away.square().sum(-1))[:, 1:-1].argmax(1, keepdim=True) + 1
    interval = torch.where(rising.gather(1, farthest) > 0, farthest, farthest - 1)

    def rate(arc: Tensor) -> tuple[Tensor, Tensor]:
        """Half the derivative of the squared distance from the trailing edge, and its derivative."""
        value, first, second = spline.piece(interval, arc)
        distance = value - trailing_edge[:, None]
        return (distance * first).sum(-1), (first * first + distance * second).sum(-1)

    with torch.no_grad():
        arc = bisect(lambda at: rate(at)[0], spline.arc.gather(1, interval), spline.arc.gather(1, interval + 1))
    # One Newton step from the converged root is the root to rounding, and carries its derivative.
    value, slope = rate(arc)
    arc = arc - value / slope
    return ChordLine(spline.piece(interval, arc)[0][:, 0], trailing_edge, arc[:, 0])


def to_unit_chord(coordinates: Float[Tensor, "batch raw 2"]) -> Float[Tensor, "batch raw 2"]:
    """The contours moved, scaled and turned so that the chord line runs from (0, 0) to (1, 0)."""
    return chord_line(Spline.through(coordinates)).to_unit(coordinates)


def bisect(function: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, steps: int = 40) -> Tensor:
    """Root of a function that falls through zero between low and high, element by element; differentiates nothing."""
    for _ in range(steps):
        middle = 0.5 * (low + high)
        above = function(middle) > 0
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return 0.5 * (low + high)
