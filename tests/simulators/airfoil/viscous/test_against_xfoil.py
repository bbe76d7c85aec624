"""Agreement with the stored answers of XFOIL: a sample by default, all judged cases among the physics tests."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from understudy.simulators.interface import Solution, Status

pytestmark = pytest.mark.unchecked

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
Solve = Callable[..., Solution]
Prove = Callable[..., None]


@pytest.fixture(scope="module")
def judged() -> Any:
    return runpy.run_path(str(BENCHMARKS / "airfoil_cases.py"))["judged_cases"]()


def _compared(judged: Any, rows: Tensor, solve: Solve) -> tuple[Tensor, dict[str, Tensor]]:
    """Which of the rows converged here, and the differences from XFOIL where both converge; of drag the logarithm's."""
    answer = solve(judged.case[rows])
    ours = torch.tensor([status is Status.OK for status in answer.status])
    both = ours & judged.converged[rows]
    names = ("cl", "cd", "cm", "xtr_top", "xtr_bottom")
    pairs = {name: (answer[name][both], judged.answer[name][rows][both]) for name in names}
    differences = {name: (one - other).abs() for name, (one, other) in pairs.items()}
    differences["cd"] = (pairs["cd"][0] / pairs["cd"][1]).log().abs()
    return ours, differences


def test_a_sample_agrees(judged: Any, solve: Solve, prove: Prove) -> None:
    """Every seventeenth case. The medians are what XFOIL's own change from 160 to 280 panels makes (0.3 % in drag)."""
    ours, differences = _compared(judged, torch.arange(0, 400, 17), solve)
    assert ours.double().mean() > 0.9
    transition = torch.cat((differences["xtr_top"], differences["xtr_bottom"]))
    for what, difference, bound in (
        ("CL against XFOIL, 24 judged cases: median difference", differences["cl"], 0.002),
        ("ln CD against XFOIL, 24 judged cases: median difference", differences["cd"], 0.005),
        ("CM against XFOIL, 24 judged cases: median difference", differences["cm"], 0.0005),
        ("transition against XFOIL, 24 judged cases: median difference [chord]", transition, 0.005),
    ):
        prove(what, float(difference.median()), at_most=bound)


@pytest.mark.physics
def test_all_judged_cases_agree(judged: Any, solve: Solve) -> None:
    ours, differences = _compared(judged, torch.arange(400), solve)
    assert ours.sum() >= judged.converged.sum()
    assert differences["cl"].mean() < 0.010
    assert differences["cd"].mean() < 0.02
    assert differences["cd"].median() < 0.01
    assert differences["cm"].mean() < 0.002
    assert torch.cat((differences["xtr_top"], differences["xtr_bottom"])).median() < 0.02
