"""The angle of a prescribed lift as one more unknown of Newton's method."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.residual import Flow, residual

#: Lift is found within this.
LIFT_TOLERANCE = 1e-6
#: The angle is left alone below this Courant number: the flow would not follow.
LEAST_CFL = 100.0
#: Largest turn in a step [deg], and turn that stands for a derivative [deg].
LARGEST_TURN, DIFFERENCE = 0.5, 1e-4
#: Least slope of the lift, over that of a thin airfoil.
FLATTEST = 0.5


def turned(flow: Flow, alpha: Float[Tensor, " batch"]) -> Flow:
    """The flow at another angle [deg]."""
    return replace(flow, stream=replace(flow.stream, alpha=alpha))


def missing(flow: Flow, state: Tensor, lift: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Lift that is wanted and not there; zero where none is wanted."""
    sought = torch.isfinite(lift)
    if not bool(sought.any()):
        return torch.zeros_like(lift)  # there need not be a body either
    return torch.where(sought, lift - forces(flow, state)["cl"], 0.0)


def pushed_by_turning(flow: Flow, state: Tensor, here: Tensor) -> Tensor:
    """Derivative of the residual to the angle [1/deg]; here: the residual."""
    return (residual(turned(flow, flow.stream.alpha + DIFFERENCE), state) - here) / DIFFERENCE


def turn(flow: Flow, stepped: Tensor, response: Tensor, lift: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Change of the angle [deg] that brings the wanted lift.

    stepped: the state after a step at the old angle. response: how the state answers a turn of a degree.
    """
    lacking = missing(flow, stepped, lift)
    moved = turned(flow, flow.stream.alpha + DIFFERENCE)
    slope = (lacking - missing(moved, stepped + DIFFERENCE * response, lift)) / DIFFERENCE
    thin = math.pi**2 / 90 / (1 - flow.stream.mach.square()).clamp(min=0.1).sqrt()
    return (lacking / torch.maximum(slope, FLATTEST * thin)).clamp(-LARGEST_TURN, LARGEST_TURN)
