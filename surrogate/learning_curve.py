"""Whether more data would help: the error of a network on unseen cases against how many it has learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from understudy.surrogate.building import MemberProgress, SurrogateConfig, train_members
from understudy.surrogate.learnable import Kind, Learnable
from understudy.surrogate.training import validate

PARTS = (0.25, 0.5, 1.0)  # of the rows


@dataclass(frozen=True)
class Learnt:
    """One point of the curve.

    rows: that one network learnt from. errors: mean absolute errors of its numbers on unseen cases.
    """

    rows: int
    errors: Mapping[str, float]


def learning_curve(
    data: Learnable[Kind],
    validation: Learnable[Kind] | None,
    unseen: Learnable[Kind],
    config: SurrogateConfig,
    folder: Path,
    *,
    parts: Sequence[float] = PARTS,
    progress: MemberProgress | None = None,
) -> tuple[Learnt, ...]:
    """Train a network on each part of the rows, all with as many steps, and test it on unseen cases.

    Smaller parts lie within larger ones. A second run goes on where the first one stopped.

    Args:
        data, validation: as in a training. unseen: rows that test. config: of the training. folder: of states and logs.

    Rarely needed:
        parts: shares of the rows. progress: called after each epoch.
    """
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(config.training.seed))
    counts = [max(1, round(part * len(data))) for part in parts]
    repeats = [-(-len(data) // count) for count in counts]
    some = [
        data[order[:count].repeat(times)[: len(data)]] for count, times in zip(counts, repeats, strict=True)
    ]  # rows of small parts come more often: as many steps for all
    trained = train_members(some, validation, replace(config, members=len(some)), folder, progress=progress)
    points = []
    for count, one in zip(counts, trained, strict=True):
        errors = validate(one.member, unseen, config.training.batch)
        points.append(Learnt(count, {name: errors[name] for name in data.numbers}))
    return tuple(points)
