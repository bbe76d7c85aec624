"""The angle of attack at which a lift curve takes a prescribed value."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FIRST_SLOPE = 0.1  # per degree, close to thin-airfoil theory
LARGEST_STEP = 4.0  # deg
ITERATIONS = 12
SCAN_STEP = 1.0  # deg, of the search that follows where the secant fails
BISECTIONS = 22  # halvings of a scan step: 2e-7 deg

LiftCurve = Callable[[Tensor, Tensor], Tensor]  # angles and row numbers to lift


@dataclass(frozen=True, eq=False)
class Trim:
    """alpha: (batch,) [deg]. found: mask (batch,) of the rows whose lift is met."""

    alpha: Float[Tensor, " batch"]
    found: Bool[Tensor, " batch"]


@torch.no_grad()
def trim(
    lift: LiftCurve,
    target: Float[Tensor, " batch"],
    start: Float[Tensor, " batch"],
    limits: tuple[float, float],
    *,
    tolerance: float = 2e-5,
) -> Trim:
    """Solve lift(alpha) = target in every row by secants with limited steps; by a scan and bisection where those fail.

    Args:
        lift: lift coefficient of some rows at given angles.
        target: wanted lift coefficient [-].
        start: first guess [deg].
        limits: least and greatest angle [deg].

    Rarely needed:
        tolerance: of the lift; single precision leaves 1e-6.

    Where a polar is not monotonic the answer lies on the branch near `start`, or else at the lowest angle.
    """
    alpha = start.clamp(*limits)
    rows = torch.arange(len(alpha), device=alpha.device)
    residual = lift(alpha, rows) - target
    slope = torch.full_like(alpha, FIRST_SLOPE)
    for _ in range(ITERATIONS):
        open_rows = rows[residual.abs() > tolerance]
        if len(open_rows) == 0:
            break
        step = (-residual[open_rows] / slope[open_rows]).clamp(-LARGEST_STEP, LARGEST_STEP)
        following = (alpha[open_rows] + step).clamp(*limits)
        change = lift(following, open_rows) - target[open_rows] - residual[open_rows]
        moved = following - alpha[open_rows]
        secant = torch.where(moved.abs() > 1e-6, change / moved, slope[open_rows])
        slope[open_rows] = secant.clamp(0.3 * FIRST_SLOPE, 2 * FIRST_SLOPE)
        alpha[open_rows], residual[open_rows] = following, residual[open_rows] + change
    missed = rows[residual.abs() > tolerance]
    if len(missed):
        alpha[missed], residual[missed] = _scanned(lift, target, missed, limits)
    return Trim(alpha, residual.abs() <= 10 * tolerance)


def _scanned(lift: LiftCurve, target: Tensor, rows: Tensor, limits: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Angle and residual of some rows: bisection of the first scan step in which the target is crossed."""
    angles = torch.arange(limits[0], limits[1] + SCAN_STEP, SCAN_STEP, device=target.device, dtype=target.dtype).clamp(
        max=limits[1]
    )
    residuals = torch.stack([lift(angle.expand(len(rows)), rows) - target[rows] for angle in angles])
    crossing = residuals[:-1] * residuals[1:] <= 0
    first = crossing.to(torch.uint8).argmax(0)
    low, high = angles[first], angles[first + 1]
    below = residuals.gather(0, first[None])[0]
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        residual = lift(middle, rows) - target[rows]
        same = residual * below > 0
        low, high = torch.where(same, middle, low), torch.where(same, high, middle)
    middle = 0.5 * (low + high)
    residual = lift(middle, rows) - target[rows]
    return middle, torch.where(crossing.any(0), residual, torch.full_like(residual, float("inf")))
