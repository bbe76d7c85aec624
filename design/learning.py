"""What a surrogate learns between two rounds, the cases that the simulator has flown, and how it forgets no others."""

import torch

from understudy.datasets.sampling import ConditionRanges, Sampler, conditions
from understudy.datasets.shape_sampling import ShapeMix, draw_shapes
from understudy.design.run import Refine
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Solution
from understudy.surrogate.fine_tuning import FineTuningConfig, fine_tune
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training_data import TrainingData, training_data_of

SEED = 0  # of the cases that are rehearsed
CONFIG = FineTuningConfig(remembered=1.0)  # as many old cases as new ones were enough to forget nothing


def fine_tuning(remembered: TrainingData | None = None, config: FineTuningConfig = CONFIG) -> Refine:
    """A function for the rounds of `run_design` that fine-tunes a surrogate on what was flown.

    Args:
        remembered: cases that the surrogate was trained on, to rehearse. Without them it rehearses its own answers to
            random cases from the whole range that it knows.
        config: how.
    """

    def refine(predictor: Predictor, case: AirfoilCase, solution: Solution) -> Predictor:
        if not isinstance(predictor, Surrogate):
            raise TypeError(f"only a surrogate learns from what was flown; {predictor.name} is none")
        new = training_data_of(case, solution)
        count = round(config.remembered * len(new))
        old = own_answers(predictor, count) if remembered is None and count else remembered
        return fine_tune(predictor, new, old, config)

    return refine


def own_answers(surrogate: Surrogate, count: int) -> TrainingData:
    """What a surrogate says of random shapes at random conditions inside its training range."""
    box = surrogate.familiarity.box
    ranges = ConditionRanges(alpha=box["alpha"], reynolds=box["reynolds"], mach=box["mach"], n_crit=box["n_crit"])
    drawn = conditions(ranges, Sampler.SOBOL, SEED, 0, count, total=count)
    case = AirfoilCase(
        coordinates=torch.from_numpy(draw_shapes(ShapeMix(), SEED, 0, count).coordinates),
        **{name: torch.tensor(column) for name, column in drawn.items()},
    )
    with torch.no_grad():
        return training_data_of(case, surrogate.predict(case))
