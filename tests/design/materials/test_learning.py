"""What a surrogate of slabs rehearses when it learns from verdicts."""

from dataclasses import replace

import pytest
import torch

from understudy.datasets.reader import load
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.design.materials.learning import learnt_rows, relearning
from understudy.learning import test_rows as rows_unseen  # pytest would take its own name for a test
from understudy.surrogate.checkpoint import PRETRAINED_SLAB
from understudy.surrogate.checkpoint import load as load_surrogate


def test_slabs_that_test_a_surrogate_are_not_rehearsed():
    surrogate = load_surrogate(PRETRAINED_SLAB)
    with load(NEAR_SURFACE_ALLOYS) as data:
        seen, unseen = learnt_rows(surrogate, data), rows_unseen(surrogate, data)
        assert len(unseen)
        assert torch.equal(torch.cat((seen, unseen)).sort().values, data.ok_rows)


def test_only_a_surrogate_learns_and_rehearses_all_that_it_knows(law):
    with pytest.raises(ValueError, match="rounds need a surrogate, which learns from the verdicts; law does not"):
        relearning(law, [NEAR_SURFACE_ALLOYS])
    surrogate = load_surrogate(PRETRAINED_SLAB)
    relearning(surrogate, [NEAR_SURFACE_ALLOYS])
    surrogate.card = replace(surrogate.card, data={**surrogate.card.data, "identities": ["another"]})
    with pytest.raises(
        ValueError, match=r"expected all of its data files; got .*near_surface_alloys.h5, which are others"
    ):
        relearning(surrogate, [NEAR_SURFACE_ALLOYS])
