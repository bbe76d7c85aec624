"""How good a surrogate is on cases it has not seen: errors, coverage, ranking of errors, false alarms, by range."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from math import isnan
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.calibration import reach
from understudy.surrogate.prediction import Prediction

#: Coverages at which promise and observation are compared.
LEVELS = tuple(step / 100 for step in range(1, 100))
#: Share of the largest value by which values may differ that are alike, those of single precision included.
ROUNDING = 1e-6
#: Distinct slabs below which shares and ranks tell nothing, however many cases there are on them.
FEWEST = 10
#: What stands where a number would tell nothing, and why.
UNTOLD = "–"
TOO_FEW = f"{UNTOLD}: too few to tell, fewer than {FEWEST} distinct slabs, or nothing that varies"


@dataclass(frozen=True, eq=False)
class Comparison:
    """One quantity, case by case: what the simulator said, and what the surrogate promised.

    truth, value: (cases,). low, high: ends of the intervals. coverage: that they promise.
    logarithmic: whether errors and widths are those of logarithms, as of cd; otherwise in the unit of the quantity.
    slabs: distinct ones among the cases, where these are slabs.
    """

    truth: Float[Tensor, " cases"]
    value: Float[Tensor, " cases"]
    low: Float[Tensor, " cases"]
    high: Float[Tensor, " cases"]
    coverage: float
    logarithmic: bool = False
    slabs: int | None = None

    @staticmethod
    def of(
        truth: Answer,
        prediction: Prediction,
        name: str,
        mask: Bool[Tensor, " batch"],
        slabs: Int[Tensor, " batch"] | None = None,
    ) -> "Comparison":
        """Of one quantity on the cases of a mask; `slabs` as in `evaluate`."""

        def chosen(column: Tensor) -> Tensor:
            return column[mask].detach().double()

        return Comparison(
            truth=chosen(truth[name]),
            value=chosen(prediction[name]),
            low=chosen(prediction.low[name]),
            high=chosen(prediction.high[name]),
            coverage=prediction.coverage,
            logarithmic=name == "cd",
            slabs=None if slabs is None else len(slabs[mask].unique()),
        )

    @cached_property
    def error(self) -> Float[Tensor, " cases"]:
        """Absolute."""
        return (self._scaled(self.value) - self._scaled(self.truth)).abs()

    @cached_property
    def half_width(self) -> Float[Tensor, " cases"]:
        """Half of the interval."""
        return 0.5 * (self._scaled(self.high) - self._scaled(self.low))

    @property
    def few(self) -> bool:
        """Whether there are too few distinct slabs for shares and ranks."""
        return _few(self.slabs)

    @property
    def rank_correlation(self) -> float:
        """Spearman's, of half-width against error."""
        return rank_correlation(self.half_width, self.error)

    @cached_property
    def observed(self) -> tuple[float, ...]:
        """Share of truths inside intervals that promise each of `LEVELS`.

        These are the intervals made narrower or wider by the law of errors (see `calibration`), which is what scores
        and limits of a screening assume.
        """
        return self.observed_by(reach)

    def observed_by(self, reach: Callable[[float], float]) -> tuple[float, ...]:
        """The same by another law: `reach` gives the half-width that it asks for at a coverage, in any unit."""
        unit = self.half_width / reach(self.coverage)
        return tuple(float((self.error <= reach(level) * unit).double().mean()) for level in LEVELS)

    @property
    def miscalibration(self) -> float:
        """Area between observed and promised coverage, 0 to 0.5."""
        return area_between(self.observed)

    def accuracy(self) -> "Accuracy":
        """In a few numbers."""
        return Accuracy(
            mean=float(self.error.mean()),
            median=float(self.error.median()),
            p95=float(self.error.quantile(0.95)),
            coverage=float(((self.truth >= self.low) & (self.truth <= self.high)).double().mean()),
            width=float(self.half_width.median()),
            rank_correlation=self.rank_correlation,
            slabs=self.slabs,
        )

    def _scaled(self, values: Tensor) -> Tensor:
        return values.log() if self.logarithmic else values


