from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.datasets.checker import check
from understudy.datasets.provenance import Provenance
from understudy.datasets.reader import load
from understudy.datasets.records import Ragged, Rows, rows_of
from understudy.datasets.synthetic import ThinAirfoilTheory
from understudy.datasets.writer import join, write
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.shapes.naca import naca

THEORY = ThinAirfoilTheory()


def chosen_rows(section: str, first_case: int = 0, per_side: int = 30) -> Rows:
    """Three cases of one section, the last of them refused."""
    case = AirfoilCase.of(naca(section, per_side), torch.tensor([0.0, 3.0, 14.0], dtype=torch.float64), n_crit=8.5)
    return rows_of(case, THEORY.predict(case), family="verified", first_case=first_case)


def with_ragged(rows: Rows, *lengths: int) -> Rows:
    values = [np.arange(length, dtype=np.float32) + 10 * length for length in lengths]
    return replace(rows, fields={**rows.fields, "theta": Ragged.of(values)})


def test_cases_picked_one_by_one_are_read_as_they_were_written(tmp_path: Path):
    rows = chosen_rows("2412")
    path = tmp_path / "verified.h5"
    write(path, rows, Provenance.of(THEORY, planned=3))
    assert check(path) == []
    with load(path) as data:
        assert data.status == rows.status
        assert data.message == rows.message
        assert data.subject_families == (("verified",),) * 3
        for name, values in rows.outputs.items():
            np.testing.assert_array_equal(data.outputs[name], values)
        np.testing.assert_array_equal(data.coordinates(), rows.table.coordinates)
        again = THEORY.predict(data.case())
        np.testing.assert_allclose(again["cp"], data.field("cp"), rtol=1e-6)
        assert data.provenance.simulator == "thin-airfoil"


def test_joined_files_keep_shapes_and_ragged_rows_together(tmp_path: Path):
    one, two, both = (tmp_path / f"{name}.h5" for name in ("one", "two", "both"))
    provenance = Provenance.of(THEORY, planned=3)
    write(one, with_ragged(chosen_rows("2412"), 4, 0, 2), provenance)
    write(two, with_ragged(chosen_rows("0012", first_case=3), 1, 5, 0), provenance)
    join([one, two], both, Provenance.of(THEORY, planned=6))
    assert check(both) == []
    with load(both) as joined, load(one, two) as apart:
        assert len(joined) == len(apart) == 6
        for data in (joined, apart):
            np.testing.assert_allclose(data.coordinates([4])[0], naca("0012", 30))
            lengths = [len(data.ragged("theta", row)) for row in range(6)]
            assert lengths == [4, 0, 2, 1, 5, 0]
            assert data.ragged("theta", 4).tolist() == [50, 51, 52, 53, 54]
        assert joined.ragged_names == ("theta",)
        with pytest.raises(TypeError, match="'theta' has a different length in each row"):
            joined.field("theta")


def test_a_file_can_grow_by_joining_onto_itself(tmp_path: Path):
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    write(one, chosen_rows("2412"), Provenance.of(THEORY, planned=3))
    write(two, chosen_rows("0012", first_case=3), Provenance.of(THEORY, planned=3))
    join([one, two], one, Provenance.of(THEORY, planned=6))
    assert check(one) == []
    assert load(one).case_numbers.tolist() == list(range(6))


def test_files_that_do_not_fit_are_not_joined(tmp_path: Path):
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    write(one, chosen_rows("2412", per_side=30), Provenance.of(THEORY, planned=3))
    write(two, chosen_rows("2412", per_side=40), Provenance.of(THEORY, planned=3))
    with pytest.raises(ValueError, match=r"cannot be joined: fields/cf is rowsx79 in the one, rowsx59 in the other"):
        join([one, two], tmp_path / "both.h5", Provenance.of(THEORY, planned=6))
    with pytest.raises(ValueError, match="files with different node counts cannot be one data set; got"):
        load(one, two)
    assert not (tmp_path / "both.h5").exists()


@pytest.mark.parametrize("offsets", [[1, 3], [0, 3, 2, 3], []])
def test_offsets_must_rise_from_zero(offsets: list[int]):
    with pytest.raises(ValueError, match="offsets must start at 0 and never fall"):
        Ragged(np.zeros(3), np.array(offsets, dtype=np.int64))


def test_offsets_must_end_with_the_values():
    with pytest.raises(ValueError, match="the last offset must be the number of values, 3; got 2"):
        Ragged(np.zeros(3), np.array([0, 2]))


def test_rows_of_unequal_length_are_refused():
    rows = chosen_rows("2412")
    with pytest.raises(ValueError, match="cd must have one value for each of 3 cases; got 2"):
        replace(rows, outputs={"cd": np.zeros(2)})
    with pytest.raises(ValueError, match="subject must point into the 3 shapes; got 3"):
        replace(rows, subject=np.array([0, 1, 3]))
    with pytest.raises(ValueError, match="every shape needs at least one family"):
        replace(rows.table, families=(("a",), (), ("b",)))
