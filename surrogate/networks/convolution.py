"""Residual convolutions around the contour, at several resolutions, modulated by the flow conditions.

A U of resolutions (nodes, nodes / 2, nodes / 4, ...) lets the trailing edge hear of the stagnation point within a few
layers, at a fraction of the cost of a full-resolution network. At each block the conditions scale and shift the
channels (FiLM, Perez et al. 2018). All layers are mirror-symmetric.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import silu

from understudy.surrogate.networks.heads import CaseHead, FieldHead, NetworkOutput
from understudy.surrogate.networks.mirror import (
    MirrorConv1d,
    MirrorGrow,
    MirrorLinear,
    MirrorStem,
    mirror_silu,
    parts_of_fields,
    streams_of,
)


@dataclass(frozen=True)
class ConvolutionConfig:
    """Size of a convolutional network.

    channels: of one stream at each resolution, finest first; each further entry halves the nodes.
    blocks: residual blocks at each resolution on the way down; all but the coarsest have as many on the way up.
    size: nodes in a kernel, odd.
    hidden: features of one stream in the conditions' network and the head.
    """

    channels: tuple[int, ...] = (8, 16, 32, 48, 64, 64)
    blocks: tuple[int, ...] = (0, 1, 1, 1, 1, 1)
    size: int = 3
    hidden: int = 48

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.blocks):
            raise ValueError(f"channels and blocks must be equally many; got {self.channels} and {self.blocks}")


class ConvolutionalNetwork(nn.Module):
    """The network of `ConvolutionConfig`, or several of them side by side.

    The nodes must divide by 2 to the number of halvings.
    """

    def __init__(
        self, config: ConvolutionConfig, fields: tuple[int, int], conditions: tuple[int, int], members: int = 1
    ) -> None:
        """Fields and conditions: how many even and odd ones the encoding has."""
        super().__init__()
        self.config, self.members = config, members
        channels, hidden = config.channels, config.hidden
        self.conditions = ConditionNetwork(sum(conditions), hidden, members=members)
        self.stem = MirrorStem(*fields, channels[0], config.size, members=members)
        self.down = nn.ModuleList(self._level(level) for level in range(len(channels)))
        steps = list(pairwise(channels))
        self.shrink = nn.ModuleList(MirrorConv1d(a, b, 2, members=members, stride=2) for a, b in steps)
        self.grow = nn.ModuleList(MirrorGrow(b, a, members=members) for a, b in steps)
        self.up = nn.ModuleList(self._level(level) for level in range(len(channels) - 1))
        self.modulated = [2 * block.channels for level in (*self.down, *reversed(self.up)) for block in level]
        self.modulation = MirrorLinear(hidden, sum(self.modulated), members=members, gain=0.5)
        self.fields = FieldHead(channels[0], members=members)
        self.case = CaseHead(channels[0], channels[-1], hidden, members=members)

    def _level(self, level: int) -> "Blocks":
        config = self.config
        return Blocks(
            ResidualBlock(config.channels[level], config.size, members=self.members)
            for _ in range(config.blocks[level])
        )

    def forward(self, even: Tensor, odd: Tensor, even_conditions: Tensor, odd_conditions: Tensor) -> NetworkOutput:
        """Normalised inputs in, normalised outputs out; shapes as in `Encoding`."""
        conditions = self.conditions(even_conditions, odd_conditions)
        modulation = iter(streams_of(self.modulation(conditions)).split(self.modulated, dim=3))
        parts = self.stem(even, odd)
        passed = []
        for level, blocks in enumerate(self.down):
            if level:
                parts = self.shrink[level - 1](parts)
            parts = blocks(parts, modulation)
            passed.append(parts)
        coarse = parts = passed.pop()
        for level in reversed(range(len(self.up))):
            parts = self.grow[level](parts, passed.pop())
            parts = self.up[level](parts, modulation)
        return self.case(self.fields(parts), parts, coarse, conditions)


class ConditionNetwork(nn.Module):
    """Features of the flow conditions."""

    def __init__(self, conditions: int, hidden: int, *, members: int = 1) -> None:
        super().__init__()
        self.first = MirrorLinear(conditions, hidden, members=members)
        self.second = MirrorLinear(hidden, hidden, members=members, gain=1.7)

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        parts = parts_of_fields(even, odd).expand(self.first.members, -1, -1, -1)
        return mirror_silu(self.second(mirror_silu(self.first(parts))))


class ResidualBlock(nn.Module):
    """x + conv(silu(scale * conv(x) + shift)), scale and shift from the conditions."""

    def __init__(self, channels: int, size: int, *, members: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.first = MirrorConv1d(channels, channels, size, members=members)
        self.second = MirrorConv1d(channels, channels, size, members=members, gain=0.5)

    def forward(self, parts: Tensor, modulation: Tensor) -> Tensor:
        """Modulation (members, 2 streams, batch, 2 channels): the departure of the scale from 1, then the shift."""
        scale, shift = modulation[:, :, :, None].split(self.channels, dim=4)
        return parts + self.second(_ModulatedSilu.apply(self.first(parts), 1 + scale, shift))


class _ModulatedSilu(torch.autograd.Function):
    """silu(scale * x + shift) of the streams, the same scale and shift at all nodes, in single precision at least.

    Written out because the pieces, one after the other, read and write the signal twice as often.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        parts: Float[Tensor, "members 2 batch nodes channels"],
        scale: Float[Tensor, "members 2 batch 1 channels"],
        shift: Float[Tensor, "members 2 batch 1 channels"],
    ) -> Float[Tensor, "members 2 batch nodes channels"]:
        dtype = torch.promote_types(parts.dtype, torch.float32)
        modulated = torch.addcmul(shift.to(dtype), _sum_and_difference(parts.to(dtype)), scale.to(dtype))
        ctx.save_for_backward(parts, scale, shift, modulated)
        return _sum_and_difference(silu(modulated), 0.5).to(parts.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts, scale, shift, modulated = ctx.saved_tensors  # type: ignore[attr-defined]
        dtype = modulated.dtype
        gradient = torch.ops.aten.silu_backward(_sum_and_difference(gradient.to(dtype), 0.5), modulated)
        by_shift = gradient.sum(3, keepdim=True)
        by_scale = (gradient * _sum_and_difference(parts.to(dtype))).sum(3, keepdim=True)
        by_parts = _sum_and_difference(gradient * scale)
        return by_parts.to(parts.dtype), by_scale.to(scale.dtype), by_shift.to(shift.dtype)


def _sum_and_difference(pair: Float[Tensor, "members 2 *rows"], factor: float = 1.0) -> Tensor:
    """As `streams_of`, or `parts_of` with a factor of a half, with less traffic; it has no gradient."""
    result = torch.empty_like(pair, memory_format=torch.contiguous_format)
    first, second = pair.unbind(1)
    torch.add(first, second, out=result[:, 0])
    torch.sub(first, second, out=result[:, 1])
    return result if factor == 1.0 else result.mul_(factor)


class Blocks(nn.ModuleList):
    """Blocks one after the other, each with the next modulation."""

    def forward(self, parts: Tensor, modulation: Iterator[Tensor]) -> Tensor:
        for block in self:
            parts = block(parts, next(modulation))
        return parts
