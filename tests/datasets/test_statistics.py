from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.datasets.reader import load
from understudy.datasets.statistics import LEVELS, _collected, statistics


def test_they_are_those_of_the_answered_rows(data_file: Path):
    with load(data_file) as data:
        found = statistics(data)
        for name, values in (
            ("outputs/cd", data.outputs["cd"][data.ok]),
            ("inputs/reynolds", data.inputs["reynolds"][data.ok]),
            ("fields/cp", data.field("cp", data.ok_rows).double()),
        ):
            assert found[name].count == values.numel()
            assert found[name].mean == pytest.approx(values.mean().item(), rel=1e-9, abs=1e-12)
            assert found[name].std == pytest.approx(values.std(correction=0).item(), rel=1e-9)
            assert (found[name].minimum, found[name].maximum) == (values.min().item(), values.max().item())
            np.testing.assert_allclose(found[name].quantiles, np.quantile(values, LEVELS))
        assert "inputs/cl" not in found  # no lift was prescribed: there is nothing to tell


def test_they_are_of_the_rows_asked_for(data_file: Path):
    with load(data_file) as data:
        rows = data.ok_rows[:10]
        assert statistics(data, rows)["outputs/cl"].mean == pytest.approx(data.outputs["cl"][rows].mean().item())


def test_blocks_give_the_spread_of_the_whole_where_it_is_small_beside_the_mean():
    values = 1e6 + torch.randn(10_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = _collected(list(values.split(7)), values)
    assert found.std == pytest.approx(values.std(correction=0).item(), rel=1e-9)
