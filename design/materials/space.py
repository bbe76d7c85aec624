"""Which slabs are screened: every stack of metals at every strain, with every adsorbate on every site; numbered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from understudy.design.materials.candidates import Candidates, Space
from understudy.simulators.materials.adsorbates import adsorbate, placed
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.sites import require_kinds, sites_of
from understudy.simulators.materials.slabs import LARGEST_STRAIN, Facet, SlabPlan, constants_of_metals

STRAIN_DIGITS = 8
METALS = ("Pt", "Pd", "Ir", "Rh", "Cu", "Ag", "Au")


@dataclass(frozen=True)
class Slab:
    """A candidate by name: metals of each layer, surface first, one or one a site; strain; what stands where."""

    layers: tuple[tuple[str, ...], ...]
    strain: float
    adsorbate: str
    site: str

    @staticmethod
    def of(words: Mapping[str, Any]) -> "Slab":
        """From the words of JSON."""
        return Slab(**{**words, "layers": tuple(tuple(layer) for layer in words["layers"])})

    @property
    def name(self) -> str:
        """Metals from the surface down."""
        return "/".join("".join(layer) for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class SlabSpace(Space[Slab]):
    """Slabs of one metal a layer, checked at birth.

    metals: of which each layer may be made. depth: layers.
    layers: metals of each layer, surface first, where they are not the same for all.
    facet, size, free: as in `SlabPlan`.
    strains: lowest, highest, and how many evenly spread; along the surface.
    adsorbates, sites: what stands where; sites by the names of `SiteKind`.
    height: where the binding atom starts above the surface [Å].

    Raises:
        ValueError: a number out of its range, or a name that is not known.
    """

    metals: tuple[str, ...] = METALS
    depth: int = 4
    layers: tuple[tuple[str, ...], ...] = ()
    facet: Facet = Facet.FCC111
    size: tuple[int, int] = (1, 1)
    free: int = 0
    strains: tuple[float, float, int] = (-0.03, 0.03, 41)
    adsorbates: tuple[str, ...] = ("H",)
    sites: tuple[str, ...] = ("fcc",)
    height: float = 0.9

    def __post_init__(self) -> None:
        if not self.metals or not self.adsorbates or not self.sites:
            raise ValueError("a space needs at least one metal, one adsorbate and one site; got none of one of them")
        if self.layers and len(self.layers) != self.depth:
            raise ValueError(
                f"layers must name the metals of {self.depth} layers, surface first; got {len(self.layers)}"
            )
        for layer in self.layers:
            foreign = [metal for metal in layer if metal not in self.metals]
            if foreign or not layer:
                raise ValueError(f"layers must hold metals among {', '.join(self.metals)}; got {foreign or 'none'}")
        for name in self.adsorbates:
            adsorbate(name)
        require_kinds(self.sites)
        low, high, count = self.strains
        if not -LARGEST_STRAIN <= low <= high <= LARGEST_STRAIN or count < 1:
            raise ValueError(
                f"strains must be lowest, highest (within {LARGEST_STRAIN}) and a count; got {self.strains}"
            )
        if not self.height > 0:
            raise ValueError(f"height must be positive [Å]; got {self.height}")
        if self.facet not in tuple(Facet):
            raise ValueError(f"facet must be one of {', '.join(Facet)}; got {self.facet!r}")
        if self.depth < 2:
            raise ValueError(f"depth must be at least 2 layers; got {self.depth}")
        SlabPlan(Facet(self.facet), self.size, self.depth, self.free)  # refuses numbers that no slab has

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the metals that each layer may be made of, surface first."""
        layers = self.layers or (self.metals,) * self.depth
        return tuple(tuple(self.metals.index(metal) for metal in layer) for layer in layers)

    def grid(self, count: int) -> Float[Tensor, " strains"]:
        """So many strains, evenly spread from the lowest to the highest."""
        low, high, _ = self.strains
        return torch.linspace(low, high, count, dtype=torch.float64)

    @property
    def exchanged_layers(self) -> list[int]:
        """Layers in the order in which surface and second layer have changed places."""
        return [1, 0, *range(2, self.depth)]

    @property
    def stacks(self) -> int:
        """How many there are."""
        return math.prod(len(choice) for choice in self.choices)

    @property
    def atoms(self) -> int:
        """Of metal in a slab."""
        return self.size[0] * self.size[1] * self.depth

    def __len__(self) -> int:
        return self.stacks * self.strains[2] * len(self.adsorbates) * len(self.sites)

    def check(self, constants: Mapping[str, float]) -> None:
        """Refuse what no slab can be made of.

        Raises:
            ValueError: a metal without lattice constant, or a site that the surface does not have.
        """
        self.plan(constants)
        _ = self.places

    def plan(self, constants: Mapping[str, float]) -> SlabPlan:
        """What all slabs have in common, with lattice constants [Å].

        Raises:
            ValueError: a metal without one.
        """
        known = constants_of_metals(self.metals, constants)
        return SlabPlan(Facet(self.facet), self.size, self.depth, self.free, known)

    def candidates(self, numbers: Int[Tensor, " batch"]) -> "Stacks":
        rest, strain = numbers // self.strains[2], numbers % self.strains[2]
        rest, stack = rest // self.stacks, rest % self.stacks
        metals = []
        for choice in reversed(self.choices):
            stack, place = stack // len(choice), stack % len(choice)
            metals.append(torch.tensor(choice)[place])
        steps = self.grid(self.strains[2])
        return Stacks(
            self,
            torch.stack(metals[::-1], 1)[:, :, None],
            steps[strain],
            rest // len(self.sites),
            rest % len(self.sites),
        )

    def called(self, slabs: Sequence[Slab]) -> "Stacks":
        return Stacks(
            self,
            torch.tensor([[[self.metals.index(metal) for metal in layer] for layer in slab.layers] for slab in slabs]),
            torch.tensor([slab.strain for slab in slabs], dtype=torch.float64),
            torch.tensor([self.adsorbates.index(slab.adsorbate) for slab in slabs]),
            torch.tensor([self.sites.index(slab.site) for slab in slabs]),
        )

    def slab_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return numbers // self.strains[2]

    @cached_property
    def places(self) -> Float[Tensor, "sites 2"]:
        """Where each of `sites` is, in the two vectors of the cell.

        Raises:
            ValueError: a site that this surface does not have.
        """
        pure = self.plan(dict.fromkeys(self.metals, 4.0))
        slab = pure.slabs(pure.occupation([self.metals[0]] * self.depth)[None], torch.zeros(1, dtype=torch.float64))
        found = {str(site.kind): site.place for site in reversed(sites_of(slab, 0))}
        missing = [name for name in self.sites if name not in found]
        if missing:
            raise ValueError(f"this surface has the sites {', '.join(sorted(found))}; got {missing[0]!r}")
        return torch.tensor([list(found[name]) for name in self.sites], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Stacks(Candidates[Slab]):
    """Some slabs of a space of stacks.

    metals: number of the metal of each layer, surface first, or of each of its sites (batch, layers, columns).
    strain: (batch,). adsorbate, site: number of each (batch,).
    """

    space: SlabSpace
    metals: Int[Tensor, "batch layers columns"]
    strain: Float[Tensor, " batch"]
    adsorbate: Int[Tensor, " batch"]
    site: Int[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.strain)

    def __getitem__(self, rows: slice | Tensor) -> "Stacks":
        columns = (self.metals, self.strain, self.adsorbate, self.site)
        return Stacks(self.space, *(column[rows] for column in columns))

    @staticmethod
    def first(space: SlabSpace, metals: Tensor, strain: Tensor) -> "Stacks":
        """Slabs with the first adsorbate on the first site of the space."""
        none = torch.zeros(len(strain), dtype=torch.int64)
        return Stacks(space, metals, strain, none, none)

    def told(self) -> list[Slab]:
        rows = zip(self.metals.tolist(), self.strain.tolist(), self.standing(), strict=True)
        return [
            Slab(
                tuple(tuple(self.space.metals[metal] for metal in layer) for layer in layers),
                round(strain, STRAIN_DIGITS) + 0.0,  # no minus before a zero
                *standing,
            )
            for layers, strain, standing in rows
        ]

    def standing(self) -> list[tuple[str, str]]:
        pairs = zip(self.adsorbate.tolist(), self.site.tolist(), strict=True)
        return [(self.space.adsorbates[kind], self.space.sites[site]) for kind, site in pairs]

    def shares(self) -> Float[Tensor, "batch metals"]:
        return torch.nn.functional.one_hot(self.metals, len(self.space.metals)).double().mean((1, 2))

    @property
    def atoms(self) -> Float[Tensor, " batch"]:
        return torch.full((len(self),), float(self.space.atoms), dtype=torch.float64)

    @property
    def exact(self) -> dict[str, Float[Tensor, " batch"]]:
        return {"strain": self.strain}

    def refusals(self) -> list[str]:
        return [""] * len(self)

    def unexchangeable(self) -> list[str]:
        return [""] * len(self)

    def swapped(self) -> "Stacks":
        """With surface and second layer exchanged."""
        metals = self.metals[:, self.space.exchanged_layers]
        return Stacks(self.space, metals, self.strain, self.adsorbate, self.site)

    def clean(self, constants: Mapping[str, float]) -> SlabCase:
        """The slabs without adsorbates."""
        plan = self.space.plan(constants)
        occupation = torch.nn.functional.one_hot(self.metals, len(self.space.metals)).double()
        return plan.slabs(occupation.expand(-1, -1, plan.sites, -1), self.strain)

    def case(self, constants: Mapping[str, float]) -> SlabCase:
        return self.standing_on(self.clean(constants))

    def exchanged(self, constants: Mapping[str, float]) -> SlabCase:
        return self.swapped().clean(constants)

    def standing_on(self, slabs: SlabCase) -> SlabCase:
        """Slabs with the adsorbates of the candidates."""
        parts, rows = [], []
        for number, name in enumerate(self.space.adsorbates):
            some = (self.adsorbate == number).nonzero()[:, 0]
            if len(some):
                place = self.space.places[self.site[some]]
                height = torch.full((len(some),), self.space.height, dtype=torch.float64)
                parts.append(placed(slabs[some], name, place, height))
                rows.append(some)
        return SlabCase.concatenate(parts)[torch.cat(rows).argsort()]
