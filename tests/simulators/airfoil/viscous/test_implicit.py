"""Gradients through the converged state against central differences of whole solutions."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import PoolOptions
from understudy.simulators.interface import Solution

pytestmark = pytest.mark.unchecked

Solve = Callable[..., Solution]
Prove = Callable[..., None]
QUANTITIES = ("cl", "cd", "cm", "cd_friction", "xtr_top", "xtr_bottom")
STEPS = {"alpha": 1e-4, "reynolds": 300.0, "mach": 1e-5, "n_crit": 1e-4, "trip_top": 1e-6, "trip_bottom": 1e-6}


def _case(sections: Tensor) -> AirfoilCase:
    """Blunt and sharp edges, compressible, one tripped on both sides."""
    return AirfoilCase.of(
        sections,
        alpha=torch.tensor([2.3, 1.1, 3.2], dtype=torch.float64),
        reynolds=torch.tensor([1e6, 5e5, 3e6], dtype=torch.float64),
        mach=torch.tensor([0.1, 0.3, 0.2], dtype=torch.float64),
        trip_top=torch.tensor([1.0, 0.213, 1.0], dtype=torch.float64),
        trip_bottom=torch.tensor([1.0, 0.327, 1.0], dtype=torch.float64),
    )


@pytest.fixture(scope="module")
def followed(sections: Tensor, solve: Solve) -> tuple[AirfoilCase, Solution]:
    case = _case(sections)
    case = replace(case, **{name: getattr(case, name).clone().requires_grad_() for name in (*STEPS, "coordinates")})
    return case, solve(case)


def _apart(gradient: Tensor, slope: Tensor, least: float) -> float:
    """Difference relative to the slope, or to what the rounding of the differences allows where that is nothing."""
    return float(((gradient - slope).abs() / (slope.abs() + least)).max())


@pytest.mark.parametrize("name", STEPS)
def test_gradients_to_conditions(followed: tuple[AirfoilCase, Solution], solve: Solve, name: str, prove: Prove) -> None:
    case, answer = followed
    answer.raise_unless_ok()
    plain = replace(case, **{each: getattr(case, each).detach() for each in (*STEPS, "coordinates")})
    tripped = torch.tensor([not name.startswith("trip") or k == 1 for k in range(3)])  # others are at the bound of 1
    step = STEPS[name] * tripped
    size = plain.reynolds if name == "reynolds" else torch.ones(3, dtype=torch.float64)  # slopes of its logarithm
    ahead, behind = (solve(replace(plain, **{name: getattr(plain, name) + sign * step})) for sign in (1, -1))
    for of in QUANTITIES:
        (gradient,) = torch.autograd.grad(answer[of].sum(), getattr(case, name), retain_graph=True)
        slope = (ahead[of] - behind[of]) / (2 * STEPS[name])
        away = _apart((size * gradient)[tripped], (size * slope)[tripped], 1e-3)
        prove(f"viscous gradients to {name} against central differences, worst of six: relative", away, at_most=1e-4)


def test_gradients_to_the_shape(followed: tuple[AirfoilCase, Solution], solve: Solve, prove: Prove) -> None:
    """Along a smooth change of the whole contour, and along a rough one that moves every node at random."""
    case, answer = followed
    random = torch.Generator().manual_seed(2)
    smooth = torch.stack((torch.zeros(3, 80), torch.sin(2 * torch.pi * case.coordinates.detach()[..., 0])), -1)
    rough = 0.01 * torch.randn(case.coordinates.shape, generator=random, dtype=torch.float64)
    plain = replace(case, **{each: getattr(case, each).detach() for each in (*STEPS, "coordinates")})
    for direction in (smooth, rough):
        ahead, behind = (
            solve(replace(plain, coordinates=plain.coordinates + sign * 1e-6 * direction)) for sign in (1, -1)
        )
        for of in QUANTITIES:
            (gradient,) = torch.autograd.grad(answer[of].sum(), case.coordinates, retain_graph=True)
            slope = (ahead[of] - behind[of]) / 2e-6
            away = _apart((gradient * direction).sum((1, 2)), slope, 1e-2)
            prove("viscous gradients to the shape against central differences, worst: relative", away, at_most=1e-4)


def test_gradients_of_surface_quantities(followed: tuple[AirfoilCase, Solution], solve: Solve) -> None:
    case, answer = followed
    weight = torch.randn(3, 80, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    plain = replace(case, **{each: getattr(case, each).detach() for each in (*STEPS, "coordinates")})
    ahead, behind = (solve(replace(plain, alpha=plain.alpha + sign * 1e-4)) for sign in (1, -1))
    for of in ("cp", "cf", "theta", "delta_star", "edge_speed"):
        (gradient,) = torch.autograd.grad((weight * answer[of]).sum(), case.alpha, retain_graph=True)
        slope = (weight * (ahead[of] - behind[of])).sum(1) / 2e-4
        torch.testing.assert_close(gradient, slope, rtol=1e-4, atol=1e-6)


def test_gradients_at_prescribed_lift(sections: Tensor, solve: Solve, prove: Prove) -> None:
    """The angle follows the lift, which depends on nothing else; drag and angle depend on lift and Reynolds number."""
    lift = torch.tensor([0.5, 0.3], dtype=torch.float64, requires_grad=True)
    reynolds = torch.tensor([1e6, 2e6], dtype=torch.float64, requires_grad=True)
    answer = solve(AirfoilCase.of(sections[:2], cl=lift, reynolds=reynolds))
    answer.raise_unless_ok()
    # Widths at which neither the third derivative to the lift nor the residual over so small a change tells.
    for values, width, by in ((lift, 1e-4, "cl"), (reynolds, 10.0, "reynolds")):
        plain = {"cl": lift.detach(), "reynolds": reynolds.detach()}
        ahead, behind = (
            solve(AirfoilCase.of(sections[:2], **{**plain, by: plain[by] + sign * width})) for sign in (1, -1)
        )
        for of in ("alpha", "cd", "cm"):
            (gradient,) = torch.autograd.grad(answer[of].sum(), values, retain_graph=True)
            away = _apart(gradient, (ahead[of] - behind[of]) / (2 * width), 1e-5)
            prove("viscous gradients at prescribed lift against central differences: relative", away, at_most=1e-4)
    by_lift, by_reynolds = torch.autograd.grad(answer["cl"].sum(), (lift, reynolds))
    torch.testing.assert_close(by_lift, torch.ones_like(by_lift), rtol=1e-6, atol=0)
    assert (by_reynolds * reynolds).abs().max() < 1e-6


def test_nothing_is_followed_where_nothing_is_asked(sections: Tensor, solve: Solve) -> None:
    case = replace(_case(sections)[:1], alpha=torch.tensor([2.0], dtype=torch.float64, requires_grad=True))
    with torch.no_grad():
        assert not solve(case)["cl"].requires_grad
    assert solve(case)["cl"].requires_grad


def test_a_row_without_answer_leaves_the_gradient_of_the_others_alone(
    sections: Tensor, solve: Solve, one_start: PoolOptions
) -> None:
    alpha = torch.tensor([3.0, 60.0], dtype=torch.float64, requires_grad=True)
    answer = solve(AirfoilCase.of(sections[0, ::2], alpha=alpha), one_start)
    (gradient,) = torch.autograd.grad(answer["cl"].nansum(), alpha)
    assert gradient[0] > 0.05
    assert gradient[1] == 0
