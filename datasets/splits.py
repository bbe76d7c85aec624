"""Parting a data set by shape family, so that no shape of the test set, nor a relative of it, was ever trained on.

Every family belongs to one of `BUCKETS` buckets, by a hash of its name. A split gives whole buckets to training,
validation and test; it does not change when a data set grows. A blend of two airfoils has two families: where these
fall on different sides, the blend belongs to no side and is dropped. Samplers that mate only airfoils of one bucket
waste nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from understudy.datasets.buckets import BUCKETS, bucket
from understudy.datasets.reader import DataSet


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """Answered rows of a data set by purpose; `dropped` are those whose families fall on different sides."""

    training: Int[Tensor, " training"]
    validation: Int[Tensor, " validation"]
    test: Int[Tensor, " test"]
    dropped: Int[Tensor, " dropped"]


def split(data: DataSet, *, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Part the answered rows by shape family.

    Args:
        data: what to part.
        validation, test: share of the families, rounded to whole buckets of 5 %, at least one where it is not zero.
        seed: which buckets.

    Raises:
        ValueError: shares that leave nothing to train on.
    """
    sides = _sides(validation, test, seed)
    side_of_shape = torch.tensor([_common_side(families, sides) for families in data.shape_families], dtype=torch.int64)
    rows = data.ok_rows
    side = side_of_shape[data.shape[rows]]
    training, validating, testing, dropped = (rows[side == number] for number in (0, 1, 2, -1))
    return Split(training=training, validation=validating, test=testing, dropped=dropped)


def _sides(validation: float, test: float, seed: int) -> list[int]:
    """For each bucket 0 (training), 1 (validation) or 2 (test)."""
    counts = [_buckets_for("validation", validation), _buckets_for("test", test)]
    if sum(counts) >= BUCKETS:
        raise ValueError(f"validation and test must leave families to train on; got {validation} and {test}")
    order = np.random.default_rng(seed).permutation(BUCKETS)
    sides = [0] * BUCKETS
    for place, number in enumerate(order[: sum(counts)]):
        sides[number] = 1 if place < counts[0] else 2
    return sides


def _buckets_for(name: str, share: float) -> int:
    if not 0 <= share < 1:
        raise ValueError(f"the share for {name} must be at least 0 and below 1; got {share}")
    return max(1, round(share * BUCKETS)) if share else 0


def _common_side(families: Sequence[str], sides: Sequence[int]) -> int:
    """The side on which all families lie, -1 if they lie on several."""
    found = {sides[bucket(family)] for family in families}
    return found.pop() if len(found) == 1 else -1
