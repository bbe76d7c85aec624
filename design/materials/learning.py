"""How a surrogate of slabs learns from verdicts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from understudy.datasets.reader import DataSet, load
from understudy.datasets.splits import split
from understudy.design.materials.run import Relearn
from understudy.simulators.interface import Predictor, Solution
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.relearning import RelearningConfig, relearn
from understudy.surrogate.atoms.rows import slab_rows, slab_rows_of
from understudy.surrogate.atoms.surrogate import SlabSurrogate


def relearning(files: Sequence[Path], config: RelearningConfig | None = None) -> Relearn:
    """A function that teaches a surrogate new answers and rehearses all that it was trained on.

    Args:
        files: data files that it was trained on; its test slabs among them stay unseen.

    Raises, when called:
        TypeError: a predictor that is no surrogate of slabs.
    """

    def learnt(predictor: Predictor[SlabCase], case: SlabCase, solution: Solution) -> Predictor[SlabCase]:
        if not isinstance(predictor, SlabSurrogate):
            raise TypeError(f"only a surrogate learns; {predictor.name} does not")
        cutoff = predictor.ensemble.cutoff
        with load(*files) as data:
            old = slab_rows(data, cutoff, learnt_rows(predictor, data))
        return relearn(predictor, old, slab_rows_of(case, solution, cutoff), config)

    return learnt


def learnt_rows(surrogate: SlabSurrogate, data: DataSet) -> Int[Tensor, " rows"]:
    """The answered rows of data that a surrogate was trained on: all but those that its card keeps for tests."""
    shares = surrogate.card.data.get("shares")
    if shares is None:
        return data.ok_rows
    kept = shares["validation"] + shares["calibration"]
    parts = split(data, validation=kept, test=shares["test"], seed=shares["seed"])
    return torch.cat((parts.training, parts.validation)).sort().values
