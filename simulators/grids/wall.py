"""The line that a grid starts from: the contour with its nodes, and the wake cut or the trailing-edge base.

The wake cut leaves the trailing edge along the bisector of the surfaces, at the slope tan β to the x axis, and bends to
the stream direction,

    y - y_te = ℓ tan β (1 - exp(-(x - x_te) / ℓ)).                                                          (1)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.grids.options import GridOptions
from understudy.simulators.grids.spacing import surface_places, wake_distances
from understudy.simulators.shapes.panelling import nose
from understudy.simulators.shapes.spline import Spline

BEND = 1.0  # ℓ above [chord]
CLOSED = 1e-5  # chord: a base below this is closed, not gridded
WIDEST_NOSE = 4e-3  # chord: largest spacing at the nose, however blunt it is
STEEPEST = 1.0  # slope of the wake at the trailing edge, at most


def closed(coordinates: Float[Tensor, "batch points 2"], power: float = 1.0) -> Float[Tensor, "batch points 2"]:
    """The contours with a sharp trailing edge: half the base times x to a power is taken from both surfaces.

    A contour whose first and last point are equal is returned as it is. Gradients flow.

    Rarely needed:
        power: 1 does what a CST thickness of zero does. Larger powers leave more of the shape alone and make a blunter
            wedge: 16 for tails nearly as thin as their base, whose surfaces would cross otherwise.
    """
    base = coordinates[:, 0] - coordinates[:, -1]
    x = coordinates[..., 0]
    back, front = x[:, [0, -1]].mean(1, keepdim=True), x.amin(1, keepdim=True)
    share = ((x - front) / (back - front)).clamp(0, 1) ** power
    share = torch.cat([torch.ones_like(share[:, :1]), share[:, 1:-1], torch.ones_like(share[:, :1])], dim=1)
    upper = torch.arange(x.shape[1], device=x.device) <= x.detach().argmin(1, keepdim=True)
    sheared = coordinates - torch.where(upper, 0.5, -0.5)[..., None] * share[..., None] * base[:, None]
    middle = 0.5 * (coordinates[:, :1] + coordinates[:, -1:])
    return torch.cat([middle, sheared[:, 1:-1], middle], dim=1)


@dataclass(frozen=True, eq=False)
class Contour:
    """A smooth contour and what a grid must know of it.

    spline: through the points, in Selig order.
    nose: arc length of the nose; `radius` the mean radius of curvature there.
    """

    spline: Spline
    nose: Float[Tensor, " batch"]
    radius: Float[Tensor, " batch"]

    @classmethod
    def of(cls, coordinates: Float[Tensor, "batch points 2"]) -> "Contour":
        """The contour through these points."""
        spline = Spline.through(coordinates)
        return cls(spline, *nose(spline))

    @property
    def edge(self) -> Float[Tensor, "batch 2"]:
        """Middle of the trailing edge."""
        return 0.5 * (self.spline.points[:, 0] + self.spline.points[:, -1])

    @property
    def base(self) -> Float[Tensor, " batch"]:
        """Length of the trailing-edge base."""
        return torch.linalg.vector_norm(self.spline.points[:, 0] - self.spline.points[:, -1], dim=-1)

    @property
    def bisector(self) -> Float[Tensor, "batch 2"]:
        """Unit vector that leaves the trailing edge half-way between both surfaces."""
        upper, lower = (_unit(item) for item in (-self.spline.slope[:, 0], self.spline.slope[:, -1]))
        return _unit(upper + lower)

    def focus(self) -> Float[Tensor, "batch 2"]:
        """Focus of the parabola that the nose resembles: half its radius inside."""
        value, slope, _ = (item[:, 0] for item in self._at_nose())
        inward = torch.stack([-slope[:, 1], slope[:, 0]], dim=-1)
        return value + 0.5 * self.radius[:, None] * _unit(inward)

    def points(self, place: Float[Tensor, "batch wall"]) -> Float[Tensor, "batch wall 2"]:
        """Points at these places: 0 to 1 on the upper surface, 1 to 2 on the lower one, outside that on the base."""
        tip, length = self.nose[:, None], self.spline.length[:, None]
        on_upper, on_lower = place.clamp(0, 1), (place - 1).clamp(0, 1)
        surface = self.spline.at(on_upper * tip + on_lower * (length - tip))
        surface = torch.where((place <= 0)[..., None], self.spline.points[:, :1], surface)
        surface = torch.where((place >= 2)[..., None], self.spline.points[:, -1:], surface)
        across = self.spline.points[:, :1] - self.spline.points[:, -1:]
        share = torch.where(place < 0, 1 + place, place - 2)[..., None]
        base = self.spline.points[:, -1:] + share * across
        return torch.where(((place < 0) | (place > 2))[..., None], base, surface)

    def wake(self, behind: Float[Tensor, "batch wake"]) -> Float[Tensor, "batch wake 2"]:
        """Points of the wake line at these distances x behind the trailing edge, by equation (1)."""
        fall = BEND * self.wake_slope()[:, None] * -torch.expm1(-behind / BEND)
        return self.edge[:, None] + torch.stack([behind, fall], dim=-1)

    def wake_slope(self) -> Float[Tensor, " batch"]:
        """The slope tan β of equation (1)."""
        along, across = self.bisector.unbind(-1)
        return (across / along.clamp(min=0.1)).clamp(-STEEPEST, STEEPEST)

    def _at_nose(self) -> tuple[Tensor, Tensor, Tensor]:
        arc = self.nose[:, None]
        return self.spline.piece(self.spline.interval(arc), arc)


def wall_places(contour: Contour, options: GridOptions) -> Float[Tensor, "batch wall"]:
    """Places of the wall nodes, clockwise."""
    length, tip = contour.spline.length, contour.nose
    edge = edge_spacing(contour, options)
    turn = torch.deg2rad(tip.new_tensor(options.nose_turn))
    at_nose = (turn * contour.radius).clamp(options.edge_spacing, WIDEST_NOSE)
    upper = surface_places(tip, edge, at_nose, options.surface)
    lower = surface_places(length - tip, edge, at_nose, options.surface)
    places = [2 - lower, upper.flip(1)[:, 1:]]
    if options.base:
        half = 0.5 * contour.base
        inward = 0.5 * wake_distances(edge, half, options.base) / half[:, None]
        places = [2 + inward.flip(1)[:, :-1], *places, -inward[:, 1:]]
    return torch.cat(places, dim=1)


def edge_spacing(contour: Contour, options: GridOptions) -> Float[Tensor, " batch"]:
    """Spacing along the surface at the trailing edge: as wished, or less where the cells of the base are smaller."""
    wished = torch.full_like(contour.nose, options.edge_spacing)
    return torch.minimum(wished, 0.5 * contour.base / options.base) if options.base else wished


def wake_line(contour: Contour, options: GridOptions) -> Float[Tensor, "batch wake"]:
    """Distances x of the nodes of the wake line behind the trailing edge, itself the first."""
    steepness = torch.sqrt(1 + contour.wake_slope() ** 2)
    total = torch.full_like(contour.nose, options.far)
    return wake_distances(options.edge_spacing / steepness, total, options.wake)


def _unit(vector: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 2"]:
    return vector / torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
