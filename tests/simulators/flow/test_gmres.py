"""GMRES against dense solves, and what it says of itself."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow.gmres import gmres

Prove = Callable[..., None]
UNKNOWNS = 30


@pytest.fixture
def systems() -> tuple[Tensor, Tensor]:
    """Three matrices without symmetry, condition some tens, and right-hand sides of very different size."""
    random = torch.Generator().manual_seed(5)
    matrices = torch.rand((3, UNKNOWNS, UNKNOWNS), generator=random, dtype=torch.float64) - 0.5
    matrices = matrices + 3 * torch.eye(UNKNOWNS, dtype=torch.float64)
    right = torch.rand((3, UNKNOWNS), generator=random, dtype=torch.float64)
    return matrices, right * torch.tensor([1.0, 1e6, 1e-9], dtype=torch.float64)[:, None]


def _times(matrices: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda values: (matrices @ values[..., None])[..., 0]


def test_it_solves_what_a_dense_solver_solves(systems: tuple[Tensor, Tensor], prove: Prove) -> None:
    matrices, right = systems
    diagonal = matrices.diagonal(dim1=1, dim2=2)
    found, _, steps = gmres(_times(matrices), lambda values: values / diagonal, right, steps=UNKNOWNS, tolerance=1e-13)
    exact = torch.linalg.solve(matrices, right)
    error = float(((found - exact).norm(dim=1) / exact.norm(dim=1)).max())
    assert steps <= UNKNOWNS
    prove("GMRES against dense solves, three sizes of right-hand side: relative error", error, at_most=1e-12)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_it_knows_how_much_is_left(systems: tuple[Tensor, Tensor], steps: int) -> None:
    """The share that the rotations tell is that of the true residual, preconditioned or not."""
    matrices, right = systems
    found, left, taken = gmres(_times(matrices), lambda values: values / 3, right, steps=steps, tolerance=0.0)
    true = (right - _times(matrices)(found)).norm(dim=1) / right.norm(dim=1)
    assert taken == steps
    torch.testing.assert_close(left, true, rtol=1e-8, atol=0)


def test_no_residual_needs_no_change() -> None:
    found, left, _ = gmres(_times(torch.eye(4, dtype=torch.float64)[None]), lambda values: values,
                           torch.zeros(1, 4, dtype=torch.float64), steps=3, tolerance=0.1)  # fmt: skip
    assert torch.isfinite(left).all()
    assert (found == 0).all()


def test_a_good_start_saves_steps(systems: tuple[Tensor, Tensor]) -> None:
    """From the solution no step is taken; from near it fewer, and what is left is a share of the whole right side."""
    matrices, right = systems
    exact = torch.linalg.solve(matrices, right)
    kept, left, steps = gmres(_times(matrices), lambda values: values, right, steps=5, tolerance=1e-6, start=exact)
    assert steps == 0
    assert float(left.max()) < 1e-12
    assert torch.equal(kept, exact)
    near, left, steps = gmres(
        _times(matrices), lambda values: values, right, steps=UNKNOWNS, tolerance=1e-6, start=0.999 * exact
    )
    _, _, cold = gmres(_times(matrices), lambda values: values, right, steps=UNKNOWNS, tolerance=1e-6)
    true = (right - _times(matrices)(near)).norm(dim=1) / right.norm(dim=1)
    assert steps < cold
    torch.testing.assert_close(left, true, rtol=1e-6, atol=1e-14)
