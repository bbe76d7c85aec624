"""One damped Newton step of many coupled boundary layers at once, with transition and stagnation free to move.

Thicknesses change by their logarithms: a full step of theta and of H - H_least multiplies them, so that neither can
become negative and a wild linear prediction is only a large factor. H_least is where the kinematic shape factor is
one. The step of a case is shortened until no logarithm changes by more than a bound. After each step the stagnation
point moves to where the speed changes sign, and the stations turn laminar or turbulent as the amplification says, at
most one station downstream in a step.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.airfoil.viscous.elimination import Update, eliminate
from understudy.simulators.airfoil.viscous.prescribed_lift import lift_gap, prescribed, with_turn
from understudy.simulators.airfoil.viscous.start import equilibrium_root, least_shape
from understudy.simulators.airfoil.viscous.system import Field, State, System, Topology, topology, transition_points

#: Largest change in one step of ln(theta), of ln(H - H_least) and of the edge speed.
LOG_THETA, LOG_SHAPE, SPEED = 0.5, 0.7, 0.3
#: Bounds of the root of the shear stress coefficient.
STRESS_RANGE = (1e-4, 0.35)
#: Bounds of H - H_least.
SHAPE_RANGE = (3e-5, 40.0)


def residual_norm(field: Field, state: State, system: System) -> Float[Tensor, " batch"]:
    """Largest residual of each case: boundary layer, edge speed and, where it is prescribed, lift."""
    layer, speed = system.residual.abs().amax((1, 2)), system.speed.abs().amax(1)
    return torch.maximum(torch.maximum(layer, speed), lift_gap(field, state).abs())


def advance(field: Field, state: State, system: System) -> tuple[State, Tensor]:
    """The state after one damped step, and the share of the full step that was taken (batch,)."""
    elimination = eliminate(field, state, system)
    update = elimination.solve(system.residual, system.speed)
    if bool(prescribed(field).any()):
        update = with_turn(field, state, elimination, update)
    log_theta, log_shape = _log_changes(field, state, update)
    excess = torch.stack((log_theta.abs() / LOG_THETA, log_shape.abs() / LOG_SHAPE, update.u.abs() / SPEED)).amax(
        (0, 2)
    )
    length = 1.0 / excess.clamp(min=1.0)
    state = _stepped(field, state, update, length[:, None], logs=(log_theta, log_shape))
    return _move_transition(field, _move_stagnation(field, state)), length


def _log_changes(field: Field, state: State, update: Update) -> tuple[Tensor, Tensor]:
    log_theta = update.theta / state.theta
    excess = state.displacement - field.gap - least_shape(field, state.u) * state.theta
    shape = (state.displacement - field.gap) / state.theta
    return log_theta, (update.displacement - shape * update.theta) / excess


def _stepped(field: Field, state: State, update: Update, length: Tensor, *, logs: tuple[Tensor, Tensor]) -> State:
    theta = state.theta * torch.exp(length * logs[0])
    least = least_shape(field, state.u)
    excess = (state.displacement - field.gap) / state.theta - least
    shape = least + (excess * torch.exp(length * logs[1])).clamp(*SHAPE_RANGE)
    scale = torch.where(state.turbulent, state.s, torch.full_like(state.s, 10.0))
    s = state.s + (length * update.s).clamp(-0.5 * scale, 1.5 * scale)
    s = torch.where(state.turbulent, s.clamp(*STRESS_RANGE), s)
    return replace(
        state,
        theta=theta,
        displacement=shape * theta + field.gap,
        s=s,
        u=state.u + length * update.u,
        alpha=state.alpha + length[:, 0] * update.alpha,
    )


def _move_stagnation(field: Field, state: State) -> State:
    """Let the stagnation point cross to the next panel where the speed of a first station has turned round."""
    stations = state.u.shape[1]
    old = topology(state.stagnation, stations, field.nodes)
    speed = state.u * old.speed_sign
    before = speed.gather(1, state.stagnation[:, None])[:, 0]
    after = speed.gather(1, state.stagnation[:, None] + 1)[:, 0]
    move = torch.where(before < 0, -1, torch.where(after > 0, 1, 0))
    stagnation = (state.stagnation + move).clamp(2, field.nodes - 4)
    new = topology(stagnation, stations, field.nodes)
    u = speed * new.speed_sign
    theta, displacement, s = state.theta, state.displacement, state.s
    # A node that changed sides is the first of its new side and takes the layer of the station behind it.
    changed = new.upper != old.upper
    for side, offset in ((new.upper, 1), (new.lower, -1)):
        behind = changed & side
        theta = torch.where(behind, torch.roll(theta, offset, 1), theta)
        displacement = torch.where(behind, torch.roll(displacement, offset, 1), displacement)
    s = torch.where(changed, torch.zeros_like(s), s)
    u = torch.where(new.first, u.clamp(min=1e-5), u)
    return State(theta, displacement, s, u, stagnation, state.turbulent & ~changed & ~new.first, state.alpha)


def _move_transition(field: Field, state: State) -> State:
    """Transition moves upstream to where n_crit is exceeded, and one station downstream where it is not reached."""
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    early = ~state.turbulent & ~sides.first & ((state.s >= field.n_crit[:, None]) | behind_trip(field, sides))
    turbulent = state.turbulent | _downstream_of(early, sides)
    fresh = turbulent & ~state.turbulent

    rows, points = transition_points(field, replace(state, turbulent=turbulent))
    late = torch.zeros_like(turbulent).view(-1)
    late[rows[points.beyond]] = True
    index = torch.arange(turbulent.shape[1], device=turbulent.device)
    late = late.view_as(turbulent) & state.turbulent & (index != 0) & (index != field.nodes - 1)
    reached = torch.zeros_like(state.s).view(-1)
    reached[rows] = points.n_end
    s = torch.where(fresh, 0.7 * equilibrium_root(field, state), state.s) if bool(fresh.any()) else state.s
    s = torch.where(late, torch.minimum(reached.view_as(s), field.n_crit[:, None] - 1e-3), s)
    return replace(state, s=s, turbulent=turbulent & ~late)


def behind_trip(field: Field, sides: Topology) -> Bool[Tensor, "batch stations"]:
    """Surface stations at or behind their side's trip."""
    arc = field.arc[:, : field.nodes]
    upper = field.trips[:, :1] >= arc
    lower = arc >= field.trips[:, 1:]
    behind = torch.where(sides.upper[:, : field.nodes], upper, lower)
    return torch.nn.functional.pad(behind, (0, field.arc.shape[1] - field.nodes))


def _downstream_of(mask: Tensor, sides: Topology) -> Tensor:
    """Surface stations at or downstream of a masked station of their side."""
    lower = torch.cumsum(mask & sides.lower, 1) > 0
    upper = torch.flip(torch.cumsum(torch.flip(mask & sides.upper, [1]), 1), [1]) > 0
    return (lower & sides.lower) | (upper & sides.upper)
