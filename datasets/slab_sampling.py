"""Which slabs a data set holds, and what stands where on them. Case i depends on mix, seed and i, on nothing else.

Every slab is drawn with a random stream of its own; the cases that share it differ in adsorbate and site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from understudy.datasets.tables import StructureTable
from understudy.simulators.materials.adsorbates import adsorbate, likely_height, placed
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.elements import COVALENT_RADII
from understudy.simulators.materials.sites import Site, require_kinds, sites_of
from understudy.simulators.materials.slabs import LARGEST_STRAIN, Facet, SlabPlan, constants_of_metals


@dataclass(frozen=True, kw_only=True)
class SlabMix:
    """Random slabs of face-centred cubic metals with adsorbates.

    metals: that take part; all must have a lattice constant in the simulator that is asked.
    facet, size, layers, free: as in `SlabPlan`.
    by_layer: one metal a layer; otherwise one a site.
    most_metals: different ones in a slab, at most; 0 sets no limit.
    strain: along the surface, uniform in this range.
    adsorbates: drawn alike often.
    sites: kinds that are drawn from, alike often; every kind that a slab has if none is named.
    height: where the binding atom starts above the surface [Å]; 0 lets it touch its neighbours.
    """

    metals: tuple[str, ...] = ("Pt", "Pd", "Cu", "Ag", "Au")
    facet: Facet = Facet.FCC111
    size: tuple[int, int] = (1, 1)
    layers: int = 4
    free: int = 0
    by_layer: bool = True
    most_metals: int = 0
    strain: tuple[float, float] = (-0.03, 0.03)
    adsorbates: tuple[str, ...] = ("H",)
    sites: tuple[str, ...] = ("fcc",)
    height: float = 0.0

    def __post_init__(self) -> None:
        if not self.metals:
            raise ValueError("expected at least one metal; got none")
        if not self.adsorbates:
            raise ValueError("expected at least one adsorbate; got none")
        for name in self.adsorbates:
            adsorbate(name)
        require_kinds(self.sites)
        SlabPlan(Facet(self.facet), self.size, self.layers, self.free)  # refuses numbers that no slab has
        if not -LARGEST_STRAIN <= self.strain[0] <= self.strain[1] <= LARGEST_STRAIN:
            ends = f"{-LARGEST_STRAIN} .. {LARGEST_STRAIN}"
            raise ValueError(f"strain must be a range (lowest, highest) within {ends}; got {self.strain}")
        if self.most_metals < 0 or self.height < 0:
            raise ValueError("most_metals and height must not be negative")

    def plan(self, constants: Mapping[str, float]) -> SlabPlan:
        """What all slabs have in common, with the lattice constants of a simulator [Å].

        Raises:
            ValueError: a metal without a lattice constant.
        """
        known = constants_of_metals(self.metals, constants)
        return SlabPlan(Facet(self.facet), self.size, self.layers, self.free, known)


def draw_slabs(
    mix: SlabMix, constants: Mapping[str, float], seed: int, start: int, stop: int, *, each: int
) -> StructureTable:
    """The structures start .. stop - 1, `each` consecutive ones on the same slab.

    Raises:
        ValueError: a metal without a lattice constant, or sites that no slab of the mix has.
    """
    plan = mix.plan(constants)
    drawn = [_drawn(mix, plan, seed, number, each) for number in range(start, stop)]
    return StructureTable.of(
        SlabCase.concatenate([case for case, _, _, _ in drawn]),
        name=[f"{layout}{strained}, {what}" for _, layout, strained, what in drawn],
        kind=["random slab"] * len(drawn),
        families=[(layout,) for _, layout, _, _ in drawn],  # at all strains: they tell of each other
    )


def _drawn(mix: SlabMix, plan: SlabPlan, seed: int, number: int, each: int) -> tuple[SlabCase, str, str, str]:
    """A structure, the name of its layout, its strain in words, and what stands on it."""
    slab, layout, strained, sites = _slab(mix, plan, seed, number // each)
    random = np.random.default_rng([seed, number // each, 1 + number % each])
    kind = mix.adsorbates[random.integers(len(mix.adsorbates))]
    site = sites[random.integers(len(sites))]
    symbols = slab.symbols(0)
    radii = {atom: COVALENT_RADII[symbols[atom]] for atom in site.atoms}
    height = mix.height or likely_height(kind, site, radii)
    like = slab.positions.new_tensor
    return placed(slab, kind, like(site.place)[None], like([height])), layout, strained, f"{kind} {site.kind}"


@lru_cache(maxsize=64)
def _slab_cached(
    mix: SlabMix, layout: tuple[tuple[str, ...], ...], strain: float, constants: tuple[tuple[str, float], ...]
) -> tuple[SlabCase, tuple[Site, ...]]:
    plan = mix.plan(dict(constants))
    slab = plan.slabs(plan.occupation(layout)[None], torch.tensor([strain], dtype=torch.float64))
    found = sites_of(slab, 0)
    wanted = tuple(site for site in found if not mix.sites or site.kind in mix.sites)
    if not wanted:
        kinds = ", ".join(dict.fromkeys(str(site.kind) for site in found))
        raise ValueError(f"this surface has the sites {kinds}; none of {', '.join(mix.sites)}")
    return slab, wanted


def _slab(mix: SlabMix, plan: SlabPlan, seed: int, number: int) -> tuple[SlabCase, str, str, tuple[Site, ...]]:
    """A clean slab, the name of its layout, its strain in words, and the sites that are drawn from."""
    random = np.random.default_rng([seed, number])
    metals = list(mix.metals)
    if mix.most_metals:
        count = int(random.integers(1, min(mix.most_metals, len(metals)) + 1))
        metals = [metals[k] for k in random.choice(len(metals), count, replace=False)]
    sites = 1 if mix.by_layer else plan.sites
    drawn = random.integers(len(metals), size=(plan.layers, sites))
    layout = tuple(tuple(metals[k] for k in layer) * (plan.sites // sites) for layer in drawn)
    strain = round(float(random.uniform(*mix.strain)), 5)
    name = "/".join("".join(layer[:sites]) for layer in layout)
    slab, found = _slab_cached(mix, layout, strain, tuple(plan.constants.items()))
    return slab, name, f" {100 * strain:+.2f} %" if strain else "", found