@dataclass(frozen=True)
class Accuracy:
    """One quantity on some cases; errors of cd are |d ln CD|, the others absolute in the unit of the quantity.

    mean, median, p95: of the error. coverage: share of truths inside their interval. width: median half-width.
    rank_correlation: Spearman's, of half-width against error. slabs: distinct ones, where the cases are slabs.
    """

    mean: float
    median: float
    p95: float
    coverage: float
    width: float
    rank_correlation: float
    slabs: int | None = None

    @property
    def told(self) -> tuple[str, str]:
        """Coverage and rank correlation in words; `UNTOLD` where they would tell nothing."""
        if _few(self.slabs):
            return UNTOLD, UNTOLD
        return f"{self.coverage:.1%}", number_told(self.rank_correlation)


@dataclass(frozen=True)
class Report:
    """Accuracy by range and quantity, with the cases in each range and the share of them flagged.

    comparisons: of the first range, quantity by quantity.
    """

    cases: Mapping[str, int]
    flagged: Mapping[str, float]
    accuracy: Mapping[str, Mapping[str, Accuracy]]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict, repr=False, compare=False)

    def words(self) -> dict[str, Any]:
        """JSON-ready words, without the single cases."""
        accuracy = {
            name: {quantity: _words(row) for quantity, row in rows.items()} for name, rows in self.accuracy.items()
        }
        return {"cases": dict(self.cases), "flagged": dict(self.flagged), "accuracy": accuracy}

    def text(self) -> str:
        """A table for people."""
        head = f"{'range':<26}{'cases':>7}{'flagged':>9}  {'quantity':<18}"
        lines = [head + "".join(f"{word:>10}" for word in ("mean", "median", "p95", "coverage", "width", "Spearman"))]
        for name, rows in self.accuracy.items():
            first = f"{name:<26}{self.cases[name]:>7}{self.flagged[name]:>9.1%}"
            for quantity, row in rows.items():
                coverage, ranks = row.told
                numbers = f"{row.mean:>10.4f}{row.median:>10.4f}{row.p95:>10.4f}{coverage:>10}{row.width:>10.4f}"
                lines.append(f"{first:<42}  {quantity:<18}{numbers}{ranks:>10}{self.on_slabs(name, quantity)}")
                first = ""
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def on_slabs(self, name: str, quantity: str) -> str:
        """Distinct slabs of a quantity in a range, in words, where they are fewer than its cases."""
        count = self.accuracy[name][quantity].slabs
        return "" if count is None or count >= self.cases[name] else f"  on {slabs_told(count)}"

    @property
    def note(self) -> str:
        """What stands under a table in which a number would tell nothing; empty for others."""
        told = [part for rows in self.accuracy.values() for row in rows.values() for part in row.told]
        return TOO_FEW if UNTOLD in told else ""


def evaluate(
    ranges: Mapping[str, Bool[Tensor, " batch"]],
    truth: Answer,
    prediction: Prediction,
    *,
    slabs: Int[Tensor, " batch"] | None = None,
) -> Report:
    """Compare predictions with a simulator's answers to the same cases, range by range.

    Cases that either did not answer are left out, flagged ones count; ranges without a case are left out.

    Args:
        ranges: name -> mask of the cases in it: `airfoil_ranges`, `slab_ranges`.
        slabs: number of the slab of each case, where cases are slabs: `slab_numbers`.

    Raises:
        ValueError: no case was answered by both.
    """
    both = _answered(truth) & _answered(prediction)
    if not both.any():
        raise ValueError("expected at least one case that both the simulator and the surrogate answered; got none")
    masks = {name: mask & both for name, mask in ranges.items()}
    masks = {name: mask for name, mask in masks.items() if mask.any()}
    flagged = {name: float((~prediction.known[mask]).double().mean()) for name, mask in masks.items()}
    finite = {
        name: torch.isfinite(truth[name]) & torch.isfinite(prediction[name].detach())
        for name in prediction.low
        if name in truth.values
    }
    compared = {
        name: {
            quantity: Comparison.of(truth, prediction, quantity, mask & there, slabs)
            for quantity, there in finite.items()
            if (mask & there).any()
        }
        for name, mask in masks.items()
    }
    return Report(
        cases={name: int(mask.sum()) for name, mask in masks.items()},
        flagged=flagged,
        accuracy={
            name: {quantity: one.accuracy() for quantity, one in rows.items()} for name, rows in compared.items()
        },
        comparisons=next(iter(compared.values())),
    )


