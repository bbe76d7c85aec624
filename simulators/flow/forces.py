"""Forces on the body from the state of the cells above it."""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, primitive, viscosity_law
from understudy.simulators.flow.residual import Flow, wall_pressure


def forces(flow: Flow, state: Tensor) -> dict[str, Float[Tensor, " batch"]]:
    """Coefficients cl, cd (of it cd_pressure and cd_friction) and cm, nose up, about the quarter chord."""
    cells = primitive(state)
    normal = flow.metrics.j_faces[:, :, flow.wall, 0]
    pressure = wall_pressure(cells[:, 3, flow.wall]) - 1 / GAMMA
    pushed = -pressure[:, None] * normal
    rubbed = torch.zeros_like(pushed)
    if flow.viscous:
        near = cells[:, :, flow.wall, 0]
        laminar = viscosity_law(GAMMA * near[:, 3] / near[:, 0]) * flow.stream.viscosity[:, None]
        across = flow.metrics.j_across[:, :, flow.wall, 0]
        ux, uy = (2 * near[:, 1, None] * across).unbind(1)
        vx, vy = (2 * near[:, 2, None] * across).unbind(1)
        nx, ny = normal.unbind(1)
        third = (ux + vy) / 3
        rubbed = torch.stack(
            (laminar * (2 * (ux - third) * nx + (uy + vx) * ny), laminar * ((uy + vx) * nx + 2 * (vy - third) * ny)), 1
        )
    dynamic = 0.5 * flow.stream.mach.square()
    angle = torch.deg2rad(flow.stream.alpha)
    wind = torch.stack((angle.cos(), angle.sin()), 1)
    middle = flow.metrics.wall - normal.new_tensor([0.25, 0.0])[:, None]
    whole = pushed + rubbed
    by_pressure, by_friction = (part.sum(2) / dynamic[:, None] for part in (pushed, rubbed))
    total = by_pressure + by_friction
    moment = (middle[:, 1] * whole[:, 0] - middle[:, 0] * whole[:, 1]).sum(1) / dynamic
    return {
        "cl": total[:, 1] * wind[:, 0] - total[:, 0] * wind[:, 1],
        "cd": (total * wind).sum(1),
        "cd_pressure": (by_pressure * wind).sum(1),
        "cd_friction": (by_friction * wind).sum(1),
        "cm": moment,
    }
