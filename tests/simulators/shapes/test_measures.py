import math
from collections.abc import Callable

import pytest
import torch

from understudy.simulators.shapes import Kulfan, measures, naca, panel


def _ellipse(points: int, aspect: float) -> torch.Tensor:
    angle = torch.linspace(0, 2 * math.pi, points, dtype=torch.float64)
    contour = torch.stack([0.5 + 0.5 * torch.cos(angle), 0.5 * aspect * torch.sin(angle)], dim=-1)
    contour[-1] = contour[0]
    return contour[None]


def _y_t(x: float, t: float) -> float:
    return t / 0.2 * (0.2969 * math.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1015 * x**4)


@pytest.mark.parametrize("t", [0.06, 0.12, 0.21])
def test_naca_four_digit_closed_forms(t: float) -> None:
    contour = panel(naca(f"00{round(100 * t):02d}", 200)[None])
    value, at = measures.max_thickness(contour)
    assert value.item() == pytest.approx(2 * _y_t(0.29983, t), rel=5e-6)  # parabola over 0.04 rad
    assert at.item() == pytest.approx(0.29983, abs=2e-4)
    for x in (0.01, 0.33, 0.9):
        assert measures.thickness(contour, x).item() == pytest.approx(2 * _y_t(x, t), abs=3e-6)
    enclosed = 2 * t / 0.2 * (0.2969 / 1.5 - 0.1260 / 2 - 0.3516 / 3 + 0.2843 / 4 - 0.1015 / 5)
    assert measures.area(contour).item() == pytest.approx(enclosed, rel=1e-5)
    assert measures.leading_edge_radius(contour).item() == pytest.approx(1.1019 * t * t, rel=0.02)
    edge = 2 * math.degrees(math.atan(t / 0.2 * (0.2969 / 2 - 0.1260 - 2 * 0.3516 + 3 * 0.2843 - 4 * 0.1015)))
    assert measures.trailing_edge_angle(contour).item() == pytest.approx(-edge, rel=1e-3)
    assert measures.trailing_edge_gap(contour).item() == pytest.approx(0.021 * t)
    assert measures.max_camber(contour)[0].item() == pytest.approx(0, abs=1e-12)


def test_camber_of_a_thin_section_is_that_of_its_mean_line() -> None:
    contour = panel(naca("6401", 400)[None], 400)
    value, at = measures.max_camber(contour)
    assert value.item() == pytest.approx(0.06, abs=2e-5)
    assert at.item() == pytest.approx(0.4, abs=5e-3)  # the curvature of the mean line jumps there
    assert measures.camber(contour, 0.2).item() == pytest.approx(0.06 / 0.16 * (0.16 - 0.04), abs=2e-5)


def test_camber_keeps_its_sign_when_the_section_is_mirrored() -> None:
    contour = panel(naca("4412")[None])
    mirrored = contour.flip(1) * torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(measures.max_camber(mirrored)[0], -measures.max_camber(contour)[0], rtol=1e-9, atol=0)
    for measure in (measures.area, measures.leading_edge_radius, measures.trailing_edge_angle, measures.wiggliness):
        torch.testing.assert_close(measure(mirrored), measure(contour), rtol=1e-6, atol=0)


def test_radius_of_an_ellipse_converges_at_second_order() -> None:
    aspect = 0.4
    errors = []
    for points in (40, 80, 160):
        radius = measures.leading_edge_radius(_ellipse(points, aspect)).item()
        errors.append(abs(radius / (0.5 * aspect**2) - 1))
    assert errors[-1] < 2e-3
    assert math.log2(errors[0] / errors[2]) / 2 > 1.8


def test_area_of_an_ellipse_converges_at_fourth_order() -> None:
    errors = [abs(measures.area(_ellipse(n, 0.4)).item() / (math.pi * 0.1) - 1) for n in (41, 81, 161)]
    assert errors[-1] < 1e-6
    assert math.log2(errors[0] / errors[2]) / 2 > 3.5


