"""From mixtures to real slabs: the nearest ones, then every single exchange of a metal that makes them better."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.design.materials.acquisition import Acquisition, wishes
from understudy.design.materials.scoring import Scored, Scoring, leaves, staying
from understudy.design.materials.screening import MEASURES, known_by, scored_by
from understudy.design.materials.space import Slab, SlabSpace, Stacks
from understudy.design.materials.symmetry import Layout, Turn, exchanges_apart, turns_of, upright
from understudy.simulators.interface import Predictor
from understudy.simulators.materials.case import SlabCase

COARSE = 9  # strains at which layouts are compared; those that are found are looked at on the whole grid
PASSES = 12  # rounds of exchanges, at most


@dataclass(frozen=True, eq=False)
class Ranked:
    """Real slabs, the most wanted first, each at its best strain.

    scored: what they are worth. known: whether they are like what the predictor was trained on.
    """

    candidates: Stacks
    scored: Scored
    known: Bool[Tensor, " slabs"]

    def __len__(self) -> int:
        return len(self.candidates)


@dataclass(eq=False)
class Workshop:
    """Scores real slabs by a predictor and remembers them; slabs that are turned into each other are one.

    most_metals: different ones in a slab, at most; 0 sets no limit.
    acquisition: what makes a slab wanted. best: lowest score that was verified, infinite if there is none.
    asked: slabs that the predictor was asked about.
    """

    space: SlabSpace
    scoring: Scoring
    predictor: Predictor[SlabCase]
    constants: Mapping[str, float]
    most_metals: int = 0
    acquisition: Acquisition = Acquisition.SCORE
    best: float = math.inf
    asked: int = 0
    _known: dict[Layout, Float[Tensor, " strains"]] = field(default_factory=dict)  # unwantedness; NaN if not tried

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """Those about the adsorbate."""
        return turns_of(self.space)

    def repair(
        self,
        layouts: Iterable[Layout],
        keep: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        apart: int = 1,
    ) -> None:
        """Try exchanges of the most wanted `keep` of some layouts until no single one makes any of these better.

        Layouts of too many metals are first made of their most frequent ones.

        Rarely needed:
            apart: exchanges by which those that are kept should differ.
        """
        self._learn([self._narrowed(layout) for layout in layouts], range(self._coarse))
        for number in range(PASSES):
            before = self._best(keep, apart)
            self._learn(before, range(self._coarse))
            for layout in before:  # whose best strain is nearly that of its exchanges
                place = int(self._known[layout].nan_to_num(math.inf).argmin())
                self._learn(self.exchanges(layout), range(place, place + 1))
            settled = self._best(keep, apart) == before
            progress(number + 1, number + 1 if settled else PASSES)
            if settled:
                break

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
        common += sorted({metal for choice in self.space.choices for metal in choice} - set(common))
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

    def most_wanted(self, count: int, judged: Sequence[Slab] = (), *, apart: int = 1) -> Ranked | None:
        """So many of the slabs that were tried, each at its best strain on the whole grid; None if none is left.

        Slabs that break a limit, or that their adsorbate would rather leave, are none.

        Args:
            judged: slabs that are left out, as are those hardly more or less strained.
            apart: exchanges by which they should differ from each other; where too few do, the others follow.
        """
        layouts, strains = self._best(count, apart, judged), self.space.strains[2]
        if not layouts:
            return None
        every, worth, known, unwanted = self._valued(layouts, range(strains), strains)
        taken = self._judged(layouts, judged, strains) | unwanted.isnan()
        best = unwanted.masked_fill(taken, math.inf).min(1)
        order = best.values.argsort(stable=True)
        order = order[best.values[order].isfinite()]
        rows = (best.indices + strains * torch.arange(len(layouts)))[order]
        return Ranked(every[rows], worth[rows], known[rows]) if len(rows) else None

    def _judged(self, layouts: Sequence[Layout], judged: Sequence[Slab], count: int) -> Bool[Tensor, "layouts strains"]:
        """Which layouts were judged within a coarse step of each strain of a grid."""
        grid, (low, high, _) = self.space.grid(count), self.space.strains
        found = torch.zeros(len(layouts), count, dtype=torch.bool)
        places = {layout: place for place, layout in enumerate(layouts)}
        if judged:
            for layout, slab in zip(layouts_of(self.space.called(judged)), judged, strict=True):
                place = places.get(upright(layout, self.turns))
                if place is not None:
                    found[place] |= (grid - slab.strain).abs() <= (high - low) / COARSE
        return found

    @property
    def _coarse(self) -> int:
        return min(COARSE, self.space.strains[2])

    def _learn(self, layouts: Iterable[Layout], steps: range) -> None:
        """How little layouts are wanted at some steps of a coarse grid of strains, where this is not known yet."""
        blank, asked = torch.full((self._coarse,), math.nan, dtype=torch.float64), slice(steps.start, steps.stop)
        upright_ones = dict.fromkeys(upright(layout, self.turns) for layout in layouts)
        fresh = [layout for layout in upright_ones if self._known.get(layout, blank)[asked].isnan().any()]
        if fresh:
            for layout, unwanted in zip(fresh, self._valued(fresh, steps, self._coarse)[-1], strict=True):
                self._known.setdefault(layout, blank.clone())[asked] = unwanted

    def _best(self, count: int, apart: int, judged: Sequence[Slab] = ()) -> list[Layout]:
        """The most wanted layouts that differ by so many exchanges, and behind them others where too few do."""
        layouts = list(self._known)
        unwanted = torch.stack(list(self._known.values()))
        unwanted = unwanted.masked_fill(self._judged(layouts, judged, self._coarse), math.nan)
        order = unwanted.nan_to_num(math.inf).amin(1).argsort(stable=True)
        order = order[~unwanted.isnan().all(1)[order]]
        metals = torch.tensor(layouts)[order]
        far = torch.ones(len(order), dtype=torch.bool)
        chosen: list[int] = []
        while len(chosen) < count and far.any():
            chosen.append(int(far.int().argmax()))
            far &= exchanges_apart(layouts[order[chosen[-1]]], metals, self.turns) >= apart
        others = [place for place in range(min(len(order), 2 * count)) if place not in chosen]
        return [layouts[number] for number in order[[*chosen, *others][:count]].tolist()]

    @torch.no_grad()
    def _valued(
        self, layouts: Sequence[Layout], steps: range, count: int
    ) -> tuple[Stacks, Scored, Bool[Tensor, " slabs"], Float[Tensor, "layouts strains"]]:
        """Layouts at some steps of a grid of so many strains: worth, whether known, and how little they are wanted.

        Infinite where a limit is broken or the adsorbate hardly stays, NaN where the predictor does not answer.
        """
        metals = torch.tensor(layouts).repeat_interleave(len(steps), 0)
        grid = self.space.grid(count)[steps.start : steps.stop]
        every = Stacks.first(self.space, metals, grid.repeat(len(layouts)))
        worth, answer = scored_by(self.predictor, every, self.constants, self.scoring)
        self.asked += len(every)
        columns = {name: getattr(worth, name).numpy() for name in MEASURES}
        unwanted = -torch.from_numpy(wishes(columns, self.acquisition, self.best))
        if self.acquisition is Acquisition.IMPROVEMENT and math.isfinite(self.best):
            unwanted = unwanted - staying(answer).log()  # what leaves improves nothing
        broken = ~(worth.kept & ~leaves(answer)) & ~unwanted.isnan()
        unwanted = unwanted.masked_fill(broken, math.inf).reshape(len(layouts), len(steps))
        return every, worth, known_by(answer), unwanted


def layouts_of(candidates: Stacks) -> list[Layout]:
    """Metals of each candidate, as plain numbers."""
    return [tuple(tuple(layer) for layer in row) for row in candidates.metals.tolist()]
