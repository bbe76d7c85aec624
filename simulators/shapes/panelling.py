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
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

# Spacings over the largest panel: at the trailing edge; at the nose, per nose radius over half the arc length (160 nodes
# then turn NACA 0012 by 8 deg there), with the limits it approaches for nearly sharp and very blunt noses.
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
    _check(coordinates, nodes)
    arc = arc_length(coordinates)
    slope = spline_slopes(arc, coordinates)
    nose, radius = nose_of_contour(arc, coordinates, slope)
    at = _placement(arc[:, -1], nose, radius, nodes)
    inner = evaluate_spline(arc, coordinates, slope, at[:, 1:-1])
    return torch.cat([coordinates[:, :1], inner, coordinates[:, -1:]], dim=1)


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


def arc_length(coordinates: Float[Tensor, "batch raw 2"]) -> Float[Tensor, "batch raw"]:
    """Length of the polygon from the first point to each point."""
    length = torch.linalg.vector_norm(coordinates.diff(dim=1), dim=-1).cumsum(1)
    return torch.cat([torch.zeros_like(length[:, :1]), length], dim=1)


def spline_slopes(
    arc: Float[Tensor, "batch raw"], values: Float[Tensor, "batch raw 2"]
) -> Float[Tensor, "batch raw 2"]:
    """Derivatives d(values)/d(arc) at the points of the cubic spline with continuous curvature.

    Continuity of the second derivative at the inner points gives one tridiagonal row each; at both ends the second
    derivative is constant over the last interval, which neither forces straight ends nor lets uneven points oscillate.
    """
    step = arc.diff(dim=1)
    secant = values.diff(dim=1) / step[..., None]
    one = torch.ones_like(step[:, :1])
    before, after = step[:, :-1], step[:, 1:]
    lower = torch.cat([torch.zeros_like(one), after, one], dim=1)
    upper = torch.cat([one, before, torch.zeros_like(one)], dim=1)
    diagonal = torch.cat([one, 2 * (before + after), one], dim=1)
    inner = 3 * (after[..., None] * secant[:, :-1] + before[..., None] * secant[:, 1:])
    right = torch.cat([2 * secant[:, :1], inner, 2 * secant[:, -1:]], dim=1)
    return _solve_tridiagonal(lower, diagonal, upper, right)


def evaluate_spline(
    arc: Float[Tensor, "batch raw"],
    values: Float[Tensor, "batch raw 2"],
    slope: Float[Tensor, "batch raw 2"],
    at: Float[Tensor, "batch nodes"],
) -> Float[Tensor, "batch nodes 2"]:
    """Values of the cubic with these values and slopes at the points, at the arc lengths `at`."""
    left = _interval(arc, at)
    start, step = arc.gather(1, left), arc.diff(dim=1).gather(1, left)
    t = ((at - start) / step)[..., None]
    value_0, value_1, slope_0, slope_1 = _both_ends(values, slope, left)
    rest = 1 - t
    ends = rest * rest * (1 + 2 * t) * value_0 + t * t * (3 - 2 * t) * value_1
    return ends + step[..., None] * t * rest * (rest * slope_0 - t * slope_1)


def nose_of_contour(
    arc: Float[Tensor, "batch raw"], coordinates: Float[Tensor, "batch raw 2"], slope: Float[Tensor, "batch raw 2"]
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Arc length of the nose and its mean radius of curvature, weighted with turning angle.

    The mean radius of a parabolic nose is somewhat larger than that at its vertex. Only the first few percent of the
    chord, measured from the point farthest from the trailing edge, count.
    """
    before, after = slope[:, :-1], slope[:, 1:]
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    turning = torch.atan2(cross, (before * after).sum(-1))
    step = arc.diff(dim=1)
    trailing_edge = 0.5 * (coordinates[:, :1] + coordinates[:, -1:])
    middle = 0.5 * (coordinates[:, 1:] + coordinates[:, :-1])
    distance = torch.linalg.vector_norm(middle - trailing_edge, dim=-1)
    behind = 1 - distance / distance.amax(1, keepdim=True)
    weight = turning * turning / step * torch.exp(-((behind / NOSE_EXTENT) ** 2))
    curvature_weight = weight.sum(1)
    nose = (weight * 0.5 * (arc[:, 1:] + arc[:, :-1])).sum(1) / curvature_weight
    total = (turning.abs() * torch.exp(-((behind / NOSE_EXTENT) ** 2))).sum(1)
    return nose, total / curvature_weight


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


def _interval(arc: Float[Tensor, "batch raw"], at: Float[Tensor, "batch nodes"]) -> Int[Tensor, "batch nodes"]:
    found = torch.searchsorted(arc.detach().contiguous(), at.detach().contiguous(), right=True) - 1
    return found.clamp(0, arc.shape[1] - 2)


def _both_ends(
    values: Float[Tensor, "batch raw 2"], slope: Float[Tensor, "batch raw 2"], left: Int[Tensor, "batch nodes"]
) -> list[Float[Tensor, "batch nodes 2"]]:
    """Values and slopes at the left and right end of the intervals."""
    index = left[..., None].expand(-1, -1, 2)
    return [item.gather(1, where) for item in (values, slope) for where in (index, index + 1)]


def _solve_tridiagonal(
    lower: Float[Tensor, "batch raw"],
    diagonal: Float[Tensor, "batch raw"],
    upper: Float[Tensor, "batch raw"],
    right: Float[Tensor, "batch raw 2"],
) -> Float[Tensor, "batch raw 2"]:
    """Elimination without pivoting, all systems of the batch side by side; corners outside the matrix are not read."""
    # One contiguous row of the whole batch a step, instead of walking through strided columns.
    below, middle, above = (item.T.contiguous().unbind(0) for item in (lower, diagonal, upper))
    given = right.permute(1, 2, 0).contiguous().unbind(0)
    ratio, reduced = [above[0] / middle[0]], [given[0] / middle[0]]
    for row in range(1, len(middle)):
        pivot = middle[row] - below[row] * ratio[-1]
        ratio.append(above[row] / pivot)
        reduced.append((given[row] - below[row] * reduced[-1]) / pivot)
    solved = [reduced[-1]]
    for row in range(len(middle) - 2, -1, -1):
        solved.append(reduced[row] - ratio[row] * solved[-1])
    return torch.stack(solved[::-1]).permute(2, 0, 1)


def _check(coordinates: Tensor, nodes: int) -> None:
    if coordinates.ndim != 3 or coordinates.shape[-1] != 2 or coordinates.shape[1] < 5:
        raise ValueError(f"coordinates must be (batch, at least 5 points, 2); got {tuple(coordinates.shape)}")
    if nodes < 20:
        raise ValueError(f"a panelled airfoil needs at least 20 nodes; got {nodes}")
    if not torch.isfinite(coordinates).all():
        raise ValueError("coordinates must be finite; got NaN or infinity")
    if (coordinates.diff(dim=1) == 0).all(-1).any():
        raise ValueError("two consecutive points of a contour are equal; remove the duplicates first")
