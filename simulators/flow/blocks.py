"""The derivative of a first-order scheme on the nearest neighbours, written out: what the line solver inverts."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow import spalart_allmaras as sa
from understudy.simulators.flow.block_tridiagonal import times
from understudy.simulators.flow.gas import GAMMA, PRANDTL, TURBULENT_PRANDTL, primitive, viscosity_law
from understudy.simulators.flow.residual import Flow, source_at
from understudy.simulators.flow.roe import wave_speeds


@dataclass(frozen=True, eq=False)
class Blocks:
    """Derivative of the residual of each cell to the state of itself and its four neighbours, (batch, n, n, ni, nj).

    west and east: the neighbours at smaller and greater i. south and north: at smaller and greater j.
    wake: cells of each half of the cut, whose southern neighbours lie on its other side.
    ring: whether the ends of i meet.
    """

    centre: Tensor
    west: Tensor
    east: Tensor
    south: Tensor
    north: Tensor
    wake: int
    ring: bool

    def apply(self, values: Float[Tensor, "batch n ni nj"]) -> Float[Tensor, "batch n ni nj"]:
        """The matrix times a vector."""
        result = times(self.centre, values)
        result[:, :, 1:] += times(self.west[:, :, :, 1:], values[:, :, :-1])
        result[:, :, :-1] += times(self.east[:, :, :, :-1], values[:, :, 1:])
        result[..., 1:] += times(self.south[..., 1:], values[..., :-1])
        result[..., :-1] += times(self.north[..., :-1], values[..., 1:])
        wake = self.wake
        if wake:
            over = values[..., 0].flip(2)
            for half in (slice(None, wake), slice(values.shape[2] - wake, None)):
                result[:, :, half, 0] += times(self.south[:, :, :, half, 0], over[:, :, half])
        if self.ring:
            result[:, :, :1] += times(self.west[:, :, :, :1], values[:, :, -1:])
            result[:, :, -1:] += times(self.east[:, :, :, -1:], values[:, :, :1])
        return result

    def shifted(self, lag: Float[Tensor, "batch ni nj"]) -> "Blocks":
        """With more on the diagonal."""
        centre = self.centre.clone()
        centre.diagonal(dim1=1, dim2=2).add_(lag[..., None])
        return replace(self, centre=centre)

    def transposed(self) -> "Blocks":
        """Of the transposed matrix."""
        west, east = self.east.roll(1, 3).transpose(1, 2), self.west.roll(-1, 3).transpose(1, 2)
        south, north = self.north.roll(1, 4).transpose(1, 2), self.south.roll(-1, 4).transpose(1, 2)
        south[..., 0] = self.south[..., 0].flip(3).transpose(1, 2)
        return replace(self, centre=self.centre.transpose(1, 2), west=west, east=east, south=south, north=north)


def approximate_blocks(flow: Flow, state: Tensor) -> tuple[Blocks, Blocks]:
    """Blocks of mass, momentum and energy (4 x 4), and those of the working variable (1 x 1)."""
    metrics = flow.metrics
    padded = flow.with_ghosts(primitive(state))[:, :, 1:-1, 1:-1]
    i_cells, j_cells = padded[..., 1:-1], padded[:, :, 1:-1]
    i_left, i_right, i_work_left, i_work_right = _face_blocks(flow, i_cells, metrics.i_faces, metrics.i_across, 2)
    j_left, j_right, j_work_left, j_work_right = _face_blocks(flow, j_cells, metrics.j_faces, metrics.j_across, 3)
    for columns, kind in flow.sides.stretches():
        if kind.closed:
            _close(flow, columns, kind.sticks, padded, j_left, j_right, j_work_right)
    blocks = _gather(i_left, i_right, j_left, j_right, flow)
    working = _gather(i_work_left, i_work_right, j_work_left, j_work_right, flow)
    if flow.turbulent:
        lost = _destruction(flow, padded) * metrics.areas
        working.centre[:, 0, 0] += lost
    return blocks, working


def _gather(i_left: Tensor, i_right: Tensor, j_left: Tensor, j_right: Tensor, flow: Flow) -> Blocks:
    """Blocks of cells from derivatives of face fluxes (batch, n, n, faces) to the states on either side."""
    centre = i_left[:, :, :, 1:] - i_right[:, :, :, :-1] + j_left[..., 1:] - j_right[..., :-1]
    parts = (centre, -i_left[:, :, :, :-1], i_right[:, :, :, 1:], -j_left[..., :-1], j_right[..., 1:])
    return Blocks(*parts, flow.sides.wake, flow.sides.left is None)


def _face_blocks(
    flow: Flow, cells: Tensor, normal: Tensor, across: Tensor, dim: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of the fluxes between cells to the states on either side; last those of the working variable."""
    count = normal.shape[dim]
    left, right = cells.narrow(dim, 0, count), cells.narrow(dim, 1, count)
    length = normal.square().sum(1).sqrt()
    unit = normal / length[:, None]
    mean = 0.5 * (left + right)
    absolute = _absolute(mean, unit)
    by_left = 0.5 * length[:, None, None] * (_convective(left, unit) + absolute)
    by_right = 0.5 * length[:, None, None] * (_convective(right, unit) - absolute)
    mass = 0.5 * (
        (left[:, 0] * left[:, 1] + right[:, 0] * right[:, 1]) * normal[:, 0]
        + (left[:, 0] * left[:, 2] + right[:, 0] * right[:, 2]) * normal[:, 1]
    )
    work_left, work_right = mass.clamp(min=0) / left[:, 0], mass.clamp(max=0) / right[:, 0]
    if flow.viscous:
        weight = (across * normal).sum(1)
        stress, spread = _coefficients(flow, mean)
        by_left = by_left + _thin_layer(left, mean, unit, *(factor * weight for factor in stress))
        by_right = by_right - _thin_layer(right, mean, unit, *(factor * weight for factor in stress))
        work_left, work_right = work_left + spread * weight / left[:, 0], work_right - spread * weight / right[:, 0]
    return by_left, by_right, work_left[:, None, None], work_right[:, None, None]