def test_a_clockwise_contour_has_negative_area() -> None:
    contour = naca("2412")[None]
    torch.testing.assert_close(measures.area(contour.flip(1)), -measures.area(contour))


def test_cst_shapes_agree_with_their_weights() -> None:
    upper = torch.tensor([[0.18, 0.2, 0.22, 0.2, 0.21, 0.19, 0.2, 0.22]], dtype=torch.float64)
    lower = torch.tensor([[-0.15, -0.1, -0.12, -0.1, -0.05, -0.06, -0.03, 0.02]], dtype=torch.float64)
    shape = Kulfan(upper, lower, torch.tensor([0.05]).double(), torch.zeros(1).double())
    contour = panel(shape.coordinates(150))
    torch.testing.assert_close(measures.trailing_edge_angle(contour), shape.trailing_edge_angle(), rtol=1e-4, atol=0)
    high, low = shape.surface(torch.tensor([[0.33, 0.9]], dtype=torch.float64))
    for column, x in enumerate((0.33, 0.9)):
        torch.testing.assert_close(measures.thickness(contour, x), (high - low)[:, column], rtol=0, atol=2e-6)


def test_trailing_edge_angle_is_the_limit_of_aerosandboxs() -> None:
    asb = pytest.importorskip("aerosandbox")
    contour = naca("2412", 2000)
    theirs = asb.Airfoil(name="2412", coordinates=contour.numpy()).TE_angle()
    assert measures.trailing_edge_angle(contour[None]).item() == pytest.approx(theirs, abs=1e-3)


def test_waves_raise_the_wiggliness_as_the_sixth_power_of_their_number() -> None:
    contour = panel(naca("0012", 200)[None], 240)
    phi = torch.arccos(1 - 2 * contour[..., 0].clamp(0, 1))

    def with_waves(number: int) -> float:
        wave = 1e-3 * torch.sin(number * phi)
        wavy = contour + torch.stack([torch.zeros_like(wave), wave * torch.sign(contour[..., 1])], -1)
        return measures.wiggliness(wavy).item() - measures.wiggliness(contour).item()

    assert measures.wiggliness(contour).item() < 0.01
    assert with_waves(8) == pytest.approx(0.5e-6 * 8**6, rel=0.1)
    assert with_waves(12) / with_waves(8) == pytest.approx(1.5**6, rel=0.1)


MEASURES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "thickness": lambda points: measures.thickness(points, 0.33),
    "thickness_aft": lambda points: measures.thickness(points, 0.9),
    "camber": lambda points: measures.camber(points, 0.6),
    "max_thickness": lambda points: torch.stack(measures.max_thickness(points)),
    "max_camber": lambda points: torch.stack(measures.max_camber(points)),
    "area": measures.area,
    "leading_edge_radius": measures.leading_edge_radius,
    "trailing_edge_angle": measures.trailing_edge_angle,
    "trailing_edge_gap": measures.trailing_edge_gap,
    "wiggliness": measures.wiggliness,
}


@pytest.mark.parametrize("name", MEASURES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    points = panel(torch.stack([naca("2412"), naca("23015")]), 40).requires_grad_()
    assert torch.autograd.gradcheck(MEASURES[name], (points,), rtol=1e-4, atol=1e-6, fast_mode=True)


def test_a_closed_edge_has_a_gap_of_zero_with_a_finite_gradient() -> None:
    closed = naca("0012-sharp")[None].clone()
    closed[:, -1] = closed[:, 0]
    closed.requires_grad_()
    gap = measures.trailing_edge_gap(closed)
    gap.sum().backward()
    assert gap.item() == 0
    assert closed.grad is not None
    assert torch.isfinite(closed.grad).all()


def test_a_station_off_the_chord_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stations x must lie in \[0.0005, 1\] chord; got 1.2"):
        measures.thickness(naca("0012")[None], 1.2)
