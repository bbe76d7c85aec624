"""Inviscid flow past airfoils by a linear-vorticity panel method, batched and differentiable.

The surface carries a vortex sheet whose strength varies linearly along each straight panel. Inside the airfoil the
fluid is at rest, so the stream function takes one value at all nodes, and the strength of the sheet is the surface
speed:

    psi_inf(x_i) + sum_j A_ij gamma_j = psi_0,        psi_inf = y cos(alpha) - x sin(alpha)

closed by the Kutta condition gamma_1 + gamma_n = 0. The open base of a blunt trailing edge carries the source and
vortex sheet of a stream that leaves along the bisector with the trailing-edge speed. Where the base is closed, the
first and last equations coincide; the last is replaced by the condition that the fluid just inside the edge does not
move along the bisector. So a narrow base and a closed one give nearly the same flow, also under the sources of a
boundary layer; an extrapolation of gamma_1 - gamma_n, the older choice, admits spurious flows there.

Signs: nodes run counter-clockwise from the upper trailing edge, gamma is the speed in the clockwise direction, so it
is positive where the flow runs towards the trailing edge on the upper surface and negative on the lower one.
Free-stream speed and chord are one.

Reference: M. Drela, XFOIL: an analysis and design system for low Reynolds number airfoils, 1989, section 2.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

#: A base narrower than this [chord] counts as closed: its two end equations are too alike to be solved side by side.
SHARP_GAP = 1e-4
#: Added to squared distances [chord^2], so that a point at a panel's end has a logarithm; its factor is zero.
TOUCHING = 1e-24
#: Depth of the point inside a closed trailing edge where the fluid is made to rest, in lengths of its shorter panel.
CORNER_DEPTH = 0.5
#: Share of the inviscid lift that boundary layers leave, for a first guess of the angle.
LIFT_KEPT = 0.9


@dataclass(frozen=True, eq=False)
class TrailingEdge:
    """The base of the airfoil between the last and the first node.

    gap: vector (batch, 2) from the lower to the upper end [chord].
    bisector: unit vector (batch, 2) pointing downstream between the two surfaces.
    corner: point (batch, 1, 2) just inside, on the bisector [chord].
    sharp: mask (batch,) of the closed ones.
    source, vortex: strength of the base's sheets per unit of (gamma_1 - gamma_n), (batch,).
    """

    gap: Float[Tensor, "batch 2"]
    bisector: Float[Tensor, "batch 2"]
    corner: Float[Tensor, "batch 1 2"]
    sharp: Bool[Tensor, " batch"]
    source: Float[Tensor, " batch"]
    vortex: Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class PanelFlow:
    """The panel solution of a batch of shapes at all angles, ready to take surface sources.

    coordinates: (batch, nodes, 2) [chord].
    gamma_basis: surface speed at alpha = 0 and 90 degrees, (batch, nodes, 2).
    edge: the trailing edge.
    matrix: the influence matrix with the Kutta row, (batch, nodes + 1, nodes + 1).
    factors, pivots: its factorisation.
    """

    coordinates: Float[Tensor, "batch nodes 2"]
    gamma_basis: Float[Tensor, "batch nodes 2"]
    edge: TrailingEdge
    matrix: Float[Tensor, "batch equations equations"]
    factors: Float[Tensor, "batch equations equations"]
    pivots: Int[Tensor, "batch equations"]

    def gamma(self, alpha: Float[Tensor, " batch"]) -> Float[Tensor, "batch nodes"]:
        """Surface speed, clockwise positive, at the angle alpha [deg]."""
        return speed_at(self.gamma_basis, alpha)


def factorised(matrix: Float[Tensor, "batch n n"]) -> tuple[Float[Tensor, "batch n n"], Int[Tensor, "batch n"]]:
    """LU factors and pivots. Pivots of a factorisation that went wrong are kept in range; `nan_unless_solved` tells."""
    factors, pivots = torch.linalg.lu_factor(matrix)
    return factors, pivots.clamp(1, matrix.shape[1])


def nan_unless_solved(
    matrix: Float[Tensor, "batch equations equations"],
    solution: Float[Tensor, "batch equations sides"],
    right: Float[Tensor, "batch equations sides"],
) -> Float[Tensor, "batch equations sides"]:
    """The solution where it solves the equations, NaN where it does not: a wrong solve never passes for an answer.

    Batched factorisations of matrices of 160 rows and more were seen to come out wrong, without an error, after the
    number of threads had been set by hand. Many right-hand sides are checked by one combination of them.
    """
    with torch.no_grad():
        sides = right.shape[2]
        probe = torch.cos(torch.arange(sides, dtype=right.dtype, device=right.device) + 1.0)[:, None]
        found, wanted = (solution @ probe, right @ probe) if sides > 2 else (solution, right)
        missed = (matrix @ found - wanted).abs().amax((1, 2))
        scale = (matrix.abs().amax((1, 2)) * found.abs().amax((1, 2)) + wanted.abs().amax((1, 2))) * matrix.shape[1]
        solved = missed <= 1e3 * torch.finfo(right.dtype).eps * scale
    return torch.where(solved[:, None, None], solution, torch.full_like(solution, torch.nan))


def speed_at(basis: Float[Tensor, "batch points 2"], alpha: Float[Tensor, " batch"]) -> Float[Tensor, "batch points"]:
    """Combine a basis at alpha = 0 and 90 degrees into its value at alpha [deg]."""
    radians = torch.deg2rad(alpha)[:, None]
    return basis[..., 0] * torch.cos(radians) + basis[..., 1] * torch.sin(radians)


def panel_solution(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch nodes 2"]:
    """Surface speed of the inviscid flow at alpha = 0 and 90 degrees, clockwise positive, with gradients to the nodes.

    At any alpha it is gamma = basis[..., 0] cos(alpha) + basis[..., 1] sin(alpha), see `speed_at`.
    """
    matrix, edge = influence_matrix(coordinates)
    right = _free_stream(coordinates, edge)
    return nan_unless_solved(matrix, torch.linalg.solve(matrix, right), right)[:, :-1]


#: Angle [deg] beyond which a prescribed lift is not sought: no attached flow has it.
STEEPEST_ANGLE = 25.0


def likely_angle(
    coordinates: Float[Tensor, "batch nodes 2"], lift: Float[Tensor, " batch"], mach: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Angle [deg] at which the inviscid circulation gives the lift and what boundary layers take of it.

    By Prandtl and Glauert at Mach > 0; that of no lift where the lift is NaN.
    """
    basis = panel_solution(coordinates)
    length = coordinates.diff(dim=1).norm(dim=2)
    at_0, at_90 = (0.5 * (basis[:, 1:] + basis[:, :-1]) * length[..., None]).sum(1).unbind(1)
    wanted = 0.5 * lift.nan_to_num() / LIFT_KEPT * torch.sqrt(1.0 - mach**2)
    share = (wanted / torch.hypot(at_0, at_90)).clamp(-0.5, 0.5)
    return torch.rad2deg(torch.asin(share) - torch.atan2(at_0, at_90))


