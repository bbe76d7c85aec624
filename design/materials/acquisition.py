"""Which candidates the simulator is asked about next."""

import math
from collections.abc import Callable
from enum import StrEnum
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from understudy.design.materials.screening import Screening

Wish = Callable[[Screening, float], NDArray[np.float64]]


class Acquisition(StrEnum):
    """What makes a candidate worth a call: the best score, the improvement to be expected, or the least knowledge."""

    SCORE = "score"
    IMPROVEMENT = "improvement"
    DOUBT = "doubt"


def chosen(
    screening: Screening, acquisition: Acquisition, count: int, judged: set[Any], best: float = math.inf
) -> list[int]:
    """Rows of listed candidates that are to be asked about, the most wanted first.

    Args:
        judged: those that were asked about. best: lowest score among these, infinite if there is none.
    """
    told = screening.candidates(screening.order).told()
    rows = np.array([row for row, slab in zip(screening.order, told, strict=True) if slab not in judged], dtype=int)
    wish = _WISHES[acquisition](screening, best)[rows]
    if acquisition is not Acquisition.DOUBT:  # a stranger's intervals promise nothing
        wish = np.where(screening.columns["known"][rows], wish, -math.inf)
    return [int(row) for row in rows[np.argsort(-wish, kind="stable")[:count]]]


def _by_score(screening: Screening, best: float) -> NDArray[np.float64]:
    return -np.asarray(screening.columns["score"])


def _by_improvement(screening: Screening, best: float) -> NDArray[np.float64]:
    """Mean of what a normal score falls below the best one (Jones, Schonlau and Welch, J. Global Optim. 13, 1998)."""
    columns = screening.columns
    if not math.isfinite(best):
        return _by_score(screening, best)
    deviation = np.maximum(_width(screening) / (2 * NormalDist().inv_cdf(0.95)), 1e-12)
    ahead = best - columns["score"]
    ratio = ahead / deviation
    density = np.exp(-0.5 * ratio**2) / math.sqrt(2 * math.pi)
    return np.asarray(ahead * ndtr(ratio) + deviation * density)


def _by_doubt(screening: Screening, best: float) -> NDArray[np.float64]:
    return _width(screening)


def _width(screening: Screening) -> NDArray[np.float64]:
    return np.asarray(screening.columns["score_high"] - screening.columns["score_low"])


_WISHES: dict[Acquisition, Wish] = {
    Acquisition.SCORE: _by_score,
    Acquisition.IMPROVEMENT: _by_improvement,
    Acquisition.DOUBT: _by_doubt,
}
