"""The report counts what it says it counts."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status
from understudy.surrogate.evaluation import airfoil_ranges, evaluate, rank_correlation
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


def test_nothing_to_compare_is_refused(
    surrogate: Surrogate, random_cases: Callable[..., AirfoilCase], simulate: Simulate
):
    case = random_cases(3, seed=31)
    failed = Solution(values=simulate(case).values, status=(Status.FAILED,) * 3, message=("no",) * 3)
    with pytest.raises(ValueError, match="at least one case that both"):
        evaluate(airfoil_ranges(case, case.alpha), failed, surrogate.predict(case))


def test_rank_correlation_against_closed_forms():
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(values, values.exp()) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, torch.tensor([1.0, 1.0, 2.0, 2.0])) == pytest.approx(2 / 5**0.5)
