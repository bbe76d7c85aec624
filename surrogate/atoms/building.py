"""From answered slabs to a surrogate, with none set aside: two members do without each slab, and are judged by it.

Quantum chemistry gives hundreds of answers, not a hundred thousand. So every slab is kept from one pair of members, of
all pairs in turn, and their errors there make the intervals and the known range (cross-conformal prediction [1]). All
members together answer, though, and err less than two: the mean square error of the mean of m members is b + v / m,
where v is the variance of one [2]. Two judges tell v by how they differ, so their errors are made as much smaller.

1. V. Vovk, Ann. Math. Artif. Intell. 74, 9 (2015).
2. N. Ueda, R. Nakano, Proc. Int. Conf. Neural Networks, 90 (1996); b holds bias, covariance and the noise of labels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.surrogate.atoms.familiarity import familiarity_of
from understudy.surrogate.atoms.judges import JUDGES, judges_of, seen_by
from understudy.surrogate.atoms.member import ENERGIES, SlabMember
from understudy.surrogate.atoms.rows import SlabRows
from understudy.surrogate.atoms.surrogate import AT_ONCE, SlabEnsemble, SlabEnsembleOutput, SlabSurrogate
from understudy.surrogate.building import MemberProgress, SurrogateConfig, train_members
from understudy.surrogate.calibration import Calibration, Curve, calibrate, halves
from understudy.surrogate.card import Card

#: Members that learn in one pass: a batch of small cells is so little work that most of the time passes between it.
SIDE_BY_SIDE = 5


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
        data: all that may be learnt. config: how; each of ten members does without a fifth of the slabs.
            Some learn side by side from the same batches, and `processes` share such classes.
        folder: of the members' states and logs.

    Rarely needed:
        identity: words that say which data these are, for the card.
        progress: called with member, epoch, epochs, loss, as if one member learnt after the other.

    Raises:
        ValueError: too few members, or rows with an answer.
    """
    judges = judges_of(data.slab, config.members)
    for name in answered(data):
        known = torch.isfinite(getattr(data, name))
        try:
            halves(data.slab[known], config.coverage)
        except ValueError as error:
            raise ValueError(f"{name.replace('_', ' ')} of {int(known.sum())} slabs: {error}") from None
    classes = in_classes(data, judges, config.members)
    trained = train_members(classes, None, config, folder, progress=_for_classes(progress, classes))
    card = Card(
        sentence=f"Ensemble of {config.members} networks of atoms trained on {len(data)} simulated slabs.",
        data={"training_cases": len(data), **(identity or {})},
        accuracy={},
        training=config.words(),
    )
    members = [member for one in trained for member in one.member.apart()]
    return assemble_slabs(members, data, judges, config, card)


def in_classes(data: SlabRows, judges: Int[Tensor, "rows judges"], members: int) -> list[SlabRows]:
    """What each few of the members, which learn side by side, may learn from; none hears of the rows that it judges."""
    classes = math.ceil(members / SIDE_BY_SIDE)
    return [replace(data, seen=seen) for seen in seen_by(judges, members).tensor_split(classes, dim=1)]


def _for_classes(progress: MemberProgress | None, classes: Sequence[SlabRows]) -> MemberProgress | None:
    """Members of a class count as if they learnt one after the other."""
    if progress is None:
        return None
    sizes = [rows.members for rows in classes]

    def tell(number: int, epoch: int, epochs: int, loss: float) -> None:
        further, within = divmod(sizes[number] * epoch - 1, epochs)
        progress(sum(sizes[:number]) + further, within + 1, epochs, loss)

    return tell


def answered(data: SlabRows) -> tuple[str, ...]:
    """Those of `ENERGIES` that any row has; of the others a surrogate says nothing.

    Raises:
        ValueError: none.
    """
    names = tuple(name for name in ENERGIES if torch.isfinite(getattr(data, name)).any())
    if not names:
        raise ValueError(f"expected slabs with {' or '.join(ENERGIES)}, adsorbates in their place; got none")
    return names


def assemble_slabs(
    members: Sequence[SlabMember],
    data: SlabRows,
    judges: Int[Tensor, "rows judges"],
    config: SurrogateConfig,
    card: Card,
) -> SlabSurrogate:
    """A surrogate of members of which two, the judges, never saw each row."""
    output = _judged(members, data, judges)
    return SlabSurrogate(
        SlabEnsemble(members),
        _calibration(output, data, len(members), config.coverage),
        familiarity_of(data.graph, output.doubt(answered(data)), false_alarms=config.false_alarms),
        card,
    )


@torch.no_grad()
def _judged(members: Sequence[SlabMember], data: SlabRows, judges: Tensor) -> SlabEnsembleOutput:
    """What the judges of each row say of it."""
    parts, rows = [], []
    for pair in judges.unique(dim=0):
        both = SlabEnsemble([members[number] for number in pair.tolist()]).eval()
        for some in (judges == pair).all(1).nonzero()[:, 0].split(AT_ONCE):
            parts.append(both(data.graph[some]))
            rows.append(some)
    return SlabEnsembleOutput.concatenate(parts)[torch.cat(rows).argsort()]


def _calibration(output: SlabEnsembleOutput, data: SlabRows, members: int, coverage: float) -> Calibration:
    curves: dict[str, Curve] = {}
    for name in answered(data):
        error = (output.mean[name] - getattr(data, name)).abs()
        known = torch.isfinite(error)
        error = error[known] * gain(error[known], output.variance[name][known], members)
        made = calibrate({name: error}, {name: output.scale[name][known]}, data.slab[known], coverage=coverage)
        curves |= made.curves
    return Calibration(coverage, curves)


def gain(error: Float[Tensor, " rows"], variance: Float[Tensor, " rows"], members: int) -> Tensor:
    """Error of the mean of all members over that of two judges, both root mean square.

    error: of the mean of two. variance: of the two about that mean, half of what it would be about that of many.
    """
    saved = (1 / JUDGES - 1 / members) * 2 * variance.mean() / error.square().mean()
    return torch.sqrt((1 - saved).clamp(min=JUDGES / members))
