"""Gradients through the converged state by the implicit function theorem: one transposed linear solve.

The converged unknowns U satisfy F(U, p) = 0. One Newton step from them, U - J^-1 F(U, p), has their value, and its
derivative to the parameters p is the exact -J^-1 dF/dp, in which autograd sees J^-1 only as a linear map.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous.elimination import Elimination, eliminate
from understudy.simulators.airfoil.viscous.system import Field, State, assemble
from understudy.simulators.rows import detached


def follow_parameters(field: Field, state: State) -> State:
    """The converged state as a differentiable function of whatever the field was made of."""
    with torch.no_grad():
        fixed = detached(field)
        elimination = eliminate(fixed, state, assemble(fixed, state), dense=torch.float64)
    system = assemble(field, state, derivatives=False)
    packed = _InverseJacobian.apply(system.residual, system.speed, elimination)
    theta, displacement, s, u = packed.unbind(-1)
    return replace(
        state, theta=state.theta + theta, displacement=state.displacement + displacement, s=state.s + s, u=state.u + u
    )


class _InverseJacobian(torch.autograd.Function):
    """-J^-1 as a linear map of residuals, its backward pass the transposed solve."""

    @staticmethod
    def forward(ctx: Any, residual: Tensor, speed: Tensor, elimination: Elimination) -> Tensor:
        ctx.elimination = elimination
        ctx.shapes = residual, speed
        return _solved(elimination, residual, speed)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        with torch.enable_grad():
            inputs = [torch.zeros_like(values).requires_grad_() for values in ctx.shapes]
            output = _solved(ctx.elimination, *inputs)
            residual, speed = torch.autograd.grad(output, inputs, gradient)
        return residual, speed, None


def _solved(elimination: Elimination, residual: Tensor, speed: Tensor) -> Tensor:
    update = elimination.solve(residual, speed)
    return torch.stack((update.theta, update.displacement, update.s, update.u), -1)