def _coefficients(flow: Flow, mean: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Viscosity and conductivity; diffusivity of the working variable."""
    temperature = GAMMA * mean[:, 3] / mean[:, 0]
    laminar = viscosity_law(temperature)
    scale = flow.stream.viscosity[:, None, None]
    if not flow.turbulent:
        return (laminar * scale, laminar / PRANDTL * scale), torch.zeros_like(laminar)
    eddy = sa.eddy_viscosity(mean[:, 0], mean[:, 4], laminar)
    conductivity = laminar / PRANDTL + eddy / TURBULENT_PRANDTL
    return ((laminar + eddy) * scale, conductivity * scale), sa.diffusivity(mean[:, 0], mean[:, 4], laminar) * scale


def _rows(cells: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of pressure and of density times normal speed, the columns (1, u, v, H) and (0, nx, ny, q), and q."""
    density, u, v, pressure = cells.unbind(1)[:4]
    nx, ny = unit.unbind(1)
    speed, kinetic = u * nx + v * ny, 0.5 * (u * u + v * v)
    one, zero = torch.ones_like(u), torch.zeros_like(u)
    by_pressure = (GAMMA - 1) * torch.stack((kinetic, -u, -v, one), 1)
    by_speed = torch.stack((-speed, nx, ny, zero), 1)
    enthalpy = GAMMA / (GAMMA - 1) * pressure / density + kinetic
    return by_pressure, by_speed, torch.stack((one, u, v, enthalpy), 1), torch.stack((zero, nx, ny, speed), 1), speed


def _convective(cells: Tensor, unit: Tensor) -> Tensor:
    """Derivative of the flux through a unit face to the conserved variables."""
    by_pressure, by_speed, state, normal, speed = _rows(cells, unit)
    return _rank_two(speed, state, by_speed, normal, by_pressure)


def _absolute(cells: Tensor, unit: Tensor) -> Tensor:
    """The same with the absolute values of its eigenvalues."""
    by_pressure, by_speed, state, normal, speed = _rows(cells, unit)
    squared = GAMMA * cells[:, 3] / cells[:, 0]
    sound = squared.sqrt()
    shear, mean, difference = (part[:, None] for part in wave_speeds(speed, sound))
    squared, sound = squared[:, None], sound[:, None]
    along_state = (mean - shear) / squared * by_pressure + difference / sound * by_speed
    along_normal = (mean - shear) * by_speed + difference / sound * by_pressure
    return _rank_two(shear[:, 0], state, along_state, normal, along_normal)


def _rank_two(diagonal: Tensor, one: Tensor, by_one: Tensor, two: Tensor, by_two: Tensor) -> Tensor:
    """Diagonal I + one by_one' + two by_two', (batch, 4, 4, ...)."""
    result = one[:, :, None] * by_one[:, None] + two[:, :, None] * by_two[:, None]
    for k in range(4):
        result[:, k, k] += diagonal
    return result


def _thin_layer(cells: Tensor, mean: Tensor, unit: Tensor, viscosity: Tensor, conductivity: Tensor) -> Tensor:
    """Derivative of the viscous flux out of a cell to its state, as if the flow changed across the face alone."""
    density, u, v, pressure = cells.unbind(1)[:4]
    nx, ny = unit.unbind(1)
    zero, one = torch.zeros_like(u), torch.ones_like(u)
    by_u = torch.stack((-u, one, zero, zero), 1) / density[:, None]
    by_v = torch.stack((-v, zero, one, zero), 1) / density[:, None]
    kinetic = 0.5 * (u * u + v * v)
    energy = pressure / density / (GAMMA - 1) + kinetic
    by_heat = GAMMA * torch.stack((2 * kinetic - energy, -u, -v, one), 1) / density[:, None]  # of T / (gamma - 1)
    by_normal = (nx[:, None] * by_u + ny[:, None] * by_v) / 3
    force_x = viscosity[:, None] * (by_u + nx[:, None] * by_normal)
    force_y = viscosity[:, None] * (by_v + ny[:, None] * by_normal)
    heat = mean[:, 1, None] * force_x + mean[:, 2, None] * force_y + conductivity[:, None] * by_heat
    return torch.stack((torch.zeros_like(heat), force_x, force_y, heat), 1)


def _close(
    flow: Flow, columns: slice, sticks: bool, padded: Tensor, left: Tensor, right: Tensor, work_right: Tensor
) -> None:
    """In place: through a wall only pressure pushes, and what friction does depends on the cell above alone."""
    cells, ghosts = padded[:, :, 1:-1, 1:2][:, :, columns], padded[:, :, 1:-1, 0:1][:, :, columns]
    normal, across = (part[:, :, columns, :1] for part in (flow.metrics.j_faces, flow.metrics.j_across))
    length = normal.square().sum(1).sqrt()
    unit = normal / length[:, None]
    by_pressure, _, _, push, _ = _rows(cells, unit)
    push = torch.cat((push[:, :3], torch.zeros_like(push[:, :1])), 1)
    own = length[:, None, None] * push[:, :, None] * by_pressure[:, None]
    work_right[:, :, :, columns, 0] = 0
    if flow.viscous and sticks:
        mean = 0.5 * (cells + ghosts)
        weight = (across * normal).sum(1)
        (viscosity, conductivity), spread = _coefficients(flow, mean)
        own = own - _thin_layer(cells, mean, unit, 2 * viscosity * weight, torch.zeros_like(conductivity))
        work_right[:, :, :, columns, 0] = (-2 * spread * weight / cells[:, 0])[:, None, None, :, 0]
    right[:, :, :, columns, :1] = own
    left[:, :, :, columns, :1] = 0


def _destruction(flow: Flow, padded: Tensor) -> Tensor:
    """How fast the source falls with the working variable, where it does."""
    with torch.enable_grad():
        working = padded[:, 4, 1:-1, 1:-1].detach().requires_grad_()
        (slope,) = torch.autograd.grad(source_at(flow, padded.detach(), working).sum(), working)
    return (-slope).clamp(min=0)
