"""What a solve may start from: the grids and the fields of an answer to nearly the same question."""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.grids import Grid


@dataclass(frozen=True, eq=False)
class Field:
    """A grid to deform, the state that was steady near it, and the angle [deg] of each row."""

    grid: Grid
    state: Tensor
    alpha: Tensor

    def angle(self, lift: Tensor, asked: Tensor) -> Tensor:
        """The angle that is asked, but that of the field where a lift is."""
        return torch.where(torch.isnan(lift), asked, self.alpha)


@dataclass(frozen=True, eq=False)
class Nearby:
    """The fields of an answered case, by the rows that were solved together.

    grids: those that shapes are measured from. An answer near an answer is still on the grid of the first, deformed, so
    that all of them are one smooth function of the shape.
    """

    rows: tuple[Tensor, ...]
    grids: tuple[Grid, ...]
    states: tuple[Tensor, ...]
    alpha: Tensor

    def alike(self, rows: tuple[Tensor, ...], grids: tuple[Grid, ...]) -> bool:
        """Whether rows were solved together as these were, on grids of the same kinds."""
        return len(rows) == len(self.rows) and all(
            torch.equal(mine, other) and grid.is_o == there.is_o
            for mine, other, grid, there in zip(self.rows, rows, self.grids, grids, strict=True)
        )

    def of(self, rows: Tensor, *, blunt: bool) -> Field | None:
        """The field of these rows, if they were solved together, to the end, on a grid of the same kind."""
        for known, grid, state in zip(self.rows, self.grids, self.states, strict=True):
            if torch.equal(known, rows) and grid.is_o == blunt and bool(torch.isfinite(state).all()):
                return Field(grid, state, self.alpha[rows])
        return None
