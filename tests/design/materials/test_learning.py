"""What a surrogate of slabs rehearses when it learns from verdicts."""

import torch

from understudy.datasets.reader import load
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.design.materials.learning import learnt_rows
from understudy.learning import test_rows as rows_unseen  # pytest would take its own name for a test
from understudy.surrogate.checkpoint import PRETRAINED_SLAB
from understudy.surrogate.checkpoint import load as load_surrogate


def test_slabs_that_test_a_surrogate_are_not_rehearsed():
    surrogate = load_surrogate(PRETRAINED_SLAB)
    with load(NEAR_SURFACE_ALLOYS) as data:
        seen, unseen = learnt_rows(surrogate, data), rows_unseen(surrogate, data)
        assert len(unseen)
        assert torch.equal(torch.cat((seen, unseen)).sort().values, data.ok_rows)
