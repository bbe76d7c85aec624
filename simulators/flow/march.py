"""Towards the steady state: implicit steps in pseudo-time that grow into Newton's method.

Each step solves (area / dt + dR/dU) dU = -R by a few steps of GMRES around alternating line sweeps; dR/dU times a
vector is a difference of residuals. Every case of the batch has a step of its own, which grows while the linear solves
are good.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.flow.blocks import approximate_blocks
from understudy.simulators.flow.gas import GAMMA, primitive
from understudy.simulators.flow.gmres import gmres
from understudy.simulators.flow.lift_search import LEAST_CFL, LIFT_TOLERANCE, missing, pushed_by_turning, turn, turned
from understudy.simulators.flow.lines import AlternatingLines
from understudy.simulators.flow.residual import Flow, residual
from understudy.simulators.rows import rows_of

#: Size of the differences that stand for derivatives, root mean square.
DIFFERENCE = 1e-7
#: Density and pressure change by at most this share in a step.
LARGEST_CHANGE = 0.3
#: A step that has to be cut below this share is not made.
LEAST_SHARE = 0.05
#: Residual over the reference, and Courant number, from where on the march is Newton's method; and how often a step of
#: it is halved at most, where the residual would rise too far.
SETTLED, NEWTON_CFL, HALVINGS = 1e-4, 1e3, 3
#: How often the residual may rise then, and by which factor. Most cases rise once or twice and are done soon after;
#: some would rise and fall for ever.
RISES, RISE = 4, 2.0
#: Where the residual, once below the first number, grows by more than the second from one step to the next, the
#: Courant number is multiplied by the third: weak shocks on a flat surface wander about for ever under Newton's method.
UNDER_WAY, RISEN, SLOWED = 1e-3, 2.0, 0.1
#: What the Courant number is multiplied by after a step that was not made, and after a bad linear solve.
REFUSED, DOUBTED = 0.2, 0.5
#: What the solve for the response to a turn may leave: a lift sought with a rougher one runs away at a shock.
RESPONSE = 0.02
#: A linear solve that leaves less than the first share is good, one that leaves more than the second is bad.
GOOD, BAD = 0.3, 0.6


@dataclass(frozen=True)
class MarchOptions:
    """How the march goes.

    steps: at most. drop: residual at which a case is done, over that of the field it would start from.
    cfl: Courant number of the first step. growth: of it from one step to the next.

    Rarely needed:
        cfl_limit: largest Courant number.
        krylov: GMRES steps at most. tolerance: what they may leave of the residual.
        sweeps: of the alternating lines in a GMRES step, for the flow; twice as many for the turbulence.
    """

    steps: int = 60
    drop: float = 1e-6
    cfl: float = 10.0
    growth: float = 2.0
    cfl_limit: float = 1e6
    krylov: int = 20
    tolerance: float = 0.1
    sweeps: int = 3


@dataclass(frozen=True, eq=False)
class Steady:
    """Where the march ended.

    state: conserved variables (batch, 5, ni, nj). converged: whether the residual fell as far as asked.
    residuals: after each step, over the reference, NaN after the end.
    alpha: angles [deg], those of the stream but where lift was prescribed. steps: that each case took.
    """

    state: Tensor
    alpha: Float[Tensor, " batch"]
    converged: Bool[Tensor, " batch"]
    steps: Int[Tensor, " batch"]
    residuals: Float[Tensor, "batch steps"]


#: Told before each step: its number, the rows that are open, their flow, states and residuals.
Watch = Callable[[int, Int[Tensor, " open"], Flow, Tensor, Float[Tensor, " open"]], Any]


def march(
    flow: Flow,
    state: Float[Tensor, "batch 5 ni nj"],
    reference: Float[Tensor, " batch"],
    options: MarchOptions,
    *,
    lift: Float[Tensor, " batch"] | None = None,
    watch: Watch | None = None,
) -> Steady:
    """March a batch; cases that are done leave it.

    reference: residual that counts as one (`residual_norm`). lift: wanted coefficients, NaN where the angle is kept.
    """
    batch = len(state)
    state, alpha = state.clone(), flow.stream.alpha.clone()
    open_rows = torch.arange(batch, device=state.device)
    converged = torch.zeros(batch, dtype=torch.bool, device=state.device)
    steps = torch.zeros(batch, dtype=torch.int64, device=state.device)
    cfl = state.new_full((batch,), options.cfl)
    response = torch.zeros_like(state)
    before = state.new_full((batch,), torch.inf)
    rises = torch.zeros_like(steps)
    residuals: list[Tensor] = []
    if lift is None:
        lift = torch.full_like(alpha, torch.nan)
    for step in range(options.steps + 1):
        part = turned(flow if len(open_rows) == batch else rows_of(flow, open_rows), alpha[open_rows])
        here = state[open_rows]
        system = _System.at(part, here)
        size = system.norm() / reference[open_rows]
        residuals.append(state.new_full((batch,), torch.nan).index_put((open_rows,), size))
        if watch is not None:
            watch(step, open_rows, part, here, size)
        done = (size < options.drop) & (missing(part, here, lift[open_rows]).abs() < LIFT_TOLERANCE)
        converged[open_rows] = done
        if step == options.steps or bool(done.all()):
            break
        if bool(done.any()):
            keep = ~done
            open_rows, here, system, size = open_rows[keep], here[keep], rows_of(system, keep), size[keep]
        cfl[open_rows] = _slowed(cfl[open_rows], size, before[open_rows])
        rises[open_rows] += (before[open_rows] < SETTLED) & (size > before[open_rows])
        before[open_rows] = size
        change, turns, response[open_rows], left = system.step(
            cfl[open_rows], lift[open_rows], response[open_rows], options
        )
        share = _share(here, change)
        made = torch.isfinite(share) & (share >= LEAST_SHARE)
        share = torch.where(made, share, 0.0)
        change = torch.where(made[:, None, None, None], change, 0.0)
        turns = torch.where(made, turns, 0.0)
        settled = made & (size < SETTLED) & (cfl[open_rows] >= NEWTON_CFL)
        allowed = torch.where(rises[open_rows] < RISES, RISE, 1.0)
        share = system.shortened(share, change, turns, torch.where(settled, allowed, torch.inf))
        state[open_rows] = here + share[:, None, None, None] * change
        alpha[open_rows] += share * turns
        steps[open_rows] += 1
        factor = torch.where((share >= 1) & (left < GOOD), options.growth, torch.where(left > BAD, DOUBTED, 1.0))
        factor = torch.where(made, factor, REFUSED)
        cfl[open_rows] = (cfl[open_rows] * factor).clamp(max=options.cfl_limit)
    return Steady(state, alpha, converged, steps, torch.stack(residuals, 1))


def _slowed(cfl: Tensor, size: Tensor, before: Tensor) -> Float[Tensor, " batch"]:
    """Courant numbers, lowered where the residual has risen under way."""
    risen = (before < UNDER_WAY) & (size > RISEN * before)
    return torch.where(risen, torch.minimum((SLOWED * cfl).clamp(min=LEAST_CFL), cfl), cfl)


def residual_norm(flow: Flow, state: Tensor) -> Float[Tensor, " batch"]:
    """Root mean square of what a step of Courant number 1 would change."""
    return _System.at(flow, state).norm()


@dataclass(frozen=True, eq=False)
class _System:
    """The residual of a state, with the scales of its rows and unknowns.

    rate: `wave_rate`. unit: `unknown_units`.
    """

    flow: Flow
    state: Tensor
    residual: Tensor
    rate: Tensor
    unit: Tensor

    @staticmethod
    def at(flow: Flow, state: Tensor) -> "_System":
        return _System(flow, state, residual(flow, state), wave_rate(flow, state), unknown_units(state))

    @property
    def row(self) -> Tensor:
        """What rows are multiplied by."""
        return 1 / (self.rate[:, None] * self.unit)

    def norm(self) -> Float[Tensor, " batch"]:
        return (self.residual * self.row).square().mean((1, 2, 3)).sqrt()

    def step(
        self, cfl: Tensor, lift: Tensor, response: Tensor, options: MarchOptions
    ) -> tuple[Tensor, Tensor, Tensor, Float[Tensor, " batch"]]:
        """The change of the state and of the angle, how the state answers a turn, what is left of the residual.

        response: change of the state by a degree, that of the step before: it changes little, so that each step only
        makes it more accurate.
        """
        lag = self.rate / cfl[:, None, None]
        inverse = Preconditioner.at(self.flow, self.state, lag, options.sweeps)
        change, left = self._solve(-self.residual, lag, inverse, options)
        sought = torch.isfinite(lift) & (cfl >= LEAST_CFL)
        if not bool(sought.any()):
            return change, torch.zeros_like(cfl), response, left
        pushed = -pushed_by_turning(self.flow, self.state, self.residual)
        response, _ = self._solve(pushed, lag, inverse, replace(options, tolerance=RESPONSE), response)
        turns = torch.where(sought, turn(self.flow, self.state + change, response, lift), 0.0)
        return change + turns[:, None, None, None] * response, turns, response, left

    def shortened(
        self, share: Float[Tensor, " batch"], change: Tensor, turns: Tensor, allowed: Float[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Shares of a step, halved where the residual would grow by more than is allowed: Newton's method may cycle."""
        if bool(torch.isinf(allowed).all()):
            return share
        most = allowed * self.norm()
        for _ in range(HALVINGS):
            reached = self.state + share[:, None, None, None] * change
            out = residual(turned(self.flow, self.flow.stream.alpha + share * turns), reached)
            worse = torch.isfinite(allowed) & ~((out * self.row).square().mean((1, 2, 3)).sqrt() < most)
            if not bool(worse.any()):
                break
            share = torch.where(worse, 0.5 * share, share)
        return share

    def _solve(
        self, right: Tensor, lag: Tensor, inverse: "Preconditioner", options: MarchOptions, start: Tensor | None = None
    ) -> tuple[Tensor, Float[Tensor, " batch"]]:
        """The solution of (lag + dR/dU) x = right, and what is left of the right-hand side."""

        def operator(unknown: Tensor) -> Tensor:
            change = unknown.view_as(self.state) * self.unit
            size = DIFFERENCE / unknown.square().mean(1).sqrt().clamp(min=1e-300)
            size = size[:, None, None, None]
            image = (residual(self.flow, self.state + size * change) - self.residual) / size
            return ((image + lag[:, None] * change) * self.row).flatten(1)

        def precondition(unknown: Tensor) -> Tensor:
            return (inverse.apply(unknown.view_as(self.state) / self.row) / self.unit).flatten(1)

        scaled = (right * self.row).flatten(1)
        near = None if start is None else (start / self.unit).flatten(1)
        solved, left, _ = gmres(
            operator, precondition, scaled, steps=options.krylov, tolerance=options.tolerance, start=near
        )
        return solved.view_as(self.state) * self.unit, left


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """Line sweeps for the flow and, apart, for the turbulence."""

    flow: AlternatingLines
    working: AlternatingLines
    sweeps: int

    @staticmethod
    def at(flow: Flow, state: Tensor, lag: Tensor, sweeps: int, *, transposed: bool = False) -> "Preconditioner":
        parts = [part.shifted(lag) for part in approximate_blocks(flow, state)]
        lines, working = (AlternatingLines.of(part.transposed() if transposed else part) for part in parts)
        return Preconditioner(lines, working, sweeps)

    def apply(self, right: Float[Tensor, "batch 5 ni nj"]) -> Float[Tensor, "batch 5 ni nj"]:
        return torch.cat(
            (self.flow.solve(right[:, :4], self.sweeps), self.working.solve(right[:, 4:], 2 * self.sweeps)), 1
        )


