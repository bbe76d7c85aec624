"""A first field: the free stream with a turbulent boundary layer around the body."""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, conserved
from understudy.simulators.flow.residual import Flow

#: Thickness of the layer [chord] and largest eddy viscosity in it, over the viscosity.
THICKNESS, EDDY = 0.02, 200.0


def first_field(flow: Flow) -> Float[Tensor, "batch 5 ni nj"]:
    """Conserved variables; velocity by the seventh-root law, no change of pressure or total temperature."""
    density, u, v, pressure, working = flow.stream.primitive()[:, :, None, None].unbind(1)
    one = torch.ones_like(flow.metrics.areas)
    share = (flow.metrics.distance / THICKNESS).clamp(max=1)
    profile = share ** (1 / 7) if flow.viscous else one
    mach = flow.stream.mach[:, None, None]
    warmth = 1 + 0.5 * (GAMMA - 1) * mach * mach * (1 - profile * profile)
    eddy = EDDY * 4 * share * (1 - share) if flow.turbulent else 0 * one
    cells = torch.stack((density / warmth, u * profile, v * profile, pressure * one, working + eddy), 1)
    return conserved(cells)
