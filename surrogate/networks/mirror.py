"""Layers that are exactly symmetric under mirroring the airfoil.

A signal is held as two streams, (batch, 2 channels, nodes): the first half belongs to the case as asked, the second to
its mirror image, both at the node of the case as asked. Mirroring the case swaps the halves and reverses the nodes, and
every layer here commutes with that, to the rounding of the sums. (A group convolution over the group of two elements:
Cohen and Welling, 2016.) A layer costs what an ordinary one of 2 channels costs and has half the weights.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, linear, pad


def lift(even: Float[Tensor, "batch even nodes"], odd: Float[Tensor, "batch odd nodes"]) -> Tensor:
    """The two streams of even and odd fields: (even, odd) and (even, -odd)."""
    return torch.cat([even, odd, even, -odd], dim=1)


def split(streams: Float[Tensor, "batch channels nodes"]) -> tuple[Tensor, Tensor]:
    """The stream of the case and the stream of its mirror image."""
    half = streams.shape[1] // 2
    return streams[:, :half], streams[:, half:]


class MirrorConv1d(nn.Module):
    """Convolution around the closed contour, `size` odd with stride 1, or `size` equal to `stride`.

    channels_in, channels_out: channels of one stream.
    """

    def __init__(self, channels_in: int, channels_out: int, size: int, *, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        if not (stride == size or (stride == 1 and size % 2 == 1)):
            raise ValueError(
                f"a symmetric convolution needs an odd size, or a stride equal to it; got {size}, {stride}"
            )
        bound = gain * math.sqrt(3 / (2 * channels_in * size))
        self.same = nn.Parameter(torch.empty(channels_out, channels_in, size).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(channels_out, channels_in, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.stride, self.reach = stride, (size // 2 if stride == 1 else 0)

    def forward(self, streams: Float[Tensor, "batch channels nodes"]) -> Tensor:
        weight = torch.cat(
            [torch.cat([self.same, self.cross], 1), torch.cat([self.cross.flip(2), self.same.flip(2)], 1)], 0
        )
        if self.reach:
            streams = pad(streams, (self.reach, self.reach), mode="circular")
        return conv1d(streams, weight, self.bias.repeat(2), stride=self.stride)


class MirrorLinear(nn.Module):
    """Linear map of two streams of case features (batch, 2 features) that commutes with swapping them."""

    def __init__(self, features_in: int, features_out: int, *, gain: float = 1.0) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / (2 * features_in))
        self.same = nn.Parameter(torch.empty(features_out, features_in).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(features_out, features_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(features_out))

    def forward(self, streams: Float[Tensor, "batch features"]) -> Tensor:
        weight = torch.cat([torch.cat([self.same, self.cross], 1), torch.cat([self.cross, self.same], 1)], 0)
        return linear(streams, weight, self.bias.repeat(2))
