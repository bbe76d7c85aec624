"""Fine-tuning learns the new cases and leaves the surrogate it started from as it was."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution
from understudy.surrogate.fine_tuning import FineTuningConfig, fine_tune, widened
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


def test_widened_intervals(surrogate: Surrogate, random_cases: Callable[..., AirfoilCase]):
    case = random_cases(4, seed=42)
    narrow, wide = surrogate.predict(case), widened(surrogate, 3.0).predict(case)
    torch.testing.assert_close(
        wide.high["cl"] - wide.low["cl"], 3 * (narrow.high["cl"] - narrow.low["cl"]), rtol=1e-4, atol=0
    )
    with pytest.raises(ValueError, match="factor must be positive; got 0"):
        widened(surrogate, 0.0)
