"""What a grid should be like: size, far field, spacings."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class GridOptions:
    """Wishes for a batch of grids, checked at birth.

    size: nodes along and away from the wall.
    wake_share: part of the cells along i that lie on the wake cut, both halves together; 0 asks for O-grids.
    y_plus: height of the first cell in wall units of a flat plate [-].
    far: least distance of the outer boundary [chord].

    Rarely needed:
        edge_spacing: spacing along the surface at the trailing edge [chord].
        nose_turn: angle by which one cell at the nose turns on the mean radius of the nose [deg]; at the vertex, where
            the radius is smallest, up to half as much again.
        base_share: part of the cells along i of an O-grid that lie on the trailing-edge base.
        growth: largest ratio of neighbouring spacings away from the wall; grids that need more are refused.
        wake_widening: distance down the wake over which the first cell away from the cut grows by √2 [chord].

    Raises:
        ValueError: a wish out of its range.
    """

    size: tuple[int, int] = (385, 97)
    wake_share: float = 1 / 3
    y_plus: float = 0.7
    far: float = 100.0
    edge_spacing: float = 1e-4
    nose_turn: float = 1.5
    base_share: float = 1 / 12
    growth: float = 1.2
    wake_widening: float = 1.0

    def __post_init__(self) -> None:
        ni, nj = self.size
        if ni < 65 or nj < 17 or ni % 2 == 0:
            raise ValueError(f"size must be an odd number of at least 65 nodes and at least 17; got {ni} and {nj}")
        _within("wake_share", self.wake_share, 0.0, 0.6)
        _within("base_share", self.base_share, 0.02, 0.3)
        _within("y_plus [-]", self.y_plus, 1e-3, 1e3)
        _within("far [chord]", self.far, 5.0, 1e4)
        _within("edge_spacing [chord]", self.edge_spacing, 1e-6, 1e-2)
        _within("nose_turn [deg]", self.nose_turn, 0.1, 20.0)
        _within("growth", self.growth, 1.01, 4.0)
        _within("wake_widening [chord]", self.wake_widening, 0.1, 1e4)

    @property
    def wake(self) -> int:
        """Cells of each half of the wake cut, a multiple of 4 where there is one."""
        return 4 * round(self.wake_share * (self.size[0] - 1) / 8)

    @property
    def base(self) -> int:
        """Cells of each half of the trailing-edge base of an O-grid."""
        return 0 if self.wake else max(2, round(self.base_share * (self.size[0] - 1) / 2))

    @property
    def surface(self) -> int:
        """Cells on each of the two surfaces."""
        return (self.size[0] - 1) // 2 - self.wake - self.base

    def on(self, size: tuple[int, int]) -> "GridOptions":
        """The same with other numbers of nodes: all spacings in proportion, by the cells away from the wall.

        Every second line of a grid twice as fine is then nearly the grid itself.
        """
        share = (self.size[1] - 1) / (size[1] - 1)
        return replace(
            self,
            size=size,
            y_plus=share * self.y_plus,
            edge_spacing=share * self.edge_spacing,
            nose_turn=share * self.nose_turn,
        )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name} must be {least:g} to {most:g}; got {value:.6g}")
