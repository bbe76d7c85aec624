"""Layers that are exactly symmetric under mirroring the airfoil, for one network or for several side by side.

A network reads the case as asked and its mirror image with the same weights, as two streams. Mirroring the case swaps
them and reverses the nodes, and every layer here commutes with that, to the rounding of the sums. (A group convolution
over the group of two elements: Cohen and Welling, 2016.)

A signal is held as its even and its odd part, the half sum and the half difference of the streams: (members, 2, batch,
nodes, channels). Mirroring changes the sign of the odd part and reverses the nodes. So a symmetric linear layer takes
sums over opposite neighbours to the same part and differences between them to the other one: half the products that the
streams would take. What is not linear is done with the streams. Members never mix: they share an operation, not a
weight.

Channels lie side by side in memory, so that a convolution is a few matrix products: several times as fast as a
convolution proper on so few nodes.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import pad, silu


def parts_of_fields(even: Float[Tensor, "*rows even"], odd: Float[Tensor, "*rows odd"]) -> Tensor:
    """Even and odd values as a signal (2, *rows, even + odd): the others are zero in either part."""
    return torch.stack([pad(even, (0, odd.shape[-1])), pad(odd, (even.shape[-1], 0))])


def streams_of(parts: Float[Tensor, "members 2 *rows"]) -> Float[Tensor, "members 2 *rows"]:
    """The case as asked and its mirror image: the sum and the difference of the parts."""
    even, odd = parts.unbind(1)
    return torch.stack([even + odd, even - odd], 1)


def parts_of(streams: Float[Tensor, "members 2 *rows"]) -> Float[Tensor, "members 2 *rows"]:
    """Even and odd part of two streams, the inverse of `streams_of`."""
    return 0.5 * streams_of(streams)


def mirror_silu(parts: Float[Tensor, "members 2 *rows"]) -> Float[Tensor, "members 2 *rows"]:
    """SiLU of the streams."""
    return parts_of(silu(streams_of(parts)))


class _Mirrored(nn.Module):
    """Weights between two streams: `same` within a stream, `cross` from one to the other, and a bias; one set a member.

    What is made of them is kept while they cannot change unnoticed: when no gradient is asked of them.
    """

    def __init__(self, members: int, shape: tuple[int, ...], fan_in: int, gain: float) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / (2 * fan_in))
        self.members = members
        self.same = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.cross = nn.Parameter(torch.empty(members, *shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, shape[0]))
        self._kept: tuple[tuple[int, ...], Tensor, Tensor, Tensor] | None = None

    def around(self, parts: Float[Tensor, "members parts batch nodes inputs"], reach: int) -> Tensor:
        """The layer applied to each node and its neighbours up to `reach` on either side."""
        return _Product.apply(parts, *self._matrices(), reach)

    def _matrices(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Matrices, bias and, where they are kept, the matrices of the gradient to the signal (`_reversed`)."""
        if self.same.requires_grad:
            return *self.matrices_and_bias(), None
        tensors = (self.same, self.cross, self.bias)
        state = tuple(number for tensor in tensors for number in (tensor.data_ptr(), tensor._version))
        if self._kept is None or self._kept[0] != state:
            matrices, bias = self.matrices_and_bias()
            self._kept = (state, matrices, bias, _reversed(matrices))
        return self._kept[1:]

    def matrices_and_bias(self) -> tuple[Tensor, Tensor]:
        """Matrices (terms, members, 2, inputs, outputs), one for each of `_terms`, and bias (members, 2, 1, outputs).

        The image reads the nodes in the reverse order.
        """
        same, cross = (weight.reshape(*weight.shape[:3], -1) for weight in (self.same, self.cross))
        size = same.shape[3]
        matrices = []
        if size % 2:
            own, other = same[..., size // 2], cross[..., size // 2]
            matrices.append(torch.stack([own + other, own - other], 1))
        for before, after in _opposite(size):
            own, other = (0.5 * (weight[..., after] + weight[..., before]) for weight in (same, cross))
            matrices.append(torch.stack([own + other, own - other], 1))
            own, other = (0.5 * (weight[..., after] - weight[..., before]) for weight in (same, cross))
            matrices.append(torch.stack([own - other, own + other], 1))
        bias = torch.stack([self.bias, torch.zeros_like(self.bias)], 1)
        return torch.stack(matrices).transpose(3, 4).contiguous(), bias[:, :, None]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


class MirrorStem(_Mirrored):
    """Convolution from even and odd fields to a signal, `size` odd; the members read the fields together.

    even, odd: how many fields of each kind. channels: of one stream.
    """

    def __init__(self, even: int, odd: int, channels: int, size: int, *, members: int = 1) -> None:
        super().__init__(members, (channels, even + odd, size), (even + odd) * size, 1.0)
        self.reach = size // 2

    def forward(self, even: Float[Tensor, "batch even nodes"], odd: Float[Tensor, "batch odd nodes"]) -> Tensor:
        fields = parts_of_fields(even.transpose(1, 2), odd.transpose(1, 2))
        result = self.around(fields[None], self.reach)
        return result[0].unflatten(3, (self.members, -1)).permute(3, 0, 1, 2, 4)

    def matrices_and_bias(self) -> tuple[Tensor, Tensor]:
        """Those of all members side by side, as of one member with the channels of all."""
        matrices, bias = super().matrices_and_bias()
        return matrices.permute(0, 2, 3, 1, 4).flatten(3)[:, None].contiguous(), bias.permute(1, 2, 0, 3).flatten(2)[
            None
        ]


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

    def forward(self, parts: Float[Tensor, "members 2 batch nodes channels_in"]) -> Tensor:
        if self.stride == 1:
            return self.around(parts, self.reach)
        blocks = parts.unflatten(3, (-1, self.stride)).unbind(4)
        centre = [blocks[self.stride // 2]] if self.stride % 2 else []
        pairs = [(blocks[before], blocks[after]) for before, after in _opposite(self.stride)]
        sums = [term for before, after in pairs for term in (after + before, (after - before).flip(1))]
        return self.around(torch.cat([*centre, *sums], 4), 0)

    def matrices_and_bias(self) -> tuple[Tensor, Tensor]:
        """With a stride, one matrix for all terms side by side."""
        matrices, bias = super().matrices_and_bias()
        return (matrices if self.stride == 1 else matrices.permute(1, 2, 0, 3, 4).flatten(2, 3)[None]), bias


class MirrorGrow(_Mirrored):
    """Linear map at each node, its answer added at the two nodes of a finer signal that take its place.

    channels_in, channels_out: channels of one stream.
    """

    def __init__(self, channels_in: int, channels_out: int, *, members: int = 1) -> None:
        super().__init__(members, (channels_out, channels_in, 1), channels_in, 1.0)

    def forward(self, parts: Float[Tensor, "members 2 batch nodes channels_in"], finer: Tensor) -> Tensor:
        grown = self.around(parts, 0)
        return (finer.unflatten(3, (-1, 2)) + grown[:, :, :, :, None]).flatten(3, 4)


class MirrorSum(_Mirrored):
    """Linear map at each node to even fields: the sum of what the two streams say.

    channels: of one stream.
    """

    def __init__(self, channels: int, fields: int, *, members: int = 1, gain: float = 1.0) -> None:
        super().__init__(members, (fields, channels, 1), channels, gain)

    def forward(self, parts: Float[Tensor, "members 2 batch nodes channels"]) -> Tensor:
        return self.around(parts[:, :1], 0)[:, 0]

    def matrices_and_bias(self) -> tuple[Tensor, Tensor]:
        """Twice the even part is the sum of the streams."""
        matrices, bias = super().matrices_and_bias()
        return 2 * matrices[:, :, :1], 2 * bias[:, :1]


class MirrorLinear(_Mirrored):
    """Linear map of the features of a case that commutes with swapping the streams."""

    def __init__(self, features_in: int, features_out: int, *, members: int = 1, gain: float = 1.0) -> None:
        super().__init__(members, (features_out, features_in), features_in, gain)

    def forward(self, parts: Float[Tensor, "members 2 batch features_in"]) -> Tensor:
        return self.around(parts[:, :, :, None], 0)[:, :, :, 0]


class _Product(torch.autograd.Function):
    """Convolution around the closed contour as one product for each of `_terms`.

    Written out for its gradients: the one to the signal is such a convolution too, and the terms are made again rather
    than kept.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        parts: Float[Tensor, "members parts batch nodes inputs"],
        matrices: Float[Tensor, "terms members parts inputs outputs"],
        bias: Float[Tensor, "members parts 1 outputs"],
        back: Float[Tensor, "terms members parts outputs inputs"] | None,
        reach: int,
    ) -> Float[Tensor, "members parts batch nodes outputs"]:
        dtype = _dtype_of_products(parts)
        ctx.save_for_backward(parts, matrices, back)  # type: ignore[arg-type]  # None may be saved
        ctx.reach = reach  # type: ignore[attr-defined]  # a context takes any name
        return _product(parts.to(dtype), matrices.to(dtype), reach, bias.to(dtype))

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        parts, matrices, back = ctx.saved_tensors  # type: ignore[attr-defined]
        reach = ctx.reach  # type: ignore[attr-defined]
        to_parts = to_matrices = to_bias = None
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            back = _reversed(matrices) if back is None else back
            to_parts = _product(gradient, back.to(gradient.dtype), reach).to(parts.dtype)
        if ctx.needs_input_grad[1]:  # type: ignore[attr-defined]
            by_rows = _by_rows(gradient)
            terms = _terms(parts.to(gradient.dtype), reach)
            products = torch.stack([_by_rows(term).transpose(1, 2) @ by_rows for term in terms])
            to_matrices = products.view(matrices.shape).to(matrices.dtype)
            to_bias = gradient.sum((2, 3))[:, :, None].to(matrices.dtype)
        return to_parts, to_matrices, to_bias, None, None


def _product(parts: Tensor, matrices: Tensor, reach: int, bias: Tensor | None = None) -> Tensor:
    """The sum of the products of terms and matrices."""
    (first, *rest) = (_by_rows(term) for term in _terms(parts, reach))
    (matrix, *others) = matrices.flatten(1, 2)
    result = first @ matrix if bias is None else torch.baddbmm(bias.flatten(0, 1), first, matrix)
    for term, matrix in zip(rest, others, strict=True):
        result.baddbmm_(term, matrix)
    return result.view(*parts.shape[:4], -1)


def _terms(parts: Float[Tensor, "members parts batch nodes channels"], reach: int) -> Iterator[Tensor]:
    """What a symmetric layer multiplies by weights: each node, then for each distance up to `reach` what lies there.

    Of the two neighbours at a distance, the sum stays in its part, and the difference, the next less the last, goes to
    the other part.
    """
    yield parts
    if reach == 0:
        return
    nodes = parts.shape[3]
    around = torch.cat([parts.narrow(3, nodes - reach, reach), parts, parts.narrow(3, 0, reach)], 3)
    for before, after in _opposite(2 * reach + 1):
        last, following = around.narrow(3, before, nodes), around.narrow(3, after, nodes)
        yield following + last
        difference = torch.empty_like(parts, memory_format=torch.contiguous_format)
        into_even, into_odd = difference.unbind(1)
        (last_even, last_odd), (following_even, following_odd) = last.unbind(1), following.unbind(1)
        torch.sub(following_odd, last_odd, out=into_even)
        torch.sub(following_even, last_even, out=into_odd)
        yield difference


def _opposite(size: int) -> list[tuple[int, int]]:
    """Places in a kernel that mirroring swaps, the inner ones first."""
    return [(before, size - 1 - before) for before in reversed(range(size // 2))]


def _reversed(matrices: Float[Tensor, "terms members parts inputs outputs"]) -> Tensor:
    """The matrices that carry gradients from the answer back to the signal."""
    back = matrices.transpose(3, 4).contiguous()
    back[2::2] = -back[2::2].flip(2)  # the terms that are differences: seen from there, the neighbours change places
    return back


def _by_rows(parts: Float[Tensor, "members parts batch nodes channels"]) -> Float[Tensor, "both rows channels"]:
    members, _, batch, nodes, channels = parts.shape
    return parts.reshape(members * parts.shape[1], batch * nodes, channels)


def _dtype_of_products(values: Tensor) -> torch.dtype:
    """That of mixed precision where it is switched on."""
    device = values.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else values.dtype
