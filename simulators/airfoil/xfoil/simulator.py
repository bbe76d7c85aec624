"""XFOIL as a simulator: the independent judge behind the common interface."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from numpy import ndarray
from torch import Tensor

from understudy.simulators.airfoil.answered_rows import AnsweredRow, as_solution
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.xfoil.polar_dump import DumpedPoint
from understudy.simulators.airfoil.xfoil.program import (
    MAXIMUM_NODES,
    Run,
    Setting,
    XfoilRunError,
    find_xfoil,
    keep_alive_object,
    run_xfoil,
    xfoil_version,
)
from understudy.simulators.airfoil.xfoil.surface import at_nodes, edge_speed, friction_drag
from understudy.simulators.interface import Simulator, Solution, Status

_SCALARS = ("cl", "cd", "cd_friction", "cd_pressure", "cm", "xtr_top", "xtr_bottom", "alpha")
_FIELDS = ("cp", "cf", "theta", "delta_star", "shape_factor", "edge_speed")
_LIFT_PER_DEGREE = 0.1  # of an airfoil, about
_EXACT = 1e-4  # [deg] or [-]: how near the last converged point must be to the one asked for


class March(StrEnum):
    """When XFOIL walks to a point from neighbouring ones instead of starting cold."""

    NEVER = "never"
    AFTER_FAILURE = "after_failure"
    ALWAYS = "always"


@dataclass(frozen=True)
class Xfoil(Simulator[AirfoilCase]):
    """Mark Drela's program XFOIL 6.99, one run for each point: no answer depends on the others of its batch.

    panels: None to use the nodes of the case exactly as given; otherwise XFOIL repanels the shape with that many nodes,
        and its fields are interpolated, monotone in arc length, to the nodes of the case.
    march: when to walk to a point from neighbouring ones. Near stall this can end on another branch than a cold start.
    iterations: Newton iterations until a point counts as not converged (root-mean-square change above 1e-4).
    march_step: step of the walk [deg]; at a prescribed lift a tenth of it in cl.
    time_limit: seconds for each run; there are up to six for a point that does not converge.
    workers: runs at a time; None for one on each processor.

    The answer holds XFOIL's own double precision. `cd` comes from the far wake; `cd_friction` is the skin friction
    integrated along the free stream and `cd_pressure` the rest. `residuals` are the root-mean-square Newton changes in
    XFOIL's own scaling.

    Raises:
        XfoilNotInstalledError: at birth, with the way to install it.
    """

    panels: int | None = None
    march: March = March.AFTER_FAILURE
    iterations: int = 100
    march_step: float = 1.0
    time_limit: float = 20.0
    workers: int | None = None

    name = "xfoil"
    quantities = (*_SCALARS, *_FIELDS)
    differentiable = False
    forces = "XFOIL's own: cl and cm from its pressure, cd from its wake"

    def __post_init__(self) -> None:
        if self.panels is not None and not 20 <= self.panels <= MAXIMUM_NODES:
            raise ValueError(f"panels must be None or from 20 to {MAXIMUM_NODES}; got {self.panels}")
        for name in ("iterations", "march_step", "time_limit"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be None or at least 1; got {self.workers}")
        find_xfoil()

    @cached_property
    def version(self) -> str:  # type: ignore[override]  # computed at first need, then an attribute like any other
        """The version that the installed program states, such as "6.99"."""
        return xfoil_version(find_xfoil(), keep_alive_object())

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "workers"}

    def predict(self, case: AirfoilCase) -> Solution:
        """Answer every row; rows with a time limit, a crash or no convergence carry a sentence.

        Raises:
            NotDifferentiableError: a tensor of the case asks for a gradient.
        """
        if torch.is_grad_enabled() and any(getattr(case, item.name).requires_grad for item in fields(case)):
            self.require_gradient()
        keep_alive_object()  # compiled here once, not by every thread
        with ThreadPoolExecutor(self.workers or os.cpu_count()) as pool:  # a thread only waits for its XFOIL process
            rows = list(pool.map(self._answer, _questions(case)))
        return as_solution(rows, _SCALARS, _FIELDS, case.coordinates)

    def _answer(self, question: "_Question") -> AnsweredRow:
        """The first of the ways to the point that arrives, otherwise what became of the first way."""
        nodes = len(question.nodes)
        if self.panels is None and nodes > MAXIMUM_NODES:
            sentence = f"XFOIL takes at most {MAXIMUM_NODES} nodes; got {nodes}; use fewer or set panels"
            return AnsweredRow(Status.REFUSED, sentence)
        rows = []
        for steps in self._ways(question):
            rows.append(self._walk(question, steps))
            if rows[-1].status is Status.OK:
                return rows[-1]
        return rows[0]

    def _ways(self, question: "_Question") -> Iterator[list[str]]:
        """Commands that lead to the point: at once, and in equal steps from 2, 1 or 4 steps below or 1 or 4 above."""
        if self.march is not March.ALWAYS:
            yield [question.command(question.target)]
        if self.march is not March.NEVER:
            step = self.march_step * (_LIFT_PER_DEGREE if question.lift_prescribed else 1.0)
            for first in (-2, -1, 1, -4, 4):
                offsets = range(first, 0, 1 if first < 0 else -1)
                yield [question.command(question.target + offset * step) for offset in (*offsets, 0)]

    def _walk(self, question: "_Question", steps: list[str]) -> AnsweredRow:
        try:
            run = run_xfoil(
                find_xfoil(),
                question.nodes,
                Setting(*question.conditions, panels=self.panels, iterations=self.iterations),
                steps,
                keep_alive=keep_alive_object(),
                time_limit=self.time_limit,
            )
        except XfoilRunError as error:
            return AnsweredRow(Status.FAILED, str(error))
        if run.dump is None:
            return AnsweredRow(Status.FAILED, "XFOIL did not accept the shape; check its coordinates or set panels")
        points = run.dump.points
        if points and question.is_answered_by(points[-1]):
            return _answered(question, run.dump.nodes, points[-1], run.changes)
        return AnsweredRow(Status.NOT_CONVERGED, self._no_convergence(run), residuals=run.changes)

    def _no_convergence(self, run: Run) -> str:
        last = f"last change {run.changes[-1]:.1e}" if run.changes else "no iteration finished"
        return (
            f"XFOIL did not converge in {self.iterations} iterations ({last}); "
            "the flow may be massively separated: try a smaller angle, other nodes (panels), or march to the point"
        )


@dataclass(frozen=True, eq=False)
class _Question:
    """One row of a case in plain numbers."""

    nodes: Float64[ndarray, "nodes 2"]
    target: float
    lift_prescribed: bool
    conditions: tuple[float, float, float, float, float]  # reynolds, mach, n_crit, trip_top, trip_bottom

    def command(self, value: float) -> str:
        return f"{'CL' if self.lift_prescribed else 'ALFA'} {value:.12f}"

    def is_answered_by(self, point: DumpedPoint) -> bool:
        return abs((point.cl if self.lift_prescribed else point.alpha) - self.target) < _EXACT


def _questions(case: AirfoilCase) -> Iterator[_Question]:
    def plain(values: Tensor) -> Float64[ndarray, "..."]:
        return np.asarray(values.detach().to(dtype=torch.float64, device="cpu"))

    lift_prescribed = plain(case.lift_prescribed).astype(bool)
    target = np.where(lift_prescribed, plain(case.cl), plain(case.alpha))
    names = ("reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    conditions = np.stack([plain(getattr(case, name)) for name in names], axis=1)
    for row, nodes in enumerate(plain(case.coordinates)):
        yield _Question(nodes, float(target[row]), bool(lift_prescribed[row]), tuple(conditions[row].tolist()))


def _answered(
    question: _Question, nodes: Float64[ndarray, "used 2"], point: DumpedPoint, changes: tuple[float, ...]
) -> AnsweredRow:
    friction = friction_drag(nodes, point.cf, point.alpha, point.upper_nodes)
    signed_speed = edge_speed(point.cp, question.conditions[1])
    signed_speed[point.upper_nodes :] *= -1  # smooth through the stagnation point while interpolating
    on_surface = np.stack([point.cp, point.cf, point.theta, point.delta_star, signed_speed])
    if not np.array_equal(nodes, question.nodes):
        on_surface = at_nodes(nodes, on_surface, question.nodes)
    cp, cf, theta, delta_star, signed_speed = on_surface
    values = {
        "cl": point.cl,
        "cd": point.cd,
        "cd_friction": friction,
        "cd_pressure": point.cd - friction,
        "cm": point.cm,
        "xtr_top": min(point.xtr_top, 1.0),
        "xtr_bottom": min(point.xtr_bottom, 1.0),
        "alpha": point.alpha,
        "cp": cp,
        "cf": cf,
        "theta": theta,
        "delta_star": delta_star,
        "shape_factor": delta_star / theta,
        "edge_speed": np.abs(signed_speed),
    }
    if not all(np.isfinite(value).all() for value in values.values()):
        return AnsweredRow(
            Status.FAILED, "XFOIL's answer holds values that are not finite; check the shape", residuals=changes
        )
    return AnsweredRow(Status.OK, "", values, changes)
