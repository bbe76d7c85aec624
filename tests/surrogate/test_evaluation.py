"""The report counts what it says it counts."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import t

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.slabs import SlabPlan
from understudy.surrogate.evaluation import LEVELS, Comparison, airfoil_ranges, evaluate, rank_correlation, slab_numbers
from understudy.surrogate.surrogate import Surrogate

Simulate = Callable[[AirfoilCase], Solution]


def test_report_on_shapes_never_seen(
    surrogate: Surrogate, random_cases: Callable[..., AirfoilCase], simulate: Simulate
):
    case = random_cases(120, seed=30)
    truth = simulate(case)
    lift = surrogate.predict(case)["cl"] + 0.5
    truth = Solution(values={**truth.values, "cl": lift, "cm": lift}, status=truth.status, message=truth.message)
    report = evaluate(airfoil_ranges(case, case.alpha), truth, surrogate.predict(case))
    everything = report.accuracy["everything"]
    assert everything["cl"].mean == pytest.approx(0.5, abs=1e-5)
    assert report.cases["everything"] == 120
    assert report.cases["tripped"] == int(((case.trip_top < 1) | (case.trip_bottom < 1)).sum())
    assert 0.6 < everything["cd"].coverage <= 1
    assert "everything" in report.text()
    assert set(report.words()) == {"cases", "flagged", "accuracy"}
    headline = report.accuracy["headline box"]["cd"]
    case_by_case = report.comparisons["cd"].accuracy()  # of the first range; NaN where all intervals are as wide
    assert asdict(case_by_case) == pytest.approx(asdict(headline), nan_ok=True)


def test_nothing_to_compare_is_refused(
    surrogate: Surrogate, random_cases: Callable[..., AirfoilCase], simulate: Simulate
):
    case = random_cases(3, seed=31)
    failed = Solution(values=simulate(case).values, status=(Status.FAILED,) * 3, message=("no",) * 3)
    with pytest.raises(ValueError, match="at least one case that both"):
        evaluate(airfoil_ranges(case, case.alpha), failed, surrogate.predict(case))


@pytest.mark.parametrize("claimed", [1.0, 0.5, 2.0])
def test_miscalibration_of_errors_after_their_law(claimed: float):
    """Where widths are wrong by a factor, the area is that between a promise and its share of errors, by quadrature."""
    error = torch.from_numpy(t.ppf((np.arange(20000) + 0.5) / 20000, 4))
    half = claimed * t.ppf(0.95, 4)
    compared = Comparison(truth=torch.zeros_like(error), value=error, low=error - half, high=error + half, coverage=0.9)
    expected = abs(quad(lambda level: 2 * t.cdf(claimed * t.ppf(0.5 + 0.5 * level, 4), 4) - 1 - level, 0, 1)[0])
    assert compared.miscalibration == pytest.approx(expected, abs=1e-3)  # the last trapezium: 0.01 by 0.2
    inside = 2 * t.cdf(half, 4) - 1
    assert compared.accuracy().coverage == pytest.approx(inside, abs=1e-3)
    assert compared.observed[LEVELS.index(0.9)] == pytest.approx(inside, abs=1e-3)


def test_slabs_are_told_apart_whatever_stands_on_them():
    plan = SlabPlan(size=(1, 1), layers=3, constants={"Pt": 3.99, "Cu": 3.68})
    layers = [plan.occupation(one) for one in (["Pt"] * 3, ["Cu", "Pt", "Pt"], ["Pt"] * 3)]
    slabs = plan.slabs(torch.stack(layers), torch.zeros(3, dtype=torch.float64))
    place, height = torch.zeros(3, 2, dtype=torch.float64), torch.tensor([1.0, 1.0, 1.2], dtype=torch.float64)
    assert slab_numbers(placed(slabs, "H", place, height)).tolist() == [0, 1, 0]


def test_rank_correlation_against_closed_forms():
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(values, values.exp()) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, torch.tensor([1.0, 1.0, 2.0, 2.0])) == pytest.approx(2 / 5**0.5)
