"""Fine-tuning learns the new cases and leaves the surrogate it started from as it was."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution
from understudy.surrogate import training
from understudy.surrogate.fine_tuning import FineTuningConfig, fine_tune
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training_data import TrainingData, training_data_of


def test_error_falls_on_the_new_cases_and_hardly_rises_on_the_old(
    surrogate: Surrogate,
    training_rows: TrainingData,
    random_cases: Callable[..., AirfoilCase],
    simulate: Callable[[AirfoilCase], Solution],
):
    case = random_cases(16, seed=40)
    solution = simulate(case)
    truth = {**solution.values, "cd": 1.3 * solution["cd"]}
    new = training_data_of(case, Solution(values=truth, status=solution.status, message=solution.message))
    before = surrogate.predict(case)["cd"]
    tuned = fine_tune(surrogate, new, training_rows, FineTuningConfig(passes=15, learning_rate=3e-3))

    def error(answerer: Surrogate) -> torch.Tensor:
        return (answerer.predict(case)["cd"].log() - truth["cd"].log()).abs().mean()

    assert error(tuned) < 0.7 * error(surrogate)
    assert torch.equal(surrogate.predict(case)["cd"], before)
    assert tuned.card.data["fine_tuned_cases"] == 16


def test_own_answers_serve_as_memory(surrogate: Surrogate, random_cases: Callable[..., AirfoilCase]):
    case = random_cases(6, seed=41)
    answer = surrogate.predict(case)
    recalled = training_data_of(case, answer)
    torch.testing.assert_close(recalled.ln_cd.double(), answer["cd"].log(), rtol=0, atol=1e-5)
    torch.testing.assert_close(recalled.cl.double(), answer["cl"], rtol=0, atol=1e-5)


def test_no_case_that_trains_chooses_the_pass(
    surrogate: Surrogate, training_rows: TrainingData, monkeypatch: pytest.MonkeyPatch
):
    """A loss on the new cases would look like validation and be none."""
    judged = []
    monkeypatch.setattr(training, "validate", lambda member, data, batch: judged.append(data))
    fine_tune(surrogate, training_rows[:4], None, FineTuningConfig(passes=1))
    assert not judged
