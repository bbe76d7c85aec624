"""The same problem through several predictors, all judged by one simulator: which of them leads to the better shape?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.design.design import Outcome
from understudy.design.problem import Problem
from understudy.design.run import run_design
from understudy.simulators.interface import Predictor, Simulator


@dataclass(frozen=True)
class Comparison:
    """One predictor followed: objective promised and verified, how it ended, and processor time of this process [s]."""

    followed: str
    promised: float
    verified: float | None
    outcome: Outcome
    sentence: str
    seconds: float


def compare(
    problem: Problem, predictors: Mapping[str, Predictor], judge: Simulator, folder: Path
) -> tuple[Comparison, ...]:
    """Design with each predictor in its own folder and let one simulator judge them all.

    Args:
        predictors: name of the folder -> whom to follow, for example the graph surrogate, the convolutional one and the
            differentiable simulator itself.

    Raises:
        NotDifferentiableError: one of them gives no gradients; before any design is begun.
    """
    for predictor in predictors.values():
        predictor.require_gradient()
    lines = []
    for name, predictor in predictors.items():
        begun = time.process_time()
        design = run_design(problem, predictor, judge, folder / name)
        seconds = time.process_time() - begun
        lines.append(Comparison(name, *design.objective, design.outcome, design.sentence, seconds))
    return tuple(lines)
