"""What may stand on a surface, how it is placed, and the reaction that its adsorption energy belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.elements import COVALENT_RADII
from understudy.simulators.materials.sites import Site


@dataclass(frozen=True)
class Adsorbate:
    """Atoms on a surface and the molecules that they come from.

    symbols: of its atoms, the one that binds to the surface first.
    shape: place of each from the first [Å], z away from the surface.
    molecules: name as ASE knows it -> how many of them it is made of, less those that are left over.
    """

    symbols: tuple[str, ...]
    shape: tuple[tuple[float, float, float], ...]
    molecules: Mapping[str, float]

    @property
    def name(self) -> str:
        """Such as "OH"."""
        return "".join(self.symbols)

    @property
    def reaction(self) -> str:
        """Such as "H2/2 + * -> H*"."""
        used = " + ".join(_amount(name, count) for name, count in self.molecules.items() if count > 0)
        left = "".join(f" + {_amount(name, -count)}" for name, count in self.molecules.items() if count < 0)
        return f"{used} + * -> {self.name}*{left}"


_POINT = ((0.0, 0.0, 0.0),)
#: Oxygen comes from water, whose energy functionals give better than that of O2; carbon from methane.
ADSORBATES = {
    one.name: one
    for one in (
        Adsorbate(("H",), _POINT, {"H2": 0.5}),
        Adsorbate(("C",), _POINT, {"CH4": 1.0, "H2": -2.0}),
        Adsorbate(("N",), _POINT, {"N2": 0.5}),
        Adsorbate(("O",), _POINT, {"H2O": 1.0, "H2": -1.0}),
        Adsorbate(("O", "H"), (*_POINT, (0.92, 0.0, 0.30)), {"H2O": 1.0, "H2": -0.5}),
        Adsorbate(("C", "O"), (*_POINT, (0.0, 0.0, 1.16)), {"CO": 1.0}),
    )
}


def adsorbate(name: str) -> Adsorbate:
    """The adsorbate of that name.

    Raises:
        ValueError: none is called so.
    """
    if name not in ADSORBATES:
        raise ValueError(f"expected one of the adsorbates {', '.join(ADSORBATES)}; got {name!r}")
    return ADSORBATES[name]


def reaction_of(name: str) -> str:
    """The reaction that the adsorption energy of an adsorbate belongs to; none of a clean slab or an unknown one."""
    return ADSORBATES[name].reaction if name in ADSORBATES else ""


def placed(slabs: SlabCase, name: str, place: Float[Tensor, "batch 2"], height: Float[Tensor, " batch"]) -> SlabCase:
    """Clean slabs with an adsorbate above a place of each, its atoms behind those of the slab.

    Args:
        slabs: without adsorbates.
        name: of `ADSORBATES`.
        place: in the first two vectors of each cell.
        height: of the binding atom above the mean height of the surface atoms [Å].

    Raises:
        ValueError: no such adsorbate.
    """
    kind = adsorbate(name)
    shape = slabs.positions.new_tensor(kind.shape)
    elements = tuple(dict.fromkeys((*slabs.elements, *kind.symbols)))
    lateral = torch.einsum("bv,bvx->bx", place, slabs.cell[:, :2])
    foot = lateral + torch.nn.functional.pad((surface_height(slabs) + height)[:, None], (2, 0))
    columns = torch.tensor([elements.index(symbol) for symbol in kind.symbols], device=shape.device)
    symbols = torch.nn.functional.one_hot(columns, len(elements)).to(slabs.occupation)
    count = len(kind.symbols)
    before = torch.arange(len(slabs), device=shape.device).repeat_interleave(count)
    order = torch.cat((slabs.row_of_atom, before)).argsort(stable=True)

    def joined(own: Tensor, added: Tensor) -> Tensor:
        return torch.cat((own, added))[order]

    blank = torch.zeros(len(before), dtype=torch.bool, device=shape.device)
    return replace(
        slabs,
        elements=elements,
        occupation=joined(slabs.over(elements), symbols.repeat(len(slabs), 1)),
        positions=joined(slabs.positions, (foot[:, None] + shape).flatten(0, 1)),
        fixed=joined(slabs.fixed, blank),
        role=joined(slabs.role, torch.full_like(before, Role.ADSORBATE)),
        offsets=slabs.offsets + count * torch.arange(len(slabs) + 1, device=shape.device),
    )


def surface_height(case: SlabCase) -> Float[Tensor, " batch"]:
    """Mean height of the surface atoms of each row [Å]."""
    surface = (case.role == Role.SURFACE).to(case.positions)
    row = case.row_of_atom
    blank = case.positions.new_zeros(len(case))
    heights = blank.index_add(0, row, surface * case.positions[:, 2])
    return heights / blank.index_add(0, row, surface)


def likely_height(name: str, site: Site, radii: Mapping[int, float]) -> float:
    """Height at which the binding atom touches the nearest atoms of a site [Å].

    Args:
        name: of `ADSORBATES`. site: where.
        radii: covalent radius of the surface atoms by their number in the row [Å].
    """
    reach = COVALENT_RADII[adsorbate(name).symbols[0]]
    heights = [
        max((reach + radii[atom]) ** 2 - span**2, 0.0) ** 0.5 for atom, span in zip(site.atoms, site.spans, strict=True)
    ]
    return max(0.6, sum(heights) / len(heights))


def _amount(name: str, count: float) -> str:
    if count == 1:
        return name
    inverse = round(1 / count)
    return f"{name}/{inverse}" if count < 1 and abs(inverse * count - 1) < 1e-9 else f"{count:g} {name}"
