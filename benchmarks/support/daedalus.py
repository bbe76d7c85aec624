"""The Daedalus six-point problem (Sharpe and Hansman, NeuralFoil, arXiv 2503.16323) and XFOIL as its judge.

Six lift coefficients are flown at Reynolds numbers that follow from level flight of one aircraft; the objective is
the weighted mean drag. Each point is judged at its lift after a short march, with XFOIL's own 160 panels; 280 are the
second opinion. The least-squares CST fit of the DAE-11 (8 weights a side) scores 0.01057. A trailing edge counts as
sharp for XFOIL only below 1e-4 chord: closing that fit's base of 1.1e-4 chord alone raises the score by 1.4 %. `opened`
gives a sharp section a base just above, so that what the edge alone costs can be told.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.xfoil import March, Xfoil
from understudy.simulators.interface import Answer, Solution, Status
from understudy.simulators.shapes import measures

LIFT = torch.tensor([0.8, 1.0, 1.2, 1.4, 1.5, 1.6], dtype=torch.float64)
WEIGHT = torch.tensor([5.0, 6.0, 7.0, 8.0, 9.0, 10.0], dtype=torch.float64)
REYNOLDS = 500e3 * (LIFT / 1.25) ** -0.5
MACH = 0.03
CM_MINIMUM = -0.133
TOLERANCE = 0.0005  # on the moment and the thickness, as the problem states it
THICKNESS = {0.33: 0.128, 0.90: 0.014}  # at least, at these stations [chord]
EDGE_ANGLE, EDGE_TOLERANCE = 6.03, 0.03  # of the trailing edge, at least [deg]
LIFT_TOLERANCE, ANGLE_TOLERANCE = 1e-3, 0.02  # of the wanted lift, and of the order of the angles [deg]
OPENED_BASE = 2.5e-4  # [chord]


@dataclass(frozen=True, eq=False)
class DaedalusVerdict:
    """XFOIL's answer at the six points; quantities that a point lacks are NaN, and so is what is made of them."""

    answer: Solution

    @property
    def weighted_cd(self) -> float:
        """The objective: sum of weight times drag over the sum of weights."""
        return float((WEIGHT * self.answer["cd"]).sum() / WEIGHT.sum())

    @property
    def moment_is_kept(self) -> bool:
        """Whether the moment is above its bound at every point, within the problem's tolerance."""
        return bool((self.answer["cm"] >= CM_MINIMUM - TOLERANCE).all())

    @property
    def angle_grows_with_lift(self) -> bool:
        """Whether every point flies at a larger angle than the one before."""
        return bool((self.answer["alpha"].diff() > 0).all())


def daedalus_case(coordinates: Float[Tensor, "nodes 2"]) -> AirfoilCase:
    """The six operating points of one shape."""
    return AirfoilCase.of(coordinates, cl=LIFT, reynolds=REYNOLDS, mach=MACH)


def judge_daedalus(coordinates: Float[Tensor, "nodes 2"], panels: int = 160) -> DaedalusVerdict:
    """Fly a shape at the six points with XFOIL.

    Args:
        coordinates: the shape, any number of nodes from 20; XFOIL repanels it.
        panels: 160 for the verdict, 280 for the second opinion.
    """
    return DaedalusVerdict(Xfoil(panels=panels, march=March.ALWAYS, workers=2).predict(daedalus_case(coordinates)))


def opened(coordinates: Float[Tensor, "nodes 2"]) -> Float[Tensor, "nodes 2"]:
    """The shape with a small base: both sides moved apart in proportion to x, as CST does it."""
    half = 0.5 * OPENED_BASE * coordinates[:, 0].clamp(0, 1)
    upper = torch.arange(len(coordinates)) < coordinates[:, 0].argmin()
    return torch.stack([coordinates[:, 0], coordinates[:, 1] + torch.where(upper, half, -half)], dim=1)


def breaches(coordinates: Float[Tensor, "nodes 2"], answer: Answer) -> list[str]:
    """What a shape breaks of the problem beyond tolerance, in words; measured here, apart from the design's own table.

    Args:
        coordinates: the shape.
        answer: to `daedalus_case(coordinates)`, by the simulator that judges.
    """
    shape = coordinates[None]
    checks = {
        "not flown at every point": all(status is Status.OK for status in answer.status),
        "lift not met": bool(((answer["cl"] - LIFT).abs() <= LIFT_TOLERANCE).all()),
        "moment": bool((answer["cm"] >= CM_MINIMUM - TOLERANCE).all()),
        "angles out of order": bool((answer["alpha"].diff() >= -ANGLE_TOLERANCE).all()),
        "trailing edge angle": bool(measures.trailing_edge_angle(shape) >= EDGE_ANGLE - EDGE_TOLERANCE),
    }
    for x, least in THICKNESS.items():
        checks[f"thickness at {x:g}"] = bool(measures.thickness(shape, x) >= least - TOLERANCE)
    return [what for what, holds in checks.items() if not holds]
