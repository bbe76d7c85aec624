"""OpenFOAM as a simulator: an independent finite-volume solver on our own grids."""

import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.answered_rows import AnsweredRow, as_solution
from understudy.simulators.airfoil.case import OF_TRANSITION, AirfoilCase
from understudy.simulators.airfoil.openfoam.march import Ended, Question, march
from understudy.simulators.airfoil.openfoam.options import OpenFoamOptions
from understudy.simulators.airfoil.openfoam.program import OpenFoamDivergedError, OpenFoamRunError, Runs, find_openfoam
from understudy.simulators.airfoil.panel import STEEPEST_ANGLE, likely_angle
from understudy.simulators.airfoil.rans.setup import at_nodes, base_of, levels_of, new_grids
from understudy.simulators.grids import Grid, closed
from understudy.simulators.grids.airfoil import THINNEST_BASE
from understudy.simulators.interface import Simulator, Solution, Status

#: Mach number up to which a flow is taken to be incompressible.
FASTEST = 0.3
_SCALARS = ("alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm")
_FIELDS = ("cp", "cf")


@dataclass(frozen=True)
class OpenFoam(Simulator[AirfoilCase]):
    """Incompressible turbulent flow by OpenFOAM's simpleFoam with the model of Spalart and Allmaras, wall resolved.

    A grid is made for each contour as for `rans`: a C-grid where the trailing edge is sharp or nearly so, an O-grid
    where it is blunt. Flow is turbulent from the nose: n_crit and trips are not heard. Mach numbers up to 0.3 are
    answered as if they were 0; larger ones are refused. A prescribed lift is found by turning the stream.

    options: grid, end and relaxation of the iteration.
    workers: rows solved at a time; None for one on each processor.

    `residuals` are the largest initial residuals of OpenFOAM's equations, in its own scaling, on the finest grid.

    Raises:
        OpenFoamNotInstalledError: at birth, with the way to install it.
    """

    options: OpenFoamOptions = field(default_factory=OpenFoamOptions)
    workers: int | None = None

    name = "openfoam"
    forces = "OpenFOAM's own: pressure and friction summed over the wall faces"
    quantities = (*_SCALARS, *_FIELDS)
    differentiable = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be None or at least 1; got {self.workers}")
        find_openfoam()

    @cached_property
    def version(self) -> str:  # type: ignore[override]  # computed at first need, then an attribute like any other
        """The version that the installed program states, such as "1912"."""
        return find_openfoam().version()

    unheard = OF_TRANSITION

    @property
    def at_once(self) -> int:  # type: ignore[override]  # as many as are solved at a time
        """Rows worth asking for together."""
        return self._workers

    @property
    def _workers(self) -> int:
        return self.workers or os.cpu_count() or 1

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Options that decide the answers, JSON-ready."""
        return asdict(self.options)

    def predict(self, case: AirfoilCase) -> Solution:
        """Answer every row; rows that are refused, die or do not become steady carry a sentence.

        Raises:
            NotDifferentiableError: a tensor of the case asks for a gradient.
        """
        if torch.is_grad_enabled() and any(getattr(case, item.name).requires_grad for item in fields(case)):
            self.require_gradient()
        plain = _in_double(case)
        # A thread only waits for its run of OpenFOAM. The runs are left first: if this stops, they are ended.
        with ThreadPoolExecutor(self._workers) as pool, Runs() as runs:
            rows = list(pool.map(lambda row: self._answer(plain[row : row + 1], runs), range(len(plain))))
        return as_solution(rows, _SCALARS, _FIELDS, case.coordinates)

    def _answer(self, case: AirfoilCase, runs: Runs) -> AnsweredRow:
        """What became of one row."""
        mach = float(case.mach)
        if mach > FASTEST:
            return AnsweredRow(
                Status.REFUSED,
                f"refused: mach must be at most {FASTEST} for an incompressible solver; got {mach:.3g}: ask 'rans'",
            )
        question = _question(case)
        if abs(question.alpha) > STEEPEST_ANGLE:
            asked = "the angle" if question.lift is None else f"the angle that a lift of {question.lift:.3g} needs"
            return AnsweredRow(
                Status.REFUSED,
                f"refused: {asked} must be within {STEEPEST_ANGLE:g} deg; got about {question.alpha:.3g}",
            )
        grid, status, message = self._grid(case)
        if message:
            return AnsweredRow(status, message)
        deadline = time.monotonic() + self.options.time_limit

        def ended_with(options: OpenFoamOptions) -> Ended:
            with tempfile.TemporaryDirectory(prefix="openfoam-") as folder:
                return march(
                    levels_of(grid),
                    question,
                    options,
                    folder=Path(folder),
                    openfoam=find_openfoam(),
                    runs=runs,
                    deadline=deadline,
                )

        try:
            try:
                ended = ended_with(self.options)
            except OpenFoamDivergedError:
                ended = ended_with(self.options.careful())
        except OpenFoamRunError as error:
            return AnsweredRow(Status.FAILED, str(error))
        if ended.why:
            return AnsweredRow(Status.NOT_CONVERGED, ended.why, residuals=ended.residuals)
        return _answered(case, grid, question, ended)

    def _grid(self, case: AirfoilCase) -> tuple[Grid, Status, str]:
        """The grid, and how its making ended."""
        wishes, halvings = self.options.wishes()
        blunt = float(base_of(case.coordinates)) >= THINNEST_BASE
        contour = case.coordinates if blunt else closed(case.coordinates)
        grid, quality = new_grids(contour, case.reynolds, wishes, halvings=halvings, blunt=blunt)
        return grid, quality.status[0], quality.message[0]


def _in_double(case: AirfoilCase) -> AirfoilCase:
    return AirfoilCase(
        **{item.name: getattr(case, item.name).detach().to(dtype=torch.float64, device="cpu") for item in fields(case)}
    )


def _question(case: AirfoilCase) -> Question:
    """The row in plain numbers; where lift is prescribed, an angle that is likely."""
    if not bool(case.lift_prescribed):
        return Question(float(case.reynolds), float(case.alpha), None)
    angle = float(likely_angle(case.coordinates, case.cl, torch.zeros_like(case.mach)))
    return Question(float(case.reynolds), angle, float(case.cl))


def _answered(case: AirfoilCase, grid: Grid, question: Question, ended: Ended) -> AnsweredRow:
    last = ended.last
    cp, cf = (
        at_nodes(torch.as_tensor(values)[None], grid.wall, case.coordinates)[0].numpy()
        for values in wall_values(ended, question.reynolds)
    )
    values: dict[str, float | Float64[ndarray, " nodes"]] = {
        "alpha": ended.alpha,
        "cl": float(last.cl[-1]),
        "cd": float(last.cd[-1]),
        "cd_friction": float(last.cd[-1] - last.cd_pressure[-1]),
        "cd_pressure": float(last.cd_pressure[-1]),
        "cm": float(last.cm[-1]),
        "cp": cp,
        "cf": cf,
    }
    return AnsweredRow(Status.OK, "", values, ended.residuals)


def wall_values(ended: Ended, reynolds: float) -> tuple[Float64[ndarray, " wall"], Float64[ndarray, " wall"]]:
    """Coefficients cp, and cf along the flow that leaves the nose for the trailing edge, on the wall faces.

    OpenFOAM takes the pressure of the cell above for that of the wall, and the friction from its speed and height.
    """
    mesh = ended.mesh
    faces = mesh.patch("wall")
    cells = mesh.owner[faces]
    outwards = -mesh.area_vectors()[faces, :2]
    outwards /= np.linalg.norm(outwards, axis=1)[:, None]
    height = (outwards * (mesh.cell_centres()[cells, :2] - mesh.centres(faces)[:, :2])).sum(axis=1)
    clockwise = np.column_stack([outwards[:, 1], -outwards[:, 0]])
    stress = (ended.fields.velocity[cells] * clockwise).sum(axis=1) / height / reynolds
    backwards = np.arange(len(cells)) < len(cells) // 2
    return 2 * ended.fields.pressure[cells], 2 * np.where(backwards, -stress, stress)
