"""The question that materials simulators and their surrogates answer: slabs, each with an adsorbate where it starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.interface import Case

ROUNDING = 1e-4  # by which the occupations of a site may differ from one in sum


class Role(IntEnum):
    """What an atom is part of."""

    BULK = 0
    SURFACE = 1
    ADSORBATE = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class SlabCase(Case):
    """A batch of slabs, checked at birth; the atoms of row r are those from offsets[r] to offsets[r + 1].

    elements: chemical symbols, the columns of `occupation`.
    occupation: share of each element on each site (atoms, elements); a real structure holds ones and zeros, a mixture
        sums to one on each site.
    positions: (atoms, 3) [Å]; the surface looks along +z.
    cell: vectors of each cell, one a row (batch, 3, 3) [Å].
    periodic: along which vectors it repeats (batch, 3).
    fixed: atoms that are held while the others relax (atoms,).
    role: `Role` of each atom (atoms,).
    offsets: (batch + 1,), from 0 to the number of atoms.

    Gradients flow from whoever answers differentiably to occupation, positions and cell.

    Raises:
        ValueError: sizes that do not fit, numbers that are not finite, occupations that do not sum to one, or a cell
            without volume.
    """

    elements: tuple[str, ...]
    occupation: Float[Tensor, "atoms elements"]
    positions: Float[Tensor, "atoms 3"]
    cell: Float[Tensor, "batch 3 3"]
    periodic: Bool[Tensor, "batch 3"]
    fixed: Bool[Tensor, " atoms"]
    role: Int[Tensor, " atoms"]
    offsets: Int[Tensor, " ends"]

    def __post_init__(self) -> None:
        _check_sizes(self)
        _check_values(self)

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def counts(self) -> Int[Tensor, " batch"]:
        """Atoms of each row."""
        return self.offsets.diff()

    @property
    def row_of_atom(self) -> Int[Tensor, " atoms"]:
        """Which row each atom belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.offsets.device), self.counts)

    def __getitem__(self, rows: slice | Tensor) -> "SlabCase":
        chosen = torch.arange(len(self), device=self.offsets.device)[rows]
        counts = self.counts[chosen]
        offsets = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
        atoms = torch.repeat_interleave(self.offsets[chosen] - offsets[:-1], counts)
        atoms = atoms + torch.arange(len(atoms), device=atoms.device)
        return replace(
            self,
            occupation=self.occupation[atoms],
            positions=self.positions[atoms],
            cell=self.cell[chosen],
            periodic=self.periodic[chosen],
            fixed=self.fixed[atoms],
            role=self.role[atoms],
            offsets=offsets,
        )

    @staticmethod
    def concatenate(cases: "Sequence[SlabCase]") -> "SlabCase":
        """The rows of several cases as one batch; columns of elements that a case lacks are zeros."""
        elements = tuple(dict.fromkeys(symbol for case in cases for symbol in case.elements))
        counts = torch.cat([case.counts for case in cases])
        joined = {
            name: torch.cat([getattr(case, name) for case in cases])
            for name in ("positions", "cell", "periodic", "fixed", "role")
        }
        return SlabCase(
            elements=elements,
            occupation=torch.cat([case.over(elements) for case in cases]),
            offsets=torch.cat((counts.new_zeros(1), counts.cumsum(0))),
            **joined,
        )

    def over(self, elements: Sequence[str]) -> Float[Tensor, "atoms columns"]:
        """Occupations with a column for each of these elements, among which all are that its sites hold.

        Raises:
            ValueError: a site holds another element.
        """
        held = self.occupation.detach().ne(0).any(0).tolist()
        missing = [
            symbol for symbol, there in zip(self.elements, held, strict=True) if there and symbol not in elements
        ]
        if missing:
            raise ValueError(f"expected elements among {', '.join(elements)}; got {', '.join(missing)}")
        own = [column for column, symbol in enumerate(self.elements) if symbol in elements]
        columns = [elements.index(self.elements[column]) for column in own]
        blank = self.occupation.new_zeros(len(self.occupation), len(elements))
        return blank.index_copy(1, torch.tensor(columns, device=blank.device), self.occupation[:, own])

    @property
    def real(self) -> bool:
        """Whether every site holds one element, so that a simulator can be asked."""
        return bool((self.occupation.detach().amax(1) > 1 - ROUNDING).all())

    def symbols(self, row: int) -> tuple[str, ...]:
        """Chemical symbol of each atom of a row; the most frequent one of a mixture."""
        start, stop = self.offsets[row : row + 2].tolist()
        return tuple(self.elements[column] for column in self.occupation[start:stop].argmax(1).tolist())

    @cached_property
    def adsorbates(self) -> tuple[str, ...]:
        """Symbols of each row's adsorbate, hydrogen last, such as "OH"; empty for a clean slab."""
        standing: list[list[str]] = [[] for _ in range(len(self))]
        atoms = (self.role == Role.ADSORBATE).nonzero()[:, 0]
        columns = self.occupation.detach()[atoms].argmax(1)
        for row, column in zip(self.row_of_atom[atoms].tolist(), columns.tolist(), strict=True):
            standing[row].append(self.elements[column])
        return tuple("".join(sorted(symbols, key=lambda symbol: (symbol == "H", symbol))) for symbols in standing)

    def clean(self) -> "SlabCase":
        """The slabs without their adsorbates."""
        kept = self.role != Role.ADSORBATE
        counts = torch.zeros_like(self.counts).index_add(0, self.row_of_atom, kept.long())
        return replace(
            self,
            occupation=self.occupation[kept],
            positions=self.positions[kept],
            fixed=self.fixed[kept],
            role=self.role[kept],
            offsets=torch.cat((counts.new_zeros(1), counts.cumsum(0))),
        )


def _check_sizes(case: SlabCase) -> None:
    if not len(case):
        raise ValueError("a case needs at least one slab; got none")
    if not case.elements or len(set(case.elements)) < len(case.elements):
        raise ValueError(f"elements must be different symbols; got {', '.join(case.elements) or 'none'}")
    atoms = len(case.positions)
    wanted = {
        "occupation": (atoms, len(case.elements)),
        "positions": (atoms, 3),
        "cell": (len(case), 3, 3),
        "periodic": (len(case), 3),
        "fixed": (atoms,),
        "role": (atoms,),
        "offsets": (len(case) + 1,),
    }
    for name, shape in wanted.items():
        if tuple(getattr(case, name).shape) != shape:
            raise ValueError(f"{name} must be {shape}; got {tuple(getattr(case, name).shape)}")
    if int(case.offsets[0]) != 0 or int(case.offsets[-1]) != atoms or bool((case.counts < 1).any()):
        raise ValueError(f"offsets must rise from 0 to the {atoms} atoms; got {case.offsets.tolist()}")


def _check_values(case: SlabCase) -> None:
    for name in ("positions", "cell", "occupation"):
        if not torch.isfinite(getattr(case, name)).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity")
    sums = case.occupation.detach().sum(1)
    if bool(((sums - 1).abs() > ROUNDING).any()) or bool((case.occupation < -ROUNDING).any()):
        raise ValueError("occupations must be 0 to 1 and sum to 1 on each site; got others")
    volume = torch.linalg.det(case.cell.detach())
    if not bool((volume > 0).all()):
        raise ValueError("cell vectors must be right-handed and span a volume; got none or less")
