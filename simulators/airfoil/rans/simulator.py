"""The compressible Reynolds-averaged flow past airfoils, in batches, with gradients."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import OF_TRANSITION, AirfoilCase
from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.airfoil.panel import STEEPEST_ANGLE, likely_angle
from understudy.simulators.airfoil.rans.fields import FORCES, field_of, quantities_of
from understudy.simulators.airfoil.rans.nearby import Field, Nearby
from understudy.simulators.airfoil.rans.options import EULER_REYNOLDS, RansOptions
from understudy.simulators.airfoil.rans.setup import at_nodes, base_of, flow_around, levels_of, new_grids
from understudy.simulators.flow.adjoint import followed
from understudy.simulators.flow.forces import forces, surface
from understudy.simulators.flow.levels import solve_levels
from understudy.simulators.flow.march import MarchOptions, Steady
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.stream import Stream
from understudy.simulators.grids import Grid, closed, deformed
from understudy.simulators.grids.airfoil import THINNEST_BASE, highest_reynolds
from understudy.simulators.grids.quality import GridQuality, assess
from understudy.simulators.interface import Answer, Simulator, Solution, Status
from understudy.simulators.rows import detached, rows_of

#: Mach numbers that the solver is made for: below, the density hardly changes and 'viscous' answers better and faster.
SLOWEST, FASTEST = 0.05, 0.95
#: Kinds of devices that do not compute in double precision.
SINGLE_PRECISION = ("mps",)
#: Rows solved at once on a processor and on a GPU.
AT_ONCE, AT_ONCE_ON_GPU = 1, 64
#: The second try of a row that did not converge.
CAREFUL = MarchOptions(cfl=3.0, growth=1.3, sweeps=4, krylov=30, tolerance=0.03)
#: The first step from a field that was steady for nearly the same shape.
NEARLY_THERE = 100.0
#: Below it the first cell would be higher than a hundredth of the chord.
LEAST_REYNOLDS = 1e3
#: Growth of the spacings of a deformed grid, over the most that it was made with, at which it is no good any more.
MORE_GROWTH = 1.25
#: Forces over the last steps from which a flow without a steady state is told.
WATCHED = 20
#: Half the range of the lift over these steps above which it is said to swing.
STEADY_SWING = 0.002

QUANTITIES = ("alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm", "cp", "cf")
_ON_NODES = QUANTITIES[6:]


@dataclass(frozen=True, eq=False, kw_only=True)
class RansSolution(Solution):
    """Quantities, and the fields they come from.

    grids: one batch for C-grids and one for O-grids, with the rows of the case that each holds.
    states: conserved variables of the cells of each (`simulators.flow.gas`), NaN where a row was not solved.
    mach, reynolds: of each row. model: what was solved.
    """

    rows: tuple[Tensor, ...] = ()
    grids: tuple[Grid, ...] = ()
    states: tuple[Tensor, ...] = ()
    mach: Tensor
    reynolds: Tensor
    model: str

    def flow_field(self, row: int) -> FlowField | None:
        """The flow around the airfoil of one row, without its gradients; None where it was not solved."""
        if self.status[row] is not Status.OK:
            return None
        facts = {"mach": self.mach[row].item(), "reynolds": self.reynolds[row].item()}
        facts |= {name: values[row].item() for name, values in self.values.items() if name not in _ON_NODES}
        for rows, grid, state in zip(self.rows, self.grids, self.states, strict=True):
            place = (rows == row).nonzero()[:, 0]
            if len(place):
                return field_of(rows_of(grid, place), state[place].detach(), facts, self.model)
        return None


@dataclass(frozen=True)
class Rans(Simulator[AirfoilCase]):
    """Steady compressible flow past an airfoil: Euler, laminar or turbulent by the model of Spalart and Allmaras.

    A grid is made for each contour, a C-grid where the trailing edge is sharp or nearly so, an O-grid where it is
    blunt.
    Turbulent flow is turbulent from the nose: n_crit and trips are not heard. Coarse grids start fine ones. Made for
    Mach numbers from 0.05 to 0.95, shocks included.

    Gradients flow from all quantities to coordinates, angle or lift, Mach and Reynolds number through the steady state:
    one transposed linear solve for each quantity that is followed, and memory for its directions.

    Args:
        options: physics, grid, end of the iteration.

    Rarely needed:
        nearby: what to start from (`near`).
    """

    options: RansOptions = field(default_factory=RansOptions)
    nearby: Nearby | None = field(default=None, repr=False, compare=False)

    name = "rans"
    version = "2"
    forces = "pressure extrapolated from the two cells above each wall face, friction from the gradient at the face"
    quantities = QUANTITIES
    differentiable = True
    at_once = 1
    unheard = OF_TRANSITION
    forces_from_fields = FORCES

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]  # they go with the model
        """What `RansSolution.flow_field` holds."""
        return quantities_of(self.options.model)

    @property
    def title(self) -> str:
        along, away = self.options.grid
        return f"{self.name} ({self.options.model}, {along}x{away})"

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Options that decide the answers, JSON-ready."""
        return {name: value for name, value in asdict(self.options).items() if name != "rows"}

    def predict(self, case: AirfoilCase) -> RansSolution:
        """Answer every row; computed in double precision whatever the precision of the case.

        Where memory runs out, half as many rows are solved at once from then on, with a warning.
        """
        device = case.coordinates.device
        if device.type in SINGLE_PRECISION:
            return _assembled(case, [(Status.REFUSED, _single_precision(device))] * len(case), [], self.options.model)
        asked = _Asked.of(case)
        within = self._reynolds_range()
        ends = [
            self._refusal(mach, reynolds, within) or _too_steep(lift, angle) or (Status.OK, "")
            for mach, reynolds, lift, angle in zip(
                *(row.tolist() for row in (asked.mach, asked.reynolds, asked.lift, asked.angle())), strict=True
            )
        ]
        taken = torch.tensor([not words for _, words in ends], device=device)
        base = base_of(asked.coordinates.detach())
        size = self.options.rows or (AT_ONCE_ON_GPU if case.coordinates.is_cuda else AT_ONCE)
        parts: list[_Part] = []
        for blunt in (False, True):
            left = (taken & ((base >= THINNEST_BASE) == blunt)).nonzero()[:, 0]
            while len(left):
                rows = left[:size]
                part = self._part_in_memory(rows_of(asked, rows), rows, blunt)
                if part is None and len(rows) > 1:
                    size = len(rows) // 2
                    _warn_of_memory(len(rows), size, device)
                    continue
                if part is None:
                    ends[int(rows)] = Status.FAILED, self._too_large(device)
                else:
                    parts.append(part)
                left = left[len(rows) :]
        return _assembled(case, ends, parts, self.options.model)

    def _reynolds_range(self) -> tuple[float, float]:
        """Reynolds numbers that the grid is made for; without friction it hears none."""
        if self.options.model == "euler":
            return 0.0, math.inf
        wishes, _ = self.options.wishes()
        return LEAST_REYNOLDS, highest_reynolds(wishes)

    def _refusal(self, mach: float, reynolds: float, within: tuple[float, float]) -> tuple[Status, str] | None:
        """A stream that is not taken, or that the grid is not made for; within: `_reynolds_range`."""
        least, most = within
        if reynolds < least:
            return Status.REFUSED, (
                f"refused: reynolds must be at least {least:g} for the compressible solver, whose first "
                f"cell follows it; got {reynolds:.6g}: no simulator here is made for such slow or small bodies"
            )
        if reynolds > most:
            along, away = self.options.grid
            return Status.REFUSED, (
                f"refused: reynolds must be at most {most:.2g} on a grid of {along}x{away} nodes, whose first "
                f"cell follows it; got {reynolds:.3g}: ask for a grid with more nodes away from the body"
            )
        return _sonic_or_slow(mach)

    def _part_in_memory(self, asked: "_Asked", rows: Tensor, blunt: bool) -> "_Part | None":
        """What became of rows that are solved at once; None where the memory of the device is too small for them."""
        try:
            return self._part(asked, rows, blunt)
        except torch.OutOfMemoryError:
            pass  # the exception holds the tensors of the attempt until it is left
        if rows.is_cuda:
            torch.cuda.empty_cache()
        return None

    def _too_large(self, device: torch.device) -> str:
        along, away = self.options.grid
        return (
            f"failed: the memory of {device} is too small for one case on a grid of {along}x{away} nodes; ask for a "
            "coarser grid, or move the case to a device with more memory"
        )

    def near(self, answer: Answer) -> "Rans":
        """Rows that are asked again start from the fields of the answer, on its grids, which follow the contours.

        Gradients are then those of the very answers, free of the noise of new grids. Contours may turn by some degrees
        from those that the grids were made for; a row whose grid does not follow is refused.
        """
        if not isinstance(answer, RansSolution):
            return self
        grids = self.nearby.grids if self.nearby and self.nearby.alike(answer.rows, answer.grids) else answer.grids
        return replace(self, nearby=Nearby(answer.rows, grids, answer.states, answer["alpha"].detach().double()))

    def _part(self, asked: "_Asked", rows: Tensor, blunt: bool) -> "_Part":
        """Solve rows whose trailing edges are of one kind; those that are nearly sharp are made sharp."""
        if not blunt:
            asked = replace(asked, coordinates=closed(asked.coordinates))
        known = self.nearby.of(rows, blunt=blunt) if self.nearby else None
        grid, quality = self._grid(asked, blunt, known)
        state = grid.nodes.new_full((len(rows), 5, *grid.cells), torch.nan)
        part = _Part(rows, grid, state, {}, list(quality.status), list(quality.message))
        good = torch.tensor(quality.ok, device=rows.device).nonzero()[:, 0]
        if not len(good):
            return part
        there, chosen = rows_of(grid, good), rows_of(asked, good)
        with torch.no_grad():
            ended, words = self._steady(there, chosen, rows_of(known, good) if known else None)
        for row, converged, why in zip(good.tolist(), ended.converged.tolist(), words, strict=True):
            part.status[row], part.message[row] = (Status.OK, "") if converged else (Status.NOT_CONVERGED, why)
        state[good] = torch.where(ended.converged[:, None, None, None], ended.state, torch.nan)
        solved = ended.converged.nonzero()[:, 0]
        if len(solved):
            there = rows_of(there, solved)
            found = self._quantities(there, rows_of(chosen, solved), rows_of(ended, solved))
            for name, values in found.items():
                blank = values.new_full((len(rows), *values.shape[1:]), torch.nan)
                part.values[name] = blank.index_put((good[solved],), values)
        return part

    def _grid(self, asked: "_Asked", blunt: bool, known: Field | None) -> tuple[Grid, GridQuality]:
        wishes, halvings = self.options.wishes()
        reynolds = asked.reynolds.detach()
        if self.options.model == "euler":
            reynolds = torch.full_like(reynolds, EULER_REYNOLDS)
        if known:
            grid = deformed(known.grid, asked.coordinates.detach())
            made_with = wishes.growth ** (2**halvings)
            return grid, assess(grid, reynolds, replace(wishes, growth=MORE_GROWTH * made_with))
        return new_grids(asked.coordinates.detach(), reynolds, wishes, halvings=halvings, blunt=blunt)

    def _steady(self, grid: Grid, asked: "_Asked", known: Field | None) -> tuple[Steady, list[str]]:
        """Where each row ended, and why it is not steady where it is not; a second try for those."""
        asked = detached(asked)
        stream = asked.stream(self.options.model)
        krylov = self.options.krylov
        usual = MarchOptions(steps=self.options.steps, drop=self.options.drop, krylov=krylov)
        if known:
            flow = flow_around(grid, replace(stream, alpha=known.angle(asked.lift, stream.alpha)), self.options.model)
            ended, words = _marched([flow], replace(usual, cfl=NEARLY_THERE), asked.lift, known.state)
            if bool(ended.converged.all()):
                return ended, words
        flows = [flow_around(level, stream, self.options.model) for level in levels_of(grid)]
        ended, words = _marched(flows, usual, asked.lift)
        again = (~ended.converged).nonzero()[:, 0]
        if len(again):
            careful = replace(
                CAREFUL,
                steps=3 * self.options.steps // 2,
                drop=self.options.drop,
                krylov=max(CAREFUL.krylov, krylov),
            )
            second, later = _marched([rows_of(flow, again) for flow in flows], careful, asked.lift[again])
            ended = Steady(
                ended.state.index_put((again,), second.state),
                ended.alpha.index_put((again,), second.alpha),
                ended.converged.index_put((again,), second.converged),
                ended.steps.index_add(0, again, second.steps),
                ended.residuals,
            )
            for row, why in zip(again.tolist(), later, strict=True):
                words[row] = why
        return ended, words

    def _quantities(self, grid: Grid, asked: "_Asked", ended: Steady) -> dict[str, Tensor]:
        """All quantities of rows that are steady, with their gradients where any are asked for."""
        wanted = asked.coordinates, asked.alpha, asked.lift, asked.reynolds, asked.mach
        if torch.is_grad_enabled() and any(value.requires_grad for value in wanted):
            asked = replace(asked, alpha=self._followed_angle(grid, asked, ended))
            flow, state = self._followed(grid, asked, ended)
        else:
            asked = replace(asked, alpha=ended.alpha)
            flow, state = flow_around(grid, asked.stream(self.options.model), self.options.model), ended.state
        on_wall = surface(flow, state)
        on_nodes = {name: at_nodes(values, grid.wall, asked.coordinates) for name, values in on_wall.items()}
        return {"alpha": asked.alpha, **forces(flow, state), **on_nodes}

    def _followed(self, grid: Grid, asked: "_Asked", ended: Steady) -> tuple[Flow, Tensor]:
        """The flow as a function of what is asked, and its steady state."""
        moved = deformed(grid, asked.coordinates) if asked.coordinates.requires_grad else grid
        flow = flow_around(moved, asked.stream(self.options.model), self.options.model)
        return flow, followed(flow, ended.state)

    def _followed_angle(self, grid: Grid, asked: "_Asked", ended: Steady) -> Tensor:
        """The angle as a function of the prescribed lift and of all that changes the lift."""
        given = torch.isnan(asked.lift)
        if bool(given.all()):
            return asked.alpha
        free = ended.alpha.detach().requires_grad_()
        reached = forces(*self._followed(grid, replace(asked, alpha=free), ended))["cl"]
        (slope,) = torch.autograd.grad(reached.sum(), free, retain_graph=True)
        moved = ended.alpha + (torch.where(given, reached, asked.lift) - reached) / slope
        return torch.where(given, asked.alpha, moved)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Cases in double precision; lift is NaN where the angle is given."""

    coordinates: Tensor
    alpha: Tensor
    lift: Tensor
    reynolds: Tensor
    mach: Tensor

    @staticmethod
    def of(case: AirfoilCase) -> "_Asked":
        return _Asked(
            case.coordinates.double(), case.alpha.double(), case.cl.double(), case.reynolds.double(), case.mach.double()
        )

    def angle(self) -> Tensor:
        """The angles, likely ones where the lift is prescribed and they are not known."""
        unknown = torch.isnan(self.alpha)
        if not bool(unknown.any()):
            return self.alpha
        guess = likely_angle(self.coordinates.detach(), self.lift.detach(), self.mach.detach())
        return torch.where(unknown, guess, self.alpha)

    def stream(self, model: str) -> Stream:
        """The free stream."""
        alpha = self.angle()
        reynolds = torch.full_like(self.reynolds, torch.inf) if model == "euler" else self.reynolds
        return Stream(self.mach, alpha, reynolds)


@dataclass(frozen=True, eq=False)
class _Part:
    """What became of some rows of a case."""

    rows: Tensor
    grid: Grid
    state: Tensor
    values: dict[str, Tensor]
    status: list[Status]
    message: list[str]


def _sonic_or_slow(mach: float) -> tuple[Status, str] | None:
    if mach < SLOWEST:
        return Status.REFUSED, (
            f"refused: mach must be at least {SLOWEST} for the compressible solver; got {mach:.3g}: "
            "ask 'viscous', which is made for low speed"
        )
    if mach > FASTEST:
        return Status.REFUSED, (
            f"refused: mach must be at most {FASTEST} for the compressible solver; got {mach:.3g}: ask for less, "
            "no simulator here is made for sonic streams"
        )
    return None


def _single_precision(device: torch.device) -> str:
    return (
        f"refused: the compressible solver needs double precision, which {device.type} lacks; move the tensors of the "
        "case to the processor or to a CUDA device"
    )


def _warn_of_memory(rows: int, half: int, device: torch.device) -> None:
    warnings.warn(
        f"the memory of {device} is too small for {rows} cases at once: going on with {half}; set rows={half} in "
        "RansOptions to begin so",
        RuntimeWarning,
        stacklevel=3,
    )


def _too_steep(lift: float, angle: float) -> tuple[Status, str] | None:
    """Angles of stalled flow, which has no steady state, are not tried; nor is a lift that no attached flow has."""
    if abs(angle) <= STEEPEST_ANGLE:
        return None
    if math.isnan(lift):
        return Status.REFUSED, (
            f"refused: alpha must be within {STEEPEST_ANGLE:g} degrees; got {angle:.3g}: beyond, the flow is stalled "
            "and not steady"
        )
    return Status.REFUSED, (
        f"refused: a lift coefficient of {lift:.3g} would take an angle of some {angle:.0f} degrees, where the flow is "
        "stalled; ask for less lift"
    )


def _marched(
    flows: Sequence[Flow], options: MarchOptions, lift: Tensor, start: Tensor | None = None
) -> tuple[Steady, list[str]]:
    """Where each row ended, and in words what its forces did at last."""
    seen: list[list[tuple[float, float]]] = [[] for _ in range(len(lift))]

    def watch(level: int, step: int, rows: Tensor, flow: Flow, state: Tensor, size: Tensor) -> None:
        if level < len(flows) - 1:
            return
        now = forces(flow, state)
        for row, cl, cd in zip(rows.tolist(), now["cl"].tolist(), now["cd"].tolist(), strict=True):
            seen[row].append((cl, cd))

    ended = solve_levels(flows, options, lift=lift, start=start, watch=watch)
    wanted = lift.tolist()
    return ended, [_why(ended.residuals[row], seen[row][-WATCHED:], wanted[row]) for row in range(len(lift))]


def _why(residuals: Tensor, seen: list[tuple[float, float]], wanted: float) -> str:
    """What a row did that did not become steady, with the lift that it was to have if there was one."""
    last = residuals[torch.isfinite(residuals)]
    left = f"{last[-1].item():.1e}" if len(last) else "not finite"
    cl, cd = torch.tensor(seen, dtype=torch.float64).unbind(1)
    swing = 0.5 * (cl.amax() - cl.amin())
    if swing > STEADY_SWING and len(seen) == WATCHED:
        if not math.isnan(wanted):
            return (
                f"not converged: a lift of {wanted:.3f} was not reached (residual {left} of the first field's): it "
                f"swings by {swing:.3f} about {cl.mean():.3f}; the flow is stalled or buffets: ask for less lift or a "
                "lower Mach number"
            )
        return (
            f"not converged: no steady state was found (residual {left} of the first field's): lift swings by "
            f"{swing:.3f} about {cl.mean():.3f}, drag by {0.5 * (cd.amax() - cd.amin()):.4f} about {cd.mean():.4f}; "
            "the flow is stalled or buffets: try a smaller angle or Mach number"
        )
    return (
        f"not converged: the residual stays at {left} of the first field's, with lift {cl[-1]:.4f} and drag "
        f"{cd[-1]:.5f}; try another grid or more steps"
    )


def _assembled(case: AirfoilCase, unasked: list[tuple[Status, str]], parts: list[_Part], model: str) -> RansSolution:
    """The answer to the whole case from its parts."""
    batch, nodes = case.coordinates.shape[:2]
    status, message = [how for how, _ in unasked], [words for _, words in unasked]
    values = {}
    for name in QUANTITIES:
        blank = case.coordinates.new_full((batch, nodes) if name in _ON_NODES else (batch,), torch.nan)
        for part in parts:
            if part.values:
                blank = blank.index_put((part.rows,), part.values[name].to(blank.dtype))
        values[name] = blank
    for part in parts:
        for row, how, why in zip(part.rows.tolist(), part.status, part.message, strict=True):
            status[row], message[row] = how, why
    return RansSolution(
        values=values,
        status=tuple(status),
        message=tuple(message),
        rows=tuple(part.rows for part in parts),
        grids=tuple(part.grid for part in parts),
        states=tuple(part.state for part in parts),
        mach=case.mach.detach(),
        reynolds=case.reynolds.detach(),
        model=model,
    )
