"""Designing a surface: what is sought, the search for it, and the answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from understudy.design.materials.acquisition import Acquisition
from understudy.design.materials.descent import Descent, descend
from understudy.design.materials.repair import Ranked, Workshop, layouts_of
from understudy.design.materials.run import Progress
from understudy.design.materials.scoring import Scoring
from understudy.design.materials.space import Slab, SlabSpace
from understudy.design.materials.verification import Verdict, scores_of
from understudy.simulators.interface import Predictor
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.surrogate import SlabSurrogate

#: Activity first, then a surface that stays, cheap and hardly strained; each term is one where it begins to matter.
OBJECTIVE = "(free_energy / 0.1)**2 + max(formation_energy, 0) / 0.05 + 0.02 * price + (strain / 0.01)**2"


@dataclass(frozen=True, kw_only=True)
class SurfaceProblem:
    """What is designed, checked at birth.

    name: for people. space: which metals may be where, and the strains.
    scoring: its score is the objective, the lower the better.
    by_site: a metal for each site, not for each layer. most_metals: different ones, at most; 0 sets no limit.

    Rarely needed:
        descent: how the gradient is followed. repaired: slabs whose exchanges are tried in each pass.
    """

    name: str = "surface"
    space: SlabSpace = field(default_factory=SlabSpace)
    scoring: Scoring = field(default_factory=lambda: Scoring(score=OBJECTIVE))
    by_site: bool = False
    most_metals: int = 0
    descent: Descent = field(default_factory=Descent)
    repaired: int = 5

    def __post_init__(self) -> None:
        if len(self.space.adsorbates) > 1 or len(self.space.sites) > 1:
            raise ValueError("a design is of one adsorbate on one site; name one of each in the space")
        if self.most_metals < 0 or self.repaired < 1:
            raise ValueError("most_metals must not be negative, and repaired at least 1")
        self.scoring.require_known(self.space.metals)
        if self.scoring.needs("free_energy") and self.space.adsorbates[0] not in self.scoring.corrections:
            raise ValueError(
                f"the free energy of {self.space.adsorbates[0]} needs its correction: expected one in "
                f"scoring.corrections [eV]; got those of {', '.join(self.scoring.corrections) or 'none'}"
            )

    @property
    def columns(self) -> int:
        """Metals that are free in a layer."""
        return self.space.size[0] * self.space.size[1] if self.by_site else 1

    @property
    def apart(self) -> int:
        """Exchanges by which slabs that are looked at together differ: a quarter of all that are free."""
        return max(1, self.columns * self.space.depth // 4)


@dataclass(frozen=True)
class Search:
    """What a search found.

    mixtures: objective of the best mixture that the descent came to. slabs: real ones that were not judged before, the
    most wanted first. promises: columns of a screening of each. asked: slabs that the predictor was asked about after
    the descent.
    """

    mixtures: float
    slabs: tuple[Slab, ...]
    promises: tuple[dict[str, float], ...]
    asked: int


@dataclass(frozen=True)
class SurfaceDesign:
    """The answer to a problem.

    best: the slab with the lowest verified objective, or the lowest promised one where nothing was verified.
    promised, verified: objective of it. searches: of each round.
    verdicts: what a simulator said.
    """

    problem: SurfaceProblem
    best: Slab
    promised: float
    verified: float | None
    searches: tuple[Search, ...]
    verdicts: tuple[Verdict, ...]


def search(
    problem: SurfaceProblem,
    predictor: Predictor[SlabCase],
    constants: Mapping[str, float],
    progress: Progress = lambda doing, done, total: None,
    *,
    count: int = 0,
    acquisition: Acquisition = Acquisition.SCORE,
    verdicts: Sequence[Verdict] = (),
) -> Search:
    """The real slabs that are wanted most by what the predictor promises, and that differ from each other.

    Rarely needed:
        count: slabs that are found, `problem.repaired` at least. acquisition: what makes them wanted.
        verdicts: on slabs that are not to be found again; the best of them are starting points besides the mixtures.

    Raises:
        NotDifferentiableError: the predictor gives no gradients.
    """
    predictor.require_gradient()
    who: Callable[[int], Predictor[SlabCase]] = lambda step: predictor  # noqa: E731  # as short as it is clear
    if isinstance(predictor, SlabSurrogate):
        who = predictor.thinned
    mixtures = descend(
        problem.space,
        problem.scoring,
        who,
        dict(constants),
        replace(problem.descent, seed=problem.descent.seed + len(verdicts)),
        columns=problem.columns,
        progress=partial(progress, "descending"),
    )
    judged, scores = [verdict.slab for verdict in verdicts], scores_of(problem.space, problem.scoring, verdicts)
    workshop = Workshop(
        problem.space,
        problem.scoring,
        predictor,
        constants,
        problem.most_metals,
        acquisition,
        min(scores, default=math.inf),
    )
    leading = [judged[place] for place in sorted(range(len(judged)), key=scores.__getitem__)[: problem.repaired]]
    starts = [mixtures.rounded(problem.space), *([problem.space.called(leading)] if leading else [])]
    layouts = [layout for some in starts for layout in layouts_of(some)]
    workshop.repair(layouts, problem.repaired, partial(progress, "exchanging"), apart=problem.apart)
    ranked = workshop.most_wanted(max(count, problem.repaired), judged, apart=problem.apart)
    return Search(
        float(mixtures.objective.nan_to_num(math.inf).min()),
        tuple(ranked.candidates.told()) if ranked else (),
        tuple(_promises(ranked)) if ranked else (),
        workshop.asked,
    )


def _promises(ranked: Ranked) -> list[dict[str, float]]:
    """Columns of a screening, one table a slab."""
    worth = ranked.scored
    columns: dict[str, Any] = {**worth.values, **worth.ends}
    columns |= {name: getattr(worth, name).double() for name in ("score", "score_low", "score_high", "near_peak")}
    columns |= {"feasible": worth.feasible, "known": ranked.known}
    return [{name: float(column[row]) for name, column in columns.items()} for row in range(len(ranked))]
