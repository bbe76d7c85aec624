"""A named airfoil whose contour has been checked."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FEWEST_POINTS = 20


class ShapeError(ValueError):
    """A contour that is no airfoil and cannot be repaired."""


@dataclass(frozen=True, eq=False)
class Airfoil:
    """A contour with a name and the story of its repairs, checked at birth.

    name: as its file or its library calls it.
    coordinates: (nodes, 2) float64 in chords, Selig order: from the upper trailing edge around the nose to the lower.
    notes: one sentence for each change that was made to the coordinates as they were given.

    Raises:
        ShapeError: fewer than 20 points, points that are not finite, clockwise order, or a contour that crosses itself.
    """

    name: str
    coordinates: Float[Tensor, "nodes 2"]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        points = self.coordinates
        if points.ndim != 2 or points.shape[1] != 2 or points.dtype != torch.float64:
            raise TypeError(f"coordinates must be (nodes, 2) float64; got {tuple(points.shape)} {points.dtype}")
        if len(points) < FEWEST_POINTS:
            raise ShapeError(f"{self.name}: an airfoil needs at least {FEWEST_POINTS} points; got {len(points)}")
        if not torch.isfinite(points).all():
            raise ShapeError(f"{self.name}: every coordinate must be a finite number; got NaN or infinity")
        crossing = first_crossing(points)
        if crossing is not None:
            raise ShapeError(
                f"{self.name}: the contour crosses itself near x = {crossing[0]:.4f}, y = {crossing[1]:.4f}; "
                "mend the points there"
            )
        if signed_area(points) <= 0:
            raise ShapeError(
                f"{self.name}: points must run from the upper trailing edge over the nose to the lower one; "
                "got the reverse order, or no area inside"
            )


def signed_area(points: Float[Tensor, "nodes 2"]) -> float:
    """Area inside the closed polygon, positive if it runs counter-clockwise."""
    following = points.roll(-1, dims=0)
    return 0.5 * float((points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum())


def first_crossing(points: Float[Tensor, "nodes 2"]) -> tuple[float, float] | None:
    """Where the open polygon first crosses itself, or None. Panels that only touch do not count."""
    pairs = crossings(points[None])[0].nonzero()
    if len(pairs) == 0:
        return None
    first, second = pairs[0].tolist()
    start, along = points[second], points[second + 1] - points[second]
    across = points[first + 1] - points[first]
    ahead = points[first] - start
    share = (ahead[0] * across[1] - ahead[1] * across[0]) / (along[0] * across[1] - along[1] * across[0])
    x, y = (start + share * along).tolist()
    return x, y


def crossings(points: Float[Tensor, "batch nodes 2"]) -> Bool[Tensor, "batch panels panels"]:
    """Which panels of each open polygon cross which later ones; panels that only touch do not count."""
    start, end = points[:, :-1], points[:, 1:]
    # side[i, j]: on which side of the line through panel i the start of panel j lies; the same for its end.
    along = (end - start)[:, :, None]
    to_start, to_end = start[:, None] - start[:, :, None], end[:, None] - start[:, :, None]
    side_start = along[..., 0] * to_start[..., 1] - along[..., 1] * to_start[..., 0]
    side_end = along[..., 0] * to_end[..., 1] - along[..., 1] * to_end[..., 0]
    parted = side_start * side_end < 0
    return (parted & parted.mT).triu(2)
