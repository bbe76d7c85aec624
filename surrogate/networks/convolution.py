"""Residual convolutions around the contour, at several resolutions, modulated by the flow conditions.

A U of resolutions (nodes, nodes / 2, nodes / 4, ...) lets the trailing edge hear of the stagnation point within a few
layers, at a fraction of the cost of a full-resolution network. At each block the conditions scale and shift the
channels (FiLM, Perez et al. 2018). All layers are mirror-symmetric.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from understudy.surrogate.networks.heads import CaseHead, FieldHead, NetworkOutput
from understudy.surrogate.networks.mirror import MirrorConv1d, MirrorLinear, lift


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
    """The network of `ConvolutionConfig`; the nodes must divide by 2 to the number of halvings."""

    def __init__(self, config: ConvolutionConfig, fields: tuple[int, int], conditions: tuple[int, int]) -> None:
        """Fields and conditions: how many even and odd ones the encoding has."""
        super().__init__()
        self.config = config
        channels = config.channels
        self.conditions = ConditionNetwork(sum(conditions), config.hidden)
        self.stem = MirrorConv1d(sum(fields), channels[0], config.size)
        self.down = nn.ModuleList(self._level(level) for level in range(len(channels)))
        self.shrink = nn.ModuleList(MirrorConv1d(a, b, 2, stride=2) for a, b in pairwise(channels))
        self.grow = nn.ModuleList(MirrorConv1d(b, a, 1) for a, b in pairwise(channels))
        self.up = nn.ModuleList(self._level(level) for level in range(len(channels) - 1))
        self.modulated = [2 * block.channels for level in (*self.down, *reversed(self.up)) for block in level]
        self.modulation = MirrorLinear(config.hidden, sum(self.modulated), gain=0.5)
        self.fields = FieldHead(channels[0])
        self.case = CaseHead(channels[0], channels[-1], config.hidden)

    def _level(self, level: int) -> "Blocks":
        config = self.config
        return Blocks(ResidualBlock(config.channels[level], config.size) for _ in range(config.blocks[level]))

    def forward(self, even: Tensor, odd: Tensor, even_conditions: Tensor, odd_conditions: Tensor) -> NetworkOutput:
        """Normalised inputs in, normalised outputs out; shapes as in `Encoding`."""
        conditions = self.conditions(even_conditions, odd_conditions)
        modulation = iter(self.modulation(conditions).unflatten(1, (2, -1))[..., None].split(self.modulated, dim=2))
        streams = self.stem(lift(even, odd))
        passed = []
        for level, blocks in enumerate(self.down):
            if level:
                streams = self.shrink[level - 1](streams)
            streams = blocks(streams, modulation)
            passed.append(streams)
        coarse = streams = passed.pop()
        for level in reversed(range(len(self.up))):
            streams = passed.pop() + self.grow[level](streams).repeat_interleave(2, dim=2)
            streams = self.up[level](streams, modulation)
        return self.case(self.fields(streams), streams, coarse, conditions)


class ConditionNetwork(nn.Module):
    """Two streams of features of the flow conditions."""

    def __init__(self, conditions: int, hidden: int) -> None:
        super().__init__()
        self.first = MirrorLinear(conditions, hidden)
        self.second = MirrorLinear(hidden, hidden, gain=1.7)

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        return silu(self.second(silu(self.first(torch.cat([even, odd, even, -odd], dim=1)))))


class ResidualBlock(nn.Module):
    """x + conv(silu(scale * conv(x) + shift)), scale and shift from the conditions."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = MirrorConv1d(channels, channels, size)
        self.second = MirrorConv1d(channels, channels, size, gain=0.5)

    def forward(self, streams: Tensor, modulation: Tensor) -> Tensor:
        """Modulation (batch, 2, 2 channels, 1): for each stream the departure of the scale from 1, then the shift."""
        scale, shift = modulation.split(self.channels, dim=2)
        hidden = self.first(streams).unflatten(1, (2, -1))
        hidden = silu(torch.addcmul(hidden + shift, hidden, scale))
        return streams + self.second(hidden.flatten(1, 2))


class Blocks(nn.ModuleList):
    """Blocks one after the other, each with the next modulation."""

    def forward(self, streams: Tensor, modulation: Iterator[Tensor]) -> Tensor:
        for block in self:
            streams = block(streams, next(modulation))
        return streams
