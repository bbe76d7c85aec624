"""Nodes along the lines that leave wall and cut: their distances from the wall.

Each line starts with its own first spacing h. With a constant ratio of neighbouring spacings the distances would be
d_j = h (rʲ - 1) / (r - 1), smooth, but far from the body rows of equal distance cross the lines at up to 45°. Rows at
right angles are those of constant ψ, the coordinate of the map. So the distances go over from the ones to the others,

    ln d = (1 - ω) ln d_j + ω ln d(ψ_j),   ω = s √d / (√d + √D),                                            (1)

with ψ_j such that the line of the nose keeps its nodes, d there and D = 1 chord. Going over makes some ratios larger by
about 0.02; the strength s is 1, or less where the limit of growth asks for it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.spacing import geometric, geometric_ratio
from understudy.simulators.shapes.spline import Spline

CHANGE = 1.0  # D above [chord]


def spaced(
    lines: Float[Tensor, "batch line levels 2"],
    psi: Float[Tensor, " levels"],
    first: Float[Tensor, "batch line"],
    *,
    cells: int,
    growth: float,
) -> Float[Tensor, "batch line nodes 2"]:
    """Nodes on the smooth lines through given points at the levels ψ, the first point and the last one kept exactly.

    Args:
        lines: points from the wall outwards, the line of the nose in the middle.
        first: spacing at the wall.
        cells: of each line.
        growth: largest wanted ratio of neighbouring spacings.
    """
    shape = lines.shape[:2]
    spline = Spline.through(lines.flatten(0, 1))
    arc = spline.arc.unflatten(0, shape)
    ratio = geometric_ratio(arc[..., -1] / first, cells).amax(1)
    even = geometric(first, arc[..., -1], cells)
    level = _level_distances(even, arc, psi)
    strength = _strength(even, level, ratio, growth)
    distance = _towards(even, level, strength)
    inner = spline.at(distance.flatten(0, 1)[:, 1:-1]).unflatten(0, shape)
    return torch.cat([lines[:, :, :1], inner, lines[:, :, -1:]], dim=2)


def _level_distances(
    even: Float[Tensor, "batch line nodes"], arc: Float[Tensor, "batch line levels"], psi: Float[Tensor, " levels"]
) -> Float[Tensor, "batch line nodes"]:
    """d(ψ_j) of equation (1)."""
    batch, count, _ = arc.shape
    nose = count // 2
    wanted = _interpolated(arc[:, nose], psi.expand(batch, -1), even[:, nose])
    wanted = wanted[:, None].expand(-1, count, -1).flatten(0, 1)
    return _interpolated(psi.expand(batch * count, -1), arc.flatten(0, 1), wanted).unflatten(0, (batch, count))


def _towards(
    even: Float[Tensor, "batch line nodes"], level: Float[Tensor, "batch line nodes"], strength: Float[Tensor, " batch"]
) -> Float[Tensor, "batch line nodes"]:
    """Distances by equation (1); the first and the last node are left alone."""
    share = 1 / (1 + torch.sqrt(CHANGE / even[:, even.shape[1] // 2, 1:-1]))
    share = strength[:, None, None] * ((share - share[:, :1]) / (1 - share[:, :1]))[:, None]
    inner = even[..., 1:-1] ** (1 - share) * level[..., 1:-1] ** share
    return torch.cat([even[..., :1], inner, even[..., -1:]], dim=-1)


def _strength(even: Tensor, level: Tensor, ratio: Float[Tensor, " batch"], growth: float) -> Float[Tensor, " batch"]:
    """The part of full strength that keeps the growth in bounds, by linear interpolation between none and full."""
    steps = _towards(even, level, torch.ones_like(ratio)).diff(dim=-1)
    full = (steps[..., 1:] / steps[..., :-1]).amax((1, 2))
    return ((growth - ratio) / (full - ratio).clamp(min=1e-6)).clamp(0, 1)


def _interpolated(
    at: Float[Tensor, "batch raw"], values: Float[Tensor, "batch raw"], wanted: Float[Tensor, "batch nodes"]
) -> Float[Tensor, "batch nodes"]:
    """Values of the cubic spline over a rising parameter."""
    points = torch.stack([values, torch.zeros_like(values)], dim=-1)
    return Spline.over(at, points).at(wanted)[..., 0]
