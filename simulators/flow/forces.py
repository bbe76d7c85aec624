"""Forces on the body from the state of the cells above it."""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, primitive, viscosity_law
from understudy.simulators.flow.residual import Flow, viscous_flux, wall_pressure


def surface(flow: Flow, state: Tensor) -> dict[str, Float[Tensor, "batch wall"]]:
    """Coefficients on the wall faces: cp, and cf along the flow that leaves the nose for the trailing edge."""
    normal = flow.metrics.j_faces[:, :, flow.wall, 0]
    dynamic = 0.5 * flow.stream.mach.square()[:, None]
    pressure = wall_pressure(primitive(state)[:, 3, flow.wall]) - 1 / GAMMA
    length = normal.square().sum(1).sqrt()
    along = torch.stack((normal[:, 1], -normal[:, 0]), 1) / length[:, None]
    stress = (_friction(flow, state) * along).sum(1) / length
    backwards = torch.arange(length.shape[1], device=length.device) < length.shape[1] // 2
    return {"cp": pressure / dynamic, "cf": torch.where(backwards, -stress, stress) / dynamic}


def forces(flow: Flow, state: Tensor) -> dict[str, Float[Tensor, " batch"]]:
    """Coefficients cl, cd (of it cd_pressure and cd_friction) and cm, nose up, about the quarter chord."""
    cells = primitive(state)
    normal = flow.metrics.j_faces[:, :, flow.wall, 0]
    pressure = wall_pressure(cells[:, 3, flow.wall]) - 1 / GAMMA
    pushed = -pressure[:, None] * normal
    rubbed = _friction(flow, state)
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


def _friction(flow: Flow, state: Tensor) -> Float[Tensor, "batch 2 wall"]:
    """Force of friction on the wall faces."""
    normal = flow.metrics.j_faces[:, :, flow.wall, 0]
    if not flow.viscous:
        return torch.zeros_like(normal)
    near = primitive(state)[:, :, flow.wall, 0]
    laminar = viscosity_law(GAMMA * near[:, 3] / near[:, 0]) * flow.stream.viscosity[:, None]
    across = flow.metrics.j_across[:, :, flow.wall, 0]
    velocity = near[:, 1:3]
    still = torch.zeros_like(velocity)
    gradient = 2 * torch.cat((velocity, still), 1)[:, :, None] * across[:, None]
    factor = torch.stack((laminar, still[:, 0], still[:, 1]), 1)
    return viscous_flux(gradient, still, factor, normal)[:, 1:3]
