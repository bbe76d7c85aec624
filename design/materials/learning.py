"""How a surrogate of slabs learns from verdicts."""

from collections.abc import Sequence
from pathlib import Path

from understudy.datasets.reader import load
from understudy.design.materials.run import Relearn
from understudy.simulators.interface import Predictor, Solution
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.relearning import RelearningConfig, relearn
from understudy.surrogate.atoms.rows import SlabRows, slab_rows, slab_rows_of
from understudy.surrogate.atoms.surrogate import SlabSurrogate


def relearning(files: Sequence[Path], config: RelearningConfig | None = None) -> Relearn:
    """A function that teaches a surrogate new answers and rehearses all that it was trained on.

    Args:
        files: data files that it was trained on.

    Raises, when called:
        TypeError: a predictor that is no surrogate of slabs.
    """

    def learnt(predictor: Predictor[SlabCase], case: SlabCase, solution: Solution) -> Predictor[SlabCase]:
        if not isinstance(predictor, SlabSurrogate):
            raise TypeError(f"only a surrogate learns; {predictor.name} does not")
        cutoff = predictor.ensemble.cutoff
        return relearn(predictor, _known(files, cutoff), slab_rows_of(case, solution, cutoff), config)

    return learnt


def _known(files: Sequence[Path], cutoff: float) -> SlabRows:
    with load(*files) as data:
        return slab_rows(data, cutoff)
