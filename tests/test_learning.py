"""Which rows a surrogate may be judged on, and what its card says of its data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.shape_sampling import ShapeMix
from understudy.datasets.splits import Shares, Side, part, side_of
from understudy.datasets.synthetic import THIN_AIRFOIL
from understudy.learning import TrainConfig, card_data, train_surrogate
from understudy.learning import test_rows as rows_unseen  # pytest would take its own name for a test
from understudy.surrogate import checkpoint
from understudy.surrogate.surrogate import Surrogate

SHARES = Shares(validation=0.1, calibration=0.2, test=0.2, seed=4)
FOUR_DIGITS = ShapeMix(blends=0.0, library=0.0, box=0.0, naca4=1.0, naca5=0.0)


def simulated(out: Path, **settings: Any) -> Path:
    generate(SimulateConfig(out=out, simulator=THIN_AIRFOIL, cases=100, cases_per_shape=2, **settings))
    return out


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two data sets of other shapes."""
    folder = tmp_path_factory.mktemp("data")
    return simulated(folder / "first.h5", seed=0), simulated(folder / "second.h5", seed=1)


def with_words(**words: Any) -> Surrogate:
    """The shipped surrogate with another card."""
    made = checkpoint.load()
    return Surrogate(made.ensemble, made.calibration, made.familiarity, replace(made.card, data=words))


def test_only_test_families_are_unseen_whichever_files_are_read(files: tuple[Path, Path]):
    """Of both files together, and of the second alone, whose identity is not the first on the card."""
    with load(*files) as both, load(files[1]) as second:
        surrogate = with_words(**card_data(both, part(both, SHARES), SHARES))
        for data in (both, second):
            rows = rows_unseen(surrogate, data)
            kept = SHARES.validation + SHARES.calibration
            sides = [side_of(families, validation=kept, test=SHARES.test, seed=4) for families in data.subject_families]
            expected = [row for row in data.ok_rows.tolist() if sides[int(data.subject[row])] is Side.TEST]
            assert rows.tolist() == expected
            assert 0 < len(rows) < len(data.ok_rows)


def test_a_card_without_shares_names_no_unseen_row(files: tuple[Path, Path]):
    with load(files[0]) as data, pytest.raises(ValueError, match=r"its card has no shares.*\(--rows all\)"):
        rows_unseen(with_words(identities=list(data.identities)), data)


def test_data_without_a_test_family_is_said(tmp_path: Path):
    trained = next(
        seed for seed in range(9) if side_of(["naca4"], validation=0.3, test=0.2, seed=seed) is Side.TRAINING
    )
    words = vars(replace(SHARES, seed=trained))
    sentence = "got none among 100: evaluate on all rows"
    file = simulated(tmp_path / "naca.h5", shapes=FOUR_DIGITS)
    with load(file) as data, pytest.raises(ValueError, match=sentence):
        rows_unseen(with_words(shares=words), data)


def test_answers_of_different_simulators_are_not_trained_on_together(files: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "other.h5").write_bytes(files[1].read_bytes())
    with h5py.File(tmp_path / "other.h5", "r+") as other:
        other.attrs["simulator_configuration"] = '{"model": "euler"}'
    config = TrainConfig(data=(files[0], tmp_path / "other.h5"), out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"different simulators or options \(.*model None and euler\); train on files"):
        train_surrogate(config)


def test_the_card_names_every_data_set_once(files: tuple[Path, Path]):
    with load(*files, files[0]) as data:
        parts = part(data, SHARES)
        words = card_data(data, parts, SHARES, cases=250)
    with load(files[0]) as first, load(files[1]) as second:
        assert words["identities"] == [first.provenance.identity, second.provenance.identity]
        assert words["answered"] == 2 * len(first.ok_rows) + len(second.ok_rows) - int(first.ok[50:].sum())
    assert words["cases"] == 250
    assert words["test_cases"] == len(parts.test)
    assert torch.equal(part(data, Shares(**words["shares"])).test, parts.test)
