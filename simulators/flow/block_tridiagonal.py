"""Many block-tridiagonal systems at once by cyclic reduction: the work of all lines in a few wide operations."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class _Level:
    """One halving: the odd unknowns are eliminated."""

    before: Tensor
    after: Tensor
    inverse: Tensor
    back_before: Tensor
    back_after: Tensor


@dataclass(frozen=True, eq=False)
class BlockTridiagonal:
    """Factors of the matrices with blocks `lower`, `diagonal`, `upper`, (lines, length, size, size) each.

    lower[:, 0] and upper[:, -1] are not read. Source: Buzbee, Golub and Nielson, 1970.
    """

    levels: tuple[_Level, ...]
    last: Tensor

    @staticmethod
    def of(lower: Tensor, diagonal: Tensor, upper: Tensor) -> "BlockTridiagonal":
        levels = []
        while diagonal.shape[1] > 1:
            if diagonal.shape[1] % 2 == 1:  # as many odd unknowns as even ones: one that nobody hears of
                lower, diagonal, upper = _extended(lower, diagonal, upper)
            inverse = inverses(diagonal[:, 1::2])
            back_before, back_after = inverse @ lower[:, 1::2], inverse @ upper[:, 1::2]
            back_after[:, -1] = 0
            before, after = lower[:, 2::2] @ inverse[:, :-1], upper[:, 0::2] @ inverse
            levels.append(_Level(before, after, inverse, back_before, back_after))
            # the even unknown 2k hears of 2k - 1 (not the first) and of 2k + 1
            diagonal = diagonal[:, 0::2] - upper[:, 0::2] @ back_before
            diagonal[:, 1:] -= lower[:, 2::2] @ back_after[:, :-1]
            new_lower = torch.zeros_like(diagonal)
            new_lower[:, 1:] = -lower[:, 2::2] @ back_before[:, :-1]
            upper = -upper[:, 0::2] @ back_after
            lower = new_lower
        return BlockTridiagonal(tuple(levels), inverses(diagonal))

    def solve(self, right: Float[Tensor, "lines length size"]) -> Float[Tensor, "lines length size"]:
        """The unknowns for one right-hand side a line."""
        return self._solve(right[..., None], 0)[..., 0]

    def _solve(self, right: Tensor, depth: int) -> Tensor:
        if depth == len(self.levels):
            return self.last @ right
        level = self.levels[depth]
        length = right.shape[1]
        if length % 2 == 1:
            right = torch.nn.functional.pad(right, (0, 0, 0, 0, 0, 1))
        odd = right[:, 1::2]
        even = right[:, 0::2] - level.after @ odd
        even[:, 1:] -= level.before @ odd[:, :-1]
        even = self._solve(even, depth + 1)
        odd = level.inverse @ odd - level.back_before @ even
        odd[:, :-1] -= level.back_after[:, :-1] @ even[:, 1:]
        return torch.stack((even, odd), 2).flatten(1, 2)[:, :length]


def _extended(*blocks: Tensor) -> tuple[Tensor, ...]:
    """One more unknown at the end that stands alone."""
    lower, diagonal, upper = (torch.nn.functional.pad(block, (0, 0, 0, 0, 0, 1)) for block in blocks)
    diagonal[:, -1] = torch.eye(diagonal.shape[-1], dtype=diagonal.dtype, device=diagonal.device)
    upper[:, -2] = 0
    return lower, diagonal, upper


def inverses(blocks: Float[Tensor, "*rows size size"]) -> Float[Tensor, "*rows size size"]:
    """Inverses of small matrices, 1, 2 or 4 wide, by halves; without pivoting, for blocks with a strong diagonal."""
    size = blocks.shape[-1]
    if size == 1:
        return 1 / blocks
    if size == 2:
        (a, b), (c, d) = (row.unbind(-1) for row in blocks.unbind(-2))
        return torch.stack((d, -b, -c, a), -1).unflatten(-1, (2, 2)) / (a * d - b * c)[..., None, None]
    half = size // 2
    first, second = blocks[..., :half, :half], blocks[..., :half, half:]
    third, fourth = blocks[..., half:, :half], blocks[..., half:, half:]
    inverse = inverses(first)
    right = inverse @ second
    schur = inverses(fourth - third @ right)
    left = schur @ (third @ inverse)
    top = torch.cat((inverse + right @ left, -right @ schur), -1)
    return torch.cat((top, torch.cat((-left, schur), -1)), -2)
