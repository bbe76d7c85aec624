"""Layers that are exactly symmetric under mirroring the airfoil, for one network or for several side by side.

A signal is held as (members, batch, nodes, 2 channels): for each member of an ensemble and at each node of the case as
asked, the channels of the case as asked and then those of its mirror image: two streams. Mirroring the case swaps the
streams and reverses the nodes, and every layer here commutes with that, to the rounding of the sums. (A group
convolution over the group of two elements: Cohen and Welling, 2016.) A layer costs what an ordinary one of 2 channels
costs and has half the weights. Members never mix: they share an operation, not a weight.

Channels lie side by side in memory, so that a convolution is one matrix product with the channels of each node and its
neighbours: several times as fast as a convolution proper on so few nodes.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx


def lift(
    even: Float[Tensor, "*rows even"], odd: Float[Tensor, "*rows odd"], members: int
) -> Float[Tensor, "members *rows channels"]:
    """The two streams of even and odd values, (even, odd) and (even, -odd), the same for each member."""
    return torch.cat([even, odd, even, -odd], -1).expand(members, *[-1] * even.ndim)


class _Mirrored(nn.Module):
    """Weights between two streams: `same` within a stream, `cross` from one to the other, and a bias; one set a member.

    The matrix made of them is kept while they cannot change unnoticed: when no gradient is asked of them.
    """

    def __init__(self, members: int, shape: tuple[int, ...], fan_in: int, gain: float) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / (2 * fan_in))
        self.members = members
        self.same = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, shape[0]))
        self._kept: tuple[tuple[int, ...], Tensor, Tensor, Tensor] | None = None

    def around(self, streams: Float[Tensor, "members batch nodes inputs"], reach: int) -> Tensor:
        """The equivalent ordinary layers, applied to each node and its neighbours up to `reach` on either side."""
        return _Product.apply(streams, *self._matrices(reach), reach)

    def _matrices(self, reach: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Matrix, bias and, where they are kept, the matrix of the gradient to the signal (`_reversed`)."""
        if self.same.requires_grad:
            return *self.matrix_and_bias(), None
        tensors = (self.same, self.cross, self.bias)
        state = tuple(number for tensor in tensors for number in (tensor.data_ptr(), tensor._version))
        if self._kept is None or self._kept[0] != state:
            matrix, bias = self.matrix_and_bias()
            self._kept = (state, matrix, bias, _reversed(matrix, reach))
        return self._kept[1:]

    def matrix_and_bias(self) -> tuple[Tensor, Tensor]:
        """Matrix (members, outputs, inputs) and bias (members, 1, outputs) of the equivalent ordinary layers.

        The image reads the nodes in the reverse order; inputs are sorted by node, stream, channel.
        """
        same, cross = (weight.reshape(*weight.shape[:3], -1) for weight in (self.same, self.cross))
        upper, lower = torch.cat([same, cross], 2), torch.cat([cross, same], 2)
        weight = torch.cat([upper, lower.flip(3)], 1)
        return weight.transpose(2, 3).flatten(2), self.bias.repeat(1, 2)[:, None]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


