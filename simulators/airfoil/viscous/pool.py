"""Many cases on their way to convergence: a pool of bounded size that finished cases leave and waiting ones enter."""

from collections import deque
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.airfoil.viscous.fusion import fusion
from understudy.simulators.airfoil.viscous.newton import advance, residual_norm
from understudy.simulators.airfoil.viscous.setup import Flight, build_field
from understudy.simulators.airfoil.viscous.start import Caution, first_guess
from understudy.simulators.airfoil.viscous.system import Field, State, assemble
from understudy.simulators.rows import joined, rows_of

NEAR_ITERATIONS = 15  # granted to a guess near the answer; one that needs more was not near, and a start is quicker


@dataclass(frozen=True)
class PoolOptions:
    """How cases are worked on.

    size: most cases at once; memory is about 2.5 MB a case. intake: cases that enter together.
    compiled: whether long formulas are compiled first, for a minute or two: for many thousands of cases on a GPU.
    tolerance: scaled residual that ends a case. starts: first guesses, tried in turn, each with its number of
        iterations.
    """

    size: int = 256
    intake: int = 128
    compiled: bool = False
    tolerance: float = 1e-8
    starts: tuple[tuple[Caution, int], ...] = (
        (Caution(laminar=3.0, laminar_most=3.2, turbulent=2.0), 25),
        (Caution(laminar=3.8, laminar_most=4.2, turbulent=2.2), 30),
        (Caution(laminar=2.7, laminar_most=2.7, turbulent=1.8), 40),
    )


@dataclass(frozen=True, eq=False)
class Converged:
    """The fate of every row of a flight.

    state: the last state of each row, meaningful where converged. field: that it was found in, without the influence
        of mass defect and without the Mach number. residuals: (batch, iterations) of the last start, NaN-padded.
    """

    state: State
    field: Field
    converged: Bool[Tensor, " batch"]
    residuals: Float[Tensor, "batch iterations"]
    iterations: Int[Tensor, " batch"]


def converge(flight: Flight, *, options: PoolOptions, guess: State | None = None) -> Converged:
    """Newton's method on every row, in a pool of at most `options.size` rows.

    Args:
        flight: the rows.
        options: sizes, tolerance and starts.
        guess: states near the answers, tried before the first start.
    """
    kinds = [rows for rows in ((flight.mach > 0).nonzero()[:, 0], (flight.mach <= 0).nonzero()[:, 0]) if len(rows)]
    with fusion(options.compiled):
        parts = [
            _Pool(rows_of(flight, rows), options, None if guess is None else rows_of(guess, rows)).run()
            for rows in kinds
        ]
    return parts[0] if len(parts) == 1 else rows_of(joined(parts), torch.cat(kinds).argsort())


