"""What a surrogate learns between two rounds: the cases that the simulator has just flown."""

from understudy.design.run import Refine
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Solution
from understudy.surrogate.fine_tuning import FineTuningConfig, fine_tune
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training_data import TrainingData, training_data_of


def fine_tuning(remembered: TrainingData | None = None, config: FineTuningConfig | None = None) -> Refine:
    """A function for the rounds of `run_design` that fine-tunes a surrogate on what was flown.

    Args:
        remembered: cases that the surrogate was trained on, to rehearse; without them it forgets around the design.
        config: how.
    """

    def refine(predictor: Predictor, case: AirfoilCase, solution: Solution) -> Predictor:
        if not isinstance(predictor, Surrogate):
            raise TypeError(f"only a surrogate learns from what was flown; {predictor.name} is none")
        return fine_tune(predictor, training_data_of(case, solution), remembered, config)

    return refine
