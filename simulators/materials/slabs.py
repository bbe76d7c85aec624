"""Slabs of fcc metals, from the elements of each layer or site, differentiable in composition and strain.

Layers are numbered from the surface. The lattice constant along the surface is the mean over all sites, times one plus
the strain; layers lie as far apart as half the sum of their atomic volumes over the area of a site asks for, so that a
slab strained along the surface keeps its volume.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.materials.case import Role, SlabCase

#: Lattice constants [Å], RPBE with plane waves of 300 eV, from equations of state.
RPBE_LATTICE_CONSTANTS = {"Pt": 3.99, "Pd": 3.98, "Cu": 3.68, "Ag": 4.22, "Au": 4.20, "Rh": 3.86, "Ir": 3.88}
#: Empty space of the cell along the normal, and the part of it below the slab [Å].
VACUUM, BELOW = 11.5, 5.0
#: Strain along the surface beyond which no metal film is known.
LARGEST_STRAIN = 0.15


class Facet(StrEnum):
    """Miller indices of the surface."""

    FCC111 = "111"
    FCC100 = "100"


def constants_of_metals(metals: Sequence[str], constants: Mapping[str, float]) -> dict[str, float]:
    """Lattice constants of some metals [Å].

    Raises:
        ValueError: a metal without one.
    """
    missing = [metal for metal in metals if metal not in constants]
    if missing:
        raise ValueError(f"expected metals among {', '.join(constants)}; got {missing[0]!r}")
    return {metal: constants[metal] for metal in metals}


@dataclass(frozen=True)
class SlabPlan:
    """What all slabs of a batch have in common, checked at birth.

    facet: of the surface. size: sites along both vectors of the cell. layers: of metal.
    free: layers that may relax, from the surface down; 0 holds all.
    constants: lattice constant of each element [Å].

    Raises:
        ValueError: a number out of its range.
    """

    facet: Facet = Facet.FCC111
    size: tuple[int, int] = (1, 1)
    layers: int = 4
    free: int = 0
    constants: Mapping[str, float] = field(default_factory=RPBE_LATTICE_CONSTANTS.copy)

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.layers < 2:
            raise ValueError(
                f"a slab needs at least 1 x 1 sites and 2 layers; got {self.size[0]} x {self.size[1]} and {self.layers}"
            )
        if not 0 <= self.free <= self.layers:
            raise ValueError(f"free must be 0 to {self.layers} layers; got {self.free}")
        wrong = [name for name, value in self.constants.items() if not (math.isfinite(value) and value > 0)]
        if wrong:
            raise ValueError(f"lattice constants must be positive [Å]; got {self.constants[wrong[0]]} of {wrong[0]}")

    @property
    def sites(self) -> int:
        """Sites of a layer."""
        return self.size[0] * self.size[1]

    @property
    def elements(self) -> tuple[str, ...]:
        """Those whose lattice constant is known."""
        return tuple(self.constants)

    def occupation(self, layers: Sequence[str | Sequence[str]]) -> Float[Tensor, "layers sites elements"]:
        """Ones and zeros of a real slab, from a symbol for each layer, or one for each of its sites.

        Raises:
            ValueError: another number of layers or sites, or an element without a lattice constant.
        """
        if len(layers) != self.layers:
            raise ValueError(f"expected {self.layers} layers, surface first; got {len(layers)}")
        rows = []
        for layer in layers:
            symbols = [layer] * self.sites if isinstance(layer, str) else list(layer)
            if len(symbols) != self.sites:
                raise ValueError(f"a layer needs one symbol, or one for each of {self.sites} sites; got {len(symbols)}")
            unknown = [symbol for symbol in symbols if symbol not in self.constants]
            if unknown:
                raise ValueError(f"layers must be of {', '.join(self.constants)}; got {unknown[0]!r}")
            rows.append([self.elements.index(symbol) for symbol in symbols])
        return torch.nn.functional.one_hot(torch.tensor(rows), len(self.elements)).double()

    def slabs(
        self, occupation: Float[Tensor, "batch layers sites elements"], strain: Float[Tensor, " batch"]
    ) -> SlabCase:
        """The clean slabs, bottom layer first.

        Args:
            occupation: share of each of `elements` on each site, surface first.
            strain: of the cell along the surface, over the mean of the lattice constants.

        Raises:
            ValueError: another size, or a strain beyond 15 %.
        """
        batch = len(occupation)
        wanted = (batch, self.layers, self.sites, len(self.elements))
        if tuple(occupation.shape) != wanted or strain.shape != (batch,):
            raise ValueError(f"occupation must be {wanted} with a strain a slab; got {tuple(occupation.shape)}")
        if not bool((strain.detach().abs() <= LARGEST_STRAIN).all()):
            raise ValueError(f"strain must be within {LARGEST_STRAIN}; got {strain.abs().max().item():.4g}")
        constants = occupation.new_tensor(list(self.constants.values()))
        side = (1 + strain) * (occupation @ constants).mean((1, 2)) / math.sqrt(2)
        area = side.square() * (math.sqrt(3) / 2 if self.facet is Facet.FCC111 else 1.0)
        thickness = (occupation @ (constants**3 / 4)).mean(2).flip(1) / area[:, None]
        rises = 0.5 * (thickness[:, 1:] + thickness[:, :-1])
        heights = BELOW + torch.cat((torch.zeros_like(side)[:, None], rises.cumsum(1)), 1)
        cell = self._cell(side, heights[:, -1] - BELOW + VACUUM)
        shares = self._shares(occupation)
        lateral = torch.einsum("lsv,bvx->blsx", shares, cell[:, :2])
        up = torch.zeros_like(lateral)
        up[..., 2] = heights[:, :, None].expand(-1, -1, self.sites)
        atoms = self.layers * self.sites
        held = torch.arange(self.layers) < self.layers - self.free
        role = torch.where(torch.arange(self.layers) == self.layers - 1, Role.SURFACE, Role.BULK)
        return SlabCase(
            elements=self.elements,
            occupation=occupation.flip(1).reshape(batch * atoms, -1),
            positions=(lateral + up).reshape(batch * atoms, 3),
            cell=cell,
            periodic=torch.tensor([True, True, False]).repeat(batch, 1),
            fixed=held.repeat_interleave(self.sites).repeat(batch),
            role=role.repeat_interleave(self.sites).repeat(batch),
            offsets=atoms * torch.arange(batch + 1),
        )

    def _cell(self, side: Tensor, height: Tensor) -> Tensor:
        cell = side.new_zeros(len(side), 3, 3)
        cell[:, 0, 0] = self.size[0] * side
        if self.facet is Facet.FCC111:
            cell[:, 1, 0] = 0.5 * self.size[1] * side
            cell[:, 1, 1] = math.sqrt(0.75) * self.size[1] * side
        else:
            cell[:, 1, 1] = self.size[1] * side
        cell[:, 2, 2] = height
        return cell

    def _shares(self, like: Tensor) -> Float[Tensor, "layers sites 2"]:
        """Places of the sites of each layer, bottom first, in the two vectors of the cell."""
        first, second = torch.meshgrid(*(torch.arange(count) for count in self.size), indexing="ij")
        sites = torch.stack((first.flatten(), second.flatten()), 1).to(like)
        period, step = (3, 1 / 3) if self.facet is Facet.FCC111 else (2, 1 / 2)
        shift = (torch.arange(self.layers) % period).to(like) * step
        return ((sites + shift[:, None, None]) / like.new_tensor(self.size)) % 1.0
