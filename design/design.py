"""The answer to a problem: the shape, what was promised for it, what the simulator said, and whether it succeeded."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.datasets.whole_files import write_bytes
from understudy.design.evaluate import point_values
from understudy.design.parameters import Parameters, measure
from understudy.design.problem import (
    Problem,
    QuantityConstraint,
    ShapeConstraint,
    base_quantity,
)
from understudy.simulators.interface import Answer, Status

FORMAT = 1
LIFT_TOLERANCE = 1e-3  # by which the verified lift of a point may differ from the wanted one
ANGLE_TOLERANCE = 0.02  # [deg] by which the order of the angles may be missed


class Outcome(StrEnum):
    """How a design ended; only `success` is one."""

    SUCCESS = "success"
    NOT_VERIFIED = "not_verified"
    INFEASIBLE = "infeasible"
    NOT_FLOWN = "not_flown"
    CONSTRAINT_BROKEN = "constraint_broken"


@dataclass(frozen=True)
class Flight:
    """What one predictor said about the design, one entry an operating point.

    who: its name.
    values: quantity of the case -> values; low, high: ends of the intervals, empty where it gives none.
    known: whether it was trained on such a case; a simulator always is.
    cp: pressure coefficient at the nodes of the design, empty where it gives none.
    """

    who: str
    values: Mapping[str, tuple[float, ...]]
    low: Mapping[str, tuple[float, ...]]
    high: Mapping[str, tuple[float, ...]]
    known: tuple[bool, ...]
    status: tuple[str, ...]
    message: tuple[str, ...]
    cp: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(cls, who: str, answer: Answer, alpha: Tensor | None = None) -> "Flight":
        """The answer to the case of one design at all its points; `alpha` if the answer does not repeat the angles."""
        values = {name: _floats(value) for name, value in point_values(answer).items() if base_quantity(name) == name}
        if alpha is not None:
            values["alpha"] = _floats(alpha)
        low, high = (
            {name: _floats(value) for name, value in getattr(answer, end, {}).items() if name in values}
            for end in ("low", "high")
        )
        known = getattr(answer, "known", torch.ones(len(answer), dtype=torch.bool))
        cp = tuple(_floats(row) for row in answer.values["cp"]) if "cp" in answer.values else ()
        status = tuple(str(item) for item in answer.status)
        return cls(who, values, low, high, tuple(bool(item) for item in known), status, tuple(answer.message), cp)

    def part(self, points: slice) -> "Flight":
        """Some of its points."""

        def some(table: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
            return {name: row[points] for name, row in table.items()}

        return Flight(
            self.who,
            some(self.values),
            some(self.low),
            some(self.high),
            self.known[points],
            self.status[points],
            self.message[points],
            self.cp[points],
        )

    @property
    def flown(self) -> bool:
        """Whether every point was answered."""
        return all(status == Status.OK for status in self.status)

    def value(self, name: str, point: int) -> float | None:
        """A quantity, or a part of its interval, at a point; None where it was not answered."""
        base = base_quantity(name)
        table = {"low": self.low, "high": self.high}.get(name.removeprefix(f"{base}_"), self.values)
        if name == f"{base}_half_width":
            return 0.5 * (self.high[base][point] - self.low[base][point]) if base in self.low else None
        return table[base][point] if base in table else None


@dataclass(frozen=True)
class ConstraintLine:
    """One line of the constraint table; `promised` or `verified` is None where nobody answers it.

    kept: None before verification; afterwards whether the verified value lies within the limits and the tolerance.
    """

    subject: str
    required: str
    unit: str
    tolerance: float
    promised: float | None
    verified: float | None
    kept: bool | None


@dataclass(frozen=True)
class GapLine:
    """Promise and verdict of a quantity at one point; `inside`: whether the verdict lies in the promised interval."""

    point: int
    quantity: str
    promise: float
    verdict: float
    inside: bool | None

    @property
    def ratio(self) -> float:
        """Verdict over promise, less 1: positive where the promise was too optimistic about a drag."""
        return self.verdict / self.promise - 1 if self.promise else float("nan")


@dataclass(frozen=True, eq=False)
class Design:
    """What came out of a design problem.

    parameters: name -> value, in the order of the search.
    coordinates, start: the shape and the shape it began as, nodes (nodes, 2) [chord].
    promise, verdict: what the followed predictor and the verifying simulator said; verdict None before `verify`.
    objective: promised and verified value, both of the quantities themselves without any caution for their intervals.
    outcome, sentence: success or why not.
    polar: promise and verdict at the angles of a sweep through the operating points, None where not flown.
    history: (start, iteration, objective, violation) of every step.
    rounds: objective promised and verified after each earlier round.
    """

    name: str
    parameters: Mapping[str, float]
    coordinates: Float[Tensor, "nodes 2"]
    start: Float[Tensor, "nodes 2"]
    promise: Flight
    verdict: Flight | None
    objective: tuple[float, float | None]
    constraints: tuple[ConstraintLine, ...]
    gap: tuple[GapLine, ...]
    outcome: Outcome
    sentence: str
    search: str
    polar: tuple[Flight, Flight | None] | None = None
    history: tuple[tuple[int, int, float, float], ...] = ()
    rounds: tuple[tuple[float, float | None], ...] = ()

    @property
    def success(self) -> bool:
        """Flown by the simulator at every point, with every constraint kept."""
        return self.outcome is Outcome.SUCCESS

    @property
    def gap_inside(self) -> bool:
        """Whether the verified drag of every point lies within the promised interval."""
        drag = [line for line in self.gap if line.quantity == "cd"]
        return bool(drag) and all(line.inside for line in drag)

    def to_json(self) -> str:
        """The design as JSON text; a value that is not there is null."""
        table = {
            "format": FORMAT,
            **asdict(self),
            "coordinates": self.coordinates.tolist(),
            "start": self.start.tolist(),
        }
        return json.dumps(_without_nan(table), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Design":
        """The design in a text that `to_json` wrote.

        Raises:
            ValueError: no JSON, of another format, or with a part missing.
        """
        try:
            table = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not the JSON of a design: {error}") from error
        if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
            raise ValueError(f"not a design of format {FORMAT}; design again with this version")
        try:
            return cls._from_table(table)
        except (KeyError, TypeError) as error:
            raise ValueError(f"a part of the design is missing or damaged ({error}); design again") from error

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> "Design":
        verdict, polar = table.pop("verdict"), table.pop("polar")
        return cls(
            coordinates=torch.tensor(table.pop("coordinates"), dtype=torch.float64),
            start=torch.tensor(table.pop("start"), dtype=torch.float64),
            promise=_flight(table.pop("promise")),
            verdict=_flight(verdict) if verdict else None,
            polar=(_flight(polar[0]), _flight(polar[1]) if polar[1] else None) if polar else None,
            objective=tuple(table.pop("objective")),
            constraints=tuple(ConstraintLine(**line) for line in table.pop("constraints")),
            gap=tuple(GapLine(**line) for line in table.pop("gap")),
            outcome=Outcome(table.pop("outcome")),
            history=tuple(tuple(row) for row in table.pop("history")),
            rounds=tuple(tuple(row) for row in table.pop("rounds")),
            **table,
        )

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_bytes(path, self.to_json().encode())


def constraint_table(
    problem: Problem, parameters: Mapping[str, float], promise: Flight, verdict: Flight | None
) -> tuple[ConstraintLine, ...]:
    """Every constraint with what was required, promised and verified; the shape is measured as in the search."""
    lines = []
    shape = Parameters.of(problem).named(parameters)
    for held in problem.constraints:
        if isinstance(held, ShapeConstraint):
            value = float(measure(held, shape)[0])
            lines.append(_line(held, held.subject, value, value if verdict else None))
            continue
        for number in problem.numbers(held):
            promised = promise.value(held.quantity, number - 1)
            verified = _verified(held, verdict, number - 1, promised)
            lines.append(_line(held, f"{held.subject} at point {number}", promised, verified))
    lines += _lift_lines(problem, promise, verdict)
    if problem.angles.increase_with_cl:
        lines += _angle_lines(problem, promise, verdict)
    return tuple(lines) if verdict else tuple(_unjudged(line) for line in lines)


def objective_of(problem: Problem, flight: Flight) -> float | None:
    """The objective with the values of a flight, intervals shrunk to the value; None where a point was not flown."""
    if not flight.flown:
        return None
    values: dict[str, Tensor] = {}
    for name, row in flight.values.items():
        value = torch.tensor([row], dtype=torch.float64)
        values |= {name: value, f"{name}_low": value, f"{name}_high": value, f"{name}_half_width": 0 * value}
    return float(problem.objective(values, problem.weights)[0])


def gap_table(problem: Problem, promise: Flight, verdict: Flight) -> tuple[GapLine, ...]:
    """Promise against verdict of lift, drag and moment at every point that was flown; the wanted lift is left out."""
    lines = []
    for index, point in enumerate(problem.points):
        for name in ("cl", "cd", "cm"):
            said, found = promise.value(name, index), verdict.value(name, index)
            if (
                verdict.status[index] != Status.OK
                or said is None
                or found is None
                or (name == "cl" and point.cl is not None)
            ):
                continue
            inside = None
            if name in promise.low:
                inside = promise.low[name][index] <= found <= promise.high[name][index]
            lines.append(GapLine(index + 1, name, said, found, inside))
    return tuple(lines)


def judge(
    constraints: tuple[ConstraintLine, ...], verdict: Flight | None, *, infeasible: str | None
) -> tuple[Outcome, str]:
    """The outcome of a design and the sentence that says it.

    infeasible: what the search said if it found no shape that meets the constraints; such a design is no success,
        whatever the simulator says.
    """
    if infeasible:
        return Outcome.INFEASIBLE, f"{infeasible}."
    if verdict is None:
        return Outcome.NOT_VERIFIED, "No simulator has flown this design yet."
    for point, (status, message) in enumerate(zip(verdict.status, verdict.message, strict=True), 1):
        if status != Status.OK:
            return Outcome.NOT_FLOWN, f"{verdict.who} could not fly the design at point {point}: {message or status}."
    for line in constraints:
        if line.verified is None:
            return (
                Outcome.NOT_VERIFIED,
                f"{verdict.who} does not answer {line.subject}, so the constraint on it is not verified.",
            )
        if not line.kept:
            return Outcome.CONSTRAINT_BROKEN, (
                f"The design breaks a constraint: {line.subject} must be {line.required} within {line.tolerance:.3g}, "
                f"and {verdict.who} finds {line.verified:.5g}."
            )
    return (
        Outcome.SUCCESS,
        f"{verdict.who} flew the design at {_all_points(len(verdict.status))} and every constraint holds.",
    )


def _all_points(count: int) -> str:
    return "its point" if count == 1 else f"all {count} points"


def _line(
    held: QuantityConstraint | ShapeConstraint, subject: str, promised: float | None, verified: float | None
) -> ConstraintLine:
    kept = verified is not None and held.excess(verified) <= held.allowed * (1 + 1e-9)
    return ConstraintLine(subject, held.required, held.unit, held.allowed, promised, verified, kept)


def _verified(held: QuantityConstraint, verdict: Flight | None, point: int, promised: float | None) -> float | None:
    """What is judged: the simulator's value, also against limits on an interval's end; a width only the promise has."""
    if verdict is None or held.quantity.endswith("_half_width"):
        return promised if verdict else None
    return verdict.value(base_quantity(held.quantity), point)


def _lift_lines(problem: Problem, promise: Flight, verdict: Flight | None) -> list[ConstraintLine]:
    lines = []
    for index, point in enumerate(problem.points):
        if point.cl is not None:
            held = QuantityConstraint(quantity="cl", at_least=point.cl, at_most=point.cl, tolerance=LIFT_TOLERANCE)
            verified = verdict.value("cl", index) if verdict else None
            lines.append(_line(held, f"cl at point {index + 1}", promise.value("cl", index), verified))
    return lines


def _angle_lines(problem: Problem, promise: Flight, verdict: Flight | None) -> list[ConstraintLine]:
    order = sorted((point.cl, index) for index, point in enumerate(problem.points) if point.cl is not None)
    held = QuantityConstraint(quantity="alpha", at_least=0.0, tolerance=ANGLE_TOLERANCE)

    def smallest_rise(flight: Flight) -> float | None:
        angles = [flight.value("alpha", index) for _, index in order]
        if any(angle is None for angle in angles):
            return None
        return min((b - a for a, b in pairwise(angles)), default=0.0)  # type: ignore[operator]

    verified = smallest_rise(verdict) if verdict else None
    return [_line(held, "smallest rise of the angle from lift to lift", smallest_rise(promise), verified)]


def _unjudged(line: ConstraintLine) -> ConstraintLine:
    return ConstraintLine(line.subject, line.required, line.unit, line.tolerance, line.promised, None, None)


def _flight(table: dict[str, Any]) -> Flight:
    values, low, high = (
        {name: _with_nan(row) for name, row in table[key].items()} for key in ("values", "low", "high")
    )
    known, status, message = (tuple(table[key]) for key in ("known", "status", "message"))
    cp = tuple(_with_nan(row) for row in table["cp"])
    return Flight(table["who"], values, low, high, known, status, message, cp)


def _with_nan(row: list[float | None]) -> tuple[float, ...]:
    return tuple(float("nan") if value is None else value for value in row)


def _floats(values: Tensor) -> tuple[float, ...]:
    return tuple(values.detach().double().cpu().tolist())


def _without_nan(item: Any) -> Any:
    """The same with None for numbers that are not finite, which JSON cannot hold."""
    if isinstance(item, dict):
        return {key: _without_nan(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_without_nan(value) for value in item]
    if isinstance(item, float) and not torch.isfinite(torch.tensor(item)):
        return None
    return item