class _Pool:
    """Rows of one kind: incompressible ones share equations that leave the Mach number out."""

    def __init__(self, flight: Flight, options: PoolOptions, guess: State | None) -> None:
        self.flight, self.options, self.guess = flight, options, guess
        self.compressible = bool((flight.mach > 0).any())
        first = -1 if guess is not None else 0
        self.waiting = deque((row, first) for row in range(len(flight)))
        self.left: list[tuple[Tensor, State, Field]] = []
        device = flight.alpha.device
        most = max(count for _, count in options.starts)
        self.residuals = torch.full((len(flight), most + 1), torch.nan, dtype=flight.alpha.dtype, device=device)
        self.iterations = torch.zeros(len(flight), dtype=torch.long, device=device)
        self.converged = torch.zeros(len(flight), dtype=torch.bool, device=device)
        self.rows = torch.zeros(0, dtype=torch.long, device=device)
        self.attempt = torch.zeros(0, dtype=torch.long, device=device)
        self.count = torch.zeros(0, dtype=torch.long, device=device)
        self.field: Field | None = None
        self.state: State | None = None

    def run(self) -> Converged:
        while self.waiting or len(self.rows):
            while self._has_room():
                self._take_in()
            self._iterate()
        rows, *parts = zip(*self.left, strict=True)
        order = torch.cat(rows).argsort()
        state, field = (rows_of(joined(list(part)), order) for part in parts)
        return Converged(state, field, self.converged, self.residuals, self.iterations)

    def _has_room(self) -> bool:
        """Whether to take rows in now. Rows that start again wait for company: a start costs much the same for few."""
        size, intake = self.options.size, self.options.intake
        if not self.waiting or len(self.rows) > size - intake:
            return False
        again = self.waiting[0][1] > 0
        return not again or len(self.waiting) >= intake or len(self.rows) <= intake // 4

    def _take_in(self) -> None:
        """Build the fields and the first guesses of the next few waiting rows, and put them into the pool."""
        guessed = self.waiting[0][1] < 0
        taken: list[tuple[int, int]] = []
        while self.waiting and (self.waiting[0][1] < 0) == guessed and len(taken) < self.options.intake:
            taken.append(self.waiting.popleft())
        rows, attempt = torch.tensor(taken, device=self.rows.device).unbind(1)
        field = build_field(rows_of(self.flight, rows), compressible=self.compressible)
        if guessed:
            assert self.guess is not None
            state = rows_of(self.guess, rows)
        else:
            state = first_guess(field, self._caution(attempt))
        self.field = field if self.field is None else joined([self.field, field])
        self.state = state if self.state is None else joined([self.state, state])
        self.rows = torch.cat((self.rows, rows))
        self.attempt = torch.cat((self.attempt, attempt))
        self.count = torch.cat((self.count, torch.zeros_like(rows)))
        self.residuals[rows] = torch.nan

    def _caution(self, attempt: Tensor) -> Caution:
        """How cautious each row's start is."""
        starts = [(start.laminar, start.laminar_most, start.turbulent) for start, _ in self.options.starts]
        return Caution(*torch.tensor(starts, dtype=torch.float64, device=attempt.device)[attempt].unbind(1))

    def _iterate(self) -> None:
        assert self.field is not None
        assert self.state is not None
        system = assemble(self.field, self.state)
        norm = residual_norm(self.field, self.state, system)
        self.residuals[self.rows, self.count] = norm
        limits = torch.tensor([NEAR_ITERATIONS, *(count for _, count in self.options.starts)], device=norm.device)
        done = norm < self.options.tolerance
        hopeless = ~torch.isfinite(norm) & (self.count == 0) & (self.attempt >= 0)
        lost = ~torch.isfinite(norm) | (self.count >= limits[self.attempt + 1])
        leaving = done | lost
        if bool(leaving.any()):
            self._release(done, lost & ~done, hopeless)
            order = _closing_gaps(~leaving)
            self.rows, self.attempt, self.count = self.rows[order], self.attempt[order], self.count[order]
            self.field, self.state = _packed(self.field, order), rows_of(self.state, order)
            system = rows_of(system, order)
        if not len(self.rows):
            self.field = self.state = None
            return
        self.state, _ = advance(self.field, self.state, system)
        self.count = self.count + 1
        self.iterations[self.rows] += 1

    def _release(self, done: Tensor, lost: Tensor, hopeless: Tensor) -> None:
        """Let rows go for good, or to their next start; hopeless ones have no finite residual at any start."""
        assert self.field is not None
        assert self.state is not None
        self.converged[self.rows[done]] = True
        last = hopeless | (self.attempt + 1 >= len(self.options.starts))
        final = done | (lost & last)
        if bool(final.any()):
            light = replace(self.field, mass_influence=self.field.mass_influence[:, :0, :0], mach=None)
            self.left.append((self.rows[final], rows_of(self.state, final), rows_of(light, final)))
        again = lost & ~last
        self.waiting.extend(zip(self.rows[again].tolist(), (self.attempt[again] + 1).tolist(), strict=True))


def _closing_gaps(stay: Tensor) -> Tensor:
    """Indices of the rows that stay, in their places but for the last ones, which fill the gaps before them."""
    count = int(stay.sum())
    order = torch.arange(count, device=stay.device)
    order[~stay[:count]] = count + stay[count:].nonzero()[:, 0]
    return order


def _packed(field: Field, order: Tensor) -> Field:
    """`rows_of` an order that closes gaps, in place: the influence matrices of rows that keep their place stay put."""
    moved = (order != torch.arange(len(order), device=order.device)).nonzero()[:, 0]
    for item in fields(field):
        values = getattr(field, item.name)
        if isinstance(values, Tensor):
            values[moved] = values[order[moved]]
    return rows_of(field, slice(0, len(order)))
