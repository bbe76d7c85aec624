"""A stand-in for aerodynamics whose best shapes are known in closed form.

With the mean ordinate of the camber line c = ∫ (y_u + y_l) / 2 dx, the area A and the angle α in radians:

    C_L = 2π (α + 2 c),   C_M = -π c,   C_D = 0.008 + 0.5 (A - 0.08)² + 0.3 (α - 0.04)².
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from understudy.design.problem import OperatingPoint, Problem, Search
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Predictor, Simulator, Solution, Status

BEST_AREA, BEST_ANGLE, LEAST_DRAG = 0.08, 0.04, 0.008


def area_and_camber(coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """A and c of every row."""
    x, y = coordinates.unbind(-1)
    step, middle = x.diff(dim=1), 0.5 * (y[:, 1:] + y[:, :-1])
    return -(middle * step).sum(1), 0.5 * (middle * step.abs()).sum(1)


def aerodynamics(case: AirfoilCase, *, extra_drag: float = 0.0) -> dict[str, Tensor]:
    """The stand-in answer of every row; the angle of a row that prescribes the lift follows from it."""
    area, camber = area_and_camber(case.coordinates)
    implied = torch.rad2deg(case.cl / (2 * torch.pi) - 2 * camber)
    alpha = torch.where(case.lift_prescribed, implied, case.alpha)
    radians = torch.deg2rad(alpha)
    return {
        "cl": 2 * torch.pi * (radians + 2 * camber),
        "cm": -torch.pi * camber,
        "cd": LEAST_DRAG + 0.5 * (area - BEST_AREA) ** 2 + 0.3 * (radians - BEST_ANGLE) ** 2 + extra_drag,
        "alpha": alpha,
        "cp": -case.coordinates[..., 1] / 0.1,
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class Guess(Answer):
    """An answer with intervals."""

    low: Mapping[str, Tensor]
    high: Mapping[str, Tensor]
    known: Tensor


@dataclass(eq=False)
class Understudy(Predictor):
    """The stand-in as a surrogate.

    width: of half an interval over the value. largest_area: of what it knows. fails_above: area it cannot answer.
    """

    name: str = "stand-in"
    quantities: tuple[str, ...] = ("cl", "cd", "cm", "alpha", "cp")
    differentiable: bool = True
    width: float = 0.01
    largest_area: float = 1.0
    fails_above: float = 1.0
    extra_drag: float = 0.0
    calls: list[int] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return f"{self.name} {self.width} {self.extra_drag}"

    def predict(self, case: AirfoilCase) -> Guess:
        self.calls.append(len(case))
        area = area_and_camber(case.coordinates.detach())[0]
        failed = area > self.fails_above
        values = {
            name: torch.where(failed if value.ndim == 1 else failed[:, None], torch.nan, value)
            for name, value in aerodynamics(case, extra_drag=self.extra_drag).items()
        }
        status = tuple(Status.NOT_CONVERGED if row else Status.OK for row in failed.tolist())
        half = {name: self.width * values[name].abs() for name in ("cl", "cd", "cm")}
        return Guess(
            values=values,
            status=status,
            message=tuple("" if one is Status.OK else "it is too thick" for one in status),
            low={name: values[name] - half[name] for name in half},
            high={name: values[name] + half[name] for name in half},
            known=area <= self.largest_area,
        )


@dataclass(eq=False)
class Judge(Simulator):
    """The stand-in as a simulator, with a drag and a moment of its own and, if asked for, a point it cannot fly."""

    name: str = "judge"
    quantities: tuple[str, ...] = ("cl", "cd", "cm", "alpha", "cp")
    differentiable: bool = False
    version: str = "1"
    extra_drag: float = 0.0
    extra_moment: float = 0.0
    cannot_fly: bool = False
    leaves_out: tuple[str, ...] = ()
    calls: list[int] = field(default_factory=list)

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {"extra_drag": self.extra_drag}

    def predict(self, case: AirfoilCase) -> Solution:
        self.calls.append(len(case))
        values = aerodynamics(case, extra_drag=self.extra_drag)
        values["cm"] = values["cm"] + self.extra_moment
        status, message = [Status.OK] * len(case), [""] * len(case)
        if self.cannot_fly:
            status[-1], message[-1] = Status.NOT_CONVERGED, "the flow separates, use a smaller angle"
        kept = {name: value for name, value in values.items() if name not in self.leaves_out}
        return Solution(values=kept, status=tuple(status), message=tuple(message))


@pytest.fixture
def understudy() -> type[Understudy]:
    return Understudy


@pytest.fixture
def judge() -> type[Judge]:
    return Judge


@pytest.fixture
def one_point() -> Problem:
    """Least drag at a lift coefficient of 0.6: C_D = 0.008 at an area of 0.08 and an angle of 0.04 rad."""
    return Problem(name="one point", points=(OperatingPoint(cl=0.6, reynolds=1e6),), search=Search(starts=1))
