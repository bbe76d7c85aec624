"""The search: the given start and the best of many screened shapes are followed along the gradient, the best is kept.

Each start is first moved to where the constraints hold (bounded least squares on the violations), then followed by
SLSQP or trust-constr of SciPy. Parameters are seen in their units, the objective as a ratio to its value where the
constraints first held. A case that is not answered, or leaves what the predictor was trained on, makes the line search
turn back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import BFGS, NonlinearConstraint, least_squares, minimize
from torch import Tensor

from understudy.design.evaluate import Evaluation, Evaluator
from understudy.design.problem import Method, Problem
from understudy.simulators.interface import Predictor
from understudy.simulators.shapes.kulfan import Kulfan
from understudy.simulators.shapes.library import collection

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESTORING_STEPS = 12  # at most, to where the constraints hold
RESTORED = 1e-3  # weight of a violation as large as is allowed, while restoring,
NEARNESS = 5e-3  # and of moving every parameter by its unit
GOOD_ENOUGH = 3e-6  # change of the objective, as a ratio, below which a run ends
NEGLIGIBLE = 1e-4  # gain of so many tries around the best design, as a ratio, that ends a run whose line searches
PATIENCE = 12  # go nowhere
NOT_ANSWERED = 10.0  # objective, as a ratio, of a design that the predictor does not answer
FALLBACKS = 2  # screened starts that are followed when the given one leads to no feasible shape
STRIDE = 0.1  # longest step of a parameter in its unit: beyond, shapes are wild and predictors fail at great cost
UNKNOWN = 0.5  # added to it where every point lies outside the training range; in proportion for some


@dataclass(frozen=True)
class Step:
    """One line of the history.

    objective: in its own unit. violation: the largest, in units of what is allowed. known: whether all of it lies in
    the training range. x: parameters. calls: of the predictor that following this start had taken.
    """

    start: int
    iteration: int
    objective: float
    violation: float
    known: bool
    x: tuple[float, ...]
    calls: int = 0


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best design of a search.

    x: its parameters; evaluation: what the predictor promises for it, a batch of one.
    feasible: all constraints hold within what is allowed.
    message: one sentence: how the search ended; if infeasible, what stands in the way.
    start_x: parameters of the given start, as near as the bounds allow.
    calls: how often the predictor was asked.
    """

    x: Float[Tensor, " parameters"]
    evaluation: Evaluation
    feasible: bool
    message: str
    start_x: Float[Tensor, " parameters"]
    history: tuple[Step, ...]
    calls: int


def optimise(
    problem: Problem,
    predictor: Predictor,
    contour: Float[Tensor, "points 2"],
    *,
    earlier: Sequence[Step] = (),
    progress: Callable[[Step], None] = lambda step: None,
) -> Optimum:
    """Solve a problem by following the gradient of a predictor from a given contour and from the best of many others.

    Args:
        contour: the given start, Selig order, in chords.
        earlier: steps of a search for the same that was cut off; the best of them takes the place of the start, the
            calls from the start count among its `iterations`, and all of them begin the history.
        progress: called with every accepted step.

    Returns:
        The best design: feasible before infeasible, inside the training range before outside, then the lowest
        objective. An infeasible problem is an outcome, not an exception.

    Raises:
        NotDifferentiableError: the predictor gives no gradients.
        ValueError: the problem asks for something that the predictor does not answer.
    """
    evaluator = Evaluator(problem, predictor)
    given = evaluator.parameters.from_contours(contour[None], problem)[0]
    followed = [_followed(evaluator, 0, _reached(earlier, given), progress, earlier)]
    wanted = problem.search.starts - 1 if followed[0].best.feasible else max(problem.search.starts - 1, FALLBACKS)
    for number, other in enumerate(_screen(evaluator, given, wanted), 1):
        if number >= problem.search.starts and any(follower.best.feasible for follower in followed):
            break  # the fallback has helped
        followed.append(_followed(evaluator, number, other, progress, earlier))
    best = min(followed, key=lambda follower: follower.best.rank)
    if not best.best.feasible:
        for follower in followed:
            follower.restore(follower.best.z, steps=5 * RESTORING_STEPS, nearness=NEARNESS / 100)
        best = min(followed, key=lambda follower: follower.best.rank)
    history = (*earlier, *(step for follower in followed for step in follower.history))
    x = best.physical(best.best.z)
    feasible = best.best.feasible
    message = best.message if feasible else _what_stands_in_the_way(evaluator, best.best.evaluation, len(followed))
    return Optimum(x, best.best.evaluation, feasible, message, given, history, evaluator.calls)


