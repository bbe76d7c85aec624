"""The vector that the optimiser moves: CST weights, leading-edge weight, trailing-edge thickness and angles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.design.problem import AngleMode, Problem, ShapeConstraint, ShapeSpace
from understudy.simulators.shapes import measures
from understudy.simulators.shapes.kulfan import Kulfan, fit
from understudy.simulators.shapes.panelling import panel

# The optimiser sees parameters over these units. It begins with the identity for a Hessian, and in units as large as
# the range of a parameter its first steps are about right; a tenth of them doubled the calls until convergence.
WEIGHT_UNIT = 1.0  # [-]
EDGE_UNIT = 0.05  # [chord]
ANGLE_UNIT = 20.0  # [deg]
PER_SIDE = 70  # stations on each side of the contour that is measured and panelled


@dataclass(frozen=True, eq=False)
class Parameters:
    """Where each parameter sits in the vector, its bounds and its unit.

    The order is: upper weights, lower weights, both from the nose backwards, leading-edge weight, trailing-edge
    thickness if it is free, then the free angles in the order of their points.

    angle_index: point -> place of its angle in the vector.
    held_angles: per point, NaN where the angle is free or found by the predictor [deg].
    """

    shape: ShapeSpace
    lower: Float[Tensor, " parameters"]
    upper: Float[Tensor, " parameters"]
    unit: Float[Tensor, " parameters"]
    angle_index: dict[int, int]
    held_angles: Float[Tensor, " points"]

    @classmethod
    def of(cls, problem: Problem) -> "Parameters":
        """The parameters of a problem."""
        shape, angles = problem.shape, problem.angles
        bounds = [shape.upper] * shape.weights + [shape.lower] * shape.weights + [shape.leading_edge]
        units = [WEIGHT_UNIT] * len(bounds)
        if isinstance(shape.trailing_edge_thickness, tuple):
            bounds.append(shape.trailing_edge_thickness)
            units.append(EDGE_UNIT)
        free = [n for n, point in enumerate(problem.points) if point.cl is not None and angles.mode is AngleMode.FREE]
        angle_index = {point: len(bounds) + place for place, point in enumerate(free)}
        bounds += [angles.bounds] * len(free)
        units += [ANGLE_UNIT] * len(free)
        held = [torch.nan if point.alpha is None else point.alpha for point in problem.points]
        low, high = torch.tensor(bounds, dtype=torch.float64).unbind(1)
        unit = torch.tensor(units, dtype=torch.float64)
        return cls(shape, low, high, unit, angle_index, torch.tensor(held, dtype=torch.float64))

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each parameter."""
        sides = [f"{side}_{i}" for side in ("upper", "lower") for i in range(1, self.shape.weights + 1)]
        edge = ["trailing_edge_thickness"] if isinstance(self.shape.trailing_edge_thickness, tuple) else []
        return (*sides, "leading_edge", *edge, *(f"alpha_{point + 1}" for point in self.angle_index))

    def airfoils(self, x: Float[Tensor, "designs parameters"]) -> Kulfan:
        """The shapes as CST weights."""
        n = self.shape.weights
        edge = self.shape.trailing_edge_thickness
        thickness = x[:, 2 * n + 1] if isinstance(edge, tuple) else torch.full_like(x[:, 0], edge)
        return Kulfan(x[:, :n], x[:, n : 2 * n], x[:, 2 * n], thickness)

    def named(self, values: Mapping[str, float]) -> Kulfan:
        """The one airfoil of a design's parameters."""
        return self.airfoils(torch.tensor([[values[name] for name in self.names]], dtype=torch.float64))

    def nodes(self, x: Float[Tensor, "designs parameters"]) -> Float[Tensor, "designs nodes 2"]:
        """The shapes as surface nodes, placed as the predictors expect them."""
        return panel(self.airfoils(x).coordinates(PER_SIDE), self.shape.nodes)

    def angles(self, x: Float[Tensor, "designs parameters"]) -> Float[Tensor, "designs points"]:
        """Angles at all points [deg]; NaN where the predictor is to find them."""
        columns = [
            x[:, self.angle_index[point]] if point in self.angle_index else held.expand(len(x))
            for point, held in enumerate(self.held_angles)
        ]
        return torch.stack(columns, dim=1)

    def clip(self, x: Float[Tensor, "designs parameters"]) -> Float[Tensor, "designs parameters"]:
        """The nearest parameters within the bounds."""
        return torch.minimum(torch.maximum(x, self.lower), self.upper)

    def from_contours(
        self, contours: Float[Tensor, "designs points 2"], problem: Problem
    ) -> Float[Tensor, "designs parameters"]:
        """Parameters of the nearest shapes within the bounds, with angles for about the wanted lift."""
        n = self.shape.weights
        fitted = fit(contours, n).weights.vector
        count = 2 * n + 1 + isinstance(self.shape.trailing_edge_thickness, tuple)
        x = torch.zeros(len(contours), len(self), dtype=torch.float64)
        x[:, :count] = fitted[:, :count]
        return self.with_angles(self.clip(x), problem)

    def with_angles(
        self, x: Float[Tensor, "designs parameters"], problem: Problem
    ) -> Float[Tensor, "designs parameters"]:
        """The same shapes at angles that give about the wanted lift: C_L = 2π (α − α₀), α₀ from the mean line."""
        zero_lift = zero_lift_angle(self.airfoils(x))
        x = x.clone()
        for point, index in self.angle_index.items():
            wanted = problem.points[point].cl
            assert wanted is not None
            x[:, index] = zero_lift + torch.rad2deg(torch.tensor(wanted / (2 * torch.pi)))
        return self.clip(x)


def zero_lift_angle(airfoils: Kulfan) -> Float[Tensor, " designs"]:
    """Angle without lift of the mean line [deg], α₀ = (1/π) ∫ y'(x) (1 - cos θ) dθ with x = (1 - cos θ) / 2.

    Source: Glauert, The Elements of Aerofoil and Airscrew Theory, 1926, chapter 7.
    """
    theta = torch.linspace(0, torch.pi, 61, dtype=airfoils.upper.dtype)
    x = 0.5 * (1 - torch.cos(theta))
    upper, lower = airfoils.surface(x.expand(len(airfoils), -1))
    slope = 0.5 * (upper + lower).diff(dim=1) / x.diff()
    middle = 0.5 * (theta[1:] + theta[:-1])
    return torch.rad2deg((slope * (1 - torch.cos(middle)) * theta.diff()).sum(1) / torch.pi)


def measure(constraint: ShapeConstraint, airfoils: Kulfan) -> Float[Tensor, " designs"]:
    """What a shape constraint holds, of each airfoil, in its unit; from the weights where these tell it exactly."""
    if constraint.measure == "thickness":
        station = airfoils.upper.new_full((len(airfoils), 1), constraint.x or 0.0)
        upper, lower = airfoils.surface(station)
        return (upper - lower)[:, 0]
    if constraint.measure == "wiggliness":
        return airfoils.wiggliness()
    if constraint.measure == "trailing_edge_angle":
        return airfoils.trailing_edge_angle()
    return _OF_CONTOUR[constraint.measure](airfoils.coordinates(PER_SIDE))


_OF_CONTOUR: dict[str, Callable[[Tensor], Tensor]] = {
    "max_thickness": lambda contour: measures.max_thickness(contour)[0],
    "max_camber": lambda contour: measures.max_camber(contour)[0],
    "area": measures.area,
    "leading_edge_radius": measures.leading_edge_radius,
}
