"""Closed-form stand-ins for a simulator: no truth about any airfoil, but the right shape of an answer in microseconds.

Tests, examples and plumbing use them where the numbers do not matter. They are asked for by place, as any simulator of
one's own: `understudy.datasets.synthetic:ThinAirfoilTheory`.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Simulator, Solution, Status

THIN_AIRFOIL = "understudy.datasets.synthetic:ThinAirfoilTheory"

_STATIONS = 24  # of the mean line, cosine-spaced; enough for three digits in lift
_STALL = 12.0  # deg from zero lift, beyond which the theory is refused
_CRITICAL_REYNOLDS = 3e6  # on length, of transition on a flat plate at n_crit 9 in quiet flow


class ThinAirfoilTheory(Simulator[AirfoilCase]):
    """Lift and moment by thin-airfoil theory on the mean line, drag of a flat plate; no stall, no thickness.

    cl = 2π (α - α_0) / β with the Prandtl-Glauert factor β, cm = π/4 (A_2 - A_1) / β, cp = ∓ γ of a flat plate at the
    same lift. Friction is Blasius's up to transition and Prandtl's one-seventh power after it. Prescribed lift gives
    the angle.
    Refused on purpose: more than 12 deg from zero lift. Not converged on purpose: n_crit within 0.1 of a whole number.
    """

    name = "thin-airfoil"
    version = "1"
    quantities = ("alpha", "cl", "cd", "cm", "xtr_top", "xtr_bottom", "cp", "cf")
    differentiable = True

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {"stations": _STATIONS, "stall_deg": _STALL, "critical_reynolds": _CRITICAL_REYNOLDS}

    def predict(self, case: AirfoilCase) -> Solution:
        zero_lift, moment = _mean_line_theory(case.coordinates)
        beta = torch.sqrt(1 - case.mach**2)
        slope = 2 * math.pi / beta
        alpha = torch.where(case.lift_prescribed, zero_lift + torch.rad2deg(case.cl / slope), case.alpha)
        lift = slope * torch.deg2rad(alpha - zero_lift)
        free = _CRITICAL_REYNOLDS * case.n_crit / 9 / case.reynolds
        top, bottom = (torch.minimum(free, trip).clamp(max=1) for trip in (case.trip_top, case.trip_bottom))
        values = {
            "alpha": alpha,
            "cl": lift,
            "cd": _friction(case.reynolds, top) + _friction(case.reynolds, bottom),
            "cm": moment / beta,
            "xtr_top": top,
            "xtr_bottom": bottom,
            "cp": _flat_plate_pressure(case.coordinates, lift),
            "cf": _surface_friction(case.coordinates, case.reynolds, top, bottom),
        }
        return _with_failures(case, values, too_far=(alpha - zero_lift).abs() > _STALL)


def _with_failures(case: AirfoilCase, values: dict[str, Tensor], too_far: Tensor) -> Solution:
    stuck = (case.n_crit - case.n_crit.round()).abs() < 0.1
    status, message = [], []
    for refused, unconverged in zip(too_far.tolist(), stuck.tolist(), strict=True):
        if refused:
            status.append(Status.REFUSED)
            message.append(f"thin-airfoil theory holds within {_STALL:g} deg of zero lift; lower the angle of attack")
        elif unconverged:
            status.append(Status.NOT_CONVERGED)
            message.append("left unanswered on purpose, n_crit being near a whole number; change n_crit")
        else:
            status.append(Status.OK)
            message.append("")
    lost = too_far | stuck
    kept = {
        name: value.masked_fill(lost if value.ndim == 1 else lost[:, None], math.nan) for name, value in values.items()
    }
    return Solution(values=kept, status=tuple(status), message=tuple(message))


def _mean_line_theory(
    coordinates: Float[Tensor, "batch nodes 2"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Angle of zero lift [deg] and incompressible moment about the quarter chord, from the slope's Fourier series."""
    theta = torch.linspace(0, math.pi, _STATIONS + 1, dtype=coordinates.dtype, device=coordinates.device)
    x = 0.5 * (1 - torch.cos(theta))
    nose = coordinates.shape[1] // 2
    upper = _interpolated(coordinates[:, : nose + 1].flip(1), x)
    lower = _interpolated(coordinates[:, nose:], x)
    line = 0.5 * (upper + lower)
    middle, width = 0.5 * (theta[1:] + theta[:-1]), theta.diff()
    slope = line.diff(dim=1) / x.diff()
    zero_lift = -(slope * (torch.cos(middle) - 1) * width).sum(1) / math.pi
    first, second = ((slope * torch.cos(n * middle) * width).sum(1) * 2 / math.pi for n in (1, 2))
    return torch.rad2deg(zero_lift), math.pi / 4 * (second - first)


def _interpolated(
    side: Float[Tensor, "batch points 2"], at: Float[Tensor, " stations"]
) -> Float[Tensor, "batch stations"]:
    x, y = side[..., 0].cummax(dim=1).values.contiguous(), side[..., 1]
    right = torch.searchsorted(x.detach(), at.expand(len(x), -1).contiguous()).clamp(1, x.shape[1] - 1)
    x0, x1, y0, y1 = x.gather(1, right - 1), x.gather(1, right), y.gather(1, right - 1), y.gather(1, right)
    return y0 + (y1 - y0) * ((at - x0) / (x1 - x0).clamp(min=1e-12)).clamp(0, 1)


def _friction(reynolds: Tensor, transition: Tensor) -> Tensor:
    """Drag of one side of a plate, laminar up to `transition` [chord], turbulent as from the nose after it."""
    local = reynolds * transition
    turbulent = 0.074 * (reynolds**-0.2 - transition * local**-0.2)
    return 1.328 / torch.sqrt(local) * transition + turbulent


def _flat_plate_pressure(coordinates: Tensor, lift: Tensor) -> Tensor:
    x = coordinates[..., 0].clamp(0.002, 1)
    load = lift[:, None] / (2 * math.pi) * 2 * torch.sqrt((1 - x) / x)
    return load * _side(coordinates)


def _surface_friction(coordinates: Tensor, reynolds: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
    x = coordinates[..., 0].clamp(0.002, 1)
    transition = torch.where(_side(coordinates) < 0, top[:, None], bottom[:, None])
    local = reynolds[:, None] * x
    return torch.where(x < transition, 0.664 / torch.sqrt(local), 0.0592 * local**-0.2)


def _side(coordinates: Tensor) -> Float[Tensor, " nodes"]:
    """-1 on the upper side, where lift is suction, and +1 on the lower."""
    nodes = coordinates.shape[1]
    side = torch.ones(nodes, dtype=coordinates.dtype, device=coordinates.device)
    side[: nodes // 2] = -1
    return side
