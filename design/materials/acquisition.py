"""Which candidates the simulator is asked about next."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr

from understudy.design.materials.scoring import COVERAGE
from understudy.design.materials.screening import Screening
from understudy.surrogate.calibration import FREEDOM, reach

#: Scores of candidates with the ends of their intervals, and the share of truths that these cover: `score`,
#: `score_low`, `score_high`, `coverage`.
Scores = Mapping[str, NDArray[Any]]
#: How much each of them is wanted, and the lowest score that was verified.
Wish = Callable[[Scores, float], NDArray[np.float64]]


class Acquisition(StrEnum):
    """What makes a candidate worth a call: the best score, the improvement to be expected, or the least knowledge."""

    SCORE = "score"
    IMPROVEMENT = "improvement"
    DOUBT = "doubt"


def chosen(
    screening: Screening, acquisition: Acquisition, count: int, judged: set[Any], best: float = math.inf
) -> list[int]:
    """Rows of listed candidates that are to be asked about, the most wanted first; strangers only out of doubt.

    Args:
        judged: those that were asked about. best: lowest score among these, infinite if there is none.
    """
    told = screening.candidates(screening.order).told()
    rows = np.array([row for row, slab in zip(screening.order, told, strict=True) if slab not in judged], dtype=int)
    if acquisition is not Acquisition.DOUBT:  # a stranger's intervals promise nothing
        rows = rows[screening.columns["known"][rows]]
    wish = wishes(screening.columns, acquisition, best)[rows]
    return [int(row) for row in rows[np.argsort(-wish, kind="stable")[:count]]]


def wishes(scores: Scores, acquisition: Acquisition, best: float = math.inf) -> NDArray[np.float64]:
    """How much each candidate is wanted: numbers to compare, which mean nothing else.

    Args:
        best: lowest score that was verified, infinite if there is none.
    """
    return _WISHES[acquisition](scores, best)


def _by_score(scores: Scores, best: float) -> NDArray[np.float64]:
    return -np.asarray(scores["score"])


def _by_improvement(scores: Scores, best: float) -> NDArray[np.float64]:
    """Logarithm of the mean of what a score falls below the best one, if it follows the law of errors.

    Jones, Schonlau and Welch, J. Global Optim. 13, 455 (1998), for Student's t in place of their normal law. The
    logarithm still compares candidates that promise next to nothing.
    """
    if not math.isfinite(best):
        return _by_score(scores, best)
    unit = np.maximum(_width(scores) / (2 * reach(scores.get("coverage", np.array(COVERAGE)))), 1e-9)
    ratio = (best - scores["score"]) / unit
    density = np.exp(gammaln(0.5 * FREEDOM + 0.5) - gammaln(0.5 * FREEDOM)) / math.sqrt(FREEDOM * math.pi)
    density *= (1 + ratio**2 / FREEDOM) ** (-0.5 * (FREEDOM + 1))
    mean = ratio * stdtr(FREEDOM, ratio) + (FREEDOM + ratio**2) / (FREEDOM - 1) * density
    return np.asarray(np.log(unit) + np.log(mean))


def _by_doubt(scores: Scores, best: float) -> NDArray[np.float64]:
    return _width(scores)


def _width(scores: Scores) -> NDArray[np.float64]:
    return np.asarray(scores["score_high"] - scores["score_low"])


_WISHES: dict[Acquisition, Wish] = {
    Acquisition.SCORE: _by_score,
    Acquisition.IMPROVEMENT: _by_improvement,
    Acquisition.DOUBT: _by_doubt,
}
