"""From a data set to a surrogate: members trained side by side, calibrated on shapes that none of them has seen."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from understudy.datasets.workers import stoppable_processes
from understudy.surrogate.calibration import Calibration, calibrate
from understudy.surrogate.card import Card
from understudy.surrogate.ensemble import ENSEMBLE_NUMBERS, Ensemble, EnsembleOutput
from understudy.surrogate.familiarity import Familiarity, familiarity_of
from understudy.surrogate.inviscid import distinct_shapes
from understudy.surrogate.learnable import Kind, Learnable
from understudy.surrogate.model import Member
from understudy.surrogate.surrogate import AT_ONCE, Surrogate
from understudy.surrogate.training import Progress, Trained, TrainingConfig, epochs_logged, train
from understudy.surrogate.training_data import TrainingData

SECONDS_BETWEEN_LOOKS = 0.5  # at the logs of members that are trained side by side
MemberProgress = Callable[[int, int, int, float], None]


@dataclass(frozen=True)
class SurrogateConfig:
    """How a surrogate is made.

    training: of each member; member k starts from seed `training.seed` + k.
    members: of the ensemble; four or more for a useful disagreement.

    Rarely needed:
    coverage: of the intervals. false_alarms: share of known cases that may be flagged.
    processes: members trained at once, each on `threads` threads.
    """

    training: TrainingConfig = field(default_factory=TrainingConfig)
    members: int = 4
    coverage: float = 0.9
    false_alarms: float = 0.03
    processes: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("members", "processes", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("coverage", "false_alarms"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be above 0 and below 1; got {getattr(self, name)}")

    def words(self) -> dict[str, Any]:
        """JSON-ready words."""
        own = {name: getattr(self, name) for name in ("members", "coverage", "false_alarms")}
        return {**own, "training": self.training.words()}


def build(
    data: TrainingData,
    validation: TrainingData,
    calibration: TrainingData,
    config: SurrogateConfig,
    folder: Path,
    *,
    identity: Mapping[str, Any] | None = None,
    progress: MemberProgress | None = None,
) -> Surrogate:
    """Train an ensemble and calibrate it; run it again after a kill and it goes on where it stopped.

    Args:
        data, validation, calibration: rows of three disjoint sets of shape families. Members learn from the first, stop
            by the second, and are calibrated on the third.
        config: how.
        folder: where each member keeps its state and log.

    Rarely needed:
        identity: words that say which data these are, for the card.
        progress: called with member, epoch, epochs, validation loss, as if one member learnt after the other.
    """
    members = train_members([data] * config.members, validation, config, folder, progress=progress)
    card = Card(
        sentence=f"Ensemble of {len(members)} networks trained on {len(data)} simulated cases.",
        data={"training_cases": len(data), "calibration_cases": len(calibration), **(identity or {})},
        accuracy={},
        training=config.words(),
    )
    return assemble([trained.member for trained in members], data, calibration, config, card)


def train_members(
    data: Sequence[Learnable[Kind]],
    validation: Learnable[Kind] | None,
    config: SurrogateConfig,
    folder: Path,
    *,
    progress: MemberProgress | None = None,
) -> list[Trained[Kind]]:
    """Train all members, several at once where `processes` asks for it; they share the rows in memory.

    Args:
        data: what each member learns from, or each few that learn side by side.
        validation: what stops them all, if anything does.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM, after every member's state was saved.
    """
    runs = [
        (rows, validation, replace(config.training, seed=config.training.seed + number), folder / f"member-{number}")
        for number, rows in enumerate(data)
    ]
    if config.processes == 1:
        return [train(*run, progress=_for_member(progress, number)) for number, run in enumerate(runs)]
    for rows in (*data, *([] if validation is None else [validation])):
        rows.share()
    with stoppable_processes(config.processes, config.threads) as pool:
        started = [pool.submit(train, rows, stop, member, place) for rows, stop, member, place in runs]
        if progress is not None:
            _watch(started, [place for *_, place in runs], config.training.epochs, progress)
        return [trained.result() for trained in started]


def _watch(
    started: Sequence[Future[Trained[Kind]]], places: Sequence[Path], epochs: int, progress: MemberProgress
) -> None:
    """Tell of the epochs in the logs until all have ended, or one has failed."""
    left: Collection[Future[Trained[Kind]]] = started
    while left:
        ended, left = wait(left, timeout=SECONDS_BETWEEN_LOOKS)
        if any(one.exception() is not None for one in ended):
            return
        logged = [epochs_logged(place) for place in places]
        losses = [loss for count, loss in logged if count]
        if losses:
            member, epoch = divmod(sum(count for count, _ in logged) - 1, epochs)
            progress(member, epoch + 1, epochs, fmean(losses))


def assemble(
    members: Sequence[Member], data: TrainingData, calibration: TrainingData, config: SurrogateConfig, card: Card
) -> Surrogate:
    """A surrogate of trained members: intervals and known range from the calibration rows.

    Raises:
        ValueError: too few calibration rows.
    """
    ensemble = Ensemble(members).eval().requires_grad_(False)
    output = answers(ensemble, calibration)
    shapes, shape = distinct_shapes(calibration.coordinates)
    return Surrogate(
        ensemble,
        _calibration(output, calibration, shape, config.coverage),
        _familiarity(output, data, calibration.coordinates[shapes], config.false_alarms),
        card,
    )


@torch.no_grad()
def answers(ensemble: Ensemble, data: TrainingData) -> EnsembleOutput:
    """What an ensemble answers to encoded cases."""
    parts = [data[start : start + AT_ONCE] for start in range(0, len(data), AT_ONCE)]
    return EnsembleOutput.concatenate([ensemble(part.encoding, part.coordinates, part.alpha) for part in parts])


def _calibration(output: EnsembleOutput, data: TrainingData, shape: Tensor, coverage: float) -> Calibration:
    truth = {"cl": data.cl, "ln_cd": data.ln_cd, "cm": data.cm, "xtr_top": data.xtr[:, 0], "xtr_bottom": data.xtr[:, 1]}
    errors = {name: (output.mean[name] - truth[name]).abs() for name in ENSEMBLE_NUMBERS}
    return calibrate(errors, output.scale, shape, coverage=coverage)


def _familiarity(output: EnsembleOutput, data: TrainingData, unseen: Tensor, false_alarms: float) -> Familiarity:
    shapes, _ = distinct_shapes(data.coordinates)
    return familiarity_of(_conditions(data), data.coordinates[shapes], unseen, output.doubt, false_alarms=false_alarms)


def _conditions(data: TrainingData) -> dict[str, Tensor]:
    top, bottom = data.trips.unbind(1)
    rest = {name: getattr(data, name) for name in ("alpha", "reynolds", "mach", "n_crit")}
    return {**rest, "trip_top": top, "trip_bottom": bottom}


def _for_member(progress: MemberProgress | None, number: int) -> Progress | None:
    if progress is None:
        return None
    return lambda epoch, epochs, loss: progress(number, epoch, epochs, loss)
