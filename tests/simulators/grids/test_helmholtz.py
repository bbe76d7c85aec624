import math

import pytest
import torch

from understudy.simulators.grids.helmholtz import helmholtz


@pytest.mark.parametrize("closed", [False, True], ids=["level ends", "closed"])
def test_a_wave_is_met_at_second_order(closed: bool) -> None:
    square = torch.tensor([0.3, 7.0], dtype=torch.float64)
    errors = []
    for count in (41, 81, 161):
        even = torch.linspace(0, 2 * math.pi, count, dtype=torch.float64)
        phi = (even + 0.3 * torch.sin(even))[None]  # stretched, and even about both ends
        wave = torch.cos(phi).T[..., None]
        errors.append((helmholtz(phi, square, (square + 1) * wave, closed=closed) - wave).abs().max().item())
    assert math.log2(errors[0] / errors[2]) / 2 == pytest.approx(2, abs=0.1)


def test_ends_that_are_held_keep_their_values() -> None:
    phi = torch.linspace(0, 1, 201, dtype=torch.float64)[None]
    square = torch.tensor([4.0], dtype=torch.float64)
    ends = torch.tensor([1.0, math.exp(-2)], dtype=torch.float64)[:, None, None]
    found = helmholtz(phi, square, torch.zeros(201, 1, 1, dtype=torch.float64), closed=False, ends=ends)
    torch.testing.assert_close(found[:, 0, 0], torch.exp(-2 * phi[0]), rtol=0, atol=2e-6)  # step² / 12 of its size


def test_a_constant_is_kept_whatever_the_square() -> None:
    phi = torch.linspace(0, 1, 21, dtype=torch.float64)[None] ** 2
    square = torch.rand(21, 1, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1
    for closed in (False, True):
        # A closed line has one equation for its first and last node.
        around = torch.cat([square[:-1], square[:1]])
        found = helmholtz(phi, around, 5 * around, closed=closed)
        torch.testing.assert_close(found, torch.full_like(found, 5.0), rtol=1e-11, atol=0)
