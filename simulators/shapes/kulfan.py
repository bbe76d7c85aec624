"""Class-shape transformation (CST) of Kulfan: an airfoil as a few weights, and the weights of an airfoil.

In the unit chord, leading edge at (0, 0) and the middle of the trailing edge at (1, 0),

    y(x) = √x (1 - x) Σ_i w_i B_i(x) + a x (1 - x)^(n + 1/2) ± x t / 2,

with w the n weights of one side (positive up on both), B_i the Bernstein polynomials of degree n - 1, a the
leading-edge weight, common to both sides, and t the thickness of the trailing edge.

| symbol | variable | unit |
|---|---|---|
| w, upper and lower | `upper`, `lower` | chord |
| a | `leading_edge` | chord |
| t | `trailing_edge` | chord |

Reference: Kulfan, Universal parametric geometry representation method, Journal of Aircraft 45(1), 2008; the
leading-edge term from her note of 2020, Modification of CST airfoil representation methodology.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.shapes.chord import ChordLine, chord_line
from understudy.simulators.shapes.panelling import panel
from understudy.simulators.shapes.spline import Spline

WEIGHTS = 8  # a side, where nothing else is said
_FIT_NODES = 241


@dataclass(frozen=True, eq=False)
class Kulfan:
    """A batch of airfoils as CST weights. Gradients flow through every method.

    Any weights are allowed, as an optimiser may pass through shapes whose surfaces cross; an `Airfoil` refuses those.
    """

    upper: Float[Tensor, "batch weights"]
    lower: Float[Tensor, "batch weights"]
    leading_edge: Float[Tensor, " batch"]
    trailing_edge: Float[Tensor, " batch"]

    def __post_init__(self) -> None:
        if self.upper.ndim != 2 or self.upper.shape != self.lower.shape:
            got = f"{tuple(self.upper.shape)} and {tuple(self.lower.shape)}"
            raise ValueError(f"upper and lower must both be (batch, weights); got {got}")
        for name in ("leading_edge", "trailing_edge"):
            if getattr(self, name).shape != self.upper.shape[:1]:
                got = str(tuple(getattr(self, name).shape))
                raise ValueError(f"{name} must have one value per airfoil, ({len(self.upper)},); got {got}")

    def __len__(self) -> int:
        return len(self.upper)

    @classmethod
    def from_vector(cls, vector: Float[Tensor, "batch parameters"]) -> "Kulfan":
        """From rows of (upper, lower, leading edge, trailing edge): 2 n + 2 numbers; the inverse of `vector`."""
        count = (vector.shape[-1] - 2) // 2
        return cls(vector[:, :count], vector[:, count : 2 * count], vector[:, -2], vector[:, -1])

    @property
    def vector(self) -> Float[Tensor, "batch parameters"]:
        """All weights of an airfoil as one row: upper, lower, leading edge, trailing edge."""
        ends = torch.stack([self.leading_edge, self.trailing_edge], dim=1)
        return torch.cat([self.upper, self.lower, ends], dim=1)

    def surface(
        self, x: Float[Tensor, "batch stations"]
    ) -> tuple[Float[Tensor, "batch stations"], Float[Tensor, "batch stations"]]:
        """Upper and lower y at the stations x in [0, 1], exactly."""
        modes = _modes(x, self.upper.shape[1])
        common = self.leading_edge[:, None] * _leading_edge_mode(x, self.upper.shape[1])
        edge = 0.5 * x * self.trailing_edge[:, None]
        upper, lower = ((modes * side[:, None]).sum(-1) for side in (self.upper, self.lower))
        return upper + common + edge, lower + common - edge

    def coordinates(self, per_side: int = 100) -> Float[Tensor, "batch points 2"]:
        """Points in Selig order, cosine-spaced in x, 2 per_side - 1 of them; `panel` them before a flow is solved."""
        if per_side < 10:
            raise ValueError(f"an airfoil needs at least 10 points a side; got {per_side}")
        angle = torch.linspace(0, math.pi, per_side, dtype=self.upper.dtype, device=self.upper.device)
        x = (0.5 * (1 - torch.cos(angle)))[None].expand(len(self), -1)
        upper, lower = self.surface(x)
        contour_x = torch.cat([x.flip(1), x[:, 1:]], dim=1)
        return torch.stack([contour_x, torch.cat([upper.flip(1), lower[:, 1:]], dim=1)], dim=-1)

    def trailing_edge_angle(self) -> Float[Tensor, " batch"]:
        """Angle between the surfaces where they meet the trailing edge [deg]."""
        half = 0.5 * self.trailing_edge
        return torch.rad2deg(torch.atan(self.upper[:, -1] - half) - torch.atan(self.lower[:, -1] + half))

    def wiggliness(self) -> Float[Tensor, " batch"]:
        """Sum of squared second differences of the weights along each side: 0 for the smoothest shapes."""
        upper, lower = (side.diff(n=2, dim=1) for side in (self.upper, self.lower))
        return upper.square().sum(1) + lower.square().sum(1)


@dataclass(frozen=True, eq=False)
class KulfanFit:
    """The weights nearest to given contours, how near they come, and where their chord lines lie.

    weights: in the unit chord of each contour.
    deviation: largest distance, normal to the surface, between the fit and the contour [chord].
    chord_line: how the contours lay before they were moved to the unit chord.
    """

    weights: Kulfan
    deviation: Float[Tensor, " batch"]
    chord_line: ChordLine


def fit(coordinates: Float[Tensor, "batch raw 2"], weights: int = WEIGHTS) -> KulfanFit:
    """CST weights by linear least squares on the distances normal to the surface.

    The contour is moved to its unit chord and panelled first, so the fit does not depend on how the raw points are
    spread. A trailing edge whose best thickness is negative is fitted again as a sharp one.

    Args:
        coordinates: contours in Selig order, any position, size and small incidence.
        weights: number of weights a side, at least 2.

    Gradients flow to the coordinates. About 2 ms an airfoil on one CPU core.
    """
    if weights < 2:
        raise ValueError(f"a fit needs at least 2 weights a side; got {weights}")
    line = chord_line(Spline.through(coordinates))
    spline = Spline.through(panel(line.to_unit(coordinates), _FIT_NODES))
    leading_arc = chord_line(spline).arc
    upper_side = spline.arc < leading_arc[:, None]
    system, wanted = _least_squares(spline, upper_side, weights)
    best = torch.linalg.lstsq(system, wanted[..., None], driver="gels").solution[..., 0]
    sharp = torch.linalg.lstsq(system[..., :-1], wanted[..., None], driver="gels").solution[..., 0]
    sharp = torch.cat([sharp, torch.zeros_like(sharp[:, :1])], dim=1)
    best = torch.where(best[:, -1:] < 0, sharp, best)
    residual = (system @ best[..., None])[..., 0] - wanted
    return KulfanFit(Kulfan.from_vector(best), residual.abs().amax(1), line)


def _least_squares(
    spline: Spline, upper_side: Tensor, weights: int
) -> tuple[Float[Tensor, "batch nodes parameters"], Float[Tensor, "batch nodes"]]:
    """Rows of modes and wanted y at the nodes, each scaled so that its residual is a distance normal to the surface."""
    x, y = spline.points.unbind(-1)
    x = x.clamp(0, 1)
    modes = _modes(x, weights)
    up = upper_side[..., None].to(modes)
    edge = torch.where(upper_side, 0.5 * x, -0.5 * x)
    columns = [modes * up, modes * (1 - up), _leading_edge_mode(x, weights)[..., None], edge[..., None]]
    tangent = spline.slope[..., 0].abs() / torch.linalg.vector_norm(spline.slope, dim=-1)
    return torch.cat(columns, dim=-1) * tangent[..., None], y * tangent


def _modes(x: Float[Tensor, "batch stations"], weights: int) -> Float[Tensor, "batch stations weights"]:
    """√x (1 - x) times each Bernstein polynomial."""
    order = torch.arange(weights, dtype=x.dtype, device=x.device)
    binomial = x.new_tensor([math.comb(weights - 1, i) for i in range(weights)])
    at = x[..., None]
    return binomial * at ** (order + 0.5) * (1 - at) ** (weights - order)


def _leading_edge_mode(x: Tensor, weights: int) -> Tensor:
    return x * (1 - x) ** (weights + 0.5)
