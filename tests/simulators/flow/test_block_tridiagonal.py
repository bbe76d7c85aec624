"""Cyclic reduction against dense solves."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.flow.block_tridiagonal import BlockTridiagonal, inverses

Prove = Callable[..., None]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 13, 16, 33])
def test_lines_are_solved_exactly(length: int, size: int, prove: Prove) -> None:
    random = torch.Generator().manual_seed(length)
    lower, diagonal, upper = torch.rand((3, 5, length, size, size), generator=random, dtype=torch.float64) - 0.5
    diagonal = diagonal + 2 * size * torch.eye(size, dtype=torch.float64)
    right = torch.rand((5, length, size), generator=random, dtype=torch.float64)
    dense = torch.zeros((5, length, length, size, size), dtype=torch.float64)
    for k in range(length):
        dense[:, k, k] = diagonal[:, k]
        if k > 0:
            dense[:, k, k - 1], dense[:, k - 1, k] = lower[:, k], upper[:, k - 1]
    matrix = dense.transpose(2, 3).reshape(5, length * size, length * size)
    exact = torch.linalg.solve(matrix, right.flatten(1)).view_as(right)
    blocks = (part.permute(2, 3, 1, 0)[None] for part in (lower, diagonal, upper))
    found = BlockTridiagonal.of(*blocks).solve(right.permute(2, 1, 0)[None])[0].permute(2, 1, 0)
    error = float((found - exact).abs().max())
    prove("cyclic reduction against dense solves, lengths 1 to 33: largest error", error, at_most=1e-13)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_small_inverses(size: int) -> None:
    blocks = torch.rand((6, size, size), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    blocks = blocks + size * torch.eye(size, dtype=torch.float64)
    torch.testing.assert_close(
        inverses(blocks.permute(1, 2, 0)[None])[0].permute(2, 0, 1), torch.linalg.inv(blocks), rtol=1e-12, atol=1e-13
    )
