"""The angle of attack as one more unknown of Newton's method, where the lift is prescribed in its place."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.airfoil.panel import speed_at
from understudy.simulators.airfoil.viscous.elimination import Elimination, Update
from understudy.simulators.airfoil.viscous.outputs import pressure_coefficient
from understudy.simulators.airfoil.viscous.system import Field, State, topology

#: Least slope of the lift [1/deg] that a step trusts, and largest step [deg]: near stall the lift hardly answers.
LEAST_SLOPE, LARGEST_TURN = 0.02, 2.0


def prescribed(field: Field) -> Bool[Tensor, " batch"]:
    """Rows whose angle is an unknown."""
    return torch.isfinite(field.lift)


def lift_gap(field: Field, state: State) -> Float[Tensor, " batch"]:
    """Prescribed lift minus that of the state, 0 where none is prescribed."""
    gap = field.lift - _lift(field, state.u[:, : field.nodes], state.alpha)
    return torch.where(prescribed(field), gap, torch.zeros_like(gap))


def with_turn(field: Field, state: State, elimination: Elimination, update: Update) -> Update:
    """The update with that turn of the stream which, to first order, makes the lift the prescribed one.

    A turn changes the inviscid speed; what the boundary layer makes of it is one more solution of the same equations.
    """
    nodes = field.nodes
    sides = topology(state.stagnation, state.u.shape[1], nodes)
    per_degree = torch.deg2rad(speed_at(field.inviscid_basis, state.alpha + 90.0))
    response = elimination.solve(state.u.new_zeros(*state.u.shape, 3), sides.speed_sign * per_degree)
    with torch.enable_grad():
        u, alpha = state.u[:, :nodes].detach().requires_grad_(), state.alpha.detach().requires_grad_()
        by_speed, by_angle = torch.autograd.grad(_lift(field, u, alpha).sum(), (u, alpha))
    slope = by_angle + (by_speed * response.u[:, :nodes]).sum(1)
    left = lift_gap(field, state) - (by_speed * update.u[:, :nodes]).sum(1)
    turn = (left / slope.clamp(min=LEAST_SLOPE)).clamp(-LARGEST_TURN, LARGEST_TURN)
    turn = torch.where(prescribed(field), turn, torch.zeros_like(turn))[:, None]
    names = ("theta", "displacement", "s", "u")
    turned = {name: getattr(update, name) + turn * getattr(response, name) for name in names}
    return replace(update, **turned, alpha=turn[:, 0])


def _lift(field: Field, u: Tensor, alpha: Tensor) -> Tensor:
    mach = torch.zeros_like(alpha) if field.mach is None else field.mach
    return (speed_at(field.lift_basis, alpha) * pressure_coefficient(u, mach)).sum(1)
