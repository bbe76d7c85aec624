"""Layers that are exactly symmetric under mirroring the airfoil.

A signal is held as two streams, (batch, 2 channels, nodes): the first half belongs to the case as asked, the second to
its mirror image, both at the node of the case as asked. Mirroring the case swaps the halves and reverses the nodes, and
every layer here commutes with that, to the rounding of the sums. (A group convolution over the group of two elements:
Cohen and Welling, 2016.) A layer costs what an ordinary one of 2 channels costs and has half the weights.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, linear


def lift(even: Float[Tensor, "batch even nodes"], odd: Float[Tensor, "batch odd nodes"]) -> Tensor:
    """The two streams of even and odd fields: (even, odd) and (even, -odd)."""
    return torch.cat([even, odd, even, -odd], dim=1)


def split(streams: Float[Tensor, "batch channels *nodes"]) -> tuple[Tensor, Tensor]:
    """The stream of the case and the stream of its mirror image."""
    half = streams.shape[1] // 2
    return streams[:, :half], streams[:, half:]


class _Mirrored(nn.Module):
    """Weights between two streams: `same` within a stream, `cross` from one to the other, and a bias.

    The full matrix made of them is kept while they cannot change unnoticed: when no gradient is asked of them.
    """

    def __init__(self, shape: tuple[int, ...], fan_in: int, gain: float) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / (2 * fan_in))
        self.same = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self._kept: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    def full(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the equivalent ordinary layer."""
        if self.same.requires_grad:
            return self._assembled()
        tensors = (self.same, self.cross, self.bias)
        state = tuple(number for tensor in tensors for number in (tensor.data_ptr(), tensor._version))
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, *self._assembled())
        return self._kept[1:]

    def _assembled(self) -> tuple[Tensor, Tensor]:
        upper = torch.cat([self.same, self.cross], 1)
        lower = torch.cat([self._reversed(self.cross), self._reversed(self.same)], 1)
        return torch.cat([upper, lower]), self.bias.repeat(2)

    def _reversed(self, weight: Tensor) -> Tensor:
        return weight

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


class MirrorConv1d(_Mirrored):
    """Convolution around the closed contour, `size` odd with stride 1, or `size` equal to `stride`.

    channels_in, channels_out: channels of one stream.
    """

    def __init__(self, channels_in: int, channels_out: int, size: int, *, stride: int = 1, gain: float = 1.0) -> None:
        if not (stride == size or (stride == 1 and size % 2 == 1)):
            raise ValueError(
                f"a symmetric convolution needs an odd size, or a stride equal to it; got {size}, {stride}"
            )
        super().__init__((channels_out, channels_in, size), channels_in * size, gain)
        self.stride, self.reach = stride, (size // 2 if stride == 1 else 0)

    def forward(self, streams: Float[Tensor, "batch channels nodes"]) -> Tensor:
        weight, bias = self.full()
        if self.reach:
            streams = torch.cat([streams[..., -self.reach :], streams, streams[..., : self.reach]], 2)
        return conv1d(streams, weight, bias, stride=self.stride)

    def _reversed(self, weight: Tensor) -> Tensor:
        return weight.flip(2)


class MirrorLinear(_Mirrored):
    """Linear map of two streams of case features (batch, 2 features) that commutes with swapping them."""

    def __init__(self, features_in: int, features_out: int, *, gain: float = 1.0) -> None:
        super().__init__((features_out, features_in), features_in, gain)

    def forward(self, streams: Float[Tensor, "batch features"]) -> Tensor:
        return linear(streams, *self.full())
