"""Slabs as graphs: sites with the elements that they hold, and the distances between those that are near."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.materials.adsorbates import ADSORBATES
from understudy.simulators.materials.case import Role, SlabCase
from understudy.surrogate.atoms.descriptors import ELEMENTS
from understudy.surrogate.atoms.neighbours import Neighbours, neighbours

#: Adsorbates in the order of their numbers; a clean slab, or any other adsorbate, has -1.
NAMES = tuple(ADSORBATES)


@dataclass(frozen=True, eq=False)
class AtomsGraph:
    """A batch of structures as networks read them; atoms and edges of a row stand together.

    occupation: share of each of `ELEMENTS` on each site. adsorbed: which sites belong to an adsorbate.
    sender, receiver: numbers of the sites that an edge joins. distance: along it [Å].
    adsorbate: number of each row's adsorbate in `NAMES`.
    atom_offsets, edge_offsets: (batch + 1,), where each row begins and ends.
    """

    occupation: Float[Tensor, "atoms elements"]
    adsorbed: Bool[Tensor, " atoms"]
    sender: Int[Tensor, " edges"]
    receiver: Int[Tensor, " edges"]
    distance: Float[Tensor, " edges"]
    adsorbate: Int[Tensor, " batch"]
    atom_offsets: Int[Tensor, " ends"]
    edge_offsets: Int[Tensor, " ends"]

    def __len__(self) -> int:
        return len(self.adsorbate)

    @property
    def row(self) -> Int[Tensor, " atoms"]:
        """Which row each site is of."""
        counts = self.atom_offsets.diff()
        return torch.repeat_interleave(torch.arange(len(self), device=counts.device), counts)

    def __getitem__(self, rows: slice | Tensor) -> "AtomsGraph":
        chosen = torch.arange(len(self), device=self.adsorbate.device)[rows]
        atoms, atom_offsets = _entries(self.atom_offsets, chosen)
        edges, edge_offsets = _entries(self.edge_offsets, chosen)
        moved = torch.repeat_interleave(atom_offsets[:-1] - self.atom_offsets[chosen], edge_offsets.diff())
        return AtomsGraph(
            self.occupation[atoms],
            self.adsorbed[atoms],
            self.sender[edges] + moved,
            self.receiver[edges] + moved,
            self.distance[edges],
            self.adsorbate[chosen],
            atom_offsets,
            edge_offsets,
        )

    @staticmethod
    def concatenate(parts: "Sequence[AtomsGraph]") -> "AtomsGraph":
        """The rows of all parts."""
        atoms = torch.tensor([0, *(len(part.occupation) for part in parts[:-1])]).cumsum(0).tolist()
        edges = torch.tensor([0, *(len(part.distance) for part in parts[:-1])]).cumsum(0).tolist()
        shifted = list(zip(parts, atoms, edges, strict=True))
        ends = [min(number, 1) for number in range(len(parts))]  # all parts but the first leave out their 0
        return AtomsGraph(
            torch.cat([part.occupation for part in parts]),
            torch.cat([part.adsorbed for part in parts]),
            torch.cat([part.sender + first for part, first, _ in shifted]),
            torch.cat([part.receiver + first for part, first, _ in shifted]),
            torch.cat([part.distance for part in parts]),
            torch.cat([part.adsorbate for part in parts]),
            torch.cat([part.atom_offsets[end:] + first for end, (part, first, _) in zip(ends, shifted, strict=True)]),
            torch.cat([part.edge_offsets[end:] + first for end, (part, _, first) in zip(ends, shifted, strict=True)]),
        )


def encode(case: SlabCase, cutoff: float, known: Neighbours | None = None) -> AtomsGraph:
    """The graph of a case, in single precision, differentiable in its occupation, positions and cells.

    The third vector of a cell is empty space: its images are no neighbours, whether it is said to repeat or not.

    known: its neighbours, if they were found before: no pair within the cutoff [Å] may be missing.

    Raises:
        ValueError: an element without descriptors.
    """
    along = torch.tensor([True, True, False], device=case.periodic.device)
    edges = known or neighbours(replace(case, periodic=case.periodic & along), cutoff)
    row = case.row_of_atom
    ends = torch.bincount(row[edges.receiver], minlength=len(case)).cumsum(0)
    return AtomsGraph(
        case.over(ELEMENTS).float(),
        case.role == Role.ADSORBATE,
        edges.sender,
        edges.receiver,
        edges.vectors(case).norm(dim=1).float(),
        torch.tensor([NAMES.index(name) if name in NAMES else -1 for name in case.adsorbates], device=row.device),
        case.offsets,
        torch.cat((ends.new_zeros(1), ends)),
    )


def _entries(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the entries of some rows, and where each row then begins and ends."""
    counts = offsets.diff()[rows]
    ends = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
    first = torch.repeat_interleave(offsets[rows] - ends[:-1], counts)
    return first + torch.arange(len(first), device=first.device), ends
