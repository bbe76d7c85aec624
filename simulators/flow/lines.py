"""An approximate inverse: all lines across the layers, then all lines along them, solved exactly in turn."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.block_tridiagonal import BlockTridiagonal
from understudy.simulators.flow.blocks import Blocks


@dataclass(frozen=True, eq=False)
class AlternatingLines:
    """Sweeps over the lines of both directions; the two halves of a wake cut are crossed by one line.

    Lines around a ring are cut where it closes; what crosses the cut is left to the next cycle.
    """

    blocks: Blocks
    across: tuple[BlockTridiagonal, ...]
    along: BlockTridiagonal

    @staticmethod
    def of(blocks: Blocks) -> "AlternatingLines":
        wake, columns = blocks.wake, blocks.centre.shape[3]
        wall = slice(wake, columns - wake)
        parts = (blocks.south, blocks.centre, blocks.north)
        across = [BlockTridiagonal.of(*(_turned(part[:, :, :, wall]) for part in parts))]
        if wake:
            lower = [part[:, :, :, :wake].flip(4) for part in (blocks.north, blocks.centre, blocks.south)]
            upper = [part[:, :, :, columns - wake :].flip(3) for part in parts]
            joined = (torch.cat(pair, 4) for pair in zip(lower, upper, strict=True))
            across.append(BlockTridiagonal.of(*(_turned(part) for part in joined)))
        return AlternatingLines(blocks, tuple(across), BlockTridiagonal.of(blocks.west, blocks.centre, blocks.east))

    def solve(self, right: Float[Tensor, "batch n ni nj"], cycles: int) -> Float[Tensor, "batch n ni nj"]:
        """Unknowns after some cycles from zero."""
        values = self._across(right)
        values = values + self.along.solve(right - self.blocks.apply(values))
        for _ in range(cycles - 1):
            values = values + self._across(right - self.blocks.apply(values))
            values = values + self.along.solve(right - self.blocks.apply(values))
        return values

    def _across(self, right: Tensor) -> Tensor:
        wake, columns = self.blocks.wake, right.shape[2]
        middle = _turned(self.across[0].solve(_turned(right[:, :, wake : columns - wake])))
        if not wake:
            return middle
        joined = torch.cat((right[:, :, :wake].flip(3), right[:, :, columns - wake :].flip(2)), 3)
        lower, upper = _turned(self.across[1].solve(_turned(joined))).chunk(2, 3)
        return torch.cat((lower.flip(3), middle, upper.flip(2)), 2)


def _turned(values: Tensor) -> Tensor:
    """With lines that run along j instead of i, or back."""
    return values.transpose(-1, -2).contiguous()
