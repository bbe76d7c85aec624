"""The angle as an unknown: what it answers to a change of lift, and what becomes of lifts that no angle gives."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous.elimination import eliminate
from understudy.simulators.airfoil.viscous.pool import PoolOptions
from understudy.simulators.airfoil.viscous.prescribed_lift import lift_gap, with_turn
from understudy.simulators.airfoil.viscous.system import Field, State, assemble
from understudy.simulators.interface import Solution, Status


def test_a_step_closes_the_gap_in_lift_to_first_order(unsettled: tuple[Field, State]) -> None:
    """From any state: half the step leaves half the gap, but for a part that falls with the square of the step."""
    field, state = unsettled
    lift = -lift_gap(replace(field, lift=torch.zeros_like(field.lift)), state)
    field = replace(field, lift=lift + 0.05)
    system = assemble(field, state)
    solver = eliminate(field, state, system, dense=torch.float64)
    zero = solver.solve(torch.zeros_like(system.residual), torch.zeros_like(system.speed))
    update = with_turn(field, state, solver, zero)

    def left(share: float) -> Tensor:
        ahead = replace(state, u=state.u + share * update.u, alpha=state.alpha + share * update.alpha)
        return (lift_gap(field, ahead) - (1 - share) * 0.05).abs()

    assert (left(0.02) < 1e-5).all()
    torch.testing.assert_close(left(0.02) / left(0.01), torch.full_like(lift, 4.0), rtol=0.05, atol=0)


def test_rows_at_a_given_angle_keep_it(unsettled: tuple[Field, State]) -> None:
    field, state = unsettled
    field = replace(field, lift=torch.tensor([torch.nan, 0.5, torch.nan], dtype=torch.float64))
    system = assemble(field, state)
    solver = eliminate(field, state, system)
    plain = solver.solve(system.residual, system.speed)
    update = with_turn(field, state, solver, plain)
    assert (update.alpha != 0).tolist() == [False, True, False]
    torch.testing.assert_close(update.u[[0, 2]], plain.u[[0, 2]], rtol=0, atol=0)


def test_a_lift_beyond_stall_is_not_converged(
    sections: Tensor, solve: Callable[..., Solution], one_start: PoolOptions
) -> None:
    answer = solve(AirfoilCase.of(sections[:1], cl=torch.tensor([0.4, 4.0], dtype=torch.float64)), one_start)
    assert answer.status == (Status.OK, Status.NOT_CONVERGED)
    assert "lift" in answer.message[1]
    assert torch.isnan(answer["cd"][1])
