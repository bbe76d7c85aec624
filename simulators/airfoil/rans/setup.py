"""From the cases that are asked to the flows that are solved."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.boundaries import Boundary, FarField, Sides, SlipWall, Wall
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.stream import Stream
from understudy.simulators.grids import Grid, GridOptions, airfoil_grid
from understudy.simulators.grids.quality import GridQuality

#: Cells along the body and away from it below which no coarser grid is a help.
COARSEST = (64, 16)


def flow_around(grid: Grid, stream: Stream, model: str) -> Flow:
    """The flow past the bodies of a batch of grids, with the far field disturbed by their circulation."""
    columns, _ = grid.cells
    wall = slice(grid.wake, columns - grid.wake)
    metrics = Metrics.of(grid.nodes, wall, wake=grid.wake, ring=grid.is_o)
    centres = metrics.centres
    top = FarField(centres[:, :, 1:-1, -1])
    kind: Boundary = SlipWall() if model == "euler" else Wall()
    left, right = (FarField(centres[:, :, end, 1:-1]) if grid.is_c else None for end in (0, -1))
    sides = Sides(((wall.stop - wall.start, kind),), top, left, right, grid.wake)
    return Flow(metrics, sides, stream, model, vortex=True)


def new_grids(
    coordinates: Float[Tensor, "batch nodes 2"],
    reynolds: Float[Tensor, " batch"],
    wishes: GridOptions,
    *,
    halvings: int,
    blunt: bool,
) -> tuple[Grid, GridQuality]:
    """O-grids around blunt contours or C-grids around sharp ones, of every 2^halvings-th line of those made."""
    grid, quality = airfoil_grid(coordinates, reynolds, replace(wishes, wake_share=0.0) if blunt else wishes)
    for _ in range(halvings):
        grid = grid.coarser()
    return grid, quality


def base_of(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Thickness of the trailing edge [chord]; blunt from `THINNEST_BASE` on."""
    return (coordinates[:, 0] - coordinates[:, -1]).norm(dim=1)


def levels_of(grid: Grid) -> list[Grid]:
    """The grid after its coarser ones, the coarsest first."""
    levels = [grid]
    while True:
        along, away = levels[0].cells
        halves = along % 2 == 0 and away % 2 == 0 and levels[0].wake % 2 == 0
        if not halves or along // 2 < COARSEST[0] or away // 2 < COARSEST[1] or len(levels) == 3:
            return levels
        levels.insert(0, levels[0].coarser())


def at_nodes(
    values: Float[Tensor, "batch wall"],
    wall: Float[Tensor, "batch ends 2"],
    coordinates: Float[Tensor, "batch nodes 2"],
) -> Float[Tensor, "batch nodes"]:
    """Values of wall faces, in the order of the grid, at the nodes of the contour, by share of the arc length."""
    ends = _shares(wall.flip(1))
    middles = 0.5 * (ends[:, 1:] + ends[:, :-1])
    wanted = _shares(coordinates)
    values = values.flip(1)
    behind = torch.searchsorted(middles.contiguous(), wanted.contiguous()).clamp(1, middles.shape[1] - 1)
    left, right = middles.gather(1, behind - 1), middles.gather(1, behind)
    share = ((wanted - left) / (right - left)).clamp(0, 1)
    return values.gather(1, behind - 1) * (1 - share) + values.gather(1, behind) * share


def _shares(points: Float[Tensor, "batch points 2"]) -> Float[Tensor, "batch points"]:
    """Arc length from the first point, over the whole."""
    with torch.no_grad():
        steps = points.diff(dim=1).norm(dim=2)
        along = torch.cat((torch.zeros_like(steps[:, :1]), steps.cumsum(1)), 1)
        return along / along[:, -1:]
