"""What lies around the cells: two layers of ghosts for each kind of boundary.

Fluxes through open boundaries come from Roe's solver between the last cells and their ghosts, which lets waves out by
itself. Through closed ones nothing passes: pressure alone pushes on them, and friction where the fluid sticks.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA
from understudy.simulators.flow.stream import Stream

#: Steps of density or pressure above a slip wall from one cell to the next, over their values: below the first they go
#: on beyond the wall, above the second not at all.
GENTLE, STEEP = 0.2, 0.5


@runtime_checkable
class Boundary(Protocol):
    """A kind of boundary: near cells, the nearer first, to as many ghosts in the same order.

    closed: whether nothing passes. sticks: whether the fluid does. body: whether the forces on it count.
    """

    closed: bool
    sticks: bool
    body: bool

    def ghosts(
        self, near: Float[Tensor, "batch 5 faces 2"], outward: Float[Tensor, "batch 2 faces"], stream: Stream
    ) -> Float[Tensor, "batch 5 faces 2"]:
        """Primitive variables beyond faces with the given outward unit normals."""
        ...


@dataclass(frozen=True)
class Wall:
    """The fluid stands still, and no heat passes."""

    closed = True
    sticks = True
    body = True

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        return near * near.new_tensor([1.0, -1.0, -1.0, 1.0, -1.0])[:, None, None]


@dataclass(frozen=True)
class SlipWall:
    """The fluid slides along a body that may be curved; beyond it the flow goes on as it does between the near cells.

    A mere mirror image would let no pressure rise across a curved wall: first order there, and spurious entropy. It
    stands in all the same where a shock meets the wall.
    """

    closed = True
    sticks = False
    body = True

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        first = near[..., :1]
        step = first - near[..., 1:]
        steep = (step[:, (0, 3)] / first[:, (0, 3)]).abs().amax(1, keepdim=True)
        share = ((steep - GENTLE) / (STEEP - GENTLE)).clamp(0, 1)
        beyond = first + (1 - share * share * (3 - 2 * share)) * step
        through = ((first + beyond)[:, 1:3] * outward[..., None]).sum(1)
        return _without(beyond, through, outward).expand_as(near)


@dataclass(frozen=True)
class Symmetry:
    """A plane in which the flow is mirrored."""

    closed = True
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        through = (near[:, 1:3] * outward[..., None]).sum(1)
        return _without(near, 2 * through, outward)


@dataclass(frozen=True, eq=False)
class FarField:
    """The free stream; disturbed by the circulation of the body where places (batch, 2, faces) are given."""

    places: Tensor | None = None
    closed = False
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        if self.places is None:
            return stream.primitive()[:, :, None, None].expand_as(near)
        return stream.around(self.places)[..., None].expand_as(near)


@dataclass(frozen=True, eq=False)
class Given:
    """States known beforehand, as (batch, 5, faces, 2)."""

    states: Tensor
    closed = False
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        return self.states.expand_as(near)


@dataclass(frozen=True)
class Outflow:
    """A subsonic stream leaves with a pressure, over that of the free stream; everything else is its own."""

    pressure: float = 1.0
    closed = False
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        first = near[..., :1].expand_as(near)
        pressure = torch.full_like(first[:, 3], self.pressure / GAMMA)
        return torch.cat((first[:, :3], pressure[:, None], first[:, 4:]), 1)


@dataclass(frozen=True)
class Continued:
    """A supersonic stream leaves: beyond the boundary it goes on as it is."""

    closed = False
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        return near[..., :1].expand_as(near)


@dataclass(frozen=True)
class Inflow:
    """A subsonic stream enters along x with the total state of the free stream; its pressure is the flow's own."""

    closed = False
    sticks = False
    body = False

    def ghosts(self, near: Tensor, outward: Tensor, stream: Stream) -> Tensor:
        pressure = near[:, 3, :, :1].expand_as(near[:, 3])
        total = (1 + 0.5 * (GAMMA - 1) * stream.mach.square())[:, None, None]
        temperature = (GAMMA * pressure) ** ((GAMMA - 1) / GAMMA)
        speed = (2 / (GAMMA - 1) * (total - temperature).clamp(min=1e-12)).sqrt()
        working = stream.primitive()[:, 4, None, None].expand_as(speed)
        return torch.stack((GAMMA * pressure / temperature, speed, torch.zeros_like(speed), pressure, working), 1)


@dataclass(frozen=True, eq=False)
class Sides:
    """Boundaries of a block of cells.

    bottom: kinds along the first j line with the number of cells each covers, between the two halves of a wake cut.
    wake: cells of each half of the cut. top: along the last j line. left, right: at the ends of i; None where the ends
    meet.
    """

    bottom: tuple[tuple[int, Boundary], ...]
    top: Boundary
    left: Boundary | None
    right: Boundary | None
    wake: int = 0

    def stretches(self) -> list[tuple[slice, Boundary]]:
        """Columns of each kind along the bottom."""
        result, start = [], self.wake
        for count, kind in self.bottom:
            result.append((slice(start, start + count), kind))
            start += count
        return result

    def with_ghosts(
        self,
        cells: Float[Tensor, "batch 5 ni nj"],
        i_faces: Float[Tensor, "batch 2 ni+1 nj"],
        j_faces: Float[Tensor, "batch 2 ni nj+1"],
        stream: Stream,
    ) -> Float[Tensor, "batch 5 ni+4 nj+4"]:
        """Primitive variables with two layers around; across a cut they are the cells of its other side."""
        near = cells[..., :2]
        columns = cells.shape[2]
        below = [
            kind.ghosts(near[:, :, part], _unit(-j_faces[:, :, part, 0]), stream) for part, kind in self.stretches()
        ]
        if self.wake:
            over = near.flip(2)
            below = [over[:, :, : self.wake], *below, over[:, :, columns - self.wake :]]
        above = self.top.ghosts(cells[..., -2:].flip(3), _unit(j_faces[..., -1]), stream)
        padded = torch.cat((torch.cat(below, 2).flip(3), cells, above), 3)
        if self.left is None or self.right is None:
            return torch.cat((padded[:, :, -2:], padded, padded[:, :, :2]), 2)
        first = self.left.ghosts(cells[:, :, :2].transpose(2, 3), _unit(-i_faces[:, :, 0]), stream)
        last = self.right.ghosts(cells[:, :, -2:].flip(2).transpose(2, 3), _unit(i_faces[:, :, -1]), stream)
        first, last = (_longer(part).transpose(2, 3) for part in (first, last))
        return torch.cat((first.flip(2), padded, last), 2)


def _without(cells: Tensor, through: Tensor, outward: Tensor) -> Tensor:
    """The cells less a velocity along the normals."""
    density, u, v, pressure, working = cells.unbind(1)
    nx, ny = outward[..., None].unbind(1)
    return torch.stack((density, u - through * nx, v - through * ny, pressure, working), 1)


def _unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.square().sum(1, keepdim=True).sqrt()


def _longer(rows: Tensor) -> Tensor:
    """Two more at either end, for the corners."""
    return torch.cat((rows[:, :, :1], rows[:, :, :1], rows, rows[:, :, -1:], rows[:, :, -1:]), 2)
