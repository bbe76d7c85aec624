"""How far apart nodes lie: away from the wall, along the surface, down the wake.

Away from the wall, the first spacing h follows from the Reynolds number through the friction of a flat plate,

    c_f = 0.027 Re^(-1/7),   u_τ = √(c_f / 2),   h = y⁺ / (Re u_τ),                                        (1)

and the next ones grow by a constant ratio r that fills the length L of the line, h (rⁿ - 1) / (r - 1) = L.

Along each surface the spacing is the smooth function of the running index ξ, 0 at the trailing edge and 1 at the nose,

    h ∝ 1 / (1 + A sech cξ + B sech c(1 - ξ)),                                                              (2)

whose A and B give the wanted spacings at both ends. It is even about both ends, so that spacings run through the nose
and through the trailing edge without a kink, and neighbours differ by at most exp(c / n). Down the wake the spacing is
a hyperbolic cosine of the index.

Reference of (1): White, Fluid Mechanics, 7th ed., 2011, section 7.4 (the one-seventh power law of Prandtl).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

GRADING = 16.0  # c above: neighbours differ by at most 13 % at 128 cells a surface
_GAUSS = ((-math.sqrt(0.6), 5 / 18), (0.0, 8 / 18), (math.sqrt(0.6), 5 / 18))
_STEPS = 40  # of bisection
_NEWTON_STEPS = 12


def wall_spacing(reynolds: Float[Tensor, " batch"], y_plus: float) -> Float[Tensor, " batch"]:
    """Height of the first cell that has this y⁺ on a turbulent flat plate [chord], equation (1).

    Args:
        reynolds: Reynolds number on chord [-], positive.
        y_plus: distance of the first node from the wall in wall units [-], positive.

    Raises:
        ValueError: a value that is not positive and finite.
    """
    if not (torch.isfinite(reynolds) & (reynolds > 0)).all():
        raise ValueError(f"reynolds must be positive and finite [-]; got {_first_bad(reynolds)}")
    if not (math.isfinite(y_plus) and y_plus > 0):
        raise ValueError(f"y_plus must be positive and finite [-]; got {y_plus:.6g}")
    friction = 0.027 * reynolds ** (-1 / 7)
    return y_plus / (reynolds * torch.sqrt(0.5 * friction))


def geometric_ratio(total: Tensor, cells: int) -> Tensor:
    """The ratio r of a geometric series of `cells` terms that starts with 1 and has this sum; below 1 if it must be.

    Newton's iteration for ln r on the logarithm of the sum, which is nearly straight.
    """
    index = torch.arange(cells, dtype=total.dtype, device=total.device)
    log_ratio = torch.log(total) / (cells - 1)
    for _ in range(_NEWTON_STEPS):
        terms = torch.exp(index * log_ratio[..., None])
        value = terms.sum(-1)
        log_ratio = log_ratio - torch.log(value / total) * value / (index * terms).sum(-1)
    return torch.exp(log_ratio)


def geometric(first: Tensor, total: Tensor, cells: int) -> Tensor:
    """Distances (..., cells + 1) from 0 to `total`, the first spacing given, all others growing by one ratio."""
    ratio = geometric_ratio(total / first, cells)
    index = torch.arange(cells, dtype=total.dtype, device=total.device)
    steps = first[..., None] * ratio[..., None] ** index
    walked = steps.cumsum(-1)
    walked = walked * (total / walked[..., -1])[..., None]
    return torch.nn.functional.pad(walked, (1, 0))


def surface_places(
    length: Float[Tensor, " batch"], edge: Float[Tensor, " batch"], nose: Float[Tensor, " batch"], cells: int
) -> Float[Tensor, "batch nodes"]:
    """Shares of a surface covered at its nodes, from 0 at the trailing edge to 1 at the nose, by equation (2).

    Args:
        length: of the surface from trailing edge to nose.
        edge, nose: wanted length of the first cell, and spacing at the nose, in the same unit.
    """
    rate = GRADING / cells
    edge = edge * rate / math.sinh(rate)  # the first cell is longer than the spacing at its end
    index = torch.arange(cells, dtype=length.dtype, device=length.device)
    at = torch.stack([index + 0.5 * (1 + offset) for offset, _ in _GAUSS], dim=-1) / cells
    weights = length.new_tensor([weight for _, weight in _GAUSS])
    to_edge, to_nose = 1 / torch.cosh(GRADING * at), 1 / torch.cosh(GRADING * (1 - at))

    def steps(widest: Tensor) -> Tensor:
        more_edge, more_nose = ((widest / end - 1).clamp(min=0)[:, None, None] for end in (edge, nose))
        return (weights / (1 + more_edge * to_edge + more_nose * to_nose)).sum(-1)

    low, high = torch.log(length / cells), torch.log(length)
    for _ in range(_STEPS):  # the length covered grows with the widest spacing
        middle = 0.5 * (low + high)
        short = torch.exp(middle) * steps(torch.exp(middle)).sum(-1) < length
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    covered = steps(torch.exp(0.5 * (low + high))).cumsum(-1)
    covered = covered / covered[:, -1:]
    return torch.nn.functional.pad(covered, (1, 0))


def wake_distances(
    first: Float[Tensor, " batch"], total: Float[Tensor, " batch"], cells: int
) -> Float[Tensor, "batch nodes"]:
    """Distances from 0 to `total` down the wake: sinh of the index, that is spacings that start level at `first`."""
    index = torch.arange(cells + 1, dtype=first.dtype, device=first.device)
    low, high = torch.full_like(first, 1e-3), torch.full_like(first, 100.0 / cells)
    for _ in range(2 * _STEPS):
        middle = 0.5 * (low + high)
        short = first * torch.sinh(middle * cells) / torch.sinh(middle) < total
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    rate = (0.5 * (low + high))[:, None]
    return total[:, None] * torch.sinh(rate * index) / torch.sinh(rate * cells)


def _first_bad(values: Tensor) -> str:
    return f"{values[~(torch.isfinite(values) & (values > 0))][0].item():.6g}"
