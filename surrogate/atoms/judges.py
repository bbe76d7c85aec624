"""Which two members of an ensemble never see a slab, so that they can be its judges.

Every pair of members has slabs of its own, so that any two differ as any other two do: in their first weights, and in
what they saw. What two of them differ by thus tells what is gained where all of them answer.
"""

from hashlib import blake2b
from itertools import pairwise

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from understudy.surrogate.atoms.graph import AtomsGraph

JUDGES = 2
SHARES = 1000  # occupations are told apart in thousandths
FEWEST_MEMBERS = 4  # of three, each would be kept from two thirds of the slabs


def layout_numbers(graph: AtomsGraph) -> Int[Tensor, " rows"]:
    """A number for the clean slab of each row, by its metals in the order of its sites.

    It is the same whatever the strain and whatever stands on it, in any data and in any order of the rows.
    """
    shares = (SHARES * graph.occupation.detach()).round().to(torch.int16).cpu()
    kept = ~graph.adsorbed.cpu()
    ends = graph.atom_offsets.tolist()
    numbers = [
        int.from_bytes(blake2b(shares[first:last][kept[first:last]].numpy().tobytes(), digest_size=8).digest(), "big")
        for first, last in pairwise(ends)
    ]
    return torch.tensor([number >> 1 for number in numbers], device=graph.adsorbate.device)


def judges_of(slab: Int[Tensor, " rows"], members: int) -> Int[Tensor, "rows judges"]:
    """Numbers of the members that are not to see each row: by its slab alone, so that rows can be added.

    slab: from `layout_numbers`.

    Raises:
        ValueError: fewer members than `FEWEST_MEMBERS`.
    """
    require_judges(members)
    pairs = torch.combinations(torch.arange(members, device=slab.device), JUDGES)
    return pairs[slab % len(pairs)]


def require_judges(members: int) -> None:
    """Refuse an ensemble with too few members to judge each other.

    Raises:
        ValueError: fewer than `FEWEST_MEMBERS`.
    """
    if members < FEWEST_MEMBERS:
        raise ValueError(
            f"members must be at least {FEWEST_MEMBERS}, so that each slab has {JUDGES} judges; got {members}"
        )


def seen_by(judges: Int[Tensor, "rows judges"], members: int) -> Bool[Tensor, "rows members"]:
    """Which of the members may learn from each row."""
    return (judges[:, :, None] != torch.arange(members, device=judges.device)).all(1)
