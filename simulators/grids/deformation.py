"""A grid carried along with its contour: for derivatives to the shape without the noise of new grids.

Each wall node keeps its place on the contour, a share of the arc length from nose to trailing edge, and moves by δ_i.
The cut moves with the trailing edge and turns with the mean of both surfaces there,

    δ(s) = (δ_te + s D) g(s),   D = ½ (dδ/ds|upper + dδ/ds|lower),                                          (1)

with s the distance behind the trailing edge. Every line away from wall and cut moves with its first node, less with the
distance d along it:

    x' = x + δ_i g(d),   g(d) = exp(-(d / ℓ)²).                                                             (2)

The far field stays where it is, and lines do not turn: at the wall they lean by the angle by which the surface turned.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.grid import Grid
from understudy.simulators.grids.wall import CLOSED, Contour, closed

REACH = 2.0  # ℓ above [chord]
_TURNING = 8  # cells of each surface over which the turn of the trailing edge is measured


def deformed(grid: Grid, coordinates: Float[Tensor, "batch points 2"]) -> Grid:
    """The grid whose wall follows a new contour and whose far field stays.

    Args:
        grid: made by `airfoil_grid`, or deformed before.
        coordinates: new contours in chords, Selig order, near those of the grid; any number of points.

    Returns:
        A grid of the same size and with the same places of its wall nodes; the contours that the grid was made for give
        it back to rounding.

    Raises:
        ValueError: a grid made by hand, another number of contours than of grids, or a blunt trailing edge where the
            grid has a cut.

    Gradients flow to the coordinates. Nothing is judged again: cells stay good while the surface turns by some degrees;
    make a new grid after larger changes.
    """
    if grid.place is None:
        raise ValueError("a grid without the places of its wall nodes cannot be deformed; make it by airfoil_grid")
    if coordinates.ndim != 3 or len(coordinates) != grid.batch:
        raise ValueError(
            f"coordinates must be ({grid.batch}, points, 2), one contour a grid; got {tuple(coordinates.shape)}"
        )
    if grid.is_c:
        base = torch.linalg.vector_norm((coordinates[:, 0] - coordinates[:, -1]).detach(), dim=-1)
        if (base > CLOSED).any():
            raise ValueError(
                f"a grid with a cut needs a sharp trailing edge; got a base of {base.max().item():.2g} chord: close it"
            )
        coordinates = closed(coordinates)
    moved = Contour.of(coordinates).points(grid.place) - grid.wall
    if grid.is_c:
        wake = _wake_displacement(grid, moved)
        moved = torch.cat([wake.flip(1), moved, wake], dim=1)
    distance = torch.nn.functional.pad(torch.linalg.vector_norm(grid.nodes.diff(dim=2), dim=-1).cumsum(2), (1, 0))
    return Grid(grid.nodes + moved[:, :, None] * _decay(distance)[..., None], grid.wake, grid.place)


def _wake_displacement(grid: Grid, moved: Float[Tensor, "batch wall 2"]) -> Float[Tensor, "batch wake 2"]:
    """Displacement of the nodes of the cut behind the trailing edge, by equation (1)."""
    cells = min(_TURNING, moved.shape[1] // 4)
    turns = []
    for edge, inner in ((0, cells), (-1, -1 - cells)):
        length = torch.linalg.vector_norm(grid.wall[:, edge] - grid.wall[:, inner], dim=-1, keepdim=True)
        turns.append((moved[:, edge] - moved[:, inner]) / length)
    turn = 0.5 * (turns[0] + turns[1])
    cut = grid.nodes[:, -grid.wake - 1 :, 0]
    behind = torch.linalg.vector_norm(cut.diff(dim=1), dim=-1).cumsum(1)
    middle = 0.5 * (moved[:, :1] + moved[:, -1:])
    return (middle + behind[..., None] * turn[:, None]) * _decay(behind)[..., None]


def _decay(distance: Tensor) -> Tensor:
    """What is left of a displacement at this distance, equation (2)."""
    return torch.exp(-((distance / REACH) ** 2))
