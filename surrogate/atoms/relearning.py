"""Learning from new answers, such as verdicts on candidates, with all of the old ones rehearsed."""

from dataclasses import dataclass, replace

from understudy.surrogate.atoms.building import assemble_slabs, in_classes
from understudy.surrogate.atoms.judges import judges_of
from understudy.surrogate.atoms.member import SlabMember
from understudy.surrogate.atoms.rows import SlabRows
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.training import TrainingConfig, train


@dataclass(frozen=True)
class RelearningConfig:
    """How a surrogate goes on learning.

    passes: over all rows, old and new. learning_rate: its peak, below that of the first training.

    Rarely needed:
        batch: rows a step. average: decay of the weights' running average a step. seed: of the order of the rows.
    """

    passes: int = 40
    learning_rate: float = 1e-3
    batch: int = 20
    average: float = 0.99
    seed: int = 0


def relearn(
    surrogate: SlabSurrogate, old: SlabRows, new: SlabRows, config: RelearningConfig | None = None
) -> SlabSurrogate:
    """A surrogate that has also learnt the new rows, calibrated again; the one given is left as it is.

    Args:
        old: rows that it was trained on, in the same order: each member still does without those that it judges.
        new: rows that it has never seen.
    """
    config = config or RelearningConfig()
    rows = old.followed_by(new)
    members = list(surrogate.ensemble)
    judges = judges_of(rows.slab, len(members))
    trained: list[SlabMember] = []
    for number, some in enumerate(in_classes(rows, judges, len(members))):
        start = SlabMember.side_by_side(members[len(trained) : len(trained) + some.members])
        training = TrainingConfig(
            network=start.config,
            epochs=config.passes,
            batch=config.batch,
            learning_rate=config.learning_rate,
            average=config.average,
            seed=config.seed + number,
        )
        trained += train(some, None, training, start=start).member.apart()
    learnt = surrogate.card.data.get("relearnt_cases", 0) + len(new)
    card = replace(surrogate.card, data={**surrogate.card.data, "relearnt_cases": learnt})
    told = SurrogateConfig(
        members=len(members),
        coverage=surrogate.calibration.coverage,
        false_alarms=card.training.get("false_alarms", SurrogateConfig.false_alarms),
    )
    return assemble_slabs(trained, rows, judges, told, card)
