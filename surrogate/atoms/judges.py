"""Which two members of an ensemble never see a slab, so that they can be its judges.

Every pair of members has slabs of its own, so that any two differ as any other two do: in their first weights, and in
what they saw. What two of them differ by thus tells what is gained where all of them answer.
"""

import torch
from jaxtyping import Int
from torch import Tensor

JUDGES = 2
FEWEST_MEMBERS = 4  # of three, each would be kept from two thirds of the slabs
MIXER = 2654435761  # odd, near 2³² over the golden ratio: neighbouring numbers fall to different pairs (Knuth)


def judges_of(slab: Int[Tensor, " rows"], members: int) -> Int[Tensor, "rows judges"]:
    """Numbers of the members that are not to see each row: by the number of its slab alone, so that rows can be added.

    Raises:
        ValueError: fewer members than `FEWEST_MEMBERS`.
    """
    if members < FEWEST_MEMBERS:
        raise ValueError(
            f"members must be at least {FEWEST_MEMBERS}, so that each slab has {JUDGES} judges; got {members}"
        )
    pairs = torch.combinations(torch.arange(members, device=slab.device), JUDGES)
    return pairs[(slab * MIXER % (1 << 32) >> 16) % len(pairs)]


def seen_by(member: int, judges: Int[Tensor, "rows judges"]) -> Tensor:
    """Which rows a member may learn from (rows,)."""
    return (judges != member).all(1)
