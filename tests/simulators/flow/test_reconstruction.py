"""Face values: exact for what the scheme must be exact for, bounded at shocks."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.flow.reconstruction import face_states

Prove = Callable[..., None]


@pytest.mark.parametrize("dim", [2, 3])
def test_a_parabola_is_met_exactly(dim: int, prove: Prove) -> None:
    """From averages over cells to the value at the face, with kappa = 1/3: third order."""
    edges = torch.linspace(-1, 1, 12, dtype=torch.float64)

    def integral(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([c * x + b * x**2 / 2 + a * x**3 / 3 for a, b, c in ((1, 2, 3), (-1, 0, 5), (2, 1, 4))])

    means = (integral(edges).diff(dim=1) / edges.diff())[None]
    cells = torch.stack((means[:, 0], means[:, 1], means[:, 2], means[:, 2]), 1)[:, :, None].expand(-1, -1, 3, -1)
    exact = torch.stack([a * edges**2 + b * edges + c for a, b, c in ((1, 2, 3), (-1, 0, 5), (2, 1, 4))])[:, 2:-2]
    left, right = face_states(cells if dim == 3 else cells.mT, dim, limited=False)
    worst = max(float(((side if dim == 3 else side.mT)[0, :3, 0] - exact).abs().max()) for side in (left, right))
    prove("face values of a parabola from its averages over cells: largest error", worst, at_most=1e-14)


def test_at_a_shock_no_value_leaves_the_range_of_its_neighbours() -> None:
    step = torch.tensor([1.0, 1, 1, 1, 2.5, 2.5, 2.5, 2.5], dtype=torch.float64).expand(1, 4, 1, -1)
    left, right = face_states(step, 3, limited=True)
    assert min(left.min(), right.min()) >= 1 - 1e-15
    assert max(left.max(), right.max()) <= 2.5 + 1e-15
    free, _ = face_states(step, 3, limited=False)
    assert free.max() > 2.6


def test_smooth_flow_is_not_limited() -> None:
    """A pressure coefficient that changes by 0.3 over eight cells: the second differences stay under the sensor."""
    x = torch.linspace(0, 3.14, 12, dtype=torch.float64)
    smooth = (1 + 0.1 * x.cos()).expand(1, 4, 1, -1)
    for free, limited in zip(face_states(smooth, 3, False), face_states(smooth, 3, True), strict=True):
        torch.testing.assert_close(free, limited, rtol=0, atol=0)
