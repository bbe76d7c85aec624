"""The coupled equations: their Jacobian against differences, the field that they live in."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.panel import induced_velocity, solve_panels
from understudy.simulators.airfoil.viscous.system import (
    Field,
    State,
    System,
    assemble,
    run_length,
    stagnation_arc,
    topology,
)
from understudy.simulators.airfoil.viscous.wake import WAKE_LENGTH, _base_velocity, _Sheets, trace_wake

UNKNOWNS = ("theta", "displacement", "s", "u")


def _moved(state: State, change: Tensor, share: float) -> State:
    return replace(state, **{name: getattr(state, name) + share * change[..., k] for k, name in enumerate(UNKNOWNS)})


def _scale(state: State) -> Tensor:
    """Size of each unknown (batch, stations, 4), to make steps relative."""
    return torch.stack((state.theta, state.displacement, state.s.abs() + 0.01, state.u), -1)


def linear(field: Field, state: State, system: System, change: Tensor) -> tuple[Tensor, Tensor]:
    """Jacobian times a change (batch, stations, 4): of the residuals and of the edge-speed relation."""
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    upstream = sides.upstream.clamp(0, state.u.shape[1] - 1)
    behind = change.gather(1, upstream[..., None].expand(-1, -1, 4))
    _, before, after = stagnation_arc(field, state)
    rows = torch.arange(len(change))
    shift = before * change[rows, state.stagnation, 3] + after * change[rows, state.stagnation + 1, 3]
    residual = (system.own @ change[..., None] + system.up @ behind[..., None])[..., 0]
    residual = residual + system.moved * shift[:, None, None]
    residual[:, field.nodes] += (system.upper_edge @ change[:, 0, :, None])[..., 0]
    mass = state.u * change[..., 1] + state.displacement * change[..., 3]
    induced = (field.mass_influence @ (sides.mass_sign * mass)[..., None])[..., 0]
    return residual, sides.speed_sign * induced - change[..., 3]


@pytest.mark.parametrize("unknown", [*UNKNOWNS, "all"])
def test_the_jacobian_is_the_slope_of_the_residuals(unsettled: tuple[Field, State], unknown: str) -> None:
    """Along random directions in one kind of unknown and in all: own, up, upper_edge and moved at all stations."""
    field, state = unsettled
    random = torch.Generator().manual_seed(5)
    change = _scale(state) * torch.randn(*state.u.shape, 4, generator=random, dtype=torch.float64)
    if unknown != "all":
        change = change * (torch.arange(4) == UNKNOWNS.index(unknown))
    step = 1e-7
    ahead, behind = (assemble(field, _moved(state, change, sign * step), derivatives=False) for sign in (1, -1))
    residual, speed = linear(field, state, assemble(field, state), change)
    size = residual.abs().amax() * 1e-6
    torch.testing.assert_close((ahead.residual - behind.residual) / (2 * step), residual, rtol=1e-5, atol=float(size))
    torch.testing.assert_close((ahead.speed - behind.speed) / (2 * step), speed, rtol=1e-6, atol=1e-6)


def test_autograd_follows_the_same_residuals(unsettled: tuple[Field, State]) -> None:
    """Values with and without derivatives agree, and autograd finds the slope that the jets carry."""
    field, state = unsettled
    system = assemble(field, state)
    random = torch.Generator().manual_seed(6)
    change = _scale(state) * torch.randn(*state.u.shape, 4, generator=random, dtype=torch.float64)
    weight = torch.randn(system.residual.shape, generator=random, dtype=torch.float64)
    share = torch.zeros((), dtype=torch.float64, requires_grad=True)
    followed = assemble(field, _moved(state, change, share), derivatives=False)
    torch.testing.assert_close(followed.residual.detach(), system.residual, rtol=1e-11, atol=1e-12)
    (slope,) = torch.autograd.grad((weight * followed.residual).sum(), share)
    expected = (weight * linear(field, state, system, change)[0]).sum()
    assert slope.item() == pytest.approx(expected.item(), rel=1e-8)


def test_rows_of_a_batch_do_not_meet(unsettled: tuple[Field, State]) -> None:
    field, state = unsettled
    changed = replace(state, theta=state.theta * torch.tensor([[1.0], [1.3], [1.0]], dtype=torch.float64))
    before, after = (assemble(field, each).residual for each in (state, changed))
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])


def test_run_lengths_grow_from_the_stagnation_point(unsettled: tuple[Field, State]) -> None:
    field, state = unsettled
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    run = run_length(field, state, sides)
    assert (run > 0).all()
    position = stagnation_arc(field, state)[0]
    before, after = (field.arc.gather(1, state.stagnation[:, None] + shift)[:, 0] for shift in (0, 1))
    assert ((position > before) & (position < after)).all()


def test_a_mass_defect_that_does_not_change_makes_no_source(unsettled: tuple[Field, State]) -> None:
    """Signed mass defect is the flux that leaves the sheet: its sources are its differences along the contour."""
    field, _ = unsettled
    constant = field.mass_influence.sum(2)
    assert constant.abs().max() < 1e-8 * field.mass_influence.abs().sum(2).max()


def test_the_wake_follows_the_stream(sections: Tensor) -> None:
    """Its complex sheets give the velocity of the real ones, and the wake is tangent to it; it is one chord long."""
    flow = solve_panels(sections)
    alpha = torch.tensor([3.0, 1.0, 5.0], dtype=torch.float64)
    gamma = flow.gamma(alpha)
    wake = trace_wake(flow, alpha)
    vortex_1, vortex_2, _, _ = induced_velocity(flow.coordinates, wake.nodes)
    velocity = (vortex_1 * gamma[:, None, :-1, None] + vortex_2 * gamma[:, None, 1:, None]).sum(2)
    velocity = velocity + _base_velocity(flow, wake.nodes) * (gamma[:, 0] - gamma[:, -1])[:, None, None]
    sheets = _Sheets(flow, gamma)
    by_sheets = torch.stack([sheets.velocity(wake.nodes[:, k]) for k in range(wake.nodes.shape[1])], 1)
    torch.testing.assert_close(by_sheets[:, 1:], velocity[:, 1:], rtol=0, atol=1e-9)
    radians = torch.deg2rad(alpha)
    velocity = velocity + torch.stack((torch.cos(radians), torch.sin(radians)), 1)[:, None]
    direction = velocity / velocity.norm(dim=2, keepdim=True)
    assert ((direction * wake.tangent).sum(2)[:, 3:] > 0.9999).all()
    torch.testing.assert_close(wake.distance[:, -1], torch.full_like(alpha, WAKE_LENGTH), rtol=1e-6, atol=0)


def test_only_a_blunt_base_leaves_dead_air(unsettled: tuple[Field, State], sections: Tensor) -> None:
    field, _ = unsettled
    height = (sections[:, 0, 1] - sections[:, -1, 1]).abs()
    first = field.gap[:, field.nodes]
    torch.testing.assert_close(first[:2], height[:2], rtol=0.02, atol=0)
    assert field.gap[2].abs().max() == 0
    assert (field.gap[:, -1] == 0).all()
