"""A batch of structured grids around airfoils: nodes in rows along the body, one row behind the other outwards.

Along i the nodes run clockwise. A C-grid starts at the far end of the wake, follows the lower side of the wake cut to
the trailing edge, the lower surface to the nose, the upper surface back, and leaves along the upper side of the cut. An
O-grid starts and ends at the middle of the trailing-edge base. Along j they run from wall and cut outwards, so that
areas of cells are positive.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes of a batch of body-fitted grids, checked at birth.

    nodes: lengths in chords. Rows that could not be gridded hold NaN.
    wake: cells of each half of the wake cut, on which nodes[:, i, 0] and nodes[:, ni - 1 - i, 0] are equal; 0 for an
        O-grid, whose first and last line are equal.
    place: where the wall nodes lie on the contour, from 0 at the upper trailing edge over 1 at the nose to 2 at the
        lower trailing edge, by arc length between these; below 0 and above 2 on the two halves of the base. Only
        `deformed` needs it; grids made by hand can do without.

    Raises:
        ValueError: fewer than 5 nodes along i or 3 along j, a wake that leaves no wall, or lines that do not match.
    """

    nodes: Float[Tensor, "batch ni nj 2"]
    wake: int
    place: Float[Tensor, "batch wall"] | None = None

    def __post_init__(self) -> None:
        if self.nodes.ndim != 4 or self.nodes.shape[-1] != 2:
            raise ValueError(f"nodes must be (batch, ni, nj, 2); got {tuple(self.nodes.shape)}")
        ni, nj = self.nodes.shape[1:3]
        if ni < 5 or nj < 3:
            raise ValueError(f"a grid needs at least 5 nodes along and 3 away from the wall; got {ni} and {nj}")
        if self.wake < 0 or ni - 2 * self.wake < 3:
            raise ValueError(f"the wake must have 0 to {(ni - 3) // 2} cells a half at {ni} nodes; got {self.wake}")
        wanted = (self.batch, ni - 2 * self.wake)
        if self.place is not None and self.place.shape != wanted:
            raise ValueError(f"place must have one value for each wall node, {wanted}; got {tuple(self.place.shape)}")
        if not self._matched():
            raise ValueError("the two sides of the cut must have equal nodes; got different ones")

    @property
    def batch(self) -> int:
        """Number of grids."""
        return self.nodes.shape[0]

    @property
    def cells(self) -> tuple[int, int]:
        """Cells along i and along j."""
        return self.nodes.shape[1] - 1, self.nodes.shape[2] - 1

    @property
    def is_c(self) -> bool:
        """Whether the grid has a wake cut."""
        return self.wake > 0

    @property
    def is_o(self) -> bool:
        """Whether the grid closes in i."""
        return self.wake == 0

    @property
    def wall(self) -> Float[Tensor, "batch wall 2"]:
        """Nodes on the body, from the lower to the upper trailing edge."""
        return self.nodes[:, self.wake : self.nodes.shape[1] - self.wake, 0]

    def coarser(self) -> "Grid":
        """The grid of every second line: nodes, wake and trailing edge are kept exactly.

        Raises:
            ValueError: an odd number of cells along i, along j or on half the wake.
        """
        counts = (*self.cells, self.wake)
        if any(count % 2 for count in counts) or self.cells[0] < 8 or self.cells[1] < 4:
            raise ValueError(
                "a coarser grid needs even numbers of cells: at least 8 along i, at least 4 along j, and those on "
                f"half the wake; got {counts[0]}, {counts[1]} and {counts[2]}"
            )
        place = None if self.place is None else self.place[:, ::2]
        return Grid(self.nodes[:, ::2, ::2], self.wake // 2, place)

    def _matched(self) -> bool:
        if self.is_o:
            return torch.equal(self.nodes[:, 0].nan_to_num(), self.nodes[:, -1].nan_to_num())
        cut = self.nodes[:, : self.wake + 1, 0].nan_to_num()
        return torch.equal(cut, self.nodes[:, -self.wake - 1 :, 0].flip(1).nan_to_num())