def _reached(earlier: Sequence[Step], given: Tensor) -> Tensor:
    """The best parameters of an earlier search, or those of the given start where there was none."""
    if not earlier:
        return given
    best = min(earlier, key=lambda step: (step.violation > 1, max(step.violation, 1.0), step.objective))
    return torch.tensor(best.x, dtype=torch.float64)


def _followed(
    evaluator: Evaluator, number: int, x: Tensor, progress: Callable[[Step], None], earlier: Sequence[Step]
) -> "_Follower":
    before = [step for step in earlier if step.start == number]
    follower = _Follower(evaluator, number, progress, numbered=len(before))
    follower.run(x, max((step.calls for step in before), default=0) if number == 0 else 0)
    return follower


def _screen(evaluator: Evaluator, given: Tensor, wanted: int) -> list[Tensor]:
    """The most promising of many shapes, answered in one batch, their angles corrected for the wanted lift."""
    search = evaluator.problem.search
    if wanted == 0 or search.screened == 0:
        return []
    around = _around(evaluator, given, search.screened - search.screened // 2)
    x = _correct_angles(evaluator, torch.cat([around, _from_library(evaluator, search.screened // 2)]))
    answer = evaluator(x, gradient=False)
    size = answer.objective.abs().nanmedian().nan_to_num(1.0)
    merit = answer.objective / size + answer.violation(evaluator.equality).sum(1)
    merit = merit + UNKNOWN * (~answer.known).double().mean(1) + NOT_ANSWERED * (~answer.answered).double().mean(1)
    return list(x[merit.nan_to_num(torch.inf).argsort()[:wanted]])


def _from_library(evaluator: Evaluator, count: int) -> Tensor:
    """Sections of the airfoil collection, drawn at random."""
    generator = torch.Generator().manual_seed(evaluator.problem.search.seed)
    stored = collection().weights
    drawn = stored[torch.randperm(len(stored), generator=generator)[:count]]
    return evaluator.parameters.from_contours(Kulfan.from_vector(drawn).coordinates(), evaluator.problem)


def _around(evaluator: Evaluator, given: Tensor, count: int) -> Tensor:
    """Random shapes: the given one, thickened and cambered, with smooth random changes of its weights."""
    parameters, n = evaluator.parameters, evaluator.parameters.shape.weights
    generator = torch.Generator().manual_seed(evaluator.problem.search.seed)
    noise = torch.randn(count, 2, n, generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.avg_pool1d(noise, 3, stride=1, padding=1)
    camber, thickness = torch.rand(2, count, 1, generator=generator, dtype=torch.float64)
    x = given.repeat(count, 1)
    x[:, :n] += 0.08 * smooth[:, 0] + 0.2 * camber + 0.04 * thickness
    x[:, n : 2 * n] += 0.08 * smooth[:, 1] + 0.2 * camber - 0.04 * thickness
    return parameters.with_angles(parameters.clip(x), evaluator.problem)


def _correct_angles(evaluator: Evaluator, x: Tensor, steps: int = 2) -> Tensor:
    """Move the free angles towards the wanted lift, 0.1 a degree."""
    parameters = evaluator.parameters
    for _ in range(steps if parameters.angle_index else 0):
        lift = evaluator(x, gradient=False).values["cl"]
        x = x.clone()
        for point, index in parameters.angle_index.items():
            wanted = evaluator.problem.points[point].cl or 0.0
            x[:, index] += ((wanted - lift[:, point]) / 0.1).nan_to_num(0.0).clamp(-4, 4)
        x = parameters.clip(x)
    return x


@dataclass(frozen=True, eq=False)
class _Point:
    """One design as the optimiser sees it: a vector in units, the objective in its own unit, scaled rows.

    violation: the largest, in units of what is allowed. unknown: share of its points outside the training range.
    sound: whether all of it was answered.
    """

    z: Vector
    objective: float
    rows: Vector
    violation: float
    unknown: float
    sound: bool
    evaluation: Evaluation

    @property
    def feasible(self) -> bool:
        return self.sound and self.violation <= 1.0

    @property
    def rank(self) -> tuple[bool, float, float, float]:
        """Smaller is better."""
        missed = 0.0 if self.feasible else self.violation
        return (not self.sound, missed, self.unknown, self.objective)


class _EndedError(Exception):
    """Ends a run whose line searches go nowhere, with the reason; what it has found is kept."""


@dataclass(eq=False)
class _Follower:
    """One run of the optimiser; the predictor is called once a place, and gradients are only worked out where asked."""

    evaluator: Evaluator
    number: int
    progress: Callable[[Step], None]
    numbered: int = 0  # steps of an earlier search from the same start, which those of this one are numbered behind
    history: list[Step] = field(default_factory=list)
    message: str = ""
    unanswered: int = 0  # calls of the predictor without an answer,
    refusal: str = ""  # and what it said about the last
    budget: int = 0  # calls of the predictor that are left
    reference: float = 1.0  # unit of the objective
    shy: bool = False  # turns back where the predictor was not trained: only for a run that began where it was
    patience: float = np.inf
    in_vain: int = 0  # tries around the best design since it became better than `to_beat` by more than a trifle
    to_beat: float = np.inf
    stride: float = np.inf  # of any parameter from an accepted place to the next, in its unit

    def __post_init__(self) -> None:
        parameters = self.evaluator.parameters
        self.unit = parameters.unit.numpy()
        self.lower, self.upper = parameters.lower.numpy() / self.unit, parameters.upper.numpy() / self.unit
        self.equality = self.evaluator.equality.numpy()
        self.allowed = np.array([max(row.allowed, 1e-6) for row in self.evaluator.rows])
        self._slope, self._jacobian = np.zeros(len(self.unit)), np.zeros((len(self.allowed), len(self.unit)))
        self._seen: _Point | None = None
        self._accepted: _Point | None = None  # the last place that the optimiser went on from
        self._best: _Point | None = None

    @property
    def best(self) -> _Point:
        """The best design seen so far."""
        assert self._best is not None
        return self._best

    def physical(self, z: Vector) -> Tensor:
        """Parameters in their own units."""
        return torch.tensor(z * self.unit)

    def run(self, x: Tensor, spent: int = 0) -> None:
        """Restore, then follow the gradient until nothing moves or the steps are used up; some are spent already."""
        self.evaluator.elsewhere()
        z = self.restore(x.numpy() / self.unit)
        restored = self(z)
        self.reference = abs(float(restored.evaluation.objective[0].nan_to_num(1.0))) or 1.0
        self.shy = restored.sound and restored.unknown == 0
        self.patience, self.in_vain, self.to_beat = PATIENCE, 0, np.inf
        self.budget = max(self.evaluator.problem.search.iterations - spent, 1)
        try:
            result = self._minimise(z)
            reason = str(result.message)
        except _EndedError as ended:
            reason = str(ended)
        self.message = f"the search ended after {self._calls} calls of {self.evaluator.predictor.name}: {reason}"
        self.message += self._remarks(restored)
        self.stride = np.inf
        self._record(self.best)

    def _remarks(self, restored: _Point) -> str:
        """What a reader would otherwise take for a result: no gain, and trial shapes without an answer."""
        told = "" if self.numbered or self.best.rank < restored.rank else "; nothing better than its start was found"
        if self.unanswered:
            told += f"; trial shapes without an answer: {self.unanswered}, the last because: {self.refusal}"
        return told

    @property
    def _calls(self) -> int:
        """Of the predictor that following has taken; restoring, which has no end of patience, takes none of them."""
        return self.evaluator.problem.search.iterations - self.budget if np.isfinite(self.patience) else 0

    def restore(self, z: Vector, *, steps: int = RESTORING_STEPS, nearness: float = NEARNESS) -> Vector:
        """The nearest place where the constraints hold, as far as a few Gauss-Newton steps on the violations go."""
        start = np.clip(z, self.lower + 1e-9, self.upper - 1e-9)
        self.budget, self.patience = steps + 1, np.inf  # least squares keeps to its own; the rest is for recording

        def residual(z: Vector) -> Vector:
            rows = self(z).rows
            violated = np.where(self.equality, rows, np.minimum(rows, 0.0))
            return np.concatenate([violated / self.allowed * RESTORED, nearness * (z - start)])

        def slope(z: Vector) -> Vector:
            active = (self.equality | (self(z).rows < 0)) / self.allowed * RESTORED
            return np.concatenate([self.jacobian(z) * active[:, None], nearness * np.eye(len(z))])

        found = least_squares(
            residual, start, slope, bounds=(self.lower, self.upper), max_nfev=steps, ftol=1e-3, xtol=1e-3
        )
        self._record(self(found.x))
        return np.asarray(found.x)

    def _minimise(self, z: Vector) -> Any:
        options: dict[str, Any] = {"maxiter": self.budget}
        bounds = list(zip(self.lower, self.upper, strict=True))
        if self.evaluator.problem.search.method is Method.TRUST_CONSTR:
            ceiling = np.where(self.equality, 0.0, np.inf)
            held: Any = NonlinearConstraint(lambda z: self(z).rows, 0.0, ceiling, self.jacobian, BFGS())
            return minimize(
                self.objective,
                z,
                jac=self.slope,
                hess=BFGS(),
                method="trust-constr",
                bounds=bounds,
                constraints=[held],
                options={**options, "gtol": 1e-4, "xtol": 1e-5},
            )
        self.stride = STRIDE  # the other method has a trust region of its own
        held = [
            {"type": kind, "fun": partial(self._some_rows, mask), "jac": partial(self._some_of_jacobian, mask)}
            for kind, mask in (("eq", self.equality), ("ineq", ~self.equality))
            if mask.any()
        ]
        return minimize(
            self.objective,
            z,
            jac=self.slope,
            method="SLSQP",
            bounds=bounds,
            constraints=held,
            options={**options, "ftol": GOOD_ENOUGH},
        )

    def objective(self, z: Vector) -> float:
        """The objective as a ratio, the unknown made dear."""
        point = self(z)
        return point.objective / self.reference + UNKNOWN * point.unknown * self.shy

    def slope(self, z: Vector) -> Vector:
        """Of the objective; whoever asks for it has accepted the place."""
        self._accept(self(z))
        self._record(self(z))
        return self._slope / self.reference

    def jacobian(self, z: Vector) -> Vector:
        """Of the rows."""
        self._accept(self(z))
        return self._jacobian

    def _some_rows(self, mask: Mask, z: Vector) -> Vector:
        return self(z).rows[mask]

    def _some_of_jacobian(self, mask: Mask, z: Vector) -> Vector:
        return self.jacobian(z)[mask]

    def __call__(self, z: Vector) -> _Point:
        """The design at z."""
        for point in (self._seen, self._accepted):
            if point is not None and np.array_equal(z, point.z):
                return point
        self._seen = self._not_looked_at(z) or self._evaluate(np.array(z))
        return self._seen

    def _not_looked_at(self, z: Vector) -> _Point | None:
        """Too far away: looks just like the place it was tried from, so that a line search halves its step."""
        last = self._accepted
        if last is None or np.abs(z - last.z).max() <= self.stride:
            return None
        return replace(last, z=np.array(z), sound=False)

    def _evaluate(self, z: Vector) -> _Point:
        """Ask the predictor; what it cannot answer looks like the last accepted place, only far worse."""
        if self.budget == 0:
            raise _EndedError("no more are allowed")
        if self.in_vain >= self.patience:
            raise _EndedError(f"{PATIENCE} tries around the best design gained less than {NEGLIGIBLE:.2%}")
        self.budget -= 1
        evaluation = self.evaluator(self.physical(z)[None])
        objective, rows = float(evaluation.objective[0]), evaluation.rows[0].numpy()
        violated = evaluation.violation(self.evaluator.equality)[0].numpy() / self.allowed
        unknown = float((~evaluation.known).double().mean())
        if bool(evaluation.answered.all()) and np.isfinite([objective, *rows]).all():
            point = _Point(z, objective, rows, float(violated.max(initial=0)), unknown, True, evaluation)
        else:
            rows = self._accepted.rows if self._accepted else -np.ones(len(rows))
            point = _Point(z, NOT_ANSWERED * self.reference, rows, np.inf, unknown, False, evaluation)
            self.unanswered += 1
            self.refusal = next((told for told in evaluation.answer.message if told), "it answered with no number")
        self._compare(point)
        return point

    def _compare(self, point: _Point) -> None:
        """Keep the best, and count how many tries around it gained next to nothing."""
        if self._best is None or point.rank < self._best.rank:
            self._best = point
        near = self._best.feasible and np.abs(point.z - self._best.z).max() < STRIDE / 2
        if near and self.to_beat - self._best.objective < NEGLIGIBLE * self.reference:
            self.in_vain += 1
        else:
            self.in_vain, self.to_beat = 0, self._best.objective if self._best.feasible else np.inf

    def _accept(self, point: _Point) -> None:
        """Go on from here; where nothing was answered, with the last gradients."""
        if point is self._accepted or not point.sound:
            return
        self._accepted = point
        slope, jacobian = (
            part[0].numpy() * self.unit
            for part in (point.evaluation.gradients.objective, point.evaluation.gradients.rows)
        )
        if np.isfinite(slope).all() and np.isfinite(jacobian).all():
            self._slope, self._jacobian = slope, jacobian

    def _record(self, point: _Point) -> None:
        """One more line of the history, unless it repeats the last one."""
        x = tuple(self.physical(point.z).tolist())
        if self.history and self.history[-1].x == x:
            return
        number = self.numbered + len(self.history)
        step = Step(self.number, number, point.objective, point.violation, point.unknown == 0, x, self._calls)
        self.history.append(step)
        self.progress(step)


def _what_stands_in_the_way(evaluator: Evaluator, evaluation: Evaluation, starts: int) -> str:
    if not bool(evaluation.answered.all()):
        first = next(message for message in evaluation.answer.message if message)
        return f"{evaluator.predictor.name} could not answer at any of the {starts} starts: {first}"
    missed = evaluation.violation(evaluator.equality)[0] / torch.tensor([max(r.allowed, 1e-6) for r in evaluator.rows])
    worst = evaluator.rows[int(missed.argmax())]
    reached = worst.limit + float(evaluation.rows[0, int(missed.argmax())]) * worst.scale * worst.sign
    sign = "=" if worst.equality else "≥" if worst.sign > 0 else "≤"
    return (
        f"no shape within the bounds was found that meets all constraints together: the nearest, out of {starts} "
        f"starts, still misses {worst.label} {sign} {worst.limit:g} with {reached:.4g}"
    )
