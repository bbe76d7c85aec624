"""Nodes along the lines that leave wall and cut.

Each line starts with its own first spacing h. With a constant ratio r of neighbouring spacings the distances would be
d_j = h (rʲ - 1) / (r - 1). Rows of such nodes are parallel to the wall near it, as a boundary layer asks, but they
carry the corner of the trailing edge into the far field and cross the lines at up to 45°. Rows at right angles are
those of constant ψ, the coordinate of the map. So the ψ of the nodes are smoothed along each row over a length that
grows with the distance, and drawn to those of the line of the nose:

    q - (κ ψ(d_j))² q_φφ = ln ψ(d_j),
    ln ψ = (1 - s) ln ψ(d_j) + s ((1 - ω) q + ω ln ψ_j),   ω = √d / (√d + √D),                              (1)

with ψ_j and d those of the line of the nose, κ = 0.3 and D = 1 chord. This makes some ratios of spacings larger by
about 0.02; the strength s is 1, or less where the limit of growth asks for it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.helmholtz import helmholtz
from understudy.simulators.grids.spacing import geometric
from understudy.simulators.shapes.spline import Spline

CHANGE = 1.0  # D above [chord]
SMOOTHING = 0.3  # κ above
MARGIN = 0.95  # of the growth that is left, as it does not rise quite linearly with s


def spaced(
    lines: Float[Tensor, "batch line levels 2"],
    phi: Float[Tensor, "batch line"],
    psi: Float[Tensor, " levels"],
    first: Float[Tensor, "batch line"],
    *,
    cells: int,
    growth: float,
    closed: bool,
) -> Float[Tensor, "batch line nodes 2"]:
    """Nodes on the smooth lines through given points at the levels ψ, the first point and the last one kept exactly.

    Args:
        lines: points from the wall outwards, the line of the nose in the middle.
        phi, psi: their coordinates in the map; φ is that far out where lines are not straight.
        first: spacing at the wall.
        cells: of each line.
        growth: largest wanted ratio of neighbouring spacings.
        closed: the last line repeats the first.
    """
    shape = lines.shape[:2]
    flat = lines.flatten(0, 1)
    levels = psi.expand(len(flat), -1)
    arc = _arc(flat)
    distance = geometric(first.flatten(), arc[:, -1], cells)[:, 1:-1]
    even = torch.log(_interpolated(arc, levels, distance)).unflatten(0, shape)
    drawn = _drawn(even, distance.unflatten(0, shape), phi, closed=closed)
    curve = Spline.over(levels, flat)

    def nodes(strength: Float[Tensor, " batch"]) -> Float[Tensor, "batch line nodes 2"]:
        at = torch.exp(even + strength[:, None, None] * (drawn - even))
        inner = curve.at(at.flatten(0, 1)).unflatten(0, shape)
        return torch.cat([lines[:, :, :1], inner, lines[:, :, -1:]], dim=2)

    none = torch.zeros_like(phi[:, 0])
    least, most = (_growth(nodes(strength)) for strength in (none, none + 1))
    return nodes((MARGIN * (growth - least) / (most - least).clamp(min=1e-6)).clamp(0, 1))


def _drawn(
    even: Float[Tensor, "batch line inner"],
    distance: Float[Tensor, "batch line inner"],
    phi: Float[Tensor, "batch line"],
    *,
    closed: bool,
) -> Float[Tensor, "batch line inner"]:
    """Equation (1) at full strength: ln ψ of the nodes from ln ψ(d_j) and d_j."""
    raw, middle = even.transpose(0, 1), even.shape[1] // 2
    square = torch.exp(-2 * raw) / SMOOTHING**2
    smooth = helmholtz(phi, square, square * raw, closed=closed).transpose(0, 1)
    pull = 1 / (1 + torch.sqrt(CHANGE / distance[:, middle]))
    pull = ((pull - pull[:, :1]) / (1 - pull[:, :1]))[:, None]  # none at the first node: its distance is given
    return (1 - pull) * smooth + pull * even[:, middle, None]


def _growth(nodes: Float[Tensor, "batch line nodes 2"]) -> Float[Tensor, " batch"]:
    """Largest ratio of neighbouring spacings along the lines."""
    step = torch.linalg.vector_norm(nodes.diff(dim=2), dim=-1)
    return (step[..., 1:] / step[..., :-1]).amax((1, 2))


def _arc(lines: Float[Tensor, "lines levels 2"]) -> Float[Tensor, "lines levels"]:
    """Length of the polygon up to each point."""
    return torch.nn.functional.pad(torch.linalg.vector_norm(lines.diff(dim=1), dim=-1).cumsum(1), (1, 0))


def _interpolated(
    at: Float[Tensor, "batch raw"], values: Float[Tensor, "batch raw"], wanted: Float[Tensor, "batch nodes"]
) -> Float[Tensor, "batch nodes"]:
    """Values of the cubic spline over a rising parameter."""
    points = torch.stack([values, torch.zeros_like(values)], dim=-1)
    return Spline.over(at, points).at(wanted)[..., 0]