def unknown_units(state: Tensor) -> Float[Tensor, "batch 5 1 1"]:
    """Size of each unknown: 1, but for the turbulence its largest value."""
    working = state[:, 4].abs().amax((1, 2)).clamp(min=1.0)
    return torch.stack((*[torch.ones_like(working)] * 4, working), 1)[:, :, None, None]


def wave_rate(flow: Flow, state: Tensor) -> Float[Tensor, "batch ni nj"]:
    """Area that waves sweep in unit time; the area of a cell over it is its step of Courant number 1."""
    cells = primitive(state)
    sound = (GAMMA * cells[:, 3] / cells[:, 0]).sqrt()
    rate = torch.zeros_like(sound)
    for faces, dim in ((flow.metrics.i_faces, 2), (flow.metrics.j_faces, 3)):
        count = faces.shape[dim] - 1
        normal = 0.5 * (faces.narrow(dim, 0, count) + faces.narrow(dim, 1, count))
        through = cells[:, 1] * normal[:, 0] + cells[:, 2] * normal[:, 1]
        rate = rate + through.abs() + sound * normal.square().sum(1).sqrt()
    return rate


def _share(state: Tensor, change: Tensor) -> Float[Tensor, " batch"]:
    """Part of a change that keeps density and pressure near what they were; NaN where a change is not finite."""
    old, new = primitive(state), primitive(state + change)
    relative = ((new[:, (0, 3)] - old[:, (0, 3)]) / old[:, (0, 3)]).abs().flatten(1).amax(1)
    return (LARGEST_CHANGE / relative.clamp(min=1e-12)).clamp(max=1.0)
