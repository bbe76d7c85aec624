"""The equation λ y - y'' = r along a line, by finite volumes on stretched nodes, for many λ and many lines at once."""

import torch
from jaxtyping import Float
from torch import Tensor


def helmholtz(
    phi: Float[Tensor, "batch line"],
    square: Float[Tensor, "*rows modes"],
    right: Float[Tensor, "line batch modes"],
    *,
    closed: bool,
    ends: Float[Tensor, "2 batch modes"] | None = None,
) -> Float[Tensor, "line batch modes"]:
    """The solution y.

    Args:
        phi: rising nodes.
        square: λ, positive, of each mode, or of each mode at each node of each row.
        right: r at the nodes.
        closed: the line is periodic, its last node repeats the first.
        ends: values of y at the ends of an open line; level ends, y' = 0, where none are given.
    """
    step = phi.diff(dim=1).T[..., None]
    blank = torch.zeros_like(step[:1])
    volume = 0.5 * (torch.cat([blank, step]) + torch.cat([step, blank]))
    flux = 1 / step
    before, after = torch.cat([blank, flux]), torch.cat([flux, blank])
    diagonal = before + after + volume * square
    lower, upper, source = ((-part).expand_as(diagonal).clone() for part in (before, after, -volume * right))
    if closed:
        return _periodic(lower, diagonal, upper, source)
    if ends is not None:
        diagonal[0], diagonal[-1], upper[0], lower[-1] = 1.0, 1.0, 0.0, 0.0
        source[0], source[-1] = ends[0], ends[1]
    return _tridiagonal(lower, diagonal, upper, source[..., None])[..., 0]


def _periodic(lower: Tensor, diagonal: Tensor, upper: Tensor, source: Tensor) -> Tensor:
    """The rows of the first and the last node are one; the corners of the matrix by Sherman and Morrison."""
    corner = upper[-2]
    joined = diagonal[0] + diagonal[-1]
    source = torch.cat([source[:1] + source[-1:], source[1:-1]])
    lower, diagonal, upper = lower[:-1], torch.cat([joined[None], diagonal[1:-1]]), upper[:-1]
    ratio = -corner / joined
    probe = torch.zeros_like(source)
    probe[0], probe[-1] = -joined, corner
    diagonal[0], diagonal[-1] = 2 * joined, diagonal[-1] - corner * ratio
    value, response = _tridiagonal(lower, diagonal, upper, torch.stack([source, probe], dim=-1)).unbind(-1)
    share = (value[0] + ratio * value[-1]) / (1 + response[0] + ratio * response[-1])
    value = value - response * share
    return torch.cat([value, value[:1]])


def _tridiagonal(lower: Tensor, diagonal: Tensor, upper: Tensor, right: Tensor) -> Tensor:
    """Elimination without pivoting along the first dimension; the right-hand sides lie along a last one."""
    below, middle, above, given = (part.unbind(0) for part in (lower, diagonal, upper, right))
    ratio = [above[0] / middle[0]]
    reduced = [given[0] / middle[0][..., None]]
    for row in range(1, len(middle)):
        inverse = 1 / (middle[row] - below[row] * ratio[-1])
        ratio.append(above[row] * inverse)
        reduced.append((given[row] - below[row][..., None] * reduced[-1]) * inverse[..., None])
    solved = [reduced[-1]]
    for upper_row, right_row in zip(ratio[-2::-1], reduced[-2::-1], strict=True):
        solved.append(right_row - upper_row[..., None] * solved[-1])
    return torch.stack(solved[::-1])
