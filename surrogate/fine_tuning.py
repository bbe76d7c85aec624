"""Learning from a few new cases, such as designs that the simulator has just verified, without forgetting the rest."""

import math
from dataclasses import dataclass, replace

import torch

from understudy.surrogate.ensemble import Ensemble
from understudy.surrogate.model import NetworkConfig
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training import TrainingConfig, train
from understudy.surrogate.training_data import TrainingData


@dataclass(frozen=True)
class FineTuningConfig:
    """How a surrogate learns from new cases.

    passes: over the new cases.
    remembered: old cases in a batch for each new one; without old data the members stray from what they knew.
    learning_rate: its peak, well below that of training.

    Rarely needed:
    batch: rows a step. average: decay of the weights' running average. seed: of the choice and order of the rows.
    """

    passes: int = 20
    remembered: float = 3.0
    learning_rate: float = 2e-4
    batch: int = 32
    average: float = 0.9
    seed: int = 0


def fine_tune(
    surrogate: Surrogate,
    new: TrainingData,
    remembered: TrainingData | None,
    config: FineTuningConfig | None = None,
) -> Surrogate:
    """A surrogate that has also learnt the new cases; the one given is left as it is.

    Args:
        surrogate: to start from.
        new: cases to learn.
        remembered: cases of the old training set to rehearse, of which `config.remembered` times the new are drawn.
            Where the old set is not at hand, the surrogate's own answers serve: `training_data_of(case,
            surrogate.predict(case))`.
        config: how.

    All passes are taken and the last weights stand: every new case trains, so none could tell which pass was best. The
    intervals are kept: with no unseen shapes at hand there is nothing to calibrate them on anew. Costs about a
    millisecond for each case, pass and member.
    """
    config = config or FineTuningConfig()
    data = new if remembered is None else _with_rehearsal(new, remembered, config)
    members = [
        train(data, None, _training(config, number, member.config), start=member).member
        for number, member in enumerate(surrogate.ensemble)
    ]
    learnt = surrogate.card.data.get("fine_tuned_cases", 0) + len(new)
    card = replace(surrogate.card, data={**surrogate.card.data, "fine_tuned_cases": learnt})
    return Surrogate(Ensemble(members), surrogate.calibration, surrogate.familiarity, card)


def _with_rehearsal(new: TrainingData, remembered: TrainingData, config: FineTuningConfig) -> TrainingData:
    count = min(len(remembered), math.ceil(config.remembered * len(new)))
    drawn = torch.randperm(len(remembered), generator=torch.Generator().manual_seed(config.seed))[:count]
    return TrainingData.concatenate([new, remembered[drawn]])


def _training(config: FineTuningConfig, number: int, network: NetworkConfig) -> TrainingConfig:
    return TrainingConfig(
        network=network,
        epochs=config.passes,
        batch=config.batch,
        learning_rate=config.learning_rate,
        seed=config.seed + number,
        weight_decay=0.0,
        average=config.average,
    )
