import math

import pytest
import torch

from understudy.datasets.synthetic import ThinAirfoilTheory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status
from understudy.simulators.shapes.naca import naca

THEORY = ThinAirfoilTheory()
CAMBERED = naca("2412")
THIN = naca("2401")


def ask(alpha: float | None = None, *, shape: torch.Tensor = CAMBERED, **conditions: float) -> Solution:
    return THEORY.predict(AirfoilCase.of(shape, alpha, **({"n_crit": 8.5} | conditions)))


def test_a_thin_naca_24xx_has_the_zero_lift_angle_and_moment_of_its_mean_line():
    """Closed form: -2.077 deg and -0.0531; tolerance for 24 stations on a line whose curvature jumps."""
    lift = ask(0.0, shape=THIN)["cl"].item()
    assert -math.degrees(lift / (2 * math.pi)) == pytest.approx(-2.077, abs=0.01)
    assert ask(0.0, shape=THIN)["cm"].item() == pytest.approx(-0.0531, abs=5e-4)


def test_lift_slope_is_two_pi_over_beta():
    slope = (ask(4.0, mach=0.6)["cl"] - ask(2.0, mach=0.6)["cl"]) / math.radians(2)
    assert slope.item() == pytest.approx(2 * math.pi / 0.8, rel=1e-12)


def test_prescribed_lift_and_prescribed_angle_are_two_doors_to_one_answer():
    found = ask(None, cl=0.7, mach=0.3)
    given = ask(found["alpha"].item(), mach=0.3)
    for name in THEORY.quantities:
        torch.testing.assert_close(found[name], given[name])


def test_drag_is_between_laminar_and_turbulent_flat_plates():
    drag = ask(0.0, reynolds=5e6)["cd"].item()
    assert 2 * 1.328 / math.sqrt(5e6) < drag < 2 * 0.074 * 5e6**-0.2 * 1.01


def test_gradient_of_lift_to_the_shape_agrees_with_a_difference():
    shape = CAMBERED.clone().requires_grad_()
    direction = torch.zeros_like(shape)
    direction[40:80, 1] = 1e-6
    (gradient,) = torch.autograd.grad(THEORY.predict(AirfoilCase.of(shape, 2.0, n_crit=8.5))["cl"].sum(), shape)
    shifted = [
        THEORY.predict(AirfoilCase.of(shape.detach() + sign * direction, 2.0, n_crit=8.5))["cl"] for sign in (1, -1)
    ]
    assert (gradient * direction).sum().item() == pytest.approx(((shifted[0] - shifted[1]) / 2).item(), rel=1e-6)


def test_rows_fail_on_purpose_without_touching_their_neighbours():
    case = AirfoilCase.of(
        CAMBERED, torch.tensor([2.0, 14.0, 2.0], dtype=torch.float64), n_crit=torch.tensor([8.5, 8.5, 9.0])
    )
    answer = THEORY.predict(case)
    assert answer.status == (Status.OK, Status.REFUSED, Status.NOT_CONVERGED)
    assert "lower the angle of attack" in answer.message[1]
    assert answer["cl"].isnan().tolist() == [False, True, True]
    torch.testing.assert_close(answer["cp"][0], ask(2.0)["cp"][0])
