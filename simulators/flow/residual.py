"""What flows out of each cell, less what is made in it: zero in a steady state.

Cell-centred finite volumes on one structured block: Roe's flux of states reconstructed with third-order accuracy, the
full viscous terms, and the model of Spalart and Allmaras.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow import spalart_allmaras as sa
from understudy.simulators.flow.boundaries import Sides
from understudy.simulators.flow.gas import GAMMA, PRANDTL, TURBULENT_PRANDTL, primitive, viscosity_law
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.flow.reconstruction import face_states
from understudy.simulators.flow.roe import roe_flux
from understudy.simulators.flow.stream import Stream

MODELS = ("sa", "laminar", "euler")
#: Added to the square of the vorticity, so that its root has a derivative where it is none.
STILL = 1e-16


@dataclass(frozen=True, eq=False)
class Flow:
    """What is solved: cells, what lies around them, the stream and the physics.

    model: one of `MODELS`. limited: whether shocks are looked for. vortex: whether the far field feels the circulation
    of the body.

    Raises:
        ValueError: an unknown model, or sides that do not fit the cells.
    """

    metrics: Metrics
    sides: Sides
    stream: Stream
    model: str
    limited: bool = True
    vortex: bool = False

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}; got {self.model!r}")
        columns, ends = self.metrics.areas.shape[1], [part.stop for part, _ in self.sides.stretches()]
        if ends and ends[-1] + self.sides.wake != columns:
            raise ValueError(
                f"the kinds of boundary and half the wake must end with the {columns} columns of cells; "
                f"got {ends[-1]} and {self.sides.wake}"
            )

    @property
    def wall(self) -> slice:
        """Columns of cells where the fluid meets the body."""
        columns = [part for part, kind in self.sides.stretches() if kind.body]
        return slice(columns[0].start, columns[-1].stop)

    @property
    def viscous(self) -> bool:
        return self.model != "euler"

    @property
    def turbulent(self) -> bool:
        return self.model == "sa"

    def with_ghosts(self, cells: Float[Tensor, "batch 5 ni nj"]) -> Float[Tensor, "batch 5 ni+4 nj+4"]:
        """Primitive variables with two layers around."""
        stream = self.stream
        if self.vortex:
            stream = replace(stream, circulation=self._circulation(cells))
        return self.sides.with_ghosts(cells, self.metrics.i_faces, self.metrics.j_faces, stream)

    def _circulation(self, cells: Tensor) -> Tensor:
        """Of the body, from its lift by Kutta and Joukowski; friction is left out."""
        normal = self.metrics.j_faces[:, :, self.wall, 0]
        force = -((wall_pressure(cells[:, 3, self.wall]) - 1 / GAMMA)[:, None] * normal).sum(2)
        angle = torch.deg2rad(self.stream.alpha)
        return (force[:, 1] * angle.cos() - force[:, 0] * angle.sin()) / self.stream.mach


def residual(flow: Flow, state: Float[Tensor, "batch 5 ni nj"]) -> Float[Tensor, "batch 5 ni nj"]:
    """Net outflow of conserved variables less sources times area."""
    cells = primitive(state)
    padded = flow.with_ghosts(cells)
    i_flux = _inviscid(flow, padded[..., 2:-2], flow.metrics.i_faces, 2)
    j_flux = _inviscid(flow, padded[:, :, 2:-2], flow.metrics.j_faces, 3)
    j_flux = _with_walls(flow, cells, j_flux)
    if flow.viscous:
        around = padded[:, :, 1:-1, 1:-1]
        i_viscous, j_viscous = _viscous(flow, around)
        i_flux, j_flux = i_flux - i_viscous, j_flux - j_viscous
    result = i_flux.diff(dim=2) + j_flux.diff(dim=3)
    if flow.turbulent:
        made = _source(flow, around) * flow.metrics.areas
        result = torch.cat((result[:, :4], (result[:, 4] - made)[:, None]), 1)
    return result


def _inviscid(flow: Flow, cells: Tensor, normal: Tensor, dim: int) -> Tensor:
    """Roe's flux, and the working variable carried by its mass flux from the cell upstream."""
    left, right = face_states(cells[:, :4], dim, flow.limited)
    flux = roe_flux(left, right, normal)
    working = cells.select(1, 4)
    count = flux.shape[dim]
    upstream, downstream = working.narrow(dim - 1, 1, count), working.narrow(dim - 1, 2, count)
    mass = flux[:, 0]
    carried = mass.clamp(min=0) * upstream + mass.clamp(max=0) * downstream
    return torch.cat((flux, carried[:, None]), 1)


def _with_walls(flow: Flow, cells: Tensor, flux: Tensor) -> Tensor:
    """The flux through the faces j, on closed boundaries the pressure alone."""
    first = flux[..., 0]
    for columns, kind in flow.sides.stretches():
        if not kind.closed:
            continue
        normal = flow.metrics.j_faces[:, :, columns, 0]
        pressure = wall_pressure(cells[:, 3, columns])
        zero = torch.zeros_like(pressure)
        pushed = torch.stack((zero, pressure * normal[:, 0], pressure * normal[:, 1], zero, zero), 1)
        first = _put(first, columns, pushed)
    return torch.cat((first[..., None], flux[..., 1:]), 3)


def _put(first: Tensor, columns: slice, part: Tensor) -> Tensor:
    """Values of the first faces j with others in some columns, differentiable in both."""
    return torch.cat((first[:, :, : columns.start], part, first[:, :, columns.stop :]), 2)


def wall_pressure(pressure: Float[Tensor, "batch wall nj"]) -> Float[Tensor, "batch wall"]:
    """On the wall, from the two cells above."""
    return 1.5 * pressure[..., 0] - 0.5 * pressure[..., 1]


