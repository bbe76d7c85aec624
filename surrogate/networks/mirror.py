"""Layers that are exactly symmetric under mirroring the airfoil, for one network or for several side by side.

A signal is held as (batch, members, 2, channels, nodes): for each member of an ensemble, the stream of the case as
asked and the stream of its mirror image, both at the node of the case as asked. Mirroring the case swaps the streams
and reverses the nodes, and every layer here commutes with that, to the rounding of the sums. (A group convolution over
the group of two
elements: Cohen and Welling, 2016.) A layer costs what an ordinary one of 2 channels costs and has half the weights.
Members never mix: they share an operation, not a weight.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d


def lift(
    even: Float[Tensor, "batch even nodes"], odd: Float[Tensor, "batch odd nodes"], members: int
) -> Float[Tensor, "batch members 2 channels nodes"]:
    """The two streams of even and odd fields, (even, odd) and (even, -odd), the same for each member."""
    streams = torch.stack([torch.cat([even, odd], 1), torch.cat([even, -odd], 1)], 1)
    return streams[:, None].expand(-1, members, -1, -1, -1)


class _Mirrored(nn.Module):
    """Weights between two streams: `same` within a stream, `cross` from one to the other, and a bias; one set a member.

    The full matrix made of them is kept while they cannot change unnoticed: when no gradient is asked of them.
    """

    def __init__(self, members: int, shape: tuple[int, ...], fan_in: int, gain: float) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / (2 * fan_in))
        self.members = members
        self.same = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, shape[0]))
        self._kept: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    def full(self) -> tuple[Tensor, Tensor]:
        """Weight (members, 2 out, 2 in, ...) and bias (members, 2 out) of the equivalent ordinary layers."""
        if self.same.requires_grad:
            return self._assembled()
        tensors = (self.same, self.cross, self.bias)
        state = tuple(number for tensor in tensors for number in (tensor.data_ptr(), tensor._version))
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, *self._assembled())
        return self._kept[1:]

    def _assembled(self) -> tuple[Tensor, Tensor]:
        upper = torch.cat([self.same, self.cross], 2)
        lower = torch.cat([self._reversed(self.cross), self._reversed(self.same)], 2)
        return torch.cat([upper, lower], 1), self.bias.repeat(1, 2)

    def _reversed(self, weight: Tensor) -> Tensor:
        return weight

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


class MirrorConv1d(_Mirrored):
    """Convolution around the closed contour, `size` odd with stride 1, or `size` equal to `stride`.

    channels_in, channels_out: channels of one stream.
    """

    def __init__(
        self, channels_in: int, channels_out: int, size: int, *, members: int = 1, stride: int = 1, gain: float = 1.0
    ) -> None:
        if not (stride == size or (stride == 1 and size % 2 == 1)):
            raise ValueError(
                f"a symmetric convolution needs an odd size, or a stride equal to it; got {size}, {stride}"
            )
        super().__init__(members, (channels_out, channels_in, size), channels_in * size, gain)
        self.stride, self.reach = stride, (size // 2 if stride == 1 else 0)

    def forward(self, streams: Float[Tensor, "batch members 2 channels nodes"]) -> Tensor:
        weight, bias = self.full()
        flat = streams.flatten(1, 3)
        if self.reach:
            flat = torch.cat([flat[..., -self.reach :], flat, flat[..., : self.reach]], 2)
        result = conv1d(flat, weight.flatten(0, 1), bias.flatten(), stride=self.stride, groups=self.members)
        return result.unflatten(1, (self.members, 2, -1))

    def _reversed(self, weight: Tensor) -> Tensor:
        return weight.flip(3)


class MirrorLinear(_Mirrored):
    """Linear map of the case features of two streams that commutes with swapping them."""

    def __init__(self, features_in: int, features_out: int, *, members: int = 1, gain: float = 1.0) -> None:
        super().__init__(members, (features_out, features_in), features_in, gain)

    def forward(self, streams: Float[Tensor, "batch members 2 features"]) -> Tensor:
        weight, bias = self.full()
        result = torch.baddbmm(bias[:, None], streams.flatten(2).transpose(0, 1), weight.transpose(1, 2))
        return result.transpose(0, 1).unflatten(2, (2, -1))
