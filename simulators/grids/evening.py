"""Lines that leave a corner of the wall, moved along φ so that the widths between lines become even.

At a corner a conformal map stretches like a power of the distance. Evenly spaced nodes on the wall have uneven φ there:
both cells beside the trailing edge of a C-grid are a tenth narrower than their neighbours, those beside the corners of
a base nearly twice as wide, and so are the lines between them up to the far field. So the widths Δ are smoothed over
some lines,

    q - σ² q_ii = ln Δ,   Δ' = e^q,                                                                         (1)

with σ = 3 cells, and away from the wall the lines go over to the φ' of these widths, summed from the corner,

    φ(ψ) = φ + (φ' - φ) f t² / (1 + t²),   t = ψ / 5 Δ,                                                     (2)

with f falling from 1 to 0 over 24 lines. The wall nodes, the line of the corner and the right angles at the wall stay.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from understudy.simulators.grids.helmholtz import helmholtz

WIDTH = 3.0  # σ above [cells]
DISTANCE = 5.0  # over which the lines go over [cells]
REACH = 24  # cells on each side of a corner beyond which nothing is changed


def evened(
    mapped: Complex[Tensor, "batch line levels"],
    phi: Float[Tensor, "batch line"],
    psi: Float[Tensor, " levels"],
    corner: int,
    *,
    closed: bool,
) -> tuple[Float[Tensor, "batch line"], Complex[Tensor, "batch line levels"]]:
    """The φ of the lines far out, and the map at the φ of equation (2).

    Points between lines are those of the parabola through a point and its neighbours on both sides.

    Args:
        mapped: points of the lines at all levels.
        phi, psi: their coordinates.
        corner: line of the first corner; the second one has the same number from the end.
        closed: the last line repeats the first.
    """
    reach = min(REACH, corner)
    width = phi.diff(dim=1)
    shift = _shift(phi, corner, reach, closed=closed) + _shift(phi, -1 - corner, reach, closed=closed)
    around = torch.cat([width[:, :1], width], dim=1) + torch.cat([width, width[:, -1:]], dim=1)
    near = psi / (0.5 * DISTANCE * around)[..., None]
    moved = shift[..., None] * (1 - 1 / (1 + near * near))
    slope, bend = _derivatives(mapped, phi, closed=closed)
    return phi + shift, mapped + moved * (slope + 0.5 * moved * bend)


def _shift(phi: Float[Tensor, "batch line"], corner: int, reach: int, *, closed: bool) -> Float[Tensor, "batch line"]:
    """φ' - φ around one corner: sums of the changes of width from there on, fading at the end of the reach."""
    width = phi.diff(dim=1)
    changed = torch.nn.functional.pad((_smooth(width, closed=closed) - width).cumsum(1), (1, 0))
    index = torch.arange(phi.shape[1], dtype=phi.dtype, device=phi.device)
    fading = (1 - ((index - index[corner]) / reach) ** 2).clamp(min=0) ** 3
    return (changed - changed[:, corner, None]) * fading


def _smooth(width: Float[Tensor, "batch pieces"], *, closed: bool) -> Float[Tensor, "batch pieces"]:
    """Δ' of equation (1)."""
    known = torch.log(torch.cat([width, width[:, :1]], dim=1) if closed else width)
    index = torch.arange(known.shape[1], dtype=width.dtype, device=width.device).expand_as(known)
    square = width.new_tensor([WIDTH**-2])
    smooth = helmholtz(index, square, square * known.T[..., None], closed=closed)[..., 0].T
    return torch.exp(smooth[:, :-1] if closed else smooth)


def _derivatives(
    mapped: Complex[Tensor, "batch line levels"], phi: Float[Tensor, "batch line"], *, closed: bool
) -> tuple[Tensor, Tensor]:
    """First and second derivative with respect to φ; zero at the ends of an open line, which do not move."""
    if closed:
        period = phi[:, -1:] - phi[:, :1]
        phi = torch.cat([phi[:, -2:-1] - period, phi, phi[:, 1:2] + period], dim=1)
        turn = (mapped[:, -1:] - mapped[:, :1]).real
        mapped = torch.cat([mapped[:, -2:-1] - turn, mapped, mapped[:, 1:2] + turn], dim=1)
    before, after = phi.diff(dim=1)[:, :-1, None], phi.diff(dim=1)[:, 1:, None]
    backward, forward = mapped.diff(dim=1)[:, :-1] / before, mapped.diff(dim=1)[:, 1:] / after
    slope = (backward * after + forward * before) / (before + after)
    bend = 2 * (forward - backward) / (before + after)
    if closed:
        return slope, bend
    blank = torch.zeros_like(mapped[:, :1])
    return torch.cat([blank, slope, blank], dim=1), torch.cat([blank, bend, blank], dim=1)
