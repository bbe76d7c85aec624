"""Newton's method for batches of coupled boundary layers: damping, transition and stagnation that move, one fate per case."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous import boundary_layer as layer
from understudy.simulators.airfoil.viscous.elimination import Update, solve
from understudy.simulators.airfoil.viscous.start import equilibrium_root
from understudy.simulators.airfoil.viscous.system import Field, State, assemble, topology, transition_values

TOLERANCE = 1e-8
FLIP = 0.0


@dataclass(frozen=True, eq=False)
class Outcome:
    state: State
    converged: Tensor
    residuals: Tensor


def residual_norm(system, field: Field) -> Tensor:
    return torch.maximum(system.residual.abs().amax((1, 2)), system.speed.abs().amax(1))


def relaxation(state: State, update: Update) -> Tensor:
    """Largest step (batch,) at most one that keeps relative changes within -1/2 and 3/2."""
    changes = torch.stack((update.theta / state.theta, update.displacement / state.displacement, update.u / 0.25))
    step = torch.where(changes > 1.5, 1.5 / changes, torch.where(changes < -0.5, -0.5 / changes, torch.ones_like(changes)))
    return step.amin((0, 2))


def advance(field: Field, state: State, update: Update, step: Tensor) -> State:
    w = step[:, None]
    wake = torch.arange(state.u.shape[1], device=state.u.device) >= field.nodes
    theta = state.theta + w * update.theta
    displacement = state.displacement + w * update.displacement
    scale = torch.where(state.turbulent, state.s, torch.full_like(state.s, 10.0))
    s = state.s + (w * update.s).clamp(-0.5 * scale, 1.5 * scale)
    s = torch.where(state.turbulent, s.clamp(1e-4, 0.35), s)
    u = state.u + w * update.u
    floor = torch.where(wake, 1.00005, 1.02) * theta + field.gap
    return replace(state, theta=theta, displacement=torch.maximum(displacement, floor), s=s, u=u)


def move_stagnation(field: Field, state: State) -> tuple[State, Tensor]:
    """Shift the stagnation panel by the sign of the edge speed next to it."""
    nodes = field.nodes
    sides = topology(state.stagnation, state.u.shape[1], nodes)
    speed = state.u * sides.speed_sign
    before = speed.gather(1, state.stagnation[:, None])[:, 0]
    after = speed.gather(1, state.stagnation[:, None] + 1)[:, 0]
    move = torch.where(before < 0, -1, torch.where(after > 0, 1, 0))
    stagnation = (state.stagnation + move).clamp(2, nodes - 4)
    moved = stagnation != state.stagnation
    if not moved.any():
        return state, moved
    new = topology(stagnation, state.u.shape[1], nodes)
    u = speed * new.speed_sign
    theta, displacement, s, turbulent = state.theta, state.displacement, state.s, state.turbulent
    # The node that changed sides is the first of its new side; it takes the layer of the station behind it.
    for side, offset in ((new.upper, -1), (new.lower, 1)):
        changed = side & (sides.upper != new.upper)
        theta = torch.where(changed, torch.roll(theta, -offset, 1), theta)
        displacement = torch.where(changed, torch.roll(displacement, -offset, 1), displacement)
        s = torch.where(changed, torch.zeros_like(s), s)
        u = torch.where(changed, u.clamp(min=1e-4), u)
        turbulent = turbulent & ~changed
    # first stations are laminar, with a speed that points downstream
    u = torch.where(new.first, u.clamp(min=1e-5), u)
    turbulent = turbulent & ~new.first
    return State(theta, displacement, s, u, stagnation, turbulent), moved


def move_transition(field: Field, state: State) -> tuple[State, Tensor]:
    """Shift transition upstream where the amplification exceeds its critical value ahead of it, downstream where it is not reached."""
    stations = state.u.shape[1]
    sides = topology(state.stagnation, stations, field.nodes)
    surface = sides.upper | sides.lower
    trip = torch.where(sides.upper, field.trips[:, :1] - field.arc, field.arc - field.trips[:, 1:]) >= 0
    early = ~state.turbulent & surface & ~sides.first & ((state.s >= field.n_crit[:, None]) | trip)
    early = _spread_downstream(early, sides) & surface
    turbulent = state.turbulent | early
    fresh = turbulent & ~state.turbulent

    values = transition_values(field, replace(state, turbulent=turbulent))
    batch = len(state.u)
    beyond = torch.zeros(batch * stations, dtype=torch.bool, device=state.u.device)
    beyond[values.rows[values.beyond & ~values.tripped]] = True
    beyond = beyond.view(batch, stations)
    index = torch.arange(stations, device=state.u.device)
    beyond = beyond & (index != 0) & (index != field.nodes - 1)
    late = beyond & state.turbulent
    turbulent = turbulent & ~late
    s = state.s
    if fresh.any():
        root = equilibrium_root(field, state)
        s = torch.where(fresh, 0.7 * root, s)
    if late.any():
        reached = torch.zeros(batch * stations, dtype=s.dtype, device=s.device)
        reached[values.rows] = values.n_end
        s = torch.where(late, torch.minimum(reached.view(batch, stations), field.n_crit[:, None] - 1e-3), s)
    return replace(state, s=s, turbulent=turbulent), (fresh | late).any(1)


def _spread_downstream(mask: Tensor, sides) -> Tensor:
    lower = torch.cumsum(mask & sides.lower, 1) > 0
    upper = torch.flip(torch.cumsum(torch.flip(mask & sides.upper, [1]), 1), [1]) > 0
    return (lower & sides.lower) | (upper & sides.upper)


def newton(field: Field, state: State, *, iterations: int = 60, verbose: bool = False) -> Outcome:
    batch = len(state.u)
    history = []
    final = state
    active = torch.arange(batch, device=state.u.device)
    converged = torch.zeros(batch, dtype=torch.bool, device=state.u.device)
    states = {name: value.clone() for name, value in state.__dict__.items()}
    for iteration in range(iterations):
        system = assemble(field, state)
        norm = residual_norm(system, field)
        full = torch.full((batch,), float("nan"), dtype=torch.float64)
        full[active] = norm
        history.append(full)
        finished = norm < TOLERANCE
        bad = ~torch.isfinite(norm)
        for name, value in state.__dict__.items():
            states[name][active] = value
        converged[active[finished]] = True
        keep = ~(finished | bad)
        if verbose:
            print(iteration, len(active), f"{norm.median():.2e} {norm.max():.2e}")
        if not keep.any():
            break
        if not keep.all():
            active = active[keep]
            field, state = field.rows(keep), state.rows(keep)
            system = type(system)(**{k: v[keep] for k, v in system.__dict__.items()})
        update = solve(field, state, system)
        step = relaxation(state, update)
        state = advance(field, state, update, step)
        state, _ = move_stagnation(field, state)
        moved, flips = move_transition(field, state)
        calm = step > FLIP
        state = State(**{k: torch.where(calm.view(-1,*[1]*(v.ndim-1)), getattr(moved,k), v) for k, v in state.__dict__.items()})
    return Outcome(State(**states), converged, torch.stack(history, 1))
