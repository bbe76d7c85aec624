"""Single cases for the compressible solver on the sections of its references, with answers that are kept."""

import csv
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from understudy.datasets.whole_files import write_bytes
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions, RansSolution
from understudy.simulators.airfoil.rans.setup import flow_around
from understudy.simulators.flow.forces import surface
from understudy.simulators.flow.stream import Stream
from understudy.simulators.interface import Status
from understudy.simulators.shapes import airfoil

DATA = Path(__file__).parents[1] / "data"
#: Coefficients of the thickness of NASA's sharp NACA 0012, turbmodels.larc.nasa.gov/naca0012_val.html.
NASA_0012 = (0.298222773, -0.127125232, -0.357907906, 0.291984971, -0.105174606)
#: Chord of that section over that of the blunt one, of which it is the extension [-].
NASA_CHORD = 1.008930411
FORCES = ("alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm")
FACES = ("x", "cp", "cf")


@dataclass(frozen=True)
class Flight:
    """One section in one flow on one grid; either alpha [deg] or cl is given. airfoil: a name that `contour` knows."""

    airfoil: str
    mach: float
    reynolds: float
    grid: tuple[int, int]
    alpha: float | None = None
    cl: float | None = None
    model: str = "sa"
    far: float = 100.0

    @property
    def size(self) -> str:
        """The grid in words."""
        return "x".join(map(str, self.grid))

    @property
    def cells(self) -> int:
        """Number of cells."""
        along, away = self.grid
        return (along - 1) * (away - 1)

    def on(self, grid: tuple[int, int]) -> "Flight":
        """The same on another grid."""
        return replace(self, grid=grid)

    def case(self) -> AirfoilCase:
        """As simulators are asked."""
        return AirfoilCase.of(contour(self.airfoil)[None], self.alpha, self.reynolds, cl=self.cl, mach=self.mach)


@dataclass(frozen=True)
class Found:
    """The answer to a flight: status, seconds alone, forces; x [chord], cp and cf of the wall faces, all clockwise.

    Faces go from the lower trailing edge around the nose; there are none where no steady state was found.
    """

    status: str
    seconds: float
    alpha: float
    cl: float
    cd: float
    cd_friction: float
    cd_pressure: float
    cm: float
    x: list[float]
    cp: list[float]
    cf: list[float]

    @property
    def cn(self) -> float:
        """The force across the chord."""
        angle = math.radians(self.alpha)
        return self.cl * math.cos(angle) + self.cd * math.sin(angle)


@cache
def contour(name: str) -> Tensor:
    """The section as the reference has it: "nasa0012", "rae2822-design" (AGARD AR-138), or one of the library."""
    if name == "nasa0012":
        return _nasa_0012()
    if name == "rae2822-design":
        with (DATA / "rae2822_design.csv").open() as file:
            rows = [[float(row[key]) for key in ("x", "upper", "lower")] for row in csv.DictReader(file)]
        x, upper, lower = torch.tensor(rows, dtype=torch.float64).unbind(1)
        return _around(x, upper, lower)
    return airfoil(name).coordinates


def solve(flight: Flight) -> Found:
    """Solve one case alone."""
    simulator = Rans(RansOptions(model=flight.model, grid=flight.grid, far=flight.far))
    started = time.perf_counter()
    with torch.no_grad():
        answer = simulator.predict(flight.case())
    seconds = time.perf_counter() - started
    forces = {name: float(answer[name][0]) for name in FORCES}
    faces = _on_faces(flight, answer) if answer.status[0] == Status.OK else {key: [] for key in FACES}
    return Found(str(answer.status[0]), seconds, **forces, **faces)


class Answers:
    """Answers to flights, asked for once and kept in a file.

    path: of the file. fresh: forget what it holds. told: called with each flight before it is solved.
    """

    def __init__(self, path: Path, *, fresh: bool = False, told: Callable[[Flight], object] = print) -> None:
        self._path, self._told = path, told
        self._known = json.loads(path.read_text()) if path.exists() and not fresh else {}

    def __call__(self, flight: Flight) -> Found:
        """The answer, solved for if it is not known."""
        key = f"{Rans.version} {flight}"
        if key not in self._known:
            self._told(flight)
            self._known[key] = asdict(solve(flight))
            self._path.parent.mkdir(exist_ok=True)
            write_bytes(self._path, json.dumps(self._known, indent=1).encode())
        return Found(**self._known[key])


def _on_faces(flight: Flight, answer: RansSolution) -> dict[str, list[float]]:
    """x, cp and cf of the wall faces, from the lower trailing edge around the nose."""
    grid, state = answer.grids[0], answer.states[0]
    alpha = torch.as_tensor([float(answer["alpha"][0])], dtype=torch.float64)
    reynolds = torch.inf if flight.model == "euler" else flight.reynolds
    stream = Stream(torch.full_like(alpha, flight.mach), alpha, torch.full_like(alpha, reynolds))
    flow = flow_around(grid, stream, flight.model)
    felt = {"x": flow.metrics.wall[:, 0], **surface(flow, state)}
    return {name: [round(value, 6) for value in values[0].tolist()] for name, values in felt.items()}


def _nasa_0012() -> Tensor:
    x = 0.5 * (1 - torch.cos(torch.linspace(0, torch.pi, 201, dtype=torch.float64)))
    root, *powers = NASA_0012
    y = 0.594689181 * (root * x.sqrt() + sum(factor * x ** (k + 1) for k, factor in enumerate(powers)))
    y[-1] = 0.0
    return _around(x, y, -y)


def _around(x: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """From the upper trailing edge around the nose to the lower one."""
    return torch.cat((torch.stack((x, upper), 1).flip(0), torch.stack((x, lower), 1)[1:]))
