"""What is to be designed: free parameters with bounds, operating points with weights, an objective, constraints.

All are frozen and check themselves at birth. A problem that holds contradicting limits on one thing is refused here;
one whose limits are contradictory together is found out by the search (`optimise`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.quantities import QUANTITIES, Place

Bounds = tuple[float, float]
INTERVAL_PARTS = ("low", "high", "half_width")
MEASURES = {  # what the shape itself can be held to -> unit
    "thickness": "chord",
    "max_thickness": "chord",
    "max_camber": "chord",
    "area": "chord²",
    "leading_edge_radius": "chord",
    "trailing_edge_angle": "deg",
    "wiggliness": "-",
}


@runtime_checkable
class Objective(Protocol):
    """What is minimised: any differentiable function of the quantities at the operating points.

    It takes a mapping from name to values (designs, points) and the weights of the points (points,), and gives one
    number a design. Names are those of the quantities that the predictor answers; where it gives intervals also
    `cd_low`, `cd_high` and `cd_half_width`, and so for each quantity.
    """

    def __call__(
        self, values: Mapping[str, Float[Tensor, "designs points"]], weights: Float[Tensor, " points"]
    ) -> Float[Tensor, " designs"]: ...


@dataclass(frozen=True)
class WeightedMean:
    """The mean of a quantity over the operating points, with their weights.

    caution: adds this many half-widths of the interval to every value, so that doubt costs as drag does; 0 trusts the
        promise, 1 minimises the upper end of the interval. Above 0 it needs a predictor that gives intervals.
    """

    quantity: str = "cd"
    caution: float = 0.0

    def __post_init__(self) -> None:
        _check_quantity(self.quantity)
        if not self.caution >= 0:
            raise ValueError(f"caution must be at least 0 half-widths; got {self.caution:g}")

    def __call__(
        self, values: Mapping[str, Float[Tensor, "designs points"]], weights: Float[Tensor, " points"]
    ) -> Float[Tensor, " designs"]:
        """The mean of each design."""
        value = values[self.quantity]
        if self.caution > 0:
            value = value + self.caution * values[f"{self.quantity}_half_width"]
        return (value * weights).sum(-1) / weights.sum()


@dataclass(frozen=True)
class DragOverLift:
    """The weighted mean of C_D / C_L over the operating points: its smallest value is the best glide."""

    def __call__(
        self, values: Mapping[str, Float[Tensor, "designs points"]], weights: Float[Tensor, " points"]
    ) -> Float[Tensor, " designs"]:
        """The mean of each design."""
        return (values["cd"] / values["cl"] * weights).sum(-1) / weights.sum()


OBJECTIVES: dict[str, type] = {"weighted_mean": WeightedMean, "drag_over_lift": DragOverLift}


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """One condition that the design flies in: a lift coefficient or an angle, the stream, and how much it counts.

    cl: wanted lift coefficient [-]; or alpha: angle of attack [deg]. Exactly one of them.
    reynolds, mach, n_crit, trip_top, trip_bottom: as in `AirfoilCase`.
    weight: part of this point in the objective, relative to the others, at least 0.
    """

    cl: float | None = None
    alpha: float | None = None
    reynolds: float = 1e6
    mach: float = 0.0
    n_crit: float = 9.0
    trip_top: float = 1.0
    trip_bottom: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if (self.cl is None) == (self.alpha is None):
            given = "neither" if self.cl is None else "both"
            raise ValueError(f"an operating point needs exactly one of cl and alpha [deg]; got {given}")
        for name in ("cl", "alpha", "reynolds", "n_crit", "weight"):
            _check_finite(name, getattr(self, name))
        _require("reynolds must be positive [-]", self.reynolds > 0, self.reynolds)
        _require("mach must be at least 0 and below 1 [-]", 0 <= self.mach < 1, self.mach)
        _require("n_crit must be positive [-]", self.n_crit > 0, self.n_crit)
        for name in ("trip_top", "trip_bottom"):
            trip = getattr(self, name)
            _require(f"{name} must be above 0 and at most 1 [chord]", 0 < trip <= 1, trip)
        _require("weight must be at least 0", self.weight >= 0, self.weight)

    def __str__(self) -> str:
        return f"C_L {self.cl:g}" if self.cl is not None else f"α {self.alpha:g}°"


@dataclass(frozen=True, kw_only=True)
class ShapeSpace:
    """The shapes to choose from: class-shape (CST) weights between bounds, and the shape to start from.

    start: a NACA designation, a library name, or the path of a .dat file.
    weights: Bernstein weights on each side.
    upper, lower: bounds of every weight of the upper and lower side; the lower side is below the chord where negative.
    leading_edge: bounds of the leading-edge weight.
    trailing_edge_thickness: a number holds it [chord]; bounds free it.
    nodes: surface nodes handed to the predictor.
    """

    start: str = "naca0012"
    weights: int = 8
    upper: Bounds = (-0.2, 0.8)
    lower: Bounds = (-0.6, 0.6)
    leading_edge: Bounds = (-0.8, 0.8)
    trailing_edge_thickness: float | Bounds = 0.0
    nodes: int = 160

    def __post_init__(self) -> None:
        _require("weights must be at least 2 a side", self.weights >= 2, self.weights)
        _require("nodes must be at least 40", self.nodes >= 40, self.nodes)
        for name in ("upper", "lower", "leading_edge"):
            _check_bounds(name, getattr(self, name))
        edge = self.trailing_edge_thickness
        if isinstance(edge, tuple):
            _check_bounds("trailing_edge_thickness", edge)
        thinnest = edge[0] if isinstance(edge, tuple) else edge
        _require("trailing_edge_thickness must be at least 0 [chord]", thinnest >= 0, thinnest)


class AngleMode(StrEnum):
    """Who finds the angle at a point that prescribes the lift: the optimiser, or the predictor inside each answer."""

    FREE = "free"
    IMPLICIT = "implicit"


@dataclass(frozen=True, kw_only=True)
class Angles:
    """The angles of attack at the points that prescribe the lift.

    mode: "free" makes each a parameter with the lift as an equality, one cheap answer a step; "implicit" leaves it to
        the predictor, which is right for a simulator that solves for the lift inside its own Newton iteration.
    bounds: of the free angles [deg].
    increase_with_cl: hold the angles to the order of the lift coefficients, so that no point sits beyond the stall.
    """

    mode: AngleMode = AngleMode.FREE
    bounds: Bounds = (-10.0, 18.0)
    increase_with_cl: bool = False

    def __post_init__(self) -> None:
        _check_bounds("angles.bounds", self.bounds)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """An interval that something must lie in.

    at_least, at_most: its ends; one may be missing, equal ends make an equality.
    tolerance: how far outside still counts as met when a design is judged, in the unit of the thing; half a per cent of
        the limit if not given. The search itself aims at the limit without it.
    """

    at_least: float | None = None
    at_most: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"the constraint on {self.subject} needs at_least, at_most or both; got neither")
        for name in ("at_least", "at_most", "tolerance"):
            _check_finite(f"{name} of the constraint on {self.subject}", getattr(self, name))
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"the constraint on {self.subject} contradicts itself: "
                f"at least {self.at_least:g} and at most {self.at_most:g}"
            )
        if self.tolerance is not None:
            _require(f"the tolerance on {self.subject} must be at least 0", self.tolerance >= 0, self.tolerance)

    @property
    def subject(self) -> str:
        """What is held, in words."""
        raise NotImplementedError

    @property
    def unit(self) -> str:
        """Unit of the limits."""
        raise NotImplementedError

    @property
    def scale(self) -> float:
        """A typical size of the limits, that makes violations of different things comparable."""
        ends = [abs(end) for end in (self.at_least, self.at_most) if end]
        return max(ends) if ends else 0.1

    @property
    def allowed(self) -> float:
        """The tolerance in force."""
        return self.tolerance if self.tolerance is not None else 0.005 * self.scale

    @property
    def required(self) -> str:
        """The limits in words, such as "≥ 0.128"."""
        if self.at_least is not None and self.at_least == self.at_most:
            return f"= {self.at_least:g}"
        ends = [("≥", self.at_least), ("≤", self.at_most)]
        return " and ".join(f"{sign} {end:g}" for sign, end in ends if end is not None)

    def excess(self, value: float) -> float:
        """How far the value lies outside, in its unit; 0 inside, and without end for what is no number."""
        if value != value:
            return float("inf")
        below = self.at_least - value if self.at_least is not None else 0.0
        above = value - self.at_most if self.at_most is not None else 0.0
        return max(below, above, 0.0)


@dataclass(frozen=True, kw_only=True)
class QuantityConstraint(Limits):
    """Limits on a quantity at all or some operating points, or on its interval: `cm`, `cm_low`, `cd_half_width`.

    points: which points, counted from 1; all if not given.
    """

    quantity: str
    points: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_quantity(base_quantity(self.quantity))
        super().__post_init__()

    @property
    def subject(self) -> str:
        return self.quantity

    @property
    def unit(self) -> str:
        return QUANTITIES[base_quantity(self.quantity)].unit


@dataclass(frozen=True, kw_only=True)
class ShapeConstraint(Limits):
    """Limits on a measure of the shape: one of `MEASURES`; `thickness` at a station x [chord]."""

    measure: str
    x: float | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ValueError(f"expected a measure out of {', '.join(MEASURES)}; got {self.measure!r}")
        if (self.measure == "thickness") != (self.x is not None):
            raise ValueError(
                f"thickness needs a station x [chord], and no other measure takes one; "
                f"got {self.measure} with x = {self.x}"
            )
        if self.x is not None:
            _require("x must be above 0 and below 1 [chord]", 0 < self.x < 1, self.x)
        super().__post_init__()

    @property
    def subject(self) -> str:
        words = self.measure.replace("_", " ")
        return words if self.x is None else f"{words} at x = {self.x:g}"

    @property
    def unit(self) -> str:
        return MEASURES[self.measure]


Constraint = QuantityConstraint | ShapeConstraint


class Method(StrEnum):
    """Which optimiser of SciPy follows the gradients."""

    SLSQP = "slsqp"
    TRUST_CONSTR = "trust-constr"


@dataclass(frozen=True, kw_only=True)
class Search:
    """How hard to look.

    starts: shapes to follow: the given one and the most promising of the screened ones. If the given one leads to no
        feasible shape, two others are followed in any case.
    screened: shapes around the given one and from the airfoil library, all answered in one batch.
    iterations: most steps of the optimiser, and calls of the predictor, from one start; those before a kill count.
    seed: of the random shapes.

    Rarely needed:
        method: trust-constr is slower and more patient where the gradient is noisy.
    """

    starts: int = 1
    screened: int = 48
    iterations: int = 150
    seed: int = 0
    method: Method = Method.SLSQP

    def __post_init__(self) -> None:
        for name in ("starts", "iterations"):
            _require(f"{name} must be at least 1", getattr(self, name) >= 1, getattr(self, name))
        _require("screened must be at least 0", self.screened >= 0, self.screened)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A design problem, checked at birth. Read from and written to TOML by `problem_file`.

    Raises:
        ValueError: no operating points, weights that are all zero, a constraint on a point that is not there, or limits
            on one thing that contradict each other.
    """

    name: str
    points: tuple[OperatingPoint, ...]
    shape: ShapeSpace = field(default_factory=ShapeSpace)
    angles: Angles = field(default_factory=Angles)
    objective: Objective = field(default_factory=WeightedMean)
    constraints: tuple[Constraint, ...] = ()
    search: Search = field(default_factory=Search)

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a problem needs at least one operating point; got none")
        if not any(point.weight > 0 for point in self.points):
            raise ValueError("at least one operating point must have a weight above 0")
        for constraint in self.constraints:
            for number in getattr(constraint, "points", None) or ():
                if not 1 <= number <= len(self.points):
                    raise ValueError(
                        f"the constraint on {constraint.subject} names point {number} of {len(self.points)}"
                    )
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        for subject, group in groupby(sorted(self._held_things(), key=lambda held: held[0]), key=lambda held: held[0]):
            limits = [constraint for _, constraint in group]
            floor = max((c.at_least for c in limits if c.at_least is not None), default=-torch.inf)
            ceiling = min((c.at_most for c in limits if c.at_most is not None), default=torch.inf)
            if floor > ceiling:
                raise ValueError(
                    f"the constraints on {subject} contradict each other: at least {floor:g} and at most {ceiling:g}"
                )

    def _held_things(self) -> list[tuple[str, Constraint]]:
        held: list[tuple[str, Constraint]] = []
        for constraint in self.constraints:
            if isinstance(constraint, ShapeConstraint):
                held.append((constraint.subject, constraint))
            else:
                held += [(f"{constraint.subject} at point {number}", constraint) for number in self.numbers(constraint)]
        return held

    def numbers(self, constraint: QuantityConstraint) -> tuple[int, ...]:
        """The points that a constraint holds at, counted from 1."""
        return constraint.points or tuple(range(1, len(self.points) + 1))

    @property
    def weights(self) -> Float[Tensor, " points"]:
        """Weights of the operating points."""
        return torch.tensor([point.weight for point in self.points], dtype=torch.float64)


def base_quantity(name: str) -> str:
    """The quantity behind the name of a part of its interval: `cd` of `cd_half_width`."""
    for part in INTERVAL_PARTS:
        if name.endswith(f"_{part}"):
            return name.removesuffix(f"_{part}")
    return name


def _check_quantity(name: str) -> None:
    if name not in QUANTITIES or QUANTITIES[name].place is not Place.CASE:
        known = ", ".join(item.name for item in QUANTITIES.values() if item.place is Place.CASE)
        raise ValueError(f"expected a quantity of the case out of {known}; got {name!r}")


def _check_bounds(name: str, bounds: Bounds) -> None:
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise ValueError(f"{name} must be two bounds, the lower one first; got {list(bounds)}")
    for bound in bounds:
        _check_finite(name, bound)


def _check_finite(name: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value}")


def _require(rule: str, holds: bool, value: int | float) -> None:
    if not holds:
        raise ValueError(f"{rule}; got {value:g}")