class MirrorStem(_Mirrored):
    """Convolution from even and odd fields to two streams, `size` odd.

    The two streams of the input differ in the sign of the odd fields only, so each field is read once, and the members
    read them together.

    even, odd: how many fields of each kind. channels: of one stream.
    """

    def __init__(self, even: int, odd: int, channels: int, size: int, *, members: int = 1) -> None:
        super().__init__(members, (channels, even + odd, size), (even + odd) * size, 1.0)
        self.even, self.fields, self.reach = even, even + odd, size // 2

    def forward(self, even: Float[Tensor, "batch even nodes"], odd: Float[Tensor, "batch odd nodes"]) -> Tensor:
        fields = torch.cat([even, odd], 1).transpose(1, 2).contiguous()[None]
        result = self.around(fields, self.reach)
        return result[0].unflatten(2, (self.members, -1)).permute(2, 0, 1, 3)

    def matrix_and_bias(self) -> tuple[Tensor, Tensor]:
        matrix, bias = super().matrix_and_bias()
        own, image = matrix.unflatten(2, (-1, 2, self.fields)).unbind(3)
        sign = own.new_ones(self.fields)
        sign[self.even :] = -1
        return (own + sign * image).flatten(2).flatten(0, 1)[None], bias.flatten()[None, None]


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

    def forward(self, streams: Float[Tensor, "members batch nodes channels_in"]) -> Tensor:
        members, batch, nodes, _ = streams.shape
        return self.around(streams.reshape(members, batch, nodes // self.stride, -1), self.reach)


class MirrorGrow(_Mirrored):
    """Linear map at each node, its answer given to two new nodes in the place of each.

    channels_in, channels_out: channels of one stream.
    """

    def __init__(self, channels_in: int, channels_out: int, *, members: int = 1) -> None:
        super().__init__(members, (channels_out, channels_in, 1), channels_in, 1.0)

    def forward(self, streams: Float[Tensor, "members batch nodes channels_in"]) -> Tensor:
        members, batch, nodes, _ = streams.shape
        return self.around(streams, 0).view(members, batch, 2 * nodes, -1)

    def matrix_and_bias(self) -> tuple[Tensor, Tensor]:
        matrix, bias = super().matrix_and_bias()
        return matrix.repeat(1, 2, 1), bias.repeat(1, 1, 2)


class MirrorSum(_Mirrored):
    """Linear map at each node to even fields: the sum of what the two streams say.

    channels: of one stream.
    """

    def __init__(self, channels: int, fields: int, *, members: int = 1, gain: float = 1.0) -> None:
        super().__init__(members, (fields, channels, 1), channels, gain)

    def forward(self, streams: Float[Tensor, "members batch nodes channels"]) -> Tensor:
        return self.around(streams, 0)

    def matrix_and_bias(self) -> tuple[Tensor, Tensor]:
        matrix, bias = super().matrix_and_bias()
        return matrix.unflatten(1, (2, -1)).sum(1), bias.unflatten(2, (2, -1)).sum(2)


class MirrorLinear(_Mirrored):
    """Linear map of the case features of two streams that commutes with swapping them."""

    def __init__(self, features_in: int, features_out: int, *, members: int = 1, gain: float = 1.0) -> None:
        super().__init__(members, (features_out, features_in), features_in, gain)

    def forward(self, streams: Float[Tensor, "members batch features_in"]) -> Tensor:
        return self.around(streams[:, :, None], 0)[:, :, 0]


class _Product(torch.autograd.Function):
    """Convolution around the closed contour as one product of each node's window with a matrix.

    Written out for its gradients: the one to the signal is such a convolution too, with the reversed kernel, which
    moves less memory than a sum of shifted parts, and the one to the matrix is formed in the faster of two orders.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        streams: Float[Tensor, "members batch nodes inputs"],
        matrix: Float[Tensor, "members outputs window"],
        bias: Float[Tensor, "members 1 outputs"],
        back: Float[Tensor, "members outputs_window inputs"] | None,
        reach: int,
    ) -> Float[Tensor, "members batch nodes outputs"]:
        dtype = _dtype_of_products(streams)
        windows = _windows(streams.to(dtype), reach)
        result = torch.baddbmm(bias.to(dtype), windows, matrix.to(dtype).transpose(1, 2))
        ctx.save_for_backward(windows, matrix, back)  # type: ignore[arg-type]  # None may be saved
        ctx.shape, ctx.reach = streams.shape, reach  # type: ignore[attr-defined]  # a context takes any name
        return result.view(*streams.shape[:3], -1)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        windows, matrix, back = ctx.saved_tensors  # type: ignore[attr-defined]
        shape, reach = ctx.shape, ctx.reach  # type: ignore[attr-defined]
        to_streams = to_matrix = to_bias = None
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            back = _reversed(matrix, reach) if back is None else back
            to_streams = (_windows(gradient, reach) @ back.to(gradient.dtype)).view(shape)
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            rows = gradient.flatten(1, 2)
            to_matrix = (rows.transpose(1, 2) @ windows).to(matrix.dtype)
            to_bias = rows.sum(1, keepdim=True).to(matrix.dtype)
        return to_streams, to_matrix, to_bias, None, None


def _reversed(matrix: Float[Tensor, "members outputs window"], reach: int) -> Float[Tensor, "members taps inputs"]:
    """The matrix that carries gradients from windows of the answer back to the signal."""
    return matrix.unflatten(2, (2 * reach + 1, -1)).flip(2).transpose(1, 2).flatten(1, 2)


def _dtype_of_products(values: Tensor) -> torch.dtype:
    """That of mixed precision where it is switched on."""
    device = values.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else values.dtype


def _windows(
    streams: Float[Tensor, "members batch nodes channels"], reach: int
) -> Float[Tensor, "members rows window"]:
    """The channels of each node and of its neighbours up to `reach` on either side, around the closed contour."""
    if reach == 0:
        return streams.flatten(1, 2)
    around = torch.cat([streams[:, :, -reach:], streams, streams[:, :, :reach]], 2)
    windows = around.unfold(2, 2 * reach + 1, 1).transpose(3, 4)  # neighbours are neighbours in memory: still a view
    return windows.flatten(3).flatten(1, 2).contiguous()  # one case alone would still be a view, slow to multiply
