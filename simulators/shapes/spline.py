"""The parametric cubic spline through the points of a contour, over arc length, for many contours at once.

The parameter is the length of the polygon through the points. Values, tangents and curvature are continuous; the
surface is met to fourth order in the spacing of the points. Everything is differentiable in the points.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Spline:
    """Points of the contours, arc length at each, and the derivative of the spline there."""

    points: Float[Tensor, "batch raw 2"]
    arc: Float[Tensor, "batch raw"]
    slope: Float[Tensor, "batch raw 2"]

    @classmethod
    def through(cls, points: Float[Tensor, "batch raw 2"]) -> "Spline":
        """The spline through these points.

        Raises:
            ValueError: fewer than 5 points, points that are not finite, or equal consecutive points.
        """
        _check(points)
        length = torch.linalg.vector_norm(points.diff(dim=1), dim=-1).cumsum(1)
        arc = torch.cat([torch.zeros_like(length[:, :1]), length], dim=1)
        return cls(points, arc, _slopes(arc, points))

    @classmethod
    def over(cls, parameter: Float[Tensor, "batch raw"], points: Float[Tensor, "batch raw 2"]) -> "Spline":
        """The spline through these points over a rising parameter of one's own, in place of arc length."""
        return cls(points, parameter, _slopes(parameter, points))

    @property
    def length(self) -> Float[Tensor, " batch"]:
        """Arc length of the whole contour."""
        return self.arc[:, -1]

    def at(self, arc: Float[Tensor, "batch nodes"]) -> Float[Tensor, "batch nodes 2"]:
        """Points of the spline at these arc lengths."""
        return self.piece(self.interval(arc), arc)[0]

    def interval(self, arc: Float[Tensor, "batch nodes"]) -> Int[Tensor, "batch nodes"]:
        """Index of the interval that holds each arc length."""
        found = torch.searchsorted(self.arc.detach().contiguous(), arc.detach().contiguous(), right=True) - 1
        return found.clamp(0, self.arc.shape[1] - 2)

    def piece(
        self, interval: Int[Tensor, "batch nodes"], arc: Float[Tensor, "batch nodes"]
    ) -> tuple[Float[Tensor, "batch nodes 2"], Float[Tensor, "batch nodes 2"], Float[Tensor, "batch nodes 2"]]:
        """Value, first and second derivative of the cubics of the given intervals at these arc lengths."""
        index = interval[..., None].expand(-1, -1, 2)
        start, left = self.arc.gather(1, interval), self.points.gather(1, index)
        step = (self.arc.gather(1, interval + 1) - start)[..., None]
        slope_left, slope_right = self.slope.gather(1, index), self.slope.gather(1, index + 1)
        secant = (self.points.gather(1, index + 1) - left) / step
        square = (3 * secant - 2 * slope_left - slope_right) / step
        cube = (slope_left + slope_right - 2 * secant) / (step * step)
        along = (arc - start)[..., None]
        value = left + along * (slope_left + along * (square + along * cube))
        first = slope_left + along * (2 * square + along * 3 * cube)
        return value, first, 2 * square + along * 6 * cube


def _slopes(arc: Float[Tensor, "batch raw"], points: Float[Tensor, "batch raw 2"]) -> Float[Tensor, "batch raw 2"]:
    """Derivatives with respect to arc length that make the second derivative continuous.

    Each inner point gives one tridiagonal row; at both ends the second derivative is constant over the last interval,
    which neither forces straight ends nor lets unevenly spaced points oscillate.
    """
    step = arc.diff(dim=1)
    secant = points.diff(dim=1) / step[..., None]
    one = torch.ones_like(step[:, :1])
    before, after = step[:, :-1], step[:, 1:]
    lower = torch.cat([torch.zeros_like(one), after, one], dim=1)
    upper = torch.cat([one, before, torch.zeros_like(one)], dim=1)
    diagonal = torch.cat([one, 2 * (before + after), one], dim=1)
    inner = 3 * (after[..., None] * secant[:, :-1] + before[..., None] * secant[:, 1:])
    right = torch.cat([2 * secant[:, :1], inner, 2 * secant[:, -1:]], dim=1)
    return _solve_tridiagonal(lower, diagonal, upper, right)


def _solve_tridiagonal(
    lower: Float[Tensor, "batch raw"],
    diagonal: Float[Tensor, "batch raw"],
    upper: Float[Tensor, "batch raw"],
    right: Float[Tensor, "batch raw 2"],
) -> Float[Tensor, "batch raw 2"]:
    """Elimination without pivoting, all systems of the batch side by side; corners outside the matrix are not read."""
    # One contiguous row of the whole batch a step, instead of walking through strided columns.
    below, middle, above = (item.T.contiguous().unbind(0) for item in (lower, diagonal, upper))
    given = right.permute(1, 2, 0).contiguous().unbind(0)
    ratio, reduced = [above[0] / middle[0]], [given[0] / middle[0]]
    for row in range(1, len(middle)):
        pivot = middle[row] - below[row] * ratio[-1]
        ratio.append(above[row] / pivot)
        reduced.append((given[row] - below[row] * reduced[-1]) / pivot)
    solved = [reduced[-1]]
    for row in range(len(middle) - 2, -1, -1):
        solved.append(reduced[row] - ratio[row] * solved[-1])
    return torch.stack(solved[::-1]).permute(2, 0, 1)


def _check(points: Tensor) -> None:
    if points.ndim != 3 or points.shape[-1] != 2 or points.shape[1] < 5:
        raise ValueError(f"coordinates must be (batch, at least 5 points, 2); got {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise ValueError("coordinates must be finite; got NaN or infinity")
    if (points.diff(dim=1) == 0).all(-1).any():
        raise ValueError("two consecutive points of a contour are equal; remove the duplicates first")
