"""The curve says what more rows bring, and a stopped one goes on."""

from pathlib import Path

import pytest

from understudy.surrogate.atoms.rows import SlabRows
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.learning_curve import learning_curve


def test_more_rows_err_less(rows: SlabRows, config: SurrogateConfig, tmp_path: Path):
    half = len(rows) // 2
    first, last = learning_curve(rows[:half], None, rows[half:], config, tmp_path, parts=(0.1, 1.0))
    assert (first.rows, last.rows) == (round(0.1 * half), half)
    assert last.errors["adsorption_energy"] < 0.5 * first.errors["adsorption_energy"]
    again = learning_curve(rows[:half], None, rows[half:], config, tmp_path, parts=(0.1, 1.0))
    assert again[1].errors == pytest.approx(last.errors, rel=1e-12)
