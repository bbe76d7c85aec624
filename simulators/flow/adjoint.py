"""Gradients through the steady state by the implicit function theorem: one transposed linear solve for each answer."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gmres import gmres
from understudy.simulators.flow.march import Preconditioner, unknown_units, wave_rate
from understudy.simulators.flow.residual import Flow, residual
from understudy.simulators.rows import detached

#: Courant number of the lag that keeps the line sweeps stable; the equations themselves have none.
CFL = 1e4
#: Sweeps over the lines in a GMRES step, and how many such steps at most before it begins anew, how often.
SWEEPS, STEPS, RESTARTS = 4, 80, 6
#: Gradients of length one that differ by less, but for their sign, are solved once: all that hangs on the angle of a
#: prescribed lift goes back through the lift.
SAME_DIRECTION = 1e-12
#: Share of a gradient that the linear solve may leave.
TOLERANCE = 1e-8


class AdjointError(RuntimeError):
    """The transposed equations of a row were not solved."""


def followed(flow: Flow, state: Float[Tensor, "batch 5 ni nj"]) -> Float[Tensor, "batch 5 ni nj"]:
    """The steady state as a function of all that the flow is made of: metrics, stream and far field.

    state: where the residual is zero. Its value is returned unchanged; what flows back from it costs one transposed
    solve, whatever the steps that led there, and memory for `STEPS` directions.

    Raises:
        AdjointError: on the way back, where the transposed solve does not converge: the state is not steady enough, or
            the flow is about to separate from its branch.
    """
    fixed = state.detach()
    return _Steady.apply(fixed, residual(flow, fixed), detached(flow))


class _Steady(torch.autograd.Function):
    """state(p) with residual(state, p) = 0: back flows -(dR/dU)^-T times the gradient into the residual."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, out: Tensor, flow: Flow) -> Tensor:
        ctx.save_for_backward(state)
        ctx.flow, ctx.solved = flow, []
        return state.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        (state,) = ctx.saved_tensors
        size = gradient.flatten(1).norm(dim=1).clamp(min=1e-300)[:, None, None, None]
        direction = gradient / size
        for known, solution in ctx.solved:
            share = (direction * known).sum((1, 2, 3), keepdim=True)
            if (direction - share * known).abs().max() < SAME_DIRECTION:
                return None, -solution * (share * size), None
        solution = transposed_solve(ctx.flow, state, direction)
        ctx.solved.append((direction, solution))
        return None, -solution * size, None


def transposed_solve(flow: Flow, state: Tensor, gradient: Tensor) -> Tensor:
    """The solution of (dR/dU)^T x = gradient at the state."""
    rate, unit = wave_rate(flow, state), unknown_units(state)
    row = 1 / (rate[:, None] * unit)
    with torch.enable_grad():
        tracked = state.detach().requires_grad_()
        out = residual(flow, tracked)

    def operator(unknown: Tensor) -> Tensor:
        (pulled,) = torch.autograd.grad(out, tracked, unknown.view_as(state) * row, retain_graph=True)
        return (pulled * unit).flatten(1)

    with torch.no_grad():
        inverse = Preconditioner.at(flow, state, rate / CFL, SWEEPS, transposed=True)

    def precondition(unknown: Tensor) -> Tensor:
        return (inverse.apply(unknown.view_as(state) / unit) / row).flatten(1)

    right = (gradient * unit).flatten(1)
    solution, left = torch.zeros_like(right), right
    size = right.norm(dim=1).clamp(min=1e-300)
    for _ in range(RESTARTS):
        change, _, _ = gmres(operator, precondition, left, steps=STEPS, tolerance=0.1 * TOLERANCE)
        solution = solution + change
        left = right - operator(solution)
        share = left.norm(dim=1) / size
        if bool((share < TOLERANCE).all()):
            return solution.view_as(state) * row
    row_left = int(share.argmax())
    raise AdjointError(
        f"the transposed equations of row {row_left} were not solved ({share[row_left].item():.1e} left of 1): "
        "converge the flow further, or leave the row out"
    )
