"""Geometry of the cells of a structured grid, as a finite-volume scheme needs it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Metrics:
    """Faces, areas and centres of ni x nj cells; i faces have the same i, their normals point to greater i.

    areas: of the cells. i_faces, j_faces: normals as long as the faces. centres: of the cells and of one layer around.
    i_across, i_along: the gradient at an i face is the difference of its two cells times `i_across` plus that of its
    two ends times `i_along`; likewise for j faces.
    distance: of the cells from the wall. wall: middles of the faces on the body.
    """

    areas: Float[Tensor, "batch ni nj"]
    i_faces: Float[Tensor, "batch 2 ni+1 nj"]
    j_faces: Float[Tensor, "batch 2 ni nj+1"]
    centres: Float[Tensor, "batch 2 ni+2 nj+2"]
    i_across: Float[Tensor, "batch 2 ni+1 nj"]
    i_along: Float[Tensor, "batch 2 ni+1 nj"]
    j_across: Float[Tensor, "batch 2 ni nj+1"]
    j_along: Float[Tensor, "batch 2 ni nj+1"]
    distance: Float[Tensor, "batch ni nj"]
    wall: Float[Tensor, "batch 2 wall"]

    @staticmethod
    def of(
        nodes: Float[Tensor, "batch nodes_i nodes_j 2"], wall: slice, *, wake: int = 0, ring: bool = False
    ) -> "Metrics":
        """Metrics of nodes [chord] that run clockwise around the section in i and outwards in j.

        wall: columns of cells on the body. wake: cells of each half of a wake cut. ring: whether the ends of i meet.
        """
        nodes = nodes.movedim(3, 1)
        along_j, along_i = nodes.diff(dim=3), nodes.diff(dim=2)
        i_faces = torch.stack((along_j[:, 1], -along_j[:, 0]), 1)
        j_faces = torch.stack((-along_i[:, 1], along_i[:, 0]), 1)
        diagonal, other = nodes[:, :, 1:, 1:] - nodes[:, :, :-1, :-1], nodes[:, :, :-1, 1:] - nodes[:, :, 1:, :-1]
        areas = 0.5 * (diagonal[:, 0] * other[:, 1] - diagonal[:, 1] * other[:, 0])
        cells = 0.25 * (nodes[:, :, 1:, 1:] + nodes[:, :, :-1, :-1] + nodes[:, :, :-1, 1:] + nodes[:, :, 1:, :-1])
        centres = _with_ghosts(cells, nodes, wake, ring)
        i_across, i_along = _gradient(centres.diff(dim=2)[..., 1:-1], along_j)
        j_across, j_along = _gradient(centres.diff(dim=3)[:, :, 1:-1], along_i)
        ends = nodes[:, :, wall.start : wall.stop + 1, 0]
        distance = _distance(cells, ends)
        middles = 0.5 * (ends[:, :, 1:] + ends[:, :, :-1])
        return Metrics(areas, i_faces, j_faces, centres, i_across, i_along, j_across, j_along, distance, middles)


def _with_ghosts(cells: Tensor, nodes: Tensor, wake: int, ring: bool) -> Tensor:
    """Centres with one layer around: across a cut those of its other side, elsewhere reflected in the faces."""
    below = nodes[:, :, 1:, 0] + nodes[:, :, :-1, 0] - cells[..., 0]
    if wake:
        over = cells[..., 0].flip(2)
        below = torch.cat((over[:, :, :wake], below[:, :, wake:-wake], over[:, :, -wake:]), 2)
    above = nodes[:, :, 1:, -1] + nodes[:, :, :-1, -1] - cells[..., -1]
    columns = torch.cat((below[..., None], cells, above[..., None]), 3)
    if ring:
        return torch.cat((columns[:, :, -1:], columns, columns[:, :, :1]), 2)
    first, last = (nodes[:, :, side].unfold(2, 2, 1).sum(3) - cells[:, :, side] for side in (0, -1))
    first, last = (torch.cat((row[..., :1], row, row[..., -1:]), 2) for row in (first, last))
    return torch.cat((first[:, :, None], columns, last[:, :, None]), 2)


def _gradient(across: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors that make a gradient of the differences in two directions."""
    determinant = across[:, 0] * along[:, 1] - across[:, 1] * along[:, 0]
    by_across = torch.stack((along[:, 1], -along[:, 0]), 1) / determinant[:, None]
    by_along = torch.stack((-across[:, 1], across[:, 0]), 1) / determinant[:, None]
    return by_across, by_along


def _distance(cells: Tensor, wall: Tensor) -> Tensor:
    """Distance from the nearest point of the wall's straight pieces."""
    start, piece = wall[:, :, :-1], wall.diff(dim=2)
    length_squared = piece.square().sum(1)
    columns = []
    for column in cells.unbind(3):
        offset = column[:, :, :, None] - start[:, :, None]
        share = ((offset * piece[:, :, None]).sum(1) / length_squared[:, None]).clamp(0, 1)
        with torch.no_grad():
            nearest = (offset - share[:, None] * piece[:, :, None]).square().sum(1).argmin(2, keepdim=True)
        share = share.gather(2, nearest)[:, None]
        pick = nearest[:, None].expand(-1, 2, -1, -1)
        close = offset.gather(3, pick) - share * piece[:, :, None].expand_as(offset).gather(3, pick)
        columns.append(close.square().sum((1, 3)).sqrt())
    return torch.stack(columns, 2)
