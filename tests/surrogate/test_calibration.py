"""Intervals cover what they promise, wider where the errors are larger, whatever the claimed scale is worth."""

from collections.abc import Callable

import pytest
import torch

from understudy.surrogate.calibration import Calibration, calibrate, conformal_quantile


def noise(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Errors whose size grows as the square root of the claimed scale: a claim that ranks well and is wrong in size."""
    random = torch.Generator().manual_seed(seed)
    scale = torch.exp(torch.randn(count, generator=random))
    error = (3 * scale.sqrt() * torch.randn(count, generator=random)).abs()
    return error, scale, torch.arange(count) // 4


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    error, scale, shape = noise(4000, seed=0)
    return calibrate({"cl": error}, {"cl": scale}, shape)


def test_coverage_holds_on_average_and_in_each_part(calibration: Calibration, prove: Callable[..., None]):
    """Two standard deviations of 8000 cases and of the 2000 calibration cases are 1.5 %."""
    error, scale, _ = noise(8000, seed=1)
    inside = (error <= calibration.width("cl", scale)).double()
    away = abs(float(inside.mean()) - 0.9)
    prove("coverage of 90 % intervals on 8000 made-up cases: difference from 0.9", away, at_most=0.015)
    for part in scale.argsort().tensor_split(4):
        assert inside[part].mean() == pytest.approx(0.9, abs=0.04)


def test_width_rises_with_the_claimed_scale(calibration: Calibration):
    width = calibration.width("cl", torch.logspace(-4, 4, 200))
    assert (width.diff() >= 0).all()
    assert width[150] > 2 * width[50]


def test_useless_claim_gives_one_width():
    random = torch.Generator().manual_seed(2)
    error, scale = torch.rand(2, 2000, generator=random)
    made = calibrate({"cl": error}, {"cl": 0.1 + scale}, torch.arange(2000))
    width = made.width("cl", torch.tensor([0.1, 1.0]))
    assert width.tolist() == pytest.approx([0.9, 0.9], abs=0.06)


def test_width_has_a_gradient(calibration: Calibration):
    scale = torch.tensor([1.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(calibration.width("cl", scale).sum(), scale)
    assert gradient > 0


def test_conformal_quantile_is_the_published_rank():
    """Of nine scores the 90 % quantile is the ninth: ceil(10 * 0.9)."""
    assert conformal_quantile(torch.arange(1.0, 10.0), 0.9) == 9
    assert conformal_quantile(torch.arange(1.0, 20.0), 0.9) == 18


def test_scores_too_few_for_the_coverage_are_refused():
    """Of nine scores the largest is a 90 % bound; of eight none is, and the largest would promise too much."""
    for coverage, least in ((0.9, 9), (0.5, 1), (0.99, 99)):
        conformal_quantile(torch.ones(least), coverage)
        with pytest.raises(ValueError, match=f"{coverage} needs at least {least} scores; got {least - 1}"):
            conformal_quantile(torch.ones(least - 1), coverage)


def test_coverage_that_the_cases_cannot_promise_is_refused():
    """99 % needs 99 cases in each half, where 90 % is content with 40."""
    error, scale, shape = noise(160, seed=3)
    calibrate({"cl": error}, {"cl": scale}, shape)
    with pytest.raises(ValueError, match=r"cover 0\.99 need at least 99 cases in each half .* got 80 and 80"):
        calibrate({"cl": error}, {"cl": scale}, shape, coverage=0.99)
    error, scale, shape = noise(240, seed=3)
    calibrate({"cl": error}, {"cl": scale}, shape, coverage=0.99)


def test_too_few_cases_and_senseless_coverage_are_refused():
    error, scale, shape = noise(120, seed=3)
    with pytest.raises(ValueError, match="at least 40 cases in each half of the calibration shapes; got 0 and 120"):
        calibrate({"cl": error}, {"cl": scale}, torch.zeros_like(shape))
    with pytest.raises(ValueError, match="coverage must be above 0 and below 1"):
        calibrate({"cl": error}, {"cl": scale}, shape, coverage=1.0)
