"""What a designer asks of a shape: thickness, camber, area, edges, smoothness; batched, with gradients to every point.

All measures act on the cubic spline through the points, so they converge with the points and do not jump from one point
to the next as the shape changes. Lengths are in the unit of the coordinates, which are chords in an `AirfoilCase`;
stations x lie on the x axis of the coordinates, 0 at the leading edge, 1 at the trailing edge; thickness and camber are
taken normal to that axis. Where a largest value is asked for, its gradient is that of the station where it lies.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.simulators.shapes.chord import bisect
from understudy.simulators.shapes.spline import Spline

_STATIONS = 80
_NEWTON_STEPS = 6  # the pieces are nearly straight: four reach rounding even beside the nose
_GAUSS = ((-math.sqrt(0.6), 5 / 18), (0.0, 8 / 18), (math.sqrt(0.6), 5 / 18))


def surfaces(
    coordinates: Float[Tensor, "batch nodes 2"], x: Float[Tensor, " stations"]
) -> tuple[Float[Tensor, "batch stations"], Float[Tensor, "batch stations"]]:
    """Upper and lower y at stations x behind the leading edge and not behind the trailing edge.

    Raises:
        ValueError: a station outside [0.0005, 1].
    """
    if x.numel() == 0 or x.min() < 5e-4 or x.max() > 1:
        raise ValueError(f"stations x must lie in [0.0005, 1] chord; got {x.min():.6g} to {x.max():.6g}")
    spline = Spline.through(coordinates)
    stations = x.to(coordinates).expand(len(coordinates), -1).contiguous()
    return _y_at(spline, stations, _upper_interval), _y_at(spline, stations, _lower_interval)


def thickness(coordinates: Float[Tensor, "batch nodes 2"], x: float) -> Float[Tensor, " batch"]:
    """Distance between the surfaces at the station x."""
    upper, lower = surfaces(coordinates, coordinates.new_tensor([x]))
    return (upper - lower)[:, 0]


def camber(coordinates: Float[Tensor, "batch nodes 2"], x: float) -> Float[Tensor, " batch"]:
    """Height of the middle between the surfaces at the station x."""
    upper, lower = surfaces(coordinates, coordinates.new_tensor([x]))
    return 0.5 * (upper + lower)[:, 0]


def max_thickness(
    coordinates: Float[Tensor, "batch nodes 2"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Largest thickness and the station where it lies."""
    x, angle = _station_grid(coordinates)
    upper, lower = surfaces(coordinates, x)
    value, at = _peak(upper - lower, angle)
    return value, 0.5 * (1 - torch.cos(at))


