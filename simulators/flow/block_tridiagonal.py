"""Many block-tridiagonal systems at once by cyclic reduction: the work of all lines in a few wide operations.

Blocks are (batch, size, size, length, lines) and vectors (batch, size, length, lines): products of small matrices are
then sums of long rows, several times faster than a library's products of many small matrices.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

#: Lines of at most so many unknowns are solved by their inverse: halving them further would be many small operations.
SHORT = 6


@dataclass(frozen=True, eq=False)
class _Level:
    """One halving: the odd unknowns are eliminated.

    down: what the odd ones behind and before an even one take from its right-hand side, (batch, size, 2 size, ...).
    up: an odd one from its right-hand side and the even ones before and behind it, (batch, size, 3 size, ...).
    """

    down: Tensor
    up: Tensor


@dataclass(frozen=True, eq=False)
class BlockTridiagonal:
    """Factors of the matrices with blocks `lower`, `diagonal`, `upper`, (batch, size, size, length, lines) each.

    The first of `lower` and the last of `upper` are not read. Source: Buzbee, Golub and Nielson, 1970.
    """

    levels: tuple[_Level, ...]
    last: Tensor

    @staticmethod
    def of(lower: Tensor, diagonal: Tensor, upper: Tensor) -> "BlockTridiagonal":
        levels = []
        while diagonal.shape[3] > SHORT:
            if diagonal.shape[3] % 2 == 1:  # as many odd unknowns as even ones: one that nobody hears of
                lower, diagonal, upper = _extended(lower, diagonal, upper)
            even_lower, even_upper = lower[..., 0::2, :].clone(), upper[..., 0::2, :]
            even_lower[..., 0, :] = 0
            inverse = inverses(diagonal[..., 1::2, :])
            from_before, from_behind = (product(inverse, part[..., 1::2, :]) for part in (lower, upper))
            from_behind[..., -1, :] = 0
            down = torch.cat((product(even_upper, inverse), product(even_lower, inverse.roll(1, 3))), 2)
            levels.append(_Level(down, torch.cat((inverse, -from_before, -from_behind), 2)))
            # the even unknown 2k hears of 2k - 1 (not the first) and of 2k + 1
            diagonal = diagonal[..., 0::2, :] - product(even_upper, from_before)
            diagonal -= product(even_lower, from_behind.roll(1, 3))
            lower, upper = -product(even_lower, from_before.roll(1, 3)), -product(even_upper, from_behind)
        return BlockTridiagonal(tuple(levels), torch.linalg.inv_ex(_dense(lower, diagonal, upper)).inverse)

    def solve(self, right: Float[Tensor, "batch size length lines"]) -> Float[Tensor, "batch size length lines"]:
        """The unknowns for one right-hand side a line."""
        return self._solve(right, 0)

    def _solve(self, right: Tensor, depth: int) -> Tensor:
        size, length = right.shape[1:3]
        if depth == len(self.levels):
            solved = self.last @ right.permute(0, 3, 2, 1).flatten(2)[..., None]
            return solved.view(-1, right.shape[3], length, size).permute(0, 3, 2, 1)
        level = self.levels[depth]
        if length % 2 == 1:
            right = torch.nn.functional.pad(right, (0, 0, 0, 1))
        odd = right[:, :, 1::2]
        even = right[:, :, 0::2] - times(level.down, torch.cat((odd, odd.roll(1, 2)), 1))
        even = self._solve(even, depth + 1)
        odd = times(level.up, torch.cat((odd, even, even.roll(-1, 2)), 1))
        return torch.stack((even, odd), 3).flatten(2, 3)[:, :, :length]


def _dense(lower: Tensor, diagonal: Tensor, upper: Tensor) -> Float[Tensor, "batch lines unknowns unknowns"]:
    """The whole matrices of short lines."""
    batch, size, _, length, lines = diagonal.shape
    dense = diagonal.new_zeros(batch, lines, length, length, size, size)
    for k in range(length):
        dense[:, :, k, k] = diagonal[..., k, :].permute(0, 3, 1, 2)
        if k > 0:
            dense[:, :, k, k - 1] = lower[..., k, :].permute(0, 3, 1, 2)
            dense[:, :, k - 1, k] = upper[..., k - 1, :].permute(0, 3, 1, 2)
    return dense.transpose(3, 4).flatten(4).flatten(2, 3)


def _extended(*blocks: Tensor) -> tuple[Tensor, ...]:
    """One more unknown at the end that stands alone."""
    lower, diagonal, upper = (torch.nn.functional.pad(block, (0, 0, 0, 1)) for block in blocks)
    diagonal.diagonal(dim1=1, dim2=2)[:, -1] = 1
    upper[..., -2, :] = 0
    return lower, diagonal, upper


def times(blocks: Float[Tensor, "batch rows columns *rest"], vectors: Float[Tensor, "batch columns *rest"]) -> Tensor:
    """Products of blocks with vectors, (batch, rows, ...)."""
    if blocks.shape[2] == 1:
        return blocks[:, :, 0] * vectors
    return (blocks * vectors[:, None]).sum(2)


def product(left: Float[Tensor, "batch size middle *rest"], right: Float[Tensor, "batch middle other *rest"]) -> Tensor:
    """Products of blocks with blocks."""
    result = left[:, :, :1] * right[:, None, 0]
    for k in range(1, left.shape[2]):
        result.addcmul_(left[:, :, k : k + 1], right[:, None, k])
    return result


def inverses(blocks: Float[Tensor, "batch size size *rest"]) -> Float[Tensor, "batch size size *rest"]:
    """Inverses of small matrices, 1, 2 or 4 wide, by halves; without pivoting, for blocks with a strong diagonal."""
    size = blocks.shape[1]
    if size == 1:
        return 1 / blocks
    if size == 2:
        (a, b), (c, d) = (row.unbind(1) for row in blocks.unbind(1))
        turned = torch.stack((torch.stack((d, -b), 1), torch.stack((-c, a), 1)), 1)
        return turned / (a * d - b * c)[:, None, None]
    half = size // 2
    first, second = blocks[:, :half, :half], blocks[:, :half, half:]
    third, fourth = blocks[:, half:, :half], blocks[:, half:, half:]
    inverse = inverses(first)
    right = product(inverse, second)
    schur = inverses(fourth - product(third, right))
    left = product(schur, product(third, inverse))
    top = torch.cat((inverse + product(right, left), -product(right, schur)), 2)
    return torch.cat((top, torch.cat((-left, schur), 2)), 1)
