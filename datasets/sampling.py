"""Design of experiments: the conditions of each case. Case i depends on the seed and on i, on nothing else."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from scipy.stats import qmc

from understudy.datasets.records import Array

_COLUMNS = ("alpha", "reynolds", "mach", "n_crit", "tripped", "trip_top", "trip_bottom", "prescribed", "cl")


class Sampler(StrEnum):
    """How points are spread over the box of conditions.

    A Sobol sequence can be made longer later; a Latin hypercube is even in each single condition for its full number
    only.
    """

    SOBOL = "sobol"
    LATIN_HYPERCUBE = "latin-hypercube"


@dataclass(frozen=True, kw_only=True)
class ConditionRanges:
    """The box of conditions; each range is (lowest, highest), equal ends fix a value.

    alpha: angle of attack [deg], uniform.
    reynolds: Reynolds number on chord [-], uniform in its logarithm.
    mach: free-stream Mach number [-], uniform.
    share_slowest: part of the cases at exactly the lowest Mach number. Most airfoils fly at one that makes no
        difference, and the embedded simulator answers twice as fast at zero.
    n_crit: critical amplification exponent [-], uniform.
    share_tripped: part of the cases with forced transition; a third each on both surfaces, above only, below only.
    trip: where it is forced [chord], uniform.
    share_prescribed_cl: part of the cases that prescribe lift in place of the angle.
    cl: the prescribed lift coefficient [-], uniform.
    """

    alpha: tuple[float, float] = (-8.0, 15.0)
    reynolds: tuple[float, float] = (1e5, 1e7)
    mach: tuple[float, float] = (0.0, 0.5)
    share_slowest: float = 0.0
    n_crit: tuple[float, float] = (5.0, 12.0)
    share_tripped: float = 0.2
    trip: tuple[float, float] = (0.02, 0.9)
    share_prescribed_cl: float = 0.0
    cl: tuple[float, float] = (-0.6, 1.6)

    def __post_init__(self) -> None:
        _check_range("alpha [deg]", self.alpha, -180.0, 180.0)
        _check_range("reynolds [-]", self.reynolds, 1.0, 1e12)
        _check_range("mach [-]", self.mach, 0.0, 0.999)
        _check_range("n_crit [-]", self.n_crit, 0.01, 100.0)
        _check_range("trip [chord]", self.trip, 1e-6, 1.0)
        _check_range("cl [-]", self.cl, -100.0, 100.0)
        for name in ("share_slowest", "share_tripped", "share_prescribed_cl"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1; got {getattr(self, name)}")


def conditions(
    ranges: ConditionRanges, sampler: Sampler, seed: int, start: int, stop: int, *, total: int
) -> Mapping[str, Array]:
    """Conditions of the cases start .. stop - 1: name of the input -> values (stop - start,).

    Args:
        ranges: the box.
        sampler: how the box is filled.
        seed: randomises the sampler.
        start, stop: the cases wanted, 0 <= start < stop <= total.
        total: cases in the whole design; matters to the Latin hypercube only.
    """
    if not 0 <= start < stop <= total:
        raise ValueError(f"expected 0 <= start < stop <= {total}; got {start} and {stop}")
    points = _sobol(seed, start, stop) if sampler == Sampler.SOBOL else _latin_hypercube(seed, total)[start:stop]
    unit = dict(zip(_COLUMNS, points.T, strict=True))
    top, bottom = _trips(ranges, unit)
    prescribed = unit["prescribed"] < ranges.share_prescribed_cl
    low, high = np.log(ranges.reynolds)
    return {
        "alpha": np.where(prescribed, np.nan, _scaled(unit["alpha"], ranges.alpha)),
        "cl": np.where(prescribed, _scaled(unit["cl"], ranges.cl), np.nan),
        "reynolds": np.exp(low + unit["reynolds"] * (high - low)),
        "mach": _scaled(_spread_above(ranges.share_slowest, unit["mach"]), ranges.mach),
        "n_crit": _scaled(unit["n_crit"], ranges.n_crit),
        "trip_top": top,
        "trip_bottom": bottom,
    }


def _sobol(seed: int, start: int, stop: int) -> Array:
    engine = qmc.Sobol(len(_COLUMNS), scramble=True, seed=np.random.default_rng(seed))
    if start:
        engine.fast_forward(start)
    with warnings.catch_warnings():
        # SciPy warns of a first draw that is no power of two; these draws are parts of one long sequence
        warnings.filterwarnings("ignore", message="The balance properties of Sobol")
        return engine.random(stop - start)


@lru_cache(maxsize=1)  # a process works on one design; 1e6 cases are 72 MB and a quarter of a second
def _latin_hypercube(seed: int, total: int) -> Array:
    return qmc.LatinHypercube(len(_COLUMNS), seed=np.random.default_rng(seed)).random(total)


def _scaled(unit: Array, ends: tuple[float, float]) -> Array:
    return ends[0] + unit * (ends[1] - ends[0])


def _spread_above(share: float, unit: Array) -> Array:
    """Zero for the lowest `share` of the numbers, the rest spread over 0 .. 1 again."""
    return np.clip((unit - share) / max(1 - share, np.finfo(float).tiny), 0, 1)


def _trips(ranges: ConditionRanges, unit: Mapping[str, Array]) -> tuple[Array, Array]:
    """Forced transition above and below, 1 where it is free."""
    share = max(ranges.share_tripped, np.finfo(float).tiny)
    third = np.floor(3 * unit["tripped"] / share)  # 0: both surfaces, 1: above only, 2: below only, more: free
    top = np.where((third == 0) | (third == 1), _scaled(unit["trip_top"], ranges.trip), 1.0)
    bottom = np.where((third == 0) | (third == 2), _scaled(unit["trip_bottom"], ranges.trip), 1.0)
    return top, bottom


def _check_range(name: str, ends: tuple[float, float], lowest: float, highest: float) -> None:
    if not lowest <= ends[0] <= ends[1] <= highest:
        raise ValueError(f"{name} must be a range (lowest, highest) within {lowest:g} .. {highest:g}; got {ends}")
