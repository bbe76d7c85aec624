"""States on both sides of a face from cells around it (MUSCL, kappa = 1/3), limited at shocks alone."""

import torch
from torch import Tensor

#: |p₊ - 2 p + p₋| over p₊ + 2 p + p₋: below the first no limiter acts, above the second it acts fully.
SMOOTH, SHOCK = 0.02, 0.10


def face_states(cells: Tensor, dim: int, limited: bool) -> tuple[Tensor, Tensor]:
    """Left and right states at the faces between cells that have two ghosts at either end of `dim`.

    cells: primitive variables (batch, 4 or more, ...), pressure at index 3. limited: whether shocks are looked for.
    """
    count = cells.shape[dim]
    second, third = cells.narrow(dim, 1, count - 3), cells.narrow(dim, 2, count - 3)
    steps = cells.diff(dim=dim)
    before, across, after = (steps.narrow(dim, start, count - 3) for start in range(3))
    left, right = before / 6 + across / 3, across / 3 + after / 6
    if limited:
        shock = _shock(cells.select(1, 3), dim - 1)
        at_left, at_right = (shock.narrow(dim - 1, start, count - 3).unsqueeze(1) for start in (0, 1))
        left = left + at_left * (_van_albada(before, across) - left)
        right = right + at_right * (_van_albada(after, across) - right)
    return second + left, third - right


def _shock(pressure: Tensor, dim: int) -> Tensor:
    """From 0 in smooth flow to 1 at a shock, for all cells but the outermost."""
    count = pressure.shape[dim]
    before, here, after = (pressure.narrow(dim, start, count - 2) for start in range(3))
    sensor = (after - 2 * here + before).abs() / (after + 2 * here + before)
    share = ((sensor - SMOOTH) / (SHOCK - SMOOTH)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def _van_albada(one: Tensor, other: Tensor) -> Tensor:
    """Half a limited step."""
    product = one * other
    return 0.5 * torch.where(product > 0, product * (one + other) / (one * one + other * other + 1e-30), 0.0)