def solve_panels(coordinates: Float[Tensor, "batch nodes 2"]) -> PanelFlow:
    """The panel solution together with what a boundary layer needs to act on it."""
    matrix, edge = influence_matrix(coordinates)
    factors, pivots = factorised(matrix)
    right = _free_stream(coordinates, edge)
    basis = nan_unless_solved(matrix, torch.linalg.lu_solve(factors, pivots, right), right)[:, :-1]
    return PanelFlow(coordinates, basis, edge, matrix, factors, pivots)


def trailing_edge(coordinates: Float[Tensor, "batch nodes 2"]) -> TrailingEdge:
    """The base and its sheets, which make a stream of speed (gamma_1 - gamma_n) / 2 along the bisector."""
    upper, lower = coordinates[:, 0], coordinates[:, -1]
    leaving_upper = _unit(upper - coordinates[:, 1])
    leaving_lower = _unit(lower - coordinates[:, -2])
    bisector = _unit(leaving_upper + leaving_lower)
    gap = upper - lower
    width = gap.detach().norm(dim=1)
    sharp = width < SHARP_GAP
    along = torch.where(sharp[:, None], coordinates.new_tensor([0.0, 1.0]), gap)
    along = _unit(along)
    source = 0.5 * (bisector[:, 0] * along[:, 1] - bisector[:, 1] * along[:, 0])
    vortex = -0.5 * (bisector * along).sum(1)
    panel = torch.minimum(_length(upper - coordinates[:, 1]), _length(lower - coordinates[:, -2]))
    corner = 0.5 * (upper + lower) - CORNER_DEPTH * panel[:, None] * bisector
    return TrailingEdge(gap, bisector, corner[:, None], sharp, source, vortex)