def _viscous(flow: Flow, around: Tensor) -> tuple[Tensor, Tensor]:
    """Viscous fluxes through i and j faces from cells with one layer around."""
    density, u, v, pressure, working = around.unbind(1)
    temperature = GAMMA * pressure / density
    laminar = viscosity_law(temperature)
    eddy = sa.eddy_viscosity(density, working, laminar) if flow.turbulent else torch.zeros_like(laminar)
    spread = sa.diffusivity(density, working, laminar) if flow.turbulent else eddy
    values = torch.stack((u, v, temperature, working), 1)
    coefficients = torch.stack((laminar + eddy, laminar / PRANDTL + eddy / TURBULENT_PRANDTL, spread), 1)
    coefficients = coefficients * flow.stream.viscosity[:, None, None, None]
    corners = 0.25 * (values[:, :, 1:, 1:] + values[:, :, :-1, 1:] + values[:, :, 1:, :-1] + values[:, :, :-1, :-1])
    metrics = flow.metrics
    fluxes = []
    for dim, normal, across, along in (
        (2, metrics.i_faces, metrics.i_across, metrics.i_along),
        (3, metrics.j_faces, metrics.j_across, metrics.j_along),
    ):
        inner = (slice(None),) * 2 + ((slice(None), slice(1, -1)) if dim == 2 else (slice(1, -1), slice(None)))
        rows, factors = values[inner], coefficients[inner]
        count = rows.shape[dim] - 1
        middle = 0.5 * (rows.narrow(dim, 0, count) + rows.narrow(dim, 1, count))
        factor = 0.5 * (factors.narrow(dim, 0, count) + factors.narrow(dim, 1, count))
        if dim == 3 and flow.turbulent:
            factor = _laminar_at_walls(flow, factor, laminar[:, 1:-1, :2].mean(2))
        change, ends = rows.diff(dim=dim)[:, :, None], corners.diff(dim=5 - dim)[:, :, None]
        gradient = change * across[:, None] + ends * along[:, None]
        fluxes.append(viscous_flux(gradient, middle, factor, normal))
    return fluxes[0], fluxes[1]


def _laminar_at_walls(flow: Flow, factor: Tensor, laminar: Tensor) -> Tensor:
    """Viscosity, conductivity and diffusivity of the faces j, without eddies where the fluid sticks to the first."""
    first = factor[..., 0]
    alone = torch.stack((laminar, laminar / PRANDTL, laminar / sa.SIGMA), 1) * flow.stream.viscosity[:, None, None]
    for columns, kind in flow.sides.stretches():
        if kind.sticks:
            first = _put(first, columns, alone[:, :, columns])
    return torch.cat((first[..., None], factor[..., 1:]), 3)


def viscous_flux(gradient: Tensor, middle: Tensor, factor: Tensor, normal: Tensor) -> Tensor:
    """Viscous flux of gradients of (u, v, T, n), (batch, 4, 2, ...), through faces."""
    of_u, of_v, of_heat, of_working = gradient.unbind(1)
    (ux, uy), (vx, vy) = of_u.unbind(1), of_v.unbind(1)
    nx, ny = normal.unbind(1)
    viscosity, conductivity, diffusivity = factor.unbind(1)
    third = (ux + vy) / 3
    shear = uy + vx
    force_x = viscosity * (2 * (ux - third) * nx + shear * ny)
    force_y = viscosity * (shear * nx + 2 * (vy - third) * ny)
    heat = conductivity / (GAMMA - 1) * (of_heat * normal).sum(1)
    energy = middle[:, 0] * force_x + middle[:, 1] * force_y + heat
    working = diffusivity * (of_working * normal).sum(1)
    return torch.stack((torch.zeros_like(energy), force_x, force_y, energy, working), 1)


def _source(flow: Flow, around: Tensor) -> Tensor:
    """Of density times the working variable, per area."""
    gradient = _gradients(flow, around[:, (0, 4)])
    density, pressure, working = (around[:, field, 1:-1, 1:-1] for field in (0, 3, 4))
    made = density * source_at(flow, around, working)
    viscosity = flow.stream.viscosity[:, None, None]
    kinematic = viscosity_law(GAMMA * pressure / density) / density
    square = (gradient[:, 1] * gradient[:, 1]).sum(1)
    cross = (gradient[:, 0] * gradient[:, 1]).sum(1)
    return made + viscosity / sa.SIGMA * (sa.CB2 * density * square - (kinematic + working) * cross)


def source_at(flow: Flow, around: Tensor, working: Tensor) -> Tensor:
    """Production less destruction of the given working variable in the flow of the cells with one layer around."""
    gradient = _gradients(flow, around[:, 1:3])
    curl = gradient[:, 1, 0] - gradient[:, 0, 1]
    vorticity = (curl * curl + STILL).sqrt()
    density, pressure = around[:, 0, 1:-1, 1:-1], around[:, 3, 1:-1, 1:-1]
    kinematic = viscosity_law(GAMMA * pressure / density) / density
    return sa.source(working, kinematic, vorticity, flow.metrics.distance, flow.stream.viscosity[:, None, None])


def _gradients(flow: Flow, fields: Tensor) -> Tensor:
    """Of fields with one layer around, in the cells, (batch, fields, 2, ni, nj): by Gauss's theorem."""
    metrics = flow.metrics
    at_i = 0.5 * (fields[:, :, 1:, 1:-1] + fields[:, :, :-1, 1:-1])[:, :, None] * metrics.i_faces[:, None]
    at_j = 0.5 * (fields[:, :, 1:-1, 1:] + fields[:, :, 1:-1, :-1])[:, :, None] * metrics.j_faces[:, None]
    return (at_i.diff(dim=3) + at_j.diff(dim=4)) / metrics.areas[:, None, None]
