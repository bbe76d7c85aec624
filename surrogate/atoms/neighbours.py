"""Which atoms are near which, images included, for batches of periodic structures."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.simulators.materials.case import SlabCase

PAIRS_AT_ONCE = 1 << 23  # distances held in memory at a time


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Directed edges from senders to receivers, integers only: distances are worked out anew where gradients flow.

    sender, receiver: numbers of atoms in the batch (edges,). shift: cells by which the sender is moved (edges, 3).
    """

    sender: Int[Tensor, " edges"]
    receiver: Int[Tensor, " edges"]
    shift: Int[Tensor, "edges 3"]

    def vectors(self, case: SlabCase) -> Float[Tensor, "edges 3"]:
        """From each receiver to its sender [Å]."""
        row = case.row_of_atom[self.receiver]
        moved = torch.einsum("ev,evx->ex", self.shift.to(case.positions), case.cell[row])
        return case.positions[self.sender] + moved - case.positions[self.receiver]


@torch.no_grad()
def neighbours(case: SlabCase, cutoff: float) -> Neighbours:
    """All pairs within a cutoff [Å], an atom and its own images included, an atom and itself not.

    Structures of as many atoms that need as many images are looked at together.
    """
    images = _images(case, cutoff)
    counts = case.counts
    found = []
    for key in torch.unique(torch.cat((counts[:, None], images), 1), dim=0):
        rows = ((counts == key[0]) & (images == key[1:]).all(1)).nonzero()[:, 0]
        shifts = torch.cartesian_prod(*(torch.arange(-int(n), int(n) + 1, device=rows.device) for n in key[1:]))
        at_once = max(1, PAIRS_AT_ONCE // (int(key[0]) ** 2 * len(shifts)))
        found += [_within(case, part, int(key[0]), shifts, cutoff) for part in rows.split(at_once)]
    sender, receiver, shift = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = receiver.argsort(stable=True)
    return Neighbours(sender[order], receiver[order], shift[order])


def _within(case: SlabCase, rows: Tensor, count: int, shifts: Tensor, cutoff: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sender, receiver and shift of the pairs of structures of equal numbers of atoms."""
    atoms = case.offsets[rows][:, None] + torch.arange(count, device=rows.device)
    place = case.positions[atoms]
    moved = torch.einsum("sv,bvx->bsx", shifts.to(place), case.cell[rows])
    apart = place[:, None, :, None, :] - place[:, :, None, None, :] + moved[:, None, None]
    squared = apart.square().sum(-1)  # (rows, receiver, sender, shifts)
    near = (squared < cutoff**2) & (squared > 1e-12)
    row, receiver, sender, which = near.nonzero(as_tuple=True)
    return atoms[row, sender], atoms[row, receiver], shifts[which]


def _images(case: SlabCase, cutoff: float) -> Int[Tensor, "batch 3"]:
    """Cells to look at on either side along each vector: those that the cutoff reaches, none where none repeats."""
    inverse = torch.linalg.inv(case.cell)  # columns are the reciprocal vectors
    reach = cutoff * inverse.norm(dim=1)
    fraction = torch.einsum("ax,axv->av", case.positions, inverse[case.row_of_atom])
    row = case.row_of_atom[:, None].expand(-1, 3)
    blank = fraction.new_zeros(len(case), 3)
    low, high = (blank.scatter_reduce(0, row, fraction, kind, include_self=False) for kind in ("amin", "amax"))
    return torch.where(case.periodic, torch.ceil(reach + (high - low)), torch.zeros_like(reach)).long()
