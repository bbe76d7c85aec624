"""How a surrogate of slabs learns from verdicts."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Int
from torch import Tensor

from understudy.datasets.reader import DataSet, load
from understudy.datasets.splits import Shares, part
from understudy.design.materials.run import Relearn
from understudy.simulators.interface import Predictor, Solution
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.relearning import RelearningConfig, relearn
from understudy.surrogate.atoms.rows import slab_rows, slab_rows_of
from understudy.surrogate.atoms.surrogate import SlabSurrogate


def relearning(
    predictor: Predictor[SlabCase], files: Sequence[Path], config: RelearningConfig | None = None
) -> Relearn:
    """A function that teaches a surrogate new answers and rehearses all that it was trained on.

    Args:
        files: data files that it was trained on; its test slabs among them stay unseen.

    Raises:
        ValueError: a predictor that is no surrogate of slabs, or data that it was not trained on.
        FileNotFoundError, DataFileError: no such data.
    """
    if not isinstance(predictor, SlabSurrogate):
        raise ValueError(f"rounds need a surrogate, which learns from the verdicts; {predictor.name} does not")
    with load(*files) as data:
        known = predictor.card.data.get("identities")
        if known is not None and set(known) != set(data.identities):
            raise ValueError(
                f"rounds rehearse what the surrogate was trained on: expected all of its data files; got "
                f"{', '.join(map(str, files))}, which are others, or not all of them"
            )

    def learnt(surrogate: Predictor[SlabCase], case: SlabCase, solution: Solution) -> Predictor[SlabCase]:
        assert isinstance(surrogate, SlabSurrogate)
        cutoff = surrogate.ensemble.cutoff
        with load(*files) as data:
            old = slab_rows(data, cutoff, learnt_rows(surrogate, data))
        return relearn(surrogate, old, slab_rows_of(case, solution, cutoff), config)

    return learnt


def learnt_rows(surrogate: SlabSurrogate, data: DataSet) -> Int[Tensor, " rows"]:
    """The answered rows of data that a surrogate was trained on: all but those that its card keeps for tests."""
    shares = surrogate.card.data.get("shares")
    return data.ok_rows if shares is None else part(data, Shares(**shares)).all_but_test
