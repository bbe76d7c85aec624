"""Training: it learns, it goes on bit for bit after a kill, and it refuses what does not belong to it."""

import csv
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status
from understudy.surrogate import SurrogateConfig, training
from understudy.surrogate.networks.convolution import ConvolutionConfig
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.training import STATE, StateError, TrainingConfig, learning_rate, train
from understudy.surrogate.training_data import TrainingData, training_data_of


@pytest.fixture
def config(tiny: ConvolutionConfig) -> TrainingConfig:
    return TrainingConfig(network=tiny, epochs=3, batch=32)


class Killed(BaseException):
    """Stands for a kill: nothing gets a chance to clean up."""


@pytest.mark.parametrize("steps", [1, 5, 11])
def test_killed_and_resumed_run_ends_with_the_same_weights(
    config: TrainingConfig,
    training_rows: TrainingData,
    unseen_rows: TrainingData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
):
    rows, unseen = training_rows[:160], unseen_rows[:32]
    unbroken = train(rows, unseen, config).member.state_dict()
    descend, taken = training._Run._descend, []

    def until_killed(run: training._Run, loss: torch.Tensor) -> None:
        if len(taken) == steps:
            raise Killed
        taken.append(run.step)
        descend(run, loss)

    monkeypatch.setattr(training._Run, "_descend", until_killed)
    restless = replace(config, save_every=1e-9)
    with pytest.raises(Killed):
        train(rows, unseen, restless, tmp_path)
    monkeypatch.setattr(training._Run, "_descend", descend)
    resumed = train(rows, unseen, restless, tmp_path).member.state_dict()
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


@pytest.mark.parametrize(("losses", "last"), [([3.0, 2.0, 1.0], True), ([1.0, 2.0, 3.0], False)])
def test_the_last_epoch_stands_where_nothing_validates(
    config: TrainingConfig,
    training_rows: TrainingData,
    monkeypatch: pytest.MonkeyPatch,
    losses: list[float],
    last: bool,
):
    """The weights are those of a run whose validation likes its last epoch best, not its first."""
    rows = training_rows[:96]
    unjudged = train(rows, None, config)
    told = iter(losses)
    monkeypatch.setattr(
        training, "validate", lambda *_: dict.fromkeys(("validation", "cl", "ln_cd", "cm", "xtr"), next(told))
    )
    judged = train(rows, rows, config).member.state_dict()
    same = all(torch.equal(value, judged[name]) for name, value in unjudged.member.state_dict().items())
    assert same is last
    assert unjudged.epochs == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_saves_the_state(
    number: signal.Signals,
    config: TrainingConfig,
    training_rows: TrainingData,
    unseen_rows: TrainingData,
    tmp_path: Path,
):
    rows, unseen = training_rows[:96], unseen_rows[:32]
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        train(rows, unseen, config, tmp_path, progress=lambda *_: signal.raise_signal(number))
    state = torch.load(tmp_path / STATE, weights_only=True)
    assert (
        state["progress"]["step"] == 4
    )  # the epoch of three steps in which it came, and the one step that was under way
    assert signal.getsignal(number) is before
    expected = train(rows, unseen, config).member.state_dict()
    resumed = train(rows, unseen, config, tmp_path).member.state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in expected.items())


@pytest.mark.parametrize("network", [None, GraphConfig(features=8, layers=2, fine=4)], ids=["convolution", "graph"])
def test_validation_error_falls(
    config: TrainingConfig, training_rows: TrainingData, unseen_rows: TrainingData, tmp_path: Path, network: GraphConfig
):
    config = replace(config, epochs=8, network=network or config.network, learning_rate=5e-3)
    train(training_rows, unseen_rows, config, tmp_path)
    with (tmp_path / training.LOG).open() as file:
        log = list(csv.DictReader(file))
    assert len(log) == 8
    assert float(log[-1]["validation"]) < 0.7 * float(log[0]["validation"])


def test_run_stops_when_it_no_longer_gains(
    config: TrainingConfig, training_rows: TrainingData, unseen_rows: TrainingData
):
    trained = train(training_rows[:64], unseen_rows[:32], replace(config, epochs=50, patience=2, learning_rate=1e-12))
    assert trained.epochs < 50


def test_folder_of_another_run_is_refused(
    config: TrainingConfig, training_rows: TrainingData, unseen_rows: TrainingData, tmp_path: Path
):
    train(training_rows[:64], unseen_rows[:32], replace(config, epochs=1), tmp_path)
    with pytest.raises(StateError, match="other settings or data"):
        train(training_rows[:64], unseen_rows[:32], replace(config, epochs=2), tmp_path)
    (tmp_path / STATE).write_bytes(b"nothing of the kind")
    with pytest.raises(StateError, match="cannot be read"):
        train(training_rows[:64], unseen_rows[:32], config, tmp_path)


def test_settings_without_sense_are_refused():
    with pytest.raises(ValueError, match="learning_rate must be positive; got nan"):
        TrainingConfig(learning_rate=float("nan"))
    with pytest.raises(ValueError, match=r"coverage must be above 0 and below 1; got 1\.5"):
        SurrogateConfig(coverage=1.5)
    with pytest.raises(ValueError, match="epochs must be positive; got 0"):
        TrainingConfig(epochs=0)
    with pytest.raises(ValueError, match="average must be at least 0 and below 1; got 1"):
        TrainingConfig(average=1.0)


def test_learning_rate_warms_up_and_ends_at_zero():
    config = TrainingConfig(epochs=10, learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(step, config, 10) for step in range(101)]
    assert max(rates) == rates[10] == 1.0
    assert rates[0] == pytest.approx(0.1)
    assert rates[100] == pytest.approx(0.0)


def test_failed_cases_are_left_out_and_all_failed_is_refused(
    random_cases: Callable[..., AirfoilCase], simulate: Callable[[AirfoilCase], Solution]
):
    case = random_cases(4, seed=3)
    solution = simulate(case)
    values = {name: column.clone() for name, column in solution.values.items()}
    values["cd"][2] = torch.nan
    status = (Status.OK, Status.FAILED, Status.OK, Status.OK)
    assert len(training_data_of(case, Solution(values=values, status=status, message=("", "it failed", "", "")))) == 2
    nothing = Solution(values=values, status=(Status.FAILED,) * 4, message=("it failed",) * 4)
    with pytest.raises(ValueError, match="at least one answered case"):
        training_data_of(case, nothing)
