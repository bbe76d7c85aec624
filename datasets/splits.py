"""Parting a data set by shape family, so that no shape of the test set, nor a relative of it, was ever trained on.

Every family belongs to one of `BUCKETS` buckets, by a hash of its name. A split gives whole buckets to training,
validation and test; it does not change when a data set grows. A blend of two airfoils has two families: where these
fall on different sides, the blend belongs to no side and is dropped. Samplers that mate only airfoils of one bucket
waste nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from understudy.datasets.buckets import BUCKETS, bucket
from understudy.datasets.reader import DataSet


class Side(IntEnum):
    """What the shapes of a family are used for; `NONE` is that of a blend whose families fall on different sides."""

    NONE = -1
    TRAINING = 0
    VALIDATION = 1
    TEST = 2


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
    side_of_shape = torch.tensor(
        [side_of(families, validation=validation, test=test, seed=seed) for families in data.subject_families],
        dtype=torch.int64,
    )
    rows = data.ok_rows
    side = side_of_shape[data.subject[rows]]
    training, validating, testing, dropped = (
        rows[side == number] for number in (Side.TRAINING, Side.VALIDATION, Side.TEST, Side.NONE)
    )
    return Split(training=training, validation=validating, test=testing, dropped=dropped)


def side_of(families: Sequence[str], *, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> Side:
    """The side on which `split` with the same shares and seed puts a shape of these families, in a data set or not.

    Raises:
        ValueError: shares that leave nothing to train on.
    """
    sides = _sides(validation, test, seed)
    found = {sides[bucket(family)] for family in families}
    return found.pop() if len(found) == 1 else Side.NONE


@cache
def _sides(validation: float, test: float, seed: int) -> tuple[Side, ...]:
    """The side of each bucket."""
    counts = [_buckets_for("validation", validation), _buckets_for("test", test)]
    if sum(counts) >= BUCKETS:
        raise ValueError(f"validation and test must leave families to train on; got {validation} and {test}")
    order = np.random.default_rng(seed).permutation(BUCKETS)
    sides = [Side.TRAINING] * BUCKETS
    for place, number in enumerate(order[: sum(counts)]):
        sides[number] = Side.VALIDATION if place < counts[0] else Side.TEST
    return tuple(sides)


def _buckets_for(name: str, share: float) -> int:
    if not 0 <= share < 1:
        raise ValueError(f"the share for {name} must be at least 0 and below 1; got {share}")
    return max(1, round(share * BUCKETS)) if share else 0


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Which part of the shape families serves what, in steps of 5 %; the rest trains.

    validation: stops the training. calibration: makes the intervals. test: tells the accuracy. seed: which families.
    """

    validation: float = 0.05
    calibration: float = 0.1
    test: float = 0.1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Parts:
    """Answered rows of a data set by purpose; no shape family is in two of them."""

    training: Tensor
    validation: Tensor
    calibration: Tensor
    test: Tensor

    @property
    def all_but_test(self) -> Tensor:
        """What trains where none needs to be set aside for validation and calibration, in the order of the data."""
        return torch.cat((self.training, self.validation, self.calibration)).sort().values


def part(data: DataSet, shares: Shares) -> Parts:
    """Part the rows by shape family.

    Raises:
        ValueError: shares that leave nothing to train on.
    """
    both = split(data, validation=shares.validation + shares.calibration, test=shares.test, seed=shares.seed)
    # the families drawn first are the same in both splits, so those of the smaller one lie within the larger
    stop = split(data, validation=shares.validation, test=0.0, seed=shares.seed).validation
    calibration = both.validation[~torch.isin(both.validation, stop)]
    validation = both.validation[torch.isin(both.validation, stop)]
    return Parts(both.training, validation, calibration, both.test)
