"""From mixtures to real slabs: the nearest ones, then every single exchange of a metal that makes them better."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.design.materials.scoring import Scored, Scoring
from understudy.design.materials.screening import scored_by
from understudy.design.materials.space import SlabSpace, Stacks
from understudy.simulators.interface import Predictor
from understudy.simulators.materials.case import SlabCase

COARSE = 9  # strains at which an exchange is tried; the best slabs are looked at on the whole grid
PASSES = 12  # rounds of exchanges, at most

Layout = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Real slabs, the best first, each at its best strain, with what they are worth."""

    candidates: Stacks
    scored: Scored

    def __len__(self) -> int:
        return len(self.candidates)


@dataclass(eq=False)
class Workshop:
    """Scores real slabs by a predictor and remembers them.

    most_metals: different ones in a slab, at most; 0 sets no limit.
    asked: slabs that the predictor was asked about.
    """

    space: SlabSpace
    scoring: Scoring
    predictor: Predictor[SlabCase]
    constants: Mapping[str, float]
    most_metals: int = 0
    asked: int = 0
    _known: dict[Layout, float] = field(default_factory=dict)

    def repaired(
        self, layouts: list[Layout], keep: int, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Ranked:
        """Slabs that no single exchange makes better, from the best `keep` of some layouts, each at its best strain.

        Layouts of too many metals are first made of their most frequent ones.
        """
        self._learn([self._narrowed(layout) for layout in layouts])
        for number in range(PASSES):
            before = self._best(keep)
            self._learn([other for layout in before for other in self.exchanges(layout)])
            progress(number + 1, PASSES)
            if self._best(keep) == before:
                break
        return self.ranked(self._best(keep))

    def allowed(self, layout: Layout) -> bool:
        """Whether it has few enough metals, each where it may be."""
        metals = {metal for layer in layout for metal in layer}
        fits = all(set(layer) <= set(choice) for layer, choice in zip(layout, self.space.choices, strict=True))
        return fits and (not self.most_metals or len(metals) <= self.most_metals)

    def _narrowed(self, layout: Layout) -> Layout:
        """With its rarest metals replaced by the commonest that may stand in their place."""
        if self.allowed(layout):
            return layout
        counts = Counter(metal for layer in layout for metal in layer)
        common = [metal for metal, _ in counts.most_common()]
        for kept in combinations(common, min(len(common), self.most_metals)):
            choices = [[metal for metal in kept if metal in choice] for choice in self.space.choices]
            if all(choices):
                return tuple(
                    tuple(metal if metal in few else few[0] for metal in layer)
                    for layer, few in zip(layout, choices, strict=True)
                )
        raise ValueError(f"no slab of {self.most_metals} metals fits the layers of the space; allow more")

    def exchanges(self, layout: Layout) -> Iterator[Layout]:
        """All layouts that differ in one place."""
        for depth, layer in enumerate(layout):
            for place in range(len(layer)):
                for metal in self.space.choices[depth]:
                    changed = (*layer[:place], metal, *layer[place + 1 :])
                    other = (*layout[:depth], changed, *layout[depth + 1 :])
                    if metal != layer[place] and self.allowed(other):
                        yield other

    def ranked(self, layouts: list[Layout]) -> Ranked:
        """Layouts on the whole grid of strains."""
        count = self.space.strains[2]
        every, worth, objective = self._scored(layouts, count)
        best = objective.argmin(1) + count * torch.arange(len(layouts))
        rows = best[objective.amin(1).argsort()]
        return Ranked(every[rows], worth[rows])

    @torch.no_grad()
    def score(self, candidates: Stacks) -> Scored:
        """What real slabs are worth."""
        self.asked += len(candidates)
        return scored_by(self.predictor, candidates, self.constants, self.scoring)[0]

    def _learn(self, layouts: list[Layout]) -> None:
        """The best score of each layout that is not known yet, on a coarse grid of strains."""
        fresh = [layout for layout in dict.fromkeys(layouts) if layout not in self._known]
        if not fresh:
            return
        _, _, objective = self._scored(fresh, min(COARSE, self.space.strains[2]))
        self._known |= dict(zip(fresh, objective.amin(1).tolist(), strict=True))

    def _best(self, count: int) -> list[Layout]:
        finite = [layout for layout, score in self._known.items() if not math.isnan(score)]
        return sorted(finite, key=self._known.__getitem__)[:count]

    def _scored(self, layouts: list[Layout], count: int) -> tuple[Stacks, Scored, Float[Tensor, "layouts strains"]]:
        """Layouts at so many strains each, what they are worth, and their scores, infinite where a limit is broken."""
        metals = torch.tensor(layouts).repeat_interleave(count, 0)
        every = Stacks.first(self.space, metals, self.space.grid(count).repeat(len(layouts)))
        worth = self.score(every)
        return every, worth, torch.where(worth.kept, worth.score, torch.inf).reshape(len(layouts), count)


def layouts_of(candidates: Stacks) -> list[Layout]:
    """Metals of each candidate, as plain numbers."""
    return [tuple(tuple(layer) for layer in row) for row in candidates.metals.tolist()]
