"""All outputs of a problem and their gradients, for many designs at once, from one call of the predictor.

Rows of a batch do not see each other, so one backward pass per quantity gives its gradient to the nodes and the angle
of every design at every point. What hangs on the same outputs is added up there; one more pass, through as many copies
of the shapes as there are objective and constraints, carries the sums from the nodes to the parameters. Gradients are
worked out when they are first read: most trials of a line search are judged by their values alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.design.parameters import Parameters, measure
from understudy.design.problem import AngleMode, Problem, QuantityConstraint, ShapeConstraint, base_quantity
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Predictor, Status
from understudy.simulators.quantities import QUANTITIES, Place

# The surfaces must not cross here [chord].
STATIONS_APART = (0.001, 0.01, 0.03, 0.08, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.96)
LEAST_GAP = 5e-4  # between the surfaces at these stations [chord]
ANGLE_MET = 0.02  # [deg] by which the order of the angles may be missed
LIFT_MET = 1e-3  # of a wanted lift coefficient, and of the gap in units of its scale, that the search may miss


@dataclass(frozen=True)
class Row:
    """One scalar constraint, sign · (observed − limit) / scale ≥ 0, or = 0 for an equality.

    observed: what is held: a shape constraint, or the name of a quantity and the index of its point.
    minus: index of a point whose value is subtracted first.
    allowed: violation that still counts as met, in units of the scale.
    """

    label: str
    observed: ShapeConstraint | tuple[str, int]
    limit: float
    scale: float
    allowed: float
    sign: float = 1.0
    equality: bool = False
    minus: int | None = None


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of the objective and of the scaled rows to the parameters."""

    objective: Float[Tensor, "designs parameters"]
    rows: Float[Tensor, "designs rows parameters"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a batch of designs does.

    objective, rows: values (designs,) and (designs, rows); rows are scaled as in `Row`.
    values: name of each quantity, and of each part of its interval -> (designs, points).
    known: whether the predictor was trained on such cases; always true for a simulator.
    answered: whether the case ended well.
    """

    objective: Float[Tensor, " designs"]
    rows: Float[Tensor, "designs rows"]
    values: Mapping[str, Float[Tensor, "designs points"]]
    known: Bool[Tensor, "designs points"]
    answered: Bool[Tensor, "designs points"]
    answer: Answer
    _differentiate: Callable[[], Gradients] | None = field(default=None, repr=False)

    @cached_property
    def gradients(self) -> Gradients:
        """Worked out at the first reading.

        Raises:
            ValueError: evaluated without.
        """
        if self._differentiate is None:
            raise ValueError("gradients were not asked for; evaluate with gradient=True")
        return self._differentiate()

    def violation(self, equality: Bool[Tensor, " rows"]) -> Float[Tensor, "designs rows"]:
        """By how much, in its scale, each row is broken; 0 where it holds."""
        return torch.where(equality, self.rows.abs(), (-self.rows).clamp(min=0))


class Evaluator:
    """A problem as functions of its parameters, through one predictor.

    Raises:
        NotDifferentiableError: the predictor gives no gradients.
        ValueError: the problem holds or minimises something that the predictor does not answer.
    """

    def __init__(self, problem: Problem, predictor: Predictor) -> None:
        predictor.require_gradient()
        self.problem = problem
        self.predictor = predictor
        self._near = predictor
        self.parameters = Parameters.of(problem)
        self.rows = constraint_rows(problem)
        self.equality = torch.tensor([row.equality for row in self.rows], dtype=torch.bool)
        self.calls = 0

    def __call__(self, x: Float[Tensor, "designs parameters"], *, gradient: bool = True) -> Evaluation:
        """Answer a batch of parameter vectors.

        Rarely needed:
            gradient: False where nobody will read the gradients, which then cost nothing.
        """
        self.calls += 1
        x = x.detach().requires_grad_(gradient)
        with torch.set_grad_enabled(gradient):
            airfoils = self.parameters.airfoils(x)
            measured = [
                measure(row.observed, airfoils) for row in self.rows if isinstance(row.observed, ShapeConstraint)
            ]
            flown = _Flown.through(self._near if len(x) == 1 else self.predictor, self.problem, self.parameters, x)
            objective, slope = self._objective(flown.values, gradient)
        if len(x) == 1 and bool(flown.answered.all()):
            self._near = self._near.near(flown.answer)
        observed = [_difference(flown.value(name), point, minus) for name, point, minus in self._held]
        rows = self._scaled(torch.stack([*measured, *observed], dim=1))
        return Evaluation(
            objective=objective.detach(),
            rows=rows.detach(),
            values={name: value.detach() for name, value in flown.values.items()},
            known=flown.known,
            answered=flown.answered,
            answer=flown.answer,
            _differentiate=(lambda: self._gradients(x, measured, flown, slope)) if gradient else None,
        )

    def elsewhere(self) -> None:
        """The next design is far from the last one: nothing starts from its answers."""
        self._near = self.predictor

    @property
    def _held(self) -> list[tuple[str, int, int | None]]:
        """Quantity, point, and the point that is subtracted, of every row that holds a quantity."""
        return [(*row.observed, row.minus) for row in self.rows if isinstance(row.observed, tuple)]

    @property
    def _factor(self) -> Float[Tensor, " rows"]:
        return torch.tensor([row.sign / row.scale for row in self.rows], dtype=torch.float64)

    def _scaled(self, observed: Float[Tensor, "designs rows"]) -> Float[Tensor, "designs rows"]:
        limit = torch.tensor([row.limit for row in self.rows], dtype=torch.float64)
        return (observed - limit) * self._factor

    def _objective(self, values: Mapping[str, Tensor], gradient: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective and its gradient to each value that it uses."""
        leaves = {name: value.detach().requires_grad_(gradient) for name, value in values.items()}
        try:
            objective = self.problem.objective(leaves, self.problem.weights)
        except KeyError as error:
            raise _not_answered(str(error.args[0]), self.predictor) from error
        if not gradient:
            return objective, {}
        slopes = torch.autograd.grad(objective.sum(), list(leaves.values()), allow_unused=True)
        used = {name: slope for name, slope in zip(leaves, slopes, strict=True) if slope is not None}
        return objective, used

    def _gradients(self, x: Tensor, measured: list[Tensor], flown: "_Flown", slope: Mapping[str, Tensor]) -> Gradients:
        """Through the nodes and through the angles, from how the objective and each row hang on the values."""
        points = len(self.problem.points)
        hanging = [slope, *({name: _one_at(point, minus, points)} for name, point, minus in self._held)]
        at_points = {name: flown.gradient(name) for name in {name for weights in hanging for name in weights}}
        to_nodes = [_total(_summed(at_points[name].nodes, weights[name]) for name in weights) for weights in hanging]
        to_angles = [_total(at_points[name].angle * weights[name] for name in weights) for weights in hanging]
        gradient = self._through_shape(x, torch.stack(to_nodes))
        for point, index in self.parameters.angle_index.items():
            gradient[..., index] += torch.stack(to_angles)[..., point]
        of_shape = [torch.autograd.grad(value.sum(), x, retain_graph=True)[0] for value in measured]
        rows = torch.stack([*of_shape, *gradient[1:]], dim=1) * self._factor[:, None]
        return Gradients(gradient[0], rows)

    def _through_shape(
        self, x: Float[Tensor, "designs parameters"], cotangents: Float[Tensor, "outputs designs nodes 2"]
    ) -> Float[Tensor, "outputs designs parameters"]:
        """Carry many gradients at the nodes back to the parameters at once, each through its own copy of the shapes."""
        gradients = x.new_zeros(len(cotangents), *x.shape)
        hanging = cotangents.flatten(1).any(1)  # those of an angle do not hang on the shape
        copies = x.detach().repeat(int(hanging.sum()), 1).requires_grad_()
        (found,) = torch.autograd.grad(self.parameters.nodes(copies), copies, cotangents[hanging].flatten(0, 1))
        gradients[hanging] = found.unflatten(0, (-1, len(x)))
        return gradients


@dataclass(frozen=True, eq=False)
class _Flown:
    """All designs at all points: the answer, and the leaves that it hangs on."""

    values: dict[str, Tensor]
    known: Tensor
    answered: Tensor
    answer: Answer
    predictor: Predictor
    nodes: Tensor
    alpha: Tensor

    @classmethod
    def through(cls, predictor: Predictor, problem: Problem, parameters: Parameters, x: Tensor) -> "_Flown":
        angles = parameters.angles(x.detach())
        designs, points = angles.shape
        with torch.no_grad():
            nodes = parameters.nodes(x)
        leaf = nodes.repeat_interleave(points, dim=0).requires_grad_(x.requires_grad)
        alpha = angles.reshape(-1).clone().requires_grad_(x.requires_grad)
        answer = predictor.predict(case_at_points(problem, leaf, alpha))
        values = {name: value.reshape(designs, points) for name, value in point_values(answer).items()}
        free = torch.isfinite(angles)
        found = values["alpha"] if "alpha" in values else torch.full_like(angles, torch.nan)
        values["alpha"] = torch.where(free, alpha.reshape(designs, points), found)
        answered = torch.tensor([status is Status.OK for status in answer.status]).reshape(designs, points)
        known = getattr(answer, "known", torch.ones_like(answered)).reshape(designs, points)
        return cls(values, known.cpu(), answered, answer, predictor, leaf, alpha)

    def value(self, name: str) -> Tensor:
        if name not in self.values:
            raise _not_answered(name, self.predictor)
        return self.values[name]

    def gradient(self, name: str) -> "_AtPoints":
        """Derivatives of the named value at each point."""
        value = self.value(name)
        if not value.requires_grad:
            return _AtPoints(value.new_zeros(*value.shape, *self.nodes.shape[1:]), torch.zeros_like(value))
        to_nodes, to_angle = torch.autograd.grad(
            value.sum(), (self.nodes, self.alpha), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return _AtPoints(to_nodes.reshape(*value.shape, *self.nodes.shape[1:]), to_angle.reshape(value.shape))


@dataclass(frozen=True, eq=False)
class _AtPoints:
    """Derivatives of a value at each point to the nodes and to the angle of that point."""

    nodes: Float[Tensor, "designs points nodes 2"]
    angle: Float[Tensor, "designs points"]


def constraint_rows(problem: Problem) -> tuple[Row, ...]:
    """The scalar constraints of a problem: shape first, then quantities; those that are understood, too.

    Understood are: the surfaces do not cross, the lift of a point with a free angle is the wanted one, and, if asked
    for, the angles follow the order of the lift.
    """
    apart = [
        Row(
            f"surfaces apart at x = {x:g}",
            ShapeConstraint(measure="thickness", x=x, at_least=0.0),
            LEAST_GAP,
            0.1,
            LIFT_MET,
        )
        for x in STATIONS_APART
    ]
    shape = [row for held in problem.constraints if isinstance(held, ShapeConstraint) for row in _rows_of(held, held)]
    quantity: list[Row] = []
    if problem.angles.mode is AngleMode.FREE:
        for point, flown in enumerate(problem.points):
            if flown.cl is not None:
                quantity.append(Row(f"C_L at point {point + 1}", ("cl", point), flown.cl, 1.0, LIFT_MET, equality=True))
    for held in problem.constraints:
        if isinstance(held, QuantityConstraint):
            for number in problem.numbers(held):
                quantity += _rows_of(held, (held.quantity, number - 1))
    return (*apart, *shape, *quantity, *(_angle_order(problem) if problem.angles.increase_with_cl else ()))


def _angle_order(problem: Problem) -> list[Row]:
    lifts = sorted((point.cl, index) for index, point in enumerate(problem.points) if point.cl is not None)
    return [
        Row(f"α at point {after + 1} above that at {before + 1}", ("alpha", after), 0.0, 1.0, ANGLE_MET, minus=before)
        for (_, before), (_, after) in pairwise(lifts)
    ]


def case_at_points(
    problem: Problem, nodes: Float[Tensor, "rows nodes 2"], alpha: Float[Tensor, " rows"]
) -> AirfoilCase:
    """The case of designs at all points, points running fastest; alpha is NaN where the predictor is to find it."""
    designs = len(nodes) // len(problem.points)

    def column(name: str) -> Tensor:
        values = [getattr(point, name) for point in problem.points]
        filled = [torch.nan if value is None else float(value) for value in values]
        return torch.tensor(filled, dtype=nodes.dtype, device=nodes.device).repeat(designs)

    cl = torch.where(torch.isfinite(alpha.detach()), torch.nan, column("cl"))
    names = ("reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    return AirfoilCase(coordinates=nodes, alpha=alpha, cl=cl, **{name: column(name) for name in names})


def point_values(answer: Answer) -> dict[str, Float[Tensor, " rows"]]:
    """The quantities of the case in an answer, with the parts of their intervals where there are any, in float64."""
    values = {}
    low, high = getattr(answer, "low", {}), getattr(answer, "high", {})
    for name, value in answer.values.items():
        if QUANTITIES[name].place is not Place.CASE:
            continue
        values[name] = value.double()
        if name in low:
            values[f"{name}_low"], values[f"{name}_high"] = low[name].double(), high[name].double()
            values[f"{name}_half_width"] = 0.5 * (values[f"{name}_high"] - values[f"{name}_low"])
    return values


def _rows_of(held: ShapeConstraint | QuantityConstraint, observed: ShapeConstraint | tuple[str, int]) -> list[Row]:
    where = "" if isinstance(observed, ShapeConstraint) else f" at point {observed[1] + 1}"
    label, allowed = f"{held.subject}{where}", held.allowed / held.scale
    if held.at_least is not None and held.at_least == held.at_most:
        return [Row(label, observed, held.at_least, held.scale, allowed, equality=True)]
    rows = []
    if held.at_least is not None:
        rows.append(Row(label, observed, held.at_least, held.scale, allowed))
    if held.at_most is not None:
        rows.append(Row(label, observed, held.at_most, held.scale, allowed, sign=-1.0))
    return rows


def _one_at(point: int, minus: int | None, points: int) -> Float[Tensor, "1 points"]:
    """How a row hangs on the values of its quantity."""
    weights = torch.zeros(1, points, dtype=torch.float64)
    weights[0, point] = 1.0
    if minus is not None:
        weights[0, minus] = -1.0
    return weights


def _summed(
    at_points: Float[Tensor, "designs points nodes 2"], weights: Float[Tensor, "#designs points"]
) -> Float[Tensor, "designs nodes 2"]:
    return torch.einsum("dpnk,dp->dnk", at_points, weights.expand(len(at_points), -1))


def _total(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack(tuple(terms)).sum(0)


def _difference(values: Tensor, point: int, minus: int | None) -> Tensor:
    return values[:, point] if minus is None else values[:, point] - values[:, minus]


def _not_answered(name: str, predictor: Predictor) -> ValueError:
    if base_quantity(name) != name:
        return ValueError(f"{name} needs a predictor that gives intervals; {predictor.name} gives none")
    return ValueError(
        f"expected one of {', '.join(predictor.quantities)}, which {predictor.name} answers; got {name!r}"
    )