def influence_matrix(coordinates: Float[Tensor, "batch nodes 2"]) -> tuple[Tensor, TrailingEdge]:
    """The matrix of the stream-function equations and the Kutta condition for (gamma_1 ... gamma_n, psi_0)."""
    edge = trailing_edge(coordinates)
    first, second = _surface_vortex_stream(coordinates, edge)
    left, right = first[..., :1], second[..., -1:]
    if not edge.sharp.all():
        source, vortex = _base_stream(coordinates, edge)
        base = (source * edge.source[:, None] + vortex * edge.vortex[:, None])[..., None]
        left, right = left + base, right - base
    stream = torch.cat((left, first[..., 1:] + second[..., :-1], right, -torch.ones_like(left)), 2)
    last = stream[:, -1:]
    if edge.sharp.any():
        last = torch.where(edge.sharp[:, None, None], _corner_row(coordinates, edge), last)
    kutta = torch.zeros_like(last)
    kutta[..., 0] = kutta[..., -2] = 1.0
    return torch.cat((stream[:, :-1], last, kutta), 1), edge


def source_stream(
    coordinates: Float[Tensor, "batch nodes 2"], edge: TrailingEdge
) -> Float[Tensor, "batch nodes panels"]:
    """Stream function at the nodes of a unit constant source on each panel, its cut along the outer normal.

    With t = x - s along the panel and z towards the inside, psi = -(1/2π) ∫ atan2(t, z) ds, up to a constant for each
    panel that psi_0 absorbs.
    """
    x, z, length = _panel_frame(coordinates, coordinates)
    x, z, own_first, own_second = _keep_off_own_ends(x, z, length, edge.sharp)
    past = x - length[:, None]
    log_ratio = 0.5 * (torch.log(x**2 + z**2) - torch.log(past**2 + z**2))
    psi = -(x * torch.atan2(x, z) - past * torch.atan2(past, z) - z * log_ratio) / (2 * math.pi)
    quarter = length[:, None].expand_as(psi) / 4
    return torch.where(own_first, quarter, torch.where(own_second, -quarter, psi))


