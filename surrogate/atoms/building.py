"""From answered slabs to a surrogate, with none set aside: each member does without one part, and is judged by it.

Quantum chemistry gives hundreds of answers, not a hundred thousand. So the slabs are parted into folds, each of which
two or more members never see; errors of those members there make the intervals and the known range (cross-conformal
prediction [1]). All members together answer, which is a little better than what was judged.

1. V. Vovk, Ann. Math. Artif. Intell. 74, 9 (2015).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from understudy.surrogate.atoms.familiarity import familiarity_of
from understudy.surrogate.atoms.member import ENERGIES, SlabMember
from understudy.surrogate.atoms.rows import SlabRows
from understudy.surrogate.atoms.surrogate import (
    AT_ONCE,
    JUDGES,
    SlabEnsemble,
    SlabEnsembleOutput,
    SlabSurrogate,
    fold_count,
)
from understudy.surrogate.building import MemberProgress, SurrogateConfig, train_members
from understudy.surrogate.calibration import Calibration, Curve, calibrate, fewest_cases
from understudy.surrogate.card import Card

MIXER = 2654435761  # odd, near 2³² over the golden ratio: neighbouring numbers fall into different folds (Knuth)


def build_slabs(
    data: SlabRows,
    config: SurrogateConfig,
    folder: Path,
    *,
    identity: Mapping[str, Any] | None = None,
    progress: MemberProgress | None = None,
) -> SlabSurrogate:
    """Train an ensemble and calibrate it; run it again after a kill and it goes on where it stopped.

    Args:
        data: all that may be learnt. config: how; ten members make five folds. folder: of the members' states and logs.

    Rarely needed:
        identity: words that say which data these are, for the card.
        progress: called after each epoch with member, epoch, epochs, loss; only with `processes` = 1.

    Raises:
        ValueError: too few members or rows.
    """
    if fold_count(config.members) < 2:
        raise ValueError(
            f"members must be at least {2 * JUDGES}, so that each slab has {JUDGES} judges; got {config.members}"
        )
    fold = folds(data.slab, config.members)
    least = 2 * fewest_cases(config.coverage)
    answered = int(torch.isfinite(data.adsorption_energy).sum())
    if answered < least:
        raise ValueError(f"intervals need at least {least} answered adsorption energies; got {answered}")
    seen = [data[fold != number % fold_count(config.members)] for number in range(config.members)]
    trained = train_members(seen, None, config, folder, progress=progress)
    card = Card(
        sentence=f"Ensemble of {config.members} networks of atoms trained on {len(data)} simulated slabs.",
        data={"training_cases": len(data), **(identity or {})},
        accuracy={},
        training=config.words(),
    )
    return assemble_slabs([one.member for one in trained], data, fold, config, card)


def folds(slab: Int[Tensor, " rows"], members: int) -> Int[Tensor, " rows"]:
    """Fold of each row, for so many members: by the number of its slab alone, so that it stays when rows are added."""
    return (slab * MIXER % (1 << 32) >> 16) % fold_count(members)


def assemble_slabs(
    members: Sequence[SlabMember], data: SlabRows, fold: Int[Tensor, " rows"], config: SurrogateConfig, card: Card
) -> SlabSurrogate:
    """A surrogate of members of which number k never saw the rows of fold k modulo their number."""
    output = _unseen(members, data, fold)
    return SlabSurrogate(
        SlabEnsemble(members),
        _calibration(output, data, config.coverage),
        familiarity_of(data.graph, output.doubt, false_alarms=config.false_alarms),
        card,
    )


@torch.no_grad()
def _unseen(members: Sequence[SlabMember], data: SlabRows, fold: Tensor) -> SlabEnsembleOutput:
    """What the members that never saw a row say of it."""
    parts, rows = [], []
    for number in range(fold_count(len(members))):
        judges = SlabEnsemble(members[number :: fold_count(len(members))]).eval()
        for some in (fold == number).nonzero()[:, 0].split(AT_ONCE):
            parts.append(judges(data.graph[some]))
            rows.append(some)
    return SlabEnsembleOutput.concatenate(parts)[torch.cat(rows).argsort()]


def _calibration(output: SlabEnsembleOutput, data: SlabRows, coverage: float) -> Calibration:
    curves: dict[str, Curve] = {}
    for name in ENERGIES:
        error = (output.mean[name] - getattr(data, name)).abs()
        known = torch.isfinite(error)
        made = calibrate({name: error[known]}, {name: output.scale[name][known]}, data.slab[known], coverage=coverage)
        curves |= made.curves
    return Calibration(coverage, curves)
