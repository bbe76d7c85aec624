"""The wake behind an airfoil, and what sources on surface and wake do to the edge speed.

The wake leaves along the bisector of the trailing edge and follows the inviscid streamline for one chord. Mass defect
of the boundary layer acts on the outer flow as a source of strength dm/dx: constant along each surface panel, linear
between wake nodes. The first wake node shares the speed of the trailing edge.

Reference: M. Drela, XFOIL, 1989, sections 2.3 and 4.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.panel import (
    PanelFlow,
    TrailingEdge,
    induced_velocity,
    nan_unless_solved,
    source_stream,
)

WAKE_NODES = 24
#: Length of the wake [chord].
WAKE_LENGTH = 1.0
#: Length of the dead-air region behind a blunt base, in base heights.
DEAD_AIR_LENGTH = 2.5
#: Distance of the first wake node from the trailing edge [chord].
OFFSET = 1e-5


@dataclass(frozen=True, eq=False)
class Wake:
    """Nodes and tangents (batch, wake, 2), distance from the trailing edge and dead-air thickness (batch, wake)."""

    nodes: Float[Tensor, "batch wake 2"]
    tangent: Float[Tensor, "batch wake 2"]
    distance: Float[Tensor, "batch wake"]
    gap: Float[Tensor, "batch wake"]


def trace_wake(flow: PanelFlow, alpha: Float[Tensor, " batch"]) -> Wake:
    """Follow the inviscid streamline from the trailing edge with geometrically growing steps (Heun's method)."""
    coordinates, edge = flow.coordinates, flow.edge
    gamma = flow.gamma(alpha)
    first_step = 0.5 * (
        (coordinates[:, 0] - coordinates[:, 1]).norm(dim=1) + (coordinates[:, -1] - coordinates[:, -2]).norm(dim=1)
    )
    distance = _growing(first_step, WAKE_NODES)
    position = 0.5 * (coordinates[:, 0] + coordinates[:, -1]) + OFFSET * edge.bisector
    points = [position]
    direction = edge.bisector
    sheets = _Sheets(flow, gamma)
    for k in range(1, WAKE_NODES):
        step = (distance[:, k] - distance[:, k - 1])[:, None]
        ahead = _direction(flow, sheets, alpha, position + step * direction)
        mean = direction + ahead
        position = position + step * mean / mean.norm(dim=1, keepdim=True)
        direction = _direction(flow, sheets, alpha, position)
        points.append(position)
    nodes = torch.stack(points, 1)
    step = nodes[:, 1:] - nodes[:, :-1]
    length = step.norm(dim=2)
    unit = step / length[..., None]
    tangent = torch.cat((unit[:, :1], unit[:, 1:] + unit[:, :-1], unit[:, -1:]), 1)
    distance = torch.nn.functional.pad(torch.cumsum(length, 1), (1, 0))
    return Wake(nodes, tangent / tangent.norm(dim=2, keepdim=True), distance, _dead_air(flow, edge, distance))


def edge_speed_model(flow: PanelFlow, wake: Wake) -> tuple[Tensor, Tensor]:
    """Signed speed at all stations: basis of the inviscid part (batch, stations, 2), influence of mass defect.

    The influence (batch, stations, stations) is per unit of signed mass defect: minus u delta* on the upper surface,
    plus u delta* on the lower surface and in the wake.
    """
    coordinates, edge = flow.coordinates, flow.edge
    stream = torch.cat((source_stream(coordinates, edge), _wake_source_stream(wake, coordinates)), 2)
    last = torch.where(edge.sharp[:, None, None], _corner_sources(flow, wake), stream[:, -1:])
    stream = torch.cat((stream[:, :-1], last), 1)
    right = torch.nn.functional.pad(-stream, (0, 0, 0, 1))
    surface = torch.linalg.lu_solve(flow.factors, flow.pivots, right)
    surface = nan_unless_solved(flow.matrix, surface, right)[:, :-1]

    by_gamma, by_surface, by_wake = _wake_speeds(flow, wake)
    behind = by_gamma @ surface
    behind = behind + torch.cat((by_surface, by_wake), 2)
    behind = torch.cat((-surface[:, -1:], behind[:, 1:]), 1)
    per_source = torch.cat((surface, behind), 1)
    influence = _mass_to_source(per_source, flow, wake)

    free = wake.tangent
    basis_behind = by_gamma @ flow.gamma_basis + free
    basis_behind = torch.cat((-flow.gamma_basis[:, -1:], basis_behind[:, 1:]), 1)
    return torch.cat((flow.gamma_basis, basis_behind), 1), influence


def _growing(first: Tensor, count: int) -> Tensor:
    """Distances (batch, count) from zero to the wake's length with steps that grow by a constant factor."""
    total = WAKE_LENGTH / first
    steps = count - 1
    ratio = torch.full_like(first, 1.2)
    for _ in range(40):
        power = ratio**steps
        value = (power - 1) / (ratio - 1) - total
        slope = (steps * power / ratio * (ratio - 1) - (power - 1)) / (ratio - 1) ** 2
        ratio = (ratio - value / slope).clamp(1.001, 3.0)
    growth = ratio[:, None] ** torch.arange(steps, device=first.device)
    return torch.nn.functional.pad(torch.cumsum(first[:, None] * growth, 1), (1, 0))


def _dead_air(flow: PanelFlow, edge: TrailingEdge, distance: Tensor) -> Tensor:
    """Thickness of the dead air behind the base: a cubic that starts at the surfaces' own slope."""
    coordinates = flow.coordinates
    height = (edge.gap[:, 0] * -edge.bisector[:, 1] + edge.gap[:, 1] * edge.bisector[:, 0]).clamp(min=0.0)
    height = torch.where(edge.sharp, torch.zeros_like(height), height)
    upper = coordinates[:, 0] - coordinates[:, 1]
    lower = coordinates[:, -1] - coordinates[:, -2]
    cross = lower[:, 0] * upper[:, 1] - lower[:, 1] * upper[:, 0]
    opening = cross / (upper.norm(dim=1) * lower.norm(dim=1))
    opening = opening.clamp(-3.0 / DEAD_AIR_LENGTH, 3.0 / DEAD_AIR_LENGTH)[:, None]
    length = torch.where(edge.sharp, torch.ones_like(height), DEAD_AIR_LENGTH * height.clamp(min=1e-12))
    share = (distance / length[:, None]).clamp(max=1.0)
    return height[:, None] * (1.0 + (2.0 + DEAD_AIR_LENGTH * opening) * share) * (1.0 - share) ** 2


class _Sheets:
    """Sheets of the surface and the base at known strength, in complex form, for points off the surface.

    With t the panel's direction as a complex number, a linear vortex sheet induces
    u - iv = (i / 2 pi) / t * (gamma(z) ln((z - z1) / (z - z2)) - (gamma2 - gamma1)), gamma(z) continued linearly off
    the panel.
    """

    def __init__(self, flow: PanelFlow, gamma: Tensor) -> None:
        surface = torch.complex(flow.coordinates[..., 0], flow.coordinates[..., 1])
        sharp = flow.edge.sharp[:, None]
        base = torch.where(sharp, surface[:, :1] + 0.01j, surface[:, :1])
        self.start = surface
        step = torch.cat((surface[:, 1:], base), 1) - surface
        self.end = surface + step
        excess = torch.where(sharp, torch.zeros_like(gamma[:, :1]), (gamma[:, :1] - gamma[:, -1:]))
        vortex, source = flow.edge.vortex[:, None] * excess, flow.edge.source[:, None] * excess
        # A source sheet is a vortex sheet of imaginary strength.
        base_strength = torch.complex(vortex, -source)
        first = torch.cat((gamma[:, :-1] + 0j, base_strength), 1)
        second = torch.cat((gamma[:, 1:] + 0j, base_strength), 1)
        direction = step / step.abs()
        self.rise = (second - first) / step
        self.first = first
        self.drop = ((second - first) / direction).sum(1)
        self.direction = direction

    def velocity(self, point: Tensor) -> Tensor:
        z = torch.complex(point[:, 0], point[:, 1])[:, None]
        along = z - self.start
        logarithm = torch.log(along / (z - self.end))
        strength = self.first + self.rise * along
        conjugate = 1j / (2 * math.pi) * ((strength * logarithm / self.direction).sum(1) - self.drop)
        return torch.stack((conjugate.real, -conjugate.imag), 1)


def _direction(flow: PanelFlow, sheets: _Sheets, alpha: Tensor, point: Tensor) -> Tensor:
    """Unit vector (batch, 2) of the inviscid velocity at one point of each case."""
    radians = torch.deg2rad(alpha)
    velocity = sheets.velocity(point) + torch.stack((torch.cos(radians), torch.sin(radians)), 1)
    return velocity / velocity.norm(dim=1, keepdim=True)


def _base_velocity(flow: PanelFlow, points: Tensor) -> Tensor:
    """Velocity (batch, points, 2) of the base's sheets per unit of gamma_1 - gamma_n."""
    edge = flow.edge
    sharp = edge.sharp[:, None]
    lower = flow.coordinates[:, -1]
    upper = torch.where(sharp, lower + lower.new_tensor([0.0, 0.01]), flow.coordinates[:, 0])
    vortex_1, vortex_2, source_1, source_2 = induced_velocity(torch.stack((lower, upper), 1), points)
    whole = (vortex_1 + vortex_2) * edge.vortex[:, None, None, None] + (source_1 + source_2) * edge.source[
        :, None, None, None
    ]
    return torch.where(sharp[..., None], torch.zeros_like(whole[:, :, 0]), whole[:, :, 0])


def _wake_speeds(flow: PanelFlow, wake: Wake) -> tuple[Tensor, Tensor, Tensor]:
    """Speed along the wake per unit of gamma, of each panel's source, and of each wake node's source."""
    vortex_1, vortex_2, source_1, source_2 = (
        torch.einsum("bpkc,bpc->bpk", share, wake.tangent) for share in induced_velocity(flow.coordinates, wake.nodes)
    )
    by_gamma = torch.nn.functional.pad(vortex_1, (0, 1)) + torch.nn.functional.pad(vortex_2, (1, 0))
    base = torch.einsum("bpc,bpc->bp", _base_velocity(flow, wake.nodes), wake.tangent)
    ends = by_gamma.new_zeros(by_gamma.shape[2])
    ends[0], ends[-1] = 1.0, -1.0
    by_gamma = by_gamma + base[..., None] * ends
    _, _, wake_1, wake_2 = (
        torch.einsum("bpkc,bpc->bpk", share, wake.tangent) for share in induced_velocity(wake.nodes, wake.nodes)
    )
    by_wake = torch.nn.functional.pad(wake_1, (0, 1)) + torch.nn.functional.pad(wake_2, (1, 0))
    return by_gamma, source_1 + source_2, by_wake


def _wake_source_stream(wake: Wake, points: Tensor) -> Tensor:
    """Stream function at points of linear sources between wake nodes, (batch, points, wake), cut laid downstream."""
    start = wake.nodes[:, :-1]
    step = wake.nodes[:, 1:] - start
    length = step.norm(dim=2)
    tangent = step / length[..., None]
    dx = points[:, :, None, 0] - start[:, None, :, 0]
    dy = points[:, :, None, 1] - start[:, None, :, 1]
    tx, ty = tangent[:, None, :, 0], tangent[:, None, :, 1]
    x, z = dx * tx + dy * ty, dy * tx - dx * ty
    past = x - length[:, None]

    def angle_integrals(t: Tensor) -> tuple[Tensor, Tensor]:
        angle, square = torch.atan2(-z, -t), t**2 + z**2
        return t * angle + 0.5 * z * torch.log(square), 0.5 * (square * angle + z * t)

    (whole_1, moment_1), (whole_2, moment_2) = angle_integrals(x), angle_integrals(past)
    whole = whole_1 - whole_2
    second = (x * whole - (moment_1 - moment_2)) / length[:, None]
    first = whole - second
    stream = torch.nn.functional.pad(first, (0, 1)) + torch.nn.functional.pad(second, (1, 0))
    return stream / (2 * math.pi)


def _corner_sources(flow: PanelFlow, wake: Wake) -> Tensor:
    """Velocity inside the closed trailing edge along its bisector, per unit of each source, (batch, 1, sources)."""
    edge = flow.edge
    _, _, *surface = induced_velocity(flow.coordinates, edge.corner)
    _, _, *behind = induced_velocity(wake.nodes, edge.corner)
    first, second, wake_1, wake_2 = ((share @ edge.bisector[:, None, :, None])[..., 0] for share in (*surface, *behind))
    by_wake = torch.nn.functional.pad(wake_1, (0, 1)) + torch.nn.functional.pad(wake_2, (1, 0))
    return torch.cat((first + second, by_wake), 2)


def _mass_to_source(per_source: Tensor, flow: PanelFlow, wake: Wake) -> Tensor:
    """Turn speeds per unit source into speeds per unit of signed mass defect, whose differences sources are."""
    panels = flow.coordinates.shape[1] - 1
    length = (flow.coordinates[:, 1:] - flow.coordinates[:, :-1]).norm(dim=2)
    surface = per_source[:, :, :panels] / length[:, None]
    by_surface = torch.nn.functional.pad(surface, (1, 0)) - torch.nn.functional.pad(surface, (0, 1))

    step = wake.distance[:, 1:] - wake.distance[:, :-1]
    inner = step[:, 1:] + step[:, :-1]
    # Slope of mass at a wake node: the parabola through it and its neighbours; at both ends the adjacent difference.
    before = torch.cat((torch.zeros_like(step[:, :1]), step[:, 1:] / inner, torch.ones_like(step[:, :1])), 1)
    after = 1.0 - before
    behind = per_source[:, :, panels:]
    by_slope = (behind * before[:, None])[:, :, 1:] + (behind * after[:, None])[:, :, :-1]
    by_slope = by_slope / step[:, None]
    by_wake = torch.nn.functional.pad(by_slope, (1, 0)) - torch.nn.functional.pad(by_slope, (0, 1))
    return torch.cat((by_surface, by_wake), 2)