def induced_velocity(
    panels: Float[Tensor, "batch ends 2"], points: Float[Tensor, "batch points 2"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Velocity that linear vortex and source sheets on straight panels induce at points.

    Returns four tensors (batch, points, panels, 2): the velocity per unit strength at the panel's first and at its
    second end, of the vortex sheet (clockwise positive), then of the source sheet. At a panel's own end the logarithm
    of the distance is left
    out: it cancels between two panels that share the strength there.
    """
    start = panels[:, :-1]
    tangent_vector = panels[:, 1:] - start
    length = _length(tangent_vector)
    tangent = tangent_vector / length[..., None]
    normal = torch.stack((-tangent[..., 1], tangent[..., 0]), -1)
    x, z, _ = _panel_frame(panels, points)
    length = length[:, None]
    near_first = (x**2 + z**2).detach() < 1e-18
    near_second = ((x - length) ** 2 + z**2).detach() < 1e-18
    z = torch.where(near_first | near_second, torch.zeros_like(z), z)
    past = x - length
    first = torch.where(near_first, torch.ones_like(x), x**2 + z**2)
    second = torch.where(near_second, torch.ones_like(x), past**2 + z**2)
    log_ratio = 0.5 * torch.log(first / second)
    safe_x = torch.where(near_first, torch.ones_like(x), x)
    safe_past = torch.where(near_second, torch.ones_like(x), past)
    angle = torch.where(
        near_first | near_second, torch.zeros_like(x), torch.atan2(z, safe_past) - torch.atan2(z, safe_x)
    )
    along_log = x * log_ratio - length + z * angle
    along_angle = x * angle - z * log_ratio
    shares = []
    for whole_t, part_t, whole_n, part_n in (
        (angle, along_angle, -log_ratio, -along_log),
        (log_ratio, along_log, angle, along_angle),
    ):
        tangential, normal_speed = part_t / length, part_n / length
        for along, across in ((whole_t - tangential, whole_n - normal_speed), (tangential, normal_speed)):
            shares.append((along[..., None] * tangent[:, None] + across[..., None] * normal[:, None]) / (2 * math.pi))
    return shares[0], shares[1], shares[2], shares[3]


def _free_stream(coordinates: Tensor, edge: TrailingEdge) -> Tensor:
    """Right-hand sides (batch, nodes + 1, 2): minus what the free stream at alpha = 0 and 90 degrees adds."""
    rhs = torch.stack((-coordinates[..., 1], coordinates[..., 0]), -1)
    last = torch.arange(rhs.shape[1], device=rhs.device) == rhs.shape[1] - 1
    rhs = torch.where(edge.sharp[:, None, None] & last[:, None], -edge.bisector[:, None], rhs)
    return torch.nn.functional.pad(rhs, (0, 0, 0, 1))


def _surface_vortex_stream(coordinates: Tensor, edge: TrailingEdge) -> tuple[Tensor, Tensor]:
    """Stream function (batch, nodes, panels) at the nodes, per unit vortex strength at a panel's first and second end.

    The integrals of `_vortex_integrals`, arranged so that panels share the logarithm of the distance to their common
    node and the angle that a panel subtends is one arctangent. At a panel's own ends every singular term has the factor
    zero; a choice there would cost as much as the arctangent.
    """
    length, x, z = _frames_at_nodes(coordinates)
    squared = torch.addcmul(x * x, z, z)
    log_squared = torch.log(squared + TOUCHING)
    square_term = squared * (log_squared - 1)
    log_first, log_second = log_squared[..., :-1], log_squared[..., 1:]
    x, z, size = x[..., :-1], z[..., :-1], length[:, None]
    cosine = torch.addcmul(squared[..., :-1] + _one_at_own_ends(coordinates), x, size, value=-1)
    whole = torch.addcmul(z * torch.atan2(z * size, cosine), x, log_first - log_second, value=0.5)
    whole = torch.addcmul(whole, size, log_second - 2, value=0.5)
    log_size, quarter = torch.log(length), 0.25 * length.square()
    own = length * (log_size - 1)
    _at_joined_ends(whole, own[:, 0], own[:, -1], edge.sharp)
    moment = torch.add(x * whole, square_term[..., 1:] - square_term[..., :-1], alpha=0.25)
    own = 2 * quarter * (log_size - 1)
    _at_joined_ends(moment, (own + quarter)[:, 0], (own - quarter)[:, -1], edge.sharp)
    second = moment * (0.5 / (math.pi * size))
    return whole * (0.5 / math.pi) - second, second


def _frames_at_nodes(coordinates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lengths of the panels, and all nodes along and across (left of) each: as `_panel_frame`, by matrix products.

    The last column, of the last node, belongs to no panel; only the distance from there is of use.
    """
    step = coordinates.diff(dim=1)
    length = _length(step)
    along = torch.cat((step / length[..., None], step.new_full((len(step), 1, 2), math.sqrt(0.5))), 1)
    across = torch.stack((-along[..., 1], along[..., 0]), -1)
    x, z = (torch.baddbmm(-(coordinates * axis).sum(-1)[:, None], coordinates, axis.mT) for axis in (along, across))
    return length, x, z


def _at_joined_ends(integral: Tensor, first: Tensor, last: Tensor, sharp: Tensor) -> None:
    """In place: where the contour is closed, its ends are one point, which sees first and last panel as its own."""
    integral[:, -1, 0] = torch.where(sharp, first, integral[:, -1, 0])
    integral[:, 0, -1] = torch.where(sharp, last, integral[:, 0, -1])


def _one_at_own_ends(coordinates: Tensor) -> Tensor:
    """(nodes, panels): one where the point is an end of the panel and sees no angle, next to nothing elsewhere."""
    ends = torch.eye(coordinates.shape[1], dtype=coordinates.dtype, device=coordinates.device)
    return ends[:, :-1] + ends[:, 1:] + TOUCHING


def _vortex_integrals(x: Tensor, z: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """∫ ln r ds and ∫ s ln r ds along a panel, in its own frame."""
    past = x - length
    first, second = x**2 + z**2, past**2 + z**2
    log_first, log_second = 0.5 * torch.log(first), 0.5 * torch.log(second)
    angle = torch.atan2(z, past) - torch.atan2(z, x)
    whole = x * log_first - past * log_second - length + z * angle
    moment = x * whole + 0.5 * (second * log_second - first * log_first) - 0.25 * (second - first)
    return whole, moment


def _base_stream(coordinates: Tensor, edge: TrailingEdge) -> tuple[Tensor, Tensor]:
    """Stream function (batch, nodes) of a unit source and a unit vortex on the base panel; zero where sharp."""
    sharp = edge.sharp[:, None]
    stand_in = coordinates[:, -1] + coordinates.new_tensor([0.0, 0.01])
    ends = torch.stack((coordinates[:, -1], torch.where(sharp, stand_in, coordinates[:, 0])), 1)
    x, z, length = _panel_frame(ends, coordinates)
    x, z, length = x[..., 0], z[..., 0], length
    index = torch.arange(coordinates.shape[1], device=coordinates.device)
    at_first, at_second = index == len(index) - 1, index == 0
    own = at_first | at_second
    x = torch.where(own, length / 2, x)
    z = torch.where(own | sharp, length, z)
    past = x - length
    log_ratio = 0.5 * (torch.log(x**2 + z**2) - torch.log(past**2 + z**2))
    source = -(x * torch.atan2(x, z) - past * torch.atan2(past, z) - z * log_ratio) / (2 * math.pi)
    source = torch.where(at_first, length / 4, torch.where(at_second, -length / 4, source))
    whole, _ = _vortex_integrals(x, z, length)
    vortex = torch.where(own, length * (torch.log(length) - 1), whole) / (2 * math.pi)
    zero = torch.zeros_like(source)
    return torch.where(sharp, zero, source), torch.where(sharp, zero, vortex)


def _panel_frame(ends: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates (batch, points, panels) of points along and across (left of) each panel, and the panels' lengths."""
    start = ends[:, :-1]
    step = ends[:, 1:] - start
    length = _length(step)
    tangent = step / length[..., None]
    dx = points[:, :, None, 0] - start[:, None, :, 0]
    dy = points[:, :, None, 1] - start[:, None, :, 1]
    tx, ty = tangent[:, None, :, 0], tangent[:, None, :, 1]
    return dx * tx + dy * ty, dy * tx - dx * ty, length


def _own_ends(nodes: int, sharp: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (batch, nodes, panels) of a panel's own first and second ends; a closed trailing edge is one node."""
    point = torch.arange(nodes, device=sharp.device)[:, None]
    panel = torch.arange(nodes - 1, device=sharp.device)
    closed = sharp[:, None, None]
    first = (point == panel) | (closed & (point == nodes - 1) & (panel == 0))
    second = (point == panel + 1) | (closed & (point == 0) & (panel == nodes - 2))
    return first, second


def _keep_off_own_ends(x: Tensor, z: Tensor, length: Tensor, sharp: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Move a panel's own ends to where nothing is singular; masks say where the closed form belongs instead."""
    first, second = _own_ends(x.shape[1], sharp)
    size = length[:, None].expand_as(x)
    own = first | second
    return torch.where(own, size / 2, x), torch.where(own, size, z), first, second


def _corner_row(coordinates: Tensor, edge: TrailingEdge) -> Tensor:
    """Velocity inside a closed trailing edge along its bisector, per unit of each unknown, (batch, 1, nodes + 1).

    The vortex part of `induced_velocity`, for the one direction and at a point that is on no panel.
    """
    x, z, length = _panel_frame(coordinates, edge.corner)
    size = length[:, None]
    past = x - size
    log_ratio = 0.5 * torch.log((x.square() + z.square()) / (past.square() + z.square()))
    angle = torch.atan2(z * size, x * past + z.square())
    step = coordinates.diff(dim=1)
    ahead = (step @ edge.bisector[..., None]).mT  # length times the cosine of the panel against the bisector
    aside = (step[..., 0] * edge.bisector[:, 1:] - step[..., 1] * edge.bisector[:, :1])[:, None]
    scale = 0.5 / (math.pi * size)
    tangential, normal = ahead * scale, aside * scale
    both = angle * tangential - log_ratio * normal
    at_second = (x * both - (z * log_ratio) * tangential - (z * angle - size) * normal) / size
    return torch.nn.functional.pad(both - at_second, (0, 2)) + torch.nn.functional.pad(at_second, (1, 1))


def _unit(vector: Tensor) -> Tensor:
    return vector / _length(vector)[..., None]


def _length(vector: Tensor) -> Tensor:
    return vector.square().sum(-1).sqrt()
