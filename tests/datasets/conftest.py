"""A small data set of closed-form answers, made once."""

from pathlib import Path

import pytest

from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.synthetic import THIN_AIRFOIL


@pytest.fixture(scope="session")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 cases of 25 shapes, about half of them answered; read it, do not change it."""
    out = tmp_path_factory.mktemp("data") / "thin.h5"
    generate(SimulateConfig(out=out, simulator=THIN_AIRFOIL, cases=200, chunk=64, seed=3))
    return out
