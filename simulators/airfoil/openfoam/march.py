"""One flow iterated by simpleFoam until its forces stand still, from coarse grids to the fine one.

The iteration goes in runs of `STRETCH`; between them the far field follows the lift and the angle a prescribed lift.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.openfoam.case_files import Far, Fields, write_control, write_fields, write_setup
from understudy.simulators.airfoil.openfoam.mesh import PolyMesh, poly_mesh, write_mesh
from understudy.simulators.airfoil.openfoam.options import STRETCH, WATCHED, OpenFoamOptions
from understudy.simulators.airfoil.openfoam.program import Installation, OpenFoamRunError, Runs
from understudy.simulators.airfoil.openfoam.results import read_fields, read_forces, read_residuals
from understudy.simulators.airfoil.panel import STEEPEST_ANGLE
from understudy.simulators.grids import Grid

#: A prescribed lift is found within this.
LIFT_TOLERANCE = 1e-4
#: Largest turn at a time [deg].
LARGEST_TURN = 2.0
#: Slope of the lift [1/deg]: usual, least and most; and the turn from which a secant is drawn [deg].
USUAL_SLOPE, LEAST_SLOPE, MOST_SLOPE, TELLING_TURN = 0.1, 0.03, 0.2, 0.02
#: Lift below which changes are not measured relative to it.
SMALL_LIFT = 0.2
#: Coefficients above which an iteration has diverged.
DIVERGED = 1e2
#: Coarser grids only start the finest: their forces may move more by this factor.
COARSE = 5.0


@dataclass(frozen=True, eq=False)
class Question:
    """One flow: Reynolds number, angle [deg], and the lift if it is prescribed; then the angle is the first try."""

    reynolds: float
    alpha: float
    lift: float | None


@dataclass(frozen=True, eq=False)
class History:
    """What one run saw: coefficients after each iteration, and the largest residual."""

    cl: Float64[ndarray, " iterations"]
    cd: Float64[ndarray, " iterations"]
    cd_pressure: Float64[ndarray, " iterations"]
    cm: Float64[ndarray, " iterations"]
    residuals: Float64[ndarray, " iterations"]

    @staticmethod
    def of(
        forces: Float64[ndarray, "iterations 5"], residuals: Float64[ndarray, " iterations"], alpha: float
    ) -> "History":
        """Coefficients from forces and moment about z, at an angle [deg]."""
        pushed, rubbed, moment = 2 * forces[:, :2], 2 * forces[:, 2:4], 2 * forces[:, 4]
        along = np.array([math.cos(math.radians(alpha)), math.sin(math.radians(alpha))])
        across = np.array([-along[1], along[0]])
        return History((pushed + rubbed) @ across, (pushed + rubbed) @ along, pushed @ along, -moment, residuals)

    @property
    def residual(self) -> float:
        """The last."""
        return float(self.residuals[-1]) if len(self.residuals) else math.nan

    @property
    def diverged(self) -> bool:
        """Whether it left all bounds."""
        return not (np.abs(self.cl) < DIVERGED)[-WATCHED:].all() or not (np.abs(self.cd) < DIVERGED)[-WATCHED:].all()

    def ranges(self, before: "History | None") -> tuple[float, float]:
        """How far lift and drag moved over the last iterations, and since the run before."""
        moved = []
        for name in ("cl", "cd"):
            seen = getattr(self, name)[-WATCHED:]
            moved.append(float(np.ptp(seen if before is None else np.append(seen, getattr(before, name)[-1]))))
        return moved[0], moved[1]


@dataclass(frozen=True, eq=False)
class Ended:
    """Where a flow ended: whether steady and if not why, the angle, the last run, all residuals of the finest grid."""

    why: str
    alpha: float
    last: History
    residuals: tuple[float, ...]
    mesh: PolyMesh
    fields: Fields


def march(
    levels: Sequence[Grid],
    question: Question,
    options: OpenFoamOptions,
    *,
    folder: Path,
    openfoam: Installation,
    runs: Runs,
    deadline: float,
) -> Ended:
    """Iterate on each grid, the coarsest first, each in a folder of its own.

    Raises:
        OpenFoamRunError: a run died or the deadline came, on the finest grid; or on all before it as well.
    """
    start: tuple[Fields, float, float] | None = None
    for index, grid in enumerate(levels):
        finest = index == len(levels) - 1
        place = folder / str(index)
        place.mkdir()
        level = _Level(grid, question, options, place, openfoam, runs, deadline, finest)
        try:
            ended = level.march(start)
        except OpenFoamRunError:
            if finest:
                raise
            start = None  # a grid too coarse for this flow: the next begins with the free stream
            continue
        start = None
        if not ended.why:  # what has not settled on a coarse grid misleads the fine one
            start = ended.fields.finer(grid.cells[0]), ended.alpha, float(ended.last.cl[-1])
    return ended


@dataclass(frozen=True, eq=False)
class _Level:
    """The iteration on one grid."""

    grid: Grid
    question: Question
    options: OpenFoamOptions
    folder: Path
    openfoam: Installation
    runs: Runs
    deadline: float
    finest: bool

    @property
    def viscosity(self) -> float:
        return 1 / self.question.reynolds

    def march(self, start: tuple[Fields, float, float] | None) -> Ended:
        """From fields, angle and lift, or from the free stream, to where the forces stand still."""
        mesh = poly_mesh(self.grid)
        write_mesh(mesh, self.folder)
        write_setup(self.folder, self.question.reynolds, self.options)
        alpha = self.question.alpha if start is None else start[1]
        fields, lift = (Fields.uniform(mesh.cells, alpha), 0.0) if start is None else (start[0], start[2])
        search = _LiftSearch(self.question.lift)
        before: History | None = None
        residuals: list[float] = []
        limit = self.options.iterations if self.finest else self.options.coarse_iterations
        for done in range(0, limit - STRETCH + 1, STRETCH):
            last, fields = self._run(mesh, fields, alpha, lift, done)
            residuals.extend(last.residuals.tolist())
            lift = float(last.cl[-1])
            why = self._unsettled(last, before, search)
            if not why or last.diverged or done + 2 * STRETCH > limit:
                break
            before, alpha = last, alpha + search.turn(alpha, last)
            if abs(alpha) > STEEPEST_ANGLE:
                why = f"not converged: lift {self.question.lift:.3f} is not reached up to {STEEPEST_ANGLE:g} deg"
                break
        return Ended(why, alpha, last, tuple(residuals), mesh, fields)

    def _run(self, mesh: PolyMesh, fields: Fields, alpha: float, lift: float, done: int) -> tuple[History, Fields]:
        """One run of the program, from iteration `done`."""
        far = Far.around(mesh.centres(mesh.patch("far"))[:, :2], alpha, lift)
        write_fields(self.folder, done, fields, far, self.viscosity)
        write_control(self.folder, last=done + STRETCH, stretch=STRETCH)
        log = self.runs.simple_foam(self.openfoam, self.folder, self.deadline)
        history = History.of(read_forces(self.folder, done), read_residuals(log), alpha)
        return history, read_fields(self.folder, done + STRETCH, mesh.cells, self.viscosity)

    def _unsettled(self, last: History, before: History | None, search: "_LiftSearch") -> str:
        """Why the flow is not yet steady; empty where it is."""
        cl, cd = float(last.cl[-1]), float(last.cd[-1])
        if last.diverged:
            return "not converged: the iteration diverged; try a smaller angle, or a lower relax_pressure"
        by_lift, by_drag = last.ranges(before)
        allowed = self.options.settled * (1.0 if self.finest else COARSE)
        if abs(search.missing(last)) > (LIFT_TOLERANCE if self.finest else COARSE * LIFT_TOLERANCE):
            return f"not converged: lift is {cl:.4f} at the last angle; ask for more iterations or less lift"
        if (
            by_lift < allowed * max(abs(cl), SMALL_LIFT)
            and by_drag < allowed * cd
            and last.residual < self.options.residual
        ):
            return ""
        return (
            f"not converged: at the residual {last.residual:.1e} lift still moves by {by_lift:.1e} about {cl:.4f} and "
            f"drag by {by_drag:.1e} about {cd:.5f}; ask for more iterations, another grid or a smaller angle"
        )


class _LiftSearch:
    """Secants for the angle of a prescribed lift; without one the angle stays."""

    def __init__(self, lift: float | None) -> None:
        self._lift = lift
        self._slope = USUAL_SLOPE
        self._known: tuple[float, float] | None = None  # angle and lift of the last turn

    def missing(self, last: History) -> float:
        """Lift that is not there yet."""
        return 0.0 if self._lift is None else self._lift - float(last.cl[-1])

    def turn(self, alpha: float, last: History) -> float:
        """By how much to turn the angle now [deg]: not at all while the lift moves as much as it misses."""
        missing = self.missing(last)
        if abs(missing) < 0.5 * LIFT_TOLERANCE or float(np.ptp(last.cl[-WATCHED:])) > 0.5 * abs(missing):
            return 0.0
        cl = float(last.cl[-1])
        if self._known is not None and abs(alpha - self._known[0]) > TELLING_TURN:
            secant = (cl - self._known[1]) / (alpha - self._known[0])
            self._slope = min(max(secant, LEAST_SLOPE), MOST_SLOPE)
        self._known = alpha, cl
        return min(max(missing / self._slope, -LARGEST_TURN), LARGEST_TURN)
