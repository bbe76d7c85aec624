"""Gradients through the steady state against central differences of the march, on small grids."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow import adjoint
from understudy.simulators.flow.adjoint import AdjointError, followed, transposed_solve
from understudy.simulators.flow.blocks import approximate_blocks
from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.march import MarchOptions, march, residual_norm
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.start import first_field

pytestmark = pytest.mark.unchecked

Prove = Callable[..., None]
MakeFlow = Callable[..., Flow]
Disturb = Callable[[Flow, float], Tensor]
STEPS = {"mach": 1e-4, "alpha": 1e-2}
TIGHT = MarchOptions(drop=1e-11, steps=80)


def _steady(flow: Flow, start: Tensor, cfl: float = TIGHT.cfl) -> Tensor:
    with torch.no_grad():
        found = march(flow, start, residual_norm(flow, first_field(flow)), replace(TIGHT, cfl=cfl))
    assert found.converged.all()
    return found.state


@pytest.mark.parametrize("model", ["euler", pytest.param("laminar", marks=pytest.mark.slow), "sa"])
def test_gradients_are_those_of_differences(c_flow: MakeFlow, model: str, prove: Prove) -> None:
    """Central differences of a march to 1e-11 are good to about 1e-6."""
    flow = c_flow(model, 2.0, mach=0.4)
    state = _steady(flow, first_field(flow))
    worst = 0.0
    for name, step in STEPS.items():
        value = getattr(flow.stream, name)
        tracked = value.clone().requires_grad_()
        moving = replace(flow, stream=replace(flow.stream, **{name: tracked}))
        found = forces(moving, followed(moving, state))
        sides = []
        for side in (-step, step):
            moved = replace(flow, stream=replace(flow.stream, **{name: value + side}))
            with torch.no_grad():
                sides.append(forces(moved, _steady(moved, state, cfl=1e4)))
        for force in ("cl", "cd"):
            (slope,) = torch.autograd.grad(found[force].sum(), tracked, retain_graph=True)
            expected = float(sides[1][force] - sides[0][force]) / (2 * step)
            worst = max(worst, abs(float(slope) - expected) / abs(expected))
    prove(f"gradients of lift and drag to angle and Mach number, {model}: worst, relative", worst, at_most=1e-4)


def test_transposed_blocks_are_the_transposed_matrix(c_flow: MakeFlow, ring_flow: MakeFlow, disturbed: Disturb) -> None:
    random = torch.Generator().manual_seed(1)
    for flow in (c_flow("sa", 1.0), ring_flow("laminar", 1.0)):
        for blocks in approximate_blocks(flow, disturbed(flow, 0.05)):
            shape = blocks.centre[:, 0].shape
            one, other = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
            forth, back = blocks.apply(one) * other, blocks.transposed().apply(other) * one
            assert float(forth.sum()) == pytest.approx(float(back.sum()), abs=1e-12 * float(forth.abs().sum()))


def test_a_gradient_that_cannot_be_solved_is_an_error(c_flow: MakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adjoint, "STEPS", 2)
    monkeypatch.setattr(adjoint, "RESTARTS", 1)
    flow = c_flow("euler", 1.0)
    state = first_field(flow)
    with pytest.raises(AdjointError, match="the transposed equations of row 0 were not solved"):
        transposed_solve(flow, state, torch.ones_like(state))
