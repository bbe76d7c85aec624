"""Surface nodes for panel methods: a cubic spline through the raw points, resampled dense at nose and trailing edge.

The contour runs from the upper trailing edge around the nose to the lower trailing edge (Selig order). The spline
parameter is the arc length of the polygon through the raw points. The nose is where the contour turns: its place and
its mean curvature are averages over the leading edge, weighted with the turning angle of each raw panel, so that
rounding errors of tabulated coordinates average out. The nodes j = 0 .. N-1 are then placed in closed form. On the way
from either trailing edge to the nose the spacing is a product of two logistic curves of the running index,

    h ∝ σ(cξ + logit r_te) σ(c(1 - ξ) + logit r_n),   ξ in [0, 1],

whose integral is a difference of two softplus functions. It rises from r_te times its largest value at the trailing
edge to that value and falls to r_n times it at the nose, and neighbouring panels differ by at most exp(2c / N): 18 % at
160 nodes. r_n is proportional to the nose radius. The placement is a smooth function of ξ that does not depend on N, so
solutions on 80, 160 and 320 nodes converge at their full order.

Everything is batched over shapes and differentiable; the work on one shape is linear in its number of points.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from understudy.simulators.shapes.spline import Spline

# Spacings over the largest panel: at the trailing edge; at the nose, per nose radius over half the arc length (160
# nodes turn NACA 0012 by 8 deg there), with the limits it approaches for nearly sharp and very blunt noses.
TRAILING_EDGE_SPACING = 0.17
NOSE_SPACING = 3.5
NOSE_SPACING_RANGE = (0.02, 0.35)
NOSE_EXTENT = 0.05  # part of the chord behind the leading edge in which curvature counts as nose
GRADING = 13.0  # c above


def panel(coordinates: Float[Tensor, "batch raw 2"], nodes: int = 160) -> Float[Tensor, "batch nodes 2"]:
    """The same contours with nodes placed for a panel method; the first and the last point are kept exactly.

    Args:
        coordinates: raw points in Selig order, any length unit, at least 5 a shape, no two consecutive ones equal.
            Sharp and blunt trailing edges are treated alike: the base is not panelled.
        nodes: surface nodes of each answer, at least 20.

    Returns:
        Nodes (batch, nodes, 2) in the unit, dtype and device of the input.

    Raises:
        ValueError: too few points or nodes, points that are not finite, or equal consecutive points.

    Gradients flow from every node to every raw point, through the placement too. About 0.1 ms a shape on one CPU core.
    Contours that are panelled already move by less than a tenth of a panel.
    """
    if nodes < 20:
        raise ValueError(f"a panelled airfoil needs at least 20 nodes; got {nodes}")
    spline = Spline.through(coordinates)
    at = _placement(spline.length, *nose(spline), nodes)
    return torch.cat([coordinates[:, :1], spline.at(at[:, 1:-1]), coordinates[:, -1:]], dim=1)


def panel_each(shapes: Sequence[Float[Tensor, "_ 2"]], nodes: int = 160) -> Float[Tensor, "batch nodes 2"]:
    """Panel shapes of different point counts into one batch, in their order; each as `panel` alone would do it.

    Shapes with equal point counts are panelled together. Raises and differentiates as `panel`.
    """
    if not shapes:
        raise ValueError("expected at least one shape to panel; got none")
    counts = [len(shape) for shape in shapes]
    panelled: list[Tensor] = [shapes[0]] * len(shapes)
    for count in sorted(set(counts)):
        rows = [row for row, other in enumerate(counts) if other == count]
        for row, contour in zip(rows, panel(torch.stack([shapes[row] for row in rows]), nodes), strict=True):
            panelled[row] = contour
    return torch.stack(panelled)


def nose(spline: Spline) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Arc length of the nose and its mean radius of curvature, weighted with turning angle.

    The mean radius of a parabolic nose is somewhat larger than that at its vertex. Only the first few percent of the
    chord, measured from the point farthest from the trailing edge, count.
    """
    points, arc = spline.points, spline.arc
    before, after = spline.slope[:, :-1], spline.slope[:, 1:]
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    turning = torch.atan2(cross, (before * after).sum(-1))
    trailing_edge = 0.5 * (points[:, :1] + points[:, -1:])
    middle = 0.5 * (points[:, 1:] + points[:, :-1])
    distance = torch.linalg.vector_norm(middle - trailing_edge, dim=-1)
    behind = 1 - distance / distance.amax(1, keepdim=True)
    ahead = torch.exp(-((behind / NOSE_EXTENT) ** 2))
    weight = ahead * turning * turning / arc.diff(dim=1)
    curvature = weight.sum(1)
    nose = (weight * 0.5 * (arc[:, 1:] + arc[:, :-1])).sum(1) / curvature
    return nose, (ahead * turning.abs()).sum(1) / curvature


def _placement(
    length: Float[Tensor, " batch"], nose: Float[Tensor, " batch"], radius: Float[Tensor, " batch"], nodes: int
) -> Float[Tensor, "batch nodes"]:
    """Arc lengths of the nodes; the running index is split between the surfaces in proportion to their lengths."""
    index = torch.arange(nodes, dtype=length.dtype, device=length.device)
    share = (nose / length)[:, None]
    upper = index / ((nodes - 1) * share)
    lower = (nodes - 1 - index) / ((nodes - 1) * (1 - share))
    smallest, largest = NOSE_SPACING_RANGE
    wanted = NOSE_SPACING * radius / (0.5 * length)
    nose_spacing = (smallest + largest * wanted / (largest + wanted))[:, None]
    along = torch.where(upper < lower, upper, lower).clamp(max=1.0)
    covered = _stretch(along, nose_spacing)
    return torch.where(upper < lower, nose[:, None] * covered, length[:, None] - (length - nose)[:, None] * covered)


def _stretch(
    index: Float[Tensor, "batch nodes"], nose_spacing: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch nodes"]:
    """Part of the way from trailing edge to nose that is covered at a running index in [0, 1]."""
    trailing_edge = torch.logit(nose_spacing.new_tensor(TRAILING_EDGE_SPACING))
    nose = torch.logit(nose_spacing)

    def covered(x: Tensor) -> Tensor:
        return softplus(x + trailing_edge, threshold=40) - softplus(x - GRADING - nose, threshold=40)

    start, end = covered(torch.zeros_like(nose)), covered(torch.full_like(nose, GRADING))
    return (covered(GRADING * index) - start) / (end - start)