def max_camber(
    coordinates: Float[Tensor, "batch nodes 2"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Camber that is largest in size, with its sign, and the station where it lies."""
    x, angle = _station_grid(coordinates)
    upper, lower = surfaces(coordinates, x)
    line = 0.5 * (upper + lower)
    largest = line.gather(1, line.abs().argmax(1, keepdim=True))
    sign = torch.where(largest < 0, -1.0, 1.0).to(line)
    value, at = _peak(sign * line, angle)
    return sign[:, 0] * value, 0.5 * (1 - torch.cos(at))


def area(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Area inside the contour, closed by a straight base; exact for the spline. Negative for a clockwise contour."""
    spline = Spline.through(coordinates)
    interval = torch.arange(coordinates.shape[1] - 1, device=coordinates.device).expand(len(coordinates), -1)
    step = spline.arc.diff(dim=1)
    total = torch.zeros_like(step[:, 0])
    for offset, weight in _GAUSS:
        value, first, _ = spline.piece(interval, spline.arc[:, :-1] + 0.5 * (1 + offset) * step)
        total = total + weight * ((value[..., 0] * first[..., 1] - value[..., 1] * first[..., 0]) * step).sum(1)
    first_point, last_point = coordinates[:, 0], coordinates[:, -1]
    base = last_point[:, 0] * first_point[:, 1] - last_point[:, 1] * first_point[:, 0]
    return 0.5 * (total + base)


def leading_edge_radius(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Radius of curvature where the surface lies farthest forward."""
    spline = Spline.through(coordinates)
    interval = _foremost_interval(spline)

    def retreat(arc: Tensor) -> Tensor:
        return -spline.piece(interval, arc)[1][..., 0]

    with torch.no_grad():
        arc = bisect(retreat, spline.arc.gather(1, interval), spline.arc.gather(1, interval + 1))
    _, first, second = spline.piece(interval, arc)
    arc = arc - first[..., 0] / second[..., 0].detach()
    _, first, second = (item[:, 0] for item in spline.piece(interval, arc))
    turning = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return torch.linalg.vector_norm(first, dim=-1) ** 3 / turning


def trailing_edge_angle(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Angle between the tangents of upper and lower surface at the trailing edge [deg], positive for a wedge.

    It is the limit of AeroSandbox's `Airfoil.TE_angle` (the angle between the last panels) for ever shorter panels.
    """
    slope = Spline.through(coordinates).slope
    upper, lower = -slope[:, 0], slope[:, -1]
    cross = upper[:, 0] * lower[:, 1] - upper[:, 1] * lower[:, 0]
    return torch.rad2deg(torch.atan2(cross, (upper * lower).sum(-1)))


def trailing_edge_gap(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Length of the trailing-edge base; its gradient at a closed edge is taken as 0."""
    base = coordinates[:, 0] - coordinates[:, -1]
    square = base.square().sum(-1)
    open_edge = square > 0
    return torch.where(open_edge, torch.sqrt(torch.where(open_edge, square, torch.ones_like(square))), square)


def wiggliness(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, " batch"]:
    """Mean square of the third derivative of y with respect to φ on both surfaces, x = (1 - cos φ) / 2.

    In φ a round nose is smooth, so only bumps and waves count: about 0.007 for NACA 0012; k half-waves of amplitude a
    along both surfaces add a² k⁶ / 2. Takes the chord to run from 0 to 1 and leaves out its last 1.6 %.
    """
    x, angle = _station_grid(coordinates)
    step = (angle[-1] - angle[0]) / (len(angle) - 1)
    upper, lower = (side.diff(n=3, dim=1) / step**3 for side in surfaces(coordinates, x))
    return 0.5 * (upper.square().mean(1) + lower.square().mean(1))


def _station_grid(like: Tensor) -> tuple[Float[Tensor, " stations"], Float[Tensor, " stations"]]:
    """Stations x and their angles φ, evenly spaced in φ, from 0.2 to 98.4 % of the chord."""
    angle = torch.linspace(0.08, math.pi - 0.25, _STATIONS, dtype=like.dtype, device=like.device)
    return 0.5 * (1 - torch.cos(angle)), angle


def _y_at(
    spline: Spline, x: Float[Tensor, "batch stations"], locate: Callable[[Spline, Tensor], Tensor]
) -> Float[Tensor, "batch stations"]:
    """The y of the located piece of surface at x, found by Newton's method, whose last step is differentiated."""
    interval = locate(spline, x)
    with torch.no_grad():
        start, end = spline.arc.gather(1, interval), spline.arc.gather(1, interval + 1)
        arc = 0.5 * (start + end)
        for _ in range(_NEWTON_STEPS):
            value, first, _ = spline.piece(interval, arc)
            arc = torch.minimum(torch.maximum(arc - (value[..., 0] - x) / first[..., 0], start), end)
    value, first, _ = spline.piece(interval, arc)
    arc = arc - (value[..., 0] - x) / first[..., 0].detach()
    return spline.piece(interval, arc)[0][..., 1]


def _upper_interval(spline: Spline, x: Float[Tensor, "batch stations"]) -> Int[Tensor, "batch stations"]:
    """First interval from the upper trailing edge in which the surface passes x."""
    ahead = spline.points[..., 0].detach().cummin(1).values
    return (torch.searchsorted(-ahead.contiguous(), -x) - 1).clamp(0, ahead.shape[1] - 2)


def _lower_interval(spline: Spline, x: Float[Tensor, "batch stations"]) -> Int[Tensor, "batch stations"]:
    """First interval from the lower trailing edge in which the surface passes x."""
    ahead = spline.points[..., 0].detach().flip(1).cummin(1).values
    backwards = (torch.searchsorted(-ahead.contiguous(), -x) - 1).clamp(0, ahead.shape[1] - 2)
    return ahead.shape[1] - 2 - backwards


def _foremost_interval(spline: Spline) -> Int[Tensor, "batch 1"]:
    """The interval in which x stops falling."""
    foremost = spline.points[:, 1:-1, 0].detach().argmin(1, keepdim=True) + 1
    falling = spline.slope[..., 0].detach().gather(1, foremost) < 0
    return torch.where(falling, foremost, foremost - 1)


def _peak(
    values: Float[Tensor, "batch stations"], at: Float[Tensor, " stations"]
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Height and place of the largest value: vertex of the parabola through it and its neighbours on an even grid."""
    top = values.argmax(1, keepdim=True).clamp(1, values.shape[1] - 2)
    before, here, after = (values.gather(1, top + shift)[:, 0] for shift in (-1, 0, 1))
    bend = before - 2 * here + after
    bend = torch.where(bend < 0, bend, torch.full_like(bend, -torch.inf))  # flat: the vertex is the middle point
    shift = 0.5 * (before - after) / bend
    return here - 0.25 * (before - after) * shift, at[top[:, 0]] + shift * (at[1] - at[0])
