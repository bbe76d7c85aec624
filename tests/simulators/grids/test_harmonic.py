import math

import pytest
import torch

from understudy.simulators.grids.harmonic import Rectangle
from understudy.simulators.grids.unfolding import Ellipse, Parabola


def _levels(count: int, top: float) -> torch.Tensor:
    return top * torch.expm1(torch.linspace(0, 4, count, dtype=torch.float64)) / math.expm1(4)


def test_the_harmonic_map_converges_at_second_order_to_a_decaying_wave() -> None:
    errors = []
    for count in (33, 65, 129):
        phi = torch.linspace(0, 2 * math.pi, count, dtype=torch.float64)[None]
        levels = _levels(count, 6.0)
        wave = 0.1 * torch.exp(1j * phi)
        found = Rectangle.above(levels, closed=True).harmonic(phi, phi + wave)
        exact = torch.complex(phi[..., None].expand(found.shape).clone(), levels.expand(found.shape).clone())
        # The top is level instead of decaying: cosh instead of exp.
        decay = torch.cosh(levels - levels[-1]) / torch.cosh(levels[-1])
        errors.append((found - exact - wave[..., None] * decay).abs().max().item())
    assert errors[-1] < 1e-4
    assert math.log2(errors[0] / errors[2]) / 2 > 1.7


@pytest.mark.parametrize("closed", [False, True])
def test_the_map_above_a_wavy_line_is_conformal(closed: bool) -> None:
    ends = 2 * math.pi if closed else 8.0
    start = 0.0 if closed else -8.0
    x = torch.linspace(start, ends, 201, dtype=torch.float64)
    height = 0.2 * torch.cos(x) if closed else 0.3 * torch.exp(-x * x)
    line = torch.complex(x, height)[None]
    phi, mapped = Rectangle.above(_levels(101, 6.0), closed=closed).conformal(line)
    assert (phi.diff(dim=1) > 0).all()
    assert torch.equal(mapped[..., 0], line)
    along, away = mapped[:, 2:, 1:-1] - mapped[:, :-2, 1:-1], mapped[:, 1:-1, 2:] - mapped[:, 1:-1, :-2]
    lean = torch.rad2deg(torch.angle(away / along)) - 90
    assert lean.abs().max() < 0.5


def test_unfolding_is_undone_by_folding() -> None:
    angle = torch.linspace(0, 2 * math.pi, 101, dtype=torch.float64)
    z = torch.complex(0.5 + 0.5 * torch.cos(angle), -0.05 * torch.sin(angle) - 0.1 * torch.sin(angle / 2) ** 2)[None]
    focus, tail = torch.tensor([0.01 - 0.1j]), torch.tensor([0.99 + 0j])
    for plane in (Parabola(focus.to(z)), Ellipse((0.5 * (focus + tail)).to(z), (0.5 * (tail - focus)).to(z))):
        w = plane.unfold(z)
        torch.testing.assert_close(plane.fold(w), z)
        assert (w.real.diff(dim=1) > 0).all()
        assert w.diff(dim=1).abs().max() < 0.5
