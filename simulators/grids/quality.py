"""What makes a grid good or bad: areas, skew, growth, and the distance of the first nodes from the wall."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.grid import Grid
from understudy.simulators.grids.options import GridOptions
from understudy.simulators.grids.spacing import wall_spacing
from understudy.simulators.interface import Status

STEEPEST = 80.0  # deg: a cell that is skewed more is as good as folded
ROUNDING = 2e-3  # of the growth: lines are curved


@dataclass(frozen=True, eq=False, kw_only=True)
class GridQuality:
    """How each grid of a batch ended, and its measures, each (batch,); rows without a grid hold NaN.

    status, message: the message is empty where the status is ok, otherwise one sentence with cause and remedy.
    min_area: smallest of the four parallelograms at the corners of the cells, over the product of their edges [-]:
        1 for rectangles, 0 or less for a folded cell.
    skew: largest departure of a cell's middle lines from a right angle [deg].
    skew_99: that of the best 99 % of the cells [deg].
    wall_skew: largest skew of the cells on the surface, the four beside each trailing-edge corner left out [deg].
    growth: largest ratio of neighbouring spacings away from the wall [-].
    growth_along: the same along wall and cut, in both directions [-].
    y_plus: largest y⁺ of the first nodes off the wall, by the friction of a flat plate [-].
    """

    status: tuple[Status, ...]
    message: tuple[str, ...]
    min_area: Float[Tensor, " batch"]
    skew: Float[Tensor, " batch"]
    skew_99: Float[Tensor, " batch"]
    wall_skew: Float[Tensor, " batch"]
    growth: Float[Tensor, " batch"]
    growth_along: Float[Tensor, " batch"]
    y_plus: Float[Tensor, " batch"]

    @property
    def ok(self) -> tuple[bool, ...]:
        """Whether each row has a grid."""
        return tuple(status is Status.OK for status in self.status)


def assess(grid: Grid, reynolds: Float[Tensor, " batch"], options: GridOptions) -> GridQuality:
    """Measure grids and judge them."""
    angles = skews(grid.nodes).abs()
    first = grid.wake + 4 + (options.base if grid.is_o else 0)
    spacing = _spacing(grid.nodes, 2)
    along = _spacing(grid.nodes[:, :, :1], 1)[..., 0]
    wall = spacing[:, grid.wake : spacing.shape[1] - grid.wake, 0]
    growth = (spacing[..., 1:] / spacing[..., :-1]).amax((1, 2))
    ratio = along[:, 1:] / along[:, :-1]
    min_area = corner_sines(grid.nodes).amin((1, 2, 3))
    skew = angles.amax((1, 2))
    faults = [_fault(*row, options) for row in zip(min_area.tolist(), skew.tolist(), growth.tolist(), strict=True)]
    return GridQuality(
        status=tuple(Status.FAILED if fault else Status.OK for fault in faults),
        message=tuple(faults),
        min_area=min_area,
        skew=skew,
        skew_99=torch.quantile(angles.flatten(1), 0.99, dim=1),
        wall_skew=angles[:, first : angles.shape[1] - first, 0].amax(1),
        growth=growth,
        growth_along=torch.maximum(ratio, 1 / ratio).amax(1),
        y_plus=wall.amax(1) / wall_spacing(reynolds, 1.0),
    )


def corner_sines(nodes: Float[Tensor, "batch ni nj 2"]) -> Float[Tensor, "batch cells_i cells_j 4"]:
    """Sine of the angle at each corner of each cell: its parallelogram's area over the product of its edges."""
    along, away = nodes.diff(dim=1), nodes.diff(dim=2)
    pairs = [(along[:, :, a : a + away.shape[2]], away[:, b : b + along.shape[1]]) for a in (0, 1) for b in (0, 1)]
    return torch.stack([_cross(i, j) / (_length(i) * _length(j)) for i, j in pairs], dim=-1)


def skews(nodes: Float[Tensor, "batch ni nj 2"]) -> Float[Tensor, "batch cells_i cells_j"]:
    """Angle between the middle lines of each cell less a right angle [deg], positive where j leans against i."""
    along, away = nodes.diff(dim=1), nodes.diff(dim=2)
    i, j = along[:, :, 1:] + along[:, :, :-1], away[:, 1:] + away[:, :-1]
    return torch.rad2deg(torch.atan2(_cross(i, j), (i * j).sum(-1)) - 0.5 * torch.pi)


def _fault(min_area: float, skew: float, growth: float, options: GridOptions) -> str:
    """The sentence of a bad grid, or none."""
    if not min_area > 0:
        return "the grid folds over itself; smooth the contour, or close a trailing edge with an acute base"
    if skew > STEEPEST:
        return f"a cell is skewed by {skew:.0f} deg, more than {STEEPEST:.0f}; smooth the contour"
    if growth > options.growth * (1 + ROUNDING):
        return f"spacings away from the wall grow by {growth:.3f}, more than {options.growth:g}; ask for more nodes"
    return ""


def _spacing(nodes: Tensor, dim: int) -> Tensor:
    return _length(nodes.diff(dim=dim))


def _length(vector: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vector, dim=-1)


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
