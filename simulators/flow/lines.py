"""An approximate inverse: all lines across the layers, then all lines along them, solved exactly in turn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.flow.block_tridiagonal import BlockTridiagonal
from understudy.simulators.flow.blocks import Blocks


@dataclass(frozen=True, eq=False)
class AlternatingLines:
    """Sweeps over the lines of both directions; the two halves of a wake cut are crossed by one line."""

    blocks: Blocks
    across: tuple[BlockTridiagonal, ...]
    along: BlockTridiagonal

    @staticmethod
    def of(blocks: Blocks) -> "AlternatingLines":
        wake, columns = blocks.wake, blocks.centre.shape[1]
        wall = slice(wake, columns - wake)
        parts = (blocks.south, blocks.centre, blocks.north)
        across = [BlockTridiagonal.of(*(part[:, wall].flatten(0, 1) for part in parts))]
        if wake:
            lower = [part[:, :wake].flip(2) for part in (blocks.north, blocks.centre, blocks.south)]
            upper = [part[:, columns - wake :].flip(1) for part in parts]
            across.append(
                BlockTridiagonal.of(*(torch.cat(pair, 2).flatten(0, 1) for pair in zip(lower, upper, strict=True)))
            )
        along = BlockTridiagonal.of(
            *(part.transpose(1, 2).flatten(0, 1) for part in (blocks.west, blocks.centre, blocks.east))
        )
        return AlternatingLines(blocks, tuple(across), along)

    def solve(self, right: Tensor, cycles: int) -> Tensor:
        """Unknowns (batch, ni, nj, n) after some cycles from zero."""
        values = self._across(right)
        values = values + self._along(right - self.blocks.apply(values))
        for _ in range(cycles - 1):
            values = values + self._across(right - self.blocks.apply(values))
            values = values + self._along(right - self.blocks.apply(values))
        return values

    def _across(self, right: Tensor) -> Tensor:
        wake, columns = self.blocks.wake, right.shape[1]
        wall = right[:, wake : columns - wake]
        middle = self.across[0].solve(wall.flatten(0, 1)).view_as(wall)
        if not wake:
            return middle
        joined = torch.cat((right[:, :wake].flip(2), right[:, columns - wake :].flip(1)), 2)
        solved = self.across[1].solve(joined.flatten(0, 1)).view_as(joined)
        lower, upper = solved.chunk(2, 2)
        return torch.cat((lower.flip(2), middle, upper.flip(1)), 1)

    def _along(self, right: Tensor) -> Tensor:
        turned = right.transpose(1, 2)
        return self.along.solve(turned.flatten(0, 1)).view_as(turned).transpose(1, 2)
