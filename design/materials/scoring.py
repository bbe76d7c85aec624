"""What a candidate is worth, and how sure that is.

Named quantities of each candidate: those that are predicted (`adsorption_energy`, `formation_energy` and, if it is
asked for, `segregation_energy`), the `free_energy` of adsorption made from the first by a correction, and what follows
from composition alone (`strain`, `price`, `scarcity`, the latter two over platinum's).

Predicted ones are random: their errors follow the law of `surrogate.calibration`, as wide as their intervals say,
independent of each other. What depends on them is drawn `DRAWS` times, each time from another of as many equally likely
parts of every law (McKay et al., Technometrics 21, 239, 1979); intervals and probabilities are those of the draws.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.design.materials.candidates import Candidates
from understudy.design.materials.expression import Expression
from understudy.design.materials.metals import ABUNDANCE, PRICES, price_of_atoms, scarcity_of_atoms
from understudy.simulators.interface import Answer
from understudy.simulators.materials.anomaly import Anomaly, likely
from understudy.simulators.materials.solution import ENERGIES
from understudy.surrogate.calibration import error_quantile, reach

PREDICTED = (*ENERGIES, "segregation_energy")
OF_COMPOSITION = ("price", "scarcity")
NAMES = (*PREDICTED, "free_energy", "strain", *OF_COMPOSITION)
#: Share of truths that intervals cover where nobody says it.
COVERAGE = 0.9
#: Free energy of adsorption less its energy [eV]: vibrations and entropy of hydrogen at 300 K, from Nørskov et al.,
#: J. Electrochem. Soc. 152, J23 (2005); for others none is assumed.
CORRECTIONS = {"H": 0.24}
DRAWS, SEED = 256, 0


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A constraint: `quantity`, a formula, at least or at most a number.

    sure: probability with which it must hold, as far as the intervals tell.
    """

    quantity: str
    at_most: float = math.inf
    at_least: float = -math.inf
    sure: float = 0.5

    def __post_init__(self) -> None:
        Expression(self.quantity, NAMES)
        if self.at_most == math.inf and self.at_least == -math.inf:
            raise ValueError(f"a limit on {self.quantity} needs at_most or at_least; got neither")
        if not 0 < self.sure < 1:
            raise ValueError(f"sure must be above 0 and below 1; got {self.sure}")

    def kept(self, values: Mapping[str, Tensor]) -> Tensor:
        """Where it holds."""
        found = Expression(self.quantity, NAMES)(values)
        return (found <= self.at_most) & (found >= self.at_least)


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How candidates are compared: the lower the score, the better.

    score: a formula of `NAMES`. limits: what must hold besides.
    corrections: free energy less energy of adsorption, for each adsorbate [eV].
    window: distance of the free energy from zero that counts as at the peak [eV].

    Rarely needed:
        prices: of metals [US dollars a kilogram]. abundance: of metals [mg a kilogram of crust].
    """

    score: str = "abs(free_energy)"
    limits: tuple[Limit, ...] = ()
    corrections: dict[str, float] = field(default_factory=CORRECTIONS.copy)
    window: float = 0.1
    prices: dict[str, float] = field(default_factory=PRICES.copy)
    abundance: dict[str, float] = field(default_factory=ABUNDANCE.copy)

    def __post_init__(self) -> None:
        Expression(self.score, NAMES)
        if not self.window > 0:
            raise ValueError(f"window must be positive [eV]; got {self.window}")

    def needs(self, name: str) -> bool:
        """Whether score or limits ask for a quantity."""
        formulas = (self.score, *(limit.quantity for limit in self.limits))
        return any(name in Expression(formula, NAMES).names for formula in formulas)

    def check(self, undefined: Sequence[str]) -> None:
        """Refuse formulas of quantities that slabs do not have.

        Raises:
            ValueError: one of them is asked for.
        """
        for name in undefined:
            if self.needs(name):
                raise ValueError(
                    f"the {name} of a structure of a file is not defined; leave it out of score and limits, or screen "
                    "a [space]"
                )

    def unknown_of(self, metals: Sequence[str]) -> str:
        """What score or limits ask for and the tables do not tell of these metals, as a sentence; nothing if none."""
        for name, (table, key) in self._tables.items():
            missing = [metal for metal in metals if metal not in table]
            if missing and self.needs(name):
                return f"the {name} of {missing[0]} is not known; give it under [scoring.{key}]"
        return ""

    def require_known(self, metals: Sequence[str]) -> None:
        """Refuse metals of which something is asked that the tables do not tell.

        Raises:
            ValueError: there is one.
        """
        if told := self.unknown_of(metals):
            raise ValueError(told)

    def of_composition(self, shares: Float[Tensor, "batch metals"], metals: Sequence[str]) -> dict[str, Tensor]:
        """Price and scarcity of slabs, over those of platinum; NaN for a slab with a metal that the tables lack."""
        values = {}
        for name, (table, _) in self._tables.items():
            parts = shares * shares.new_tensor([table.get(metal, math.nan) for metal in metals])
            values[name] = torch.where(shares > 0, parts, 0.0).sum(1)  # metals that a slab lacks may be unknown
        return values

    @property
    def _tables(self) -> dict[str, tuple[dict[str, float], str]]:
        """Quantities that follow from composition, of an atom of each metal, with the table of the problem."""
        return {
            "price": (price_of_atoms(self.prices), "prices"),
            "scarcity": (scarcity_of_atoms(self.abundance), "abundance"),
        }

    def correction(self, adsorbates: Sequence[str]) -> Tensor:
        """Of each candidate [eV]; NaN for an adsorbate that has none."""
        return torch.tensor([self.corrections.get(name, math.nan) for name in adsorbates], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Predicted:
    """A predicted quantity: its value, and half the width of the interval that covers `coverage` of the truths."""

    value: Float[Tensor, " batch"]
    half_width: Float[Tensor, " batch"]
    coverage: float

    def drawn(self, share: Float[Tensor, " draws"]) -> Float[Tensor, "batch draws"]:
        """Values below which these shares of the law of their errors lie."""
        unit = self.half_width / reach(self.coverage)
        return self.value[:, None] + unit[:, None] * error_quantile(share)


@dataclass(frozen=True, eq=False)
class Scored:
    """What candidates are worth.

    values: of `NAMES`. ends: of the intervals of those that are predicted, as NAME_low and NAME_high.
    score: of these values, with the ends of its interval. coverage: share of the truths that intervals hold.
    near_peak: probability that the free energy is within the window. feasible: probability that all limits hold, and
    `kept` whether they hold as surely as they must.
    """

    values: dict[str, Float[Tensor, " batch"]]
    ends: dict[str, Float[Tensor, " batch"]]
    score: Float[Tensor, " batch"]
    score_low: Float[Tensor, " batch"]
    score_high: Float[Tensor, " batch"]
    coverage: Float[Tensor, " batch"]
    near_peak: Float[Tensor, " batch"]
    feasible: Float[Tensor, " batch"]
    kept: Bool[Tensor, " batch"]

    def __getitem__(self, rows: Tensor) -> "Scored":
        def table(columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: column[rows] for name, column in columns.items()}

        rest = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ("values", "ends")}
        return Scored(table(self.values), table(self.ends), **table(rest))


def scored(predicted: Mapping[str, Predicted], plain: Mapping[str, Tensor], scoring: Scoring, shift: Tensor) -> Scored:
    """Scores of candidates.

    Args:
        predicted: of `PREDICTED`, those that are there. plain: what is known without error.
        shift: free energy less energy of adsorption [eV].
    """
    coverage = next(iter(predicted.values())).coverage
    random = torch.Generator().manual_seed(SEED)
    values = {name: one.value for name, one in predicted.items()} | dict(plain)
    middles = (torch.arange(DRAWS, dtype=torch.float64) + 0.5) / DRAWS
    draws = {name: one.drawn(middles[torch.randperm(DRAWS, generator=random)]) for name, one in predicted.items()}
    draws |= {name: column[:, None].expand(-1, DRAWS) for name, column in plain.items()}
    for table, change in ((values, shift), (draws, shift[:, None])):
        table["free_energy"] = table["adsorption_energy"] + change
    formula = Expression(scoring.score, NAMES)
    score, low, high = _interval(formula(values), formula(draws), coverage)
    held = [limit.kept(draws) for limit in scoring.limits]
    everywhere = torch.ones(len(score), DRAWS, dtype=torch.bool)
    kept = torch.ones(len(score), dtype=torch.bool)
    for limit, one in zip(scoring.limits, held, strict=True):
        kept &= one.double().mean(1) >= limit.sure
        everywhere &= one
    return Scored(
        values=values,
        ends={
            f"{name}_{end}": one.value + sign * one.half_width
            for name, one in predicted.items()
            for end, sign in (("low", -1), ("high", 1))
        },
        score=score,
        score_low=low,
        score_high=high,
        coverage=torch.full_like(score, coverage),
        near_peak=(draws["free_energy"].abs() <= scoring.window).double().mean(1),
        feasible=everywhere.double().mean(1),
        kept=kept,
    )


def score_of(candidates: Candidates, found: Mapping[str, Predicted], scoring: Scoring) -> Scored:
    """What candidates are worth by what was found of them."""
    plain = scoring.of_composition(candidates.shares(), candidates.space.metals) | candidates.exact
    return scored(found, plain, scoring, scoring.correction([name for name, _ in candidates.standing()]))


def staying(answer: Answer) -> Float[Tensor, " batch"]:
    """Probability that the adsorbate stays what and where it was, as far as the answer tells."""
    told = [1 - answer.values[name] for name in map(str, Anomaly) if name in answer.values]
    return torch.stack([torch.ones_like(answer["adsorption_energy"]), *told]).prod(0)


def leaves(answer: Answer) -> Bool[Tensor, " batch"]:
    """Where the adsorbate would rather leave than not: an anomaly is likely; an answer on a clean slab is open."""
    nowhere = torch.zeros_like(answer["adsorption_energy"], dtype=torch.bool)
    return torch.stack([nowhere, *likely(answer.values).values()]).any(0)


def _interval(value: Tensor, draws: Tensor, coverage: float) -> tuple[Tensor, Tensor, Tensor]:
    """A value with the quantiles of its draws between which that share of them lies, wide enough to hold it as well.

    That of an absolute value is not always between these: next to zero it is lower than most of its draws. Draws of
    which a formula has no value, as a root of a negative number, are left out.
    """
    share = 0.5 * (1 - coverage)
    low, high = torch.nanquantile(draws, torch.tensor([share, 1 - share], dtype=draws.dtype), dim=1)
    return value, torch.minimum(low, value), torch.maximum(high, value)