def airfoil_ranges(case: AirfoilCase, alpha: Float[Tensor, " batch"]) -> dict[str, Bool[Tensor, " batch"]]:
    """Named parts of the operating range as masks.

    The headline box is alpha -5 to 12 deg, Re 2e5 to 5e6, n_crit 8 to 10, Mach up to 0.1, free transition.
    """
    reynolds, mach = case.reynolds, case.mach
    free = (case.trip_top >= 1) & (case.trip_bottom >= 1)
    box = (
        free
        & (alpha >= -5)
        & (alpha <= 12)
        & (reynolds >= 2e5)
        & (reynolds <= 5e6)
        & (mach <= 0.1)
        & ((case.n_crit - 9).abs() <= 1)
    )
    return {
        "headline box": box,
        "everything": torch.ones_like(free),
        "alpha below 0": alpha < 0,
        "alpha 0 to 8": (alpha >= 0) & (alpha <= 8),
        "alpha above 8": alpha > 8,
        "Re below 3e5": reynolds < 3e5,
        "Re 3e5 to 3e6": (reynolds >= 3e5) & (reynolds <= 3e6),
        "Re above 3e6": reynolds > 3e6,
        "Mach above 0.3": mach > 0.3,
        "tripped": ~free,
    }


def slab_ranges(case: SlabCase, truth: Answer) -> dict[str, Bool[Tensor, " batch"]]:
    """Slabs on which the adsorbate stayed what and where it was, all and by adsorbate; and the others."""
    names = [name or "clean" for name in case.adsorbates]
    strange = torch.stack([truth[str(name)] > 0.5 for name in Anomaly]).any(0)
    plain = {
        f"{name} in its place": torch.tensor([one == name for one in names]) & ~strange for name in dict.fromkeys(names)
    }
    return {"everything in its place": ~strange, **(plain if len(plain) > 1 else {}), "anomalous": strange}


def slab_numbers(case: SlabCase) -> Int[Tensor, " batch"]:
    """A number of each row, the same for the same slab whatever stands on it."""
    clean = case.clean()
    places, cells, shares = (
        values.detach().cpu().double().round(decimals=3) + 0.0  # no negative zeros
        for values in (clean.positions, clean.cell, clean.occupation)
    )
    numbers: dict[str, int] = {}
    found = []
    for row, (start, stop) in enumerate(pairwise(clean.offsets.tolist())):
        key = repr([places[start:stop].tolist(), cells[row].tolist(), shares[start:stop].tolist()])
        found.append(numbers.setdefault(key, len(numbers)))
    return torch.tensor(found, dtype=torch.long)


def slabs_told(count: int) -> str:
    """So many slabs, in words."""
    return f"{count} slab{'' if count == 1 else 's'}"


def _few(slabs: int | None) -> bool:
    return slabs is not None and slabs < FEWEST


def number_told(value: float) -> str:
    """With two places, or `UNTOLD` where it is none."""
    return UNTOLD if isnan(value) else f"{value:.2f}"


def area_between(observed: Sequence[float]) -> float:
    """Area between the coverages that were observed at `LEVELS` and these, 0 to 0.5."""
    apart = [abs(seen - level) for seen, level in zip(observed, LEVELS, strict=True)]
    return sum(apart) / (len(apart) + 1)  # trapezia; nothing is apart at 0 and 1


def rank_correlation(first: Float[Tensor, " cases"], second: Float[Tensor, " cases"]) -> float:
    """Spearman's coefficient; NaN for fewer than three cases or where nothing varies by more than rounding."""
    if len(first) < 3 or any(
        float(one.max() - one.min()) <= ROUNDING * float(one.abs().max()) for one in (first, second)
    ):
        return float("nan")
    ranks = torch.stack([_ranks(first), _ranks(second)])
    return float(torch.corrcoef(ranks)[0, 1])


def _words(row: Accuracy) -> dict[str, float]:
    """JSON-ready, without what there is not."""
    return {name: value for name, value in asdict(row).items() if value is not None}


def _ranks(values: Tensor) -> Tensor:
    """Ranks, equal values sharing the mean of theirs."""
    _, number, counts = torch.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum(0).double() - 0.5 * (counts.double() - 1))[number]


def _answered(answer: Answer) -> Tensor:
    return torch.tensor([status is Status.OK for status in answer.status])
