"""The linear solution: one step cancels the linearised residuals, in both precisions and for any right-hand side."""

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous.elimination import Elimination, eliminate
from understudy.simulators.airfoil.viscous.system import Field, State, System, assemble, stagnation_arc, topology


def _left_over(field: Field, state: State, system: System, solver: Elimination) -> tuple[float, float]:
    """Largest linearised residual after the full step, over the largest before: boundary layer, edge speed."""
    update = solver.solve(system.residual, system.speed)
    change = torch.stack((update.theta, update.displacement, update.s, update.u), -1)
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    behind = change.gather(1, sides.upstream.clamp(0, state.u.shape[1] - 1)[..., None].expand(-1, -1, 4))
    _, *slopes = stagnation_arc(field, state)
    rows = torch.arange(len(change))
    shift = sum(slope * change[rows, state.stagnation + k, 3] for k, slope in enumerate(slopes))
    residual = system.residual + (system.own @ change[..., None] + system.up @ behind[..., None])[..., 0]
    residual = residual + system.moved * shift[:, None, None]
    residual[:, field.nodes] += (system.upper_edge @ change[:, 0, :, None])[..., 0]
    mass = state.u * change[..., 1] + state.displacement * change[..., 3]
    induced = (field.mass_influence @ (sides.mass_sign * mass)[..., None])[..., 0]
    speed = system.speed + sides.speed_sign * induced - change[..., 3]
    size = max(float(system.residual.abs().max()), float(system.speed.abs().max()))
    return float(residual.abs().max()) / size, float(speed.abs().max()) / size


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_a_full_step_cancels_the_linearised_residuals(
    unsettled: tuple[Field, State], precision: torch.dtype, tolerance: float
) -> None:
    field, state = unsettled
    system = assemble(field, state)
    solver = eliminate(field, state, system, dense=precision)
    assert max(_left_over(field, state, system, solver)) < tolerance


def test_the_solution_is_linear_in_the_residuals(unsettled: tuple[Field, State]) -> None:
    field, state = unsettled
    system = assemble(field, state)
    solver = eliminate(field, state, system, dense=torch.float64)
    once, thrice = (solver.solve(k * system.residual, k * system.speed) for k in (1, 3))
    torch.testing.assert_close(thrice.u, 3 * once.u, rtol=1e-9, atol=1e-12)


def test_the_backward_pass_is_the_transposed_solution(unsettled: tuple[Field, State]) -> None:
    """<y, A r> by forward solves equals <A^T y, r> by the backward pass."""
    field, state = unsettled
    system = assemble(field, state)
    solver = eliminate(field, state, system, dense=torch.float64)
    random = torch.Generator().manual_seed(8)

    def like(values: Tensor) -> Tensor:
        return torch.randn(values.shape, generator=random, dtype=torch.float64)

    residual, speed, weight = like(system.residual), like(system.speed), like(system.speed)
    inputs = system.residual.clone().requires_grad_(), system.speed.clone().requires_grad_()
    backward = torch.autograd.grad((weight * solver.solve(*inputs).theta).sum(), inputs)
    forward = (weight * solver.solve(residual, speed).theta).sum()
    assert (backward[0] * residual).sum() + (backward[1] * speed).sum() == pytest.approx(float(forward), rel=1e-8)
