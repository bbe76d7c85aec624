from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.datasets.reader import load
from understudy.datasets.splits import split

NAMES = st.sampled_from([f"airfoil{number}" for number in range(60)])


@dataclass
class Shapes:
    """Stands for a data set: one answered row for each shape."""

    subject_families: tuple[tuple[str, ...], ...]
    subject: torch.Tensor = field(init=False)
    ok_rows: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.subject = self.ok_rows = torch.arange(len(self.subject_families))

    def families(self, rows: torch.Tensor) -> set[str]:
        return {family for row in rows.tolist() for family in self.subject_families[row]}


@pytest.mark.usefixtures("annotations_unchecked")
@settings(max_examples=60, deadline=None)
@given(
    families=st.lists(st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple), max_size=80).map(tuple),
    seed=st.integers(0, 1000),
    shares=st.tuples(st.floats(0, 0.45), st.floats(0, 0.45)),
)
def test_no_family_is_on_two_sides(families: tuple[tuple[str, ...], ...], seed: int, shares: tuple[float, float]):
    data = Shapes(families)
    parts = split(data, validation=shares[0], test=shares[1], seed=seed)
    sides = [data.families(rows) for rows in (parts.training, parts.validation, parts.test)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    rows = torch.cat([parts.training, parts.validation, parts.test, parts.dropped])
    assert sorted(rows.tolist()) == data.ok_rows.tolist()  # each row is somewhere, once
    whole = [len(set(own)) == 1 for own in families]
    assert not any(whole[row] for row in parts.dropped.tolist())  # one family alone is never dropped


@pytest.mark.usefixtures("annotations_unchecked")
def test_a_family_keeps_its_side_when_the_data_set_grows():
    few = Shapes(tuple((f"airfoil{number}",) for number in range(100)))
    many = Shapes(tuple((f"airfoil{number}",) for number in range(1000)))
    assert set(split(few, seed=3).test.tolist()) == {row for row in split(many, seed=3).test.tolist() if row < 100}


@pytest.mark.usefixtures("annotations_unchecked")
def test_shares_are_those_asked_for():
    data = Shapes(tuple((f"airfoil{number}",) for number in range(5000)))
    parts = split(data, validation=0.1, test=0.2)
    assert len(parts.validation) / 5000 == pytest.approx(0.1, abs=0.02)
    assert len(parts.test) / 5000 == pytest.approx(0.2, abs=0.02)
    assert len(split(data, seed=1).test) > 0
    assert split(data, seed=1).test.tolist() != split(data, seed=2).test.tolist()


def test_generated_blends_are_never_dropped_and_failed_rows_never_used(data_file: Path):
    with load(data_file) as data:
        parts = split(data)
        assert len(parts.dropped) == 0
        used = torch.cat([parts.training, parts.validation, parts.test])
        assert sorted(used.tolist()) == data.ok_rows.tolist()
        assert any(len(families) > 1 for families in data.subject_families)


@pytest.mark.usefixtures("annotations_unchecked")
def test_shares_that_leave_nothing_are_refused():
    data = Shapes((("a",),))
    with pytest.raises(ValueError, match=r"must leave families to train on; got 0\.5 and 0\.5"):
        split(data, validation=0.5, test=0.5)
    with pytest.raises(ValueError, match=r"the share for test must be at least 0 and below 1; got -0\.1"):
        split(data, test=-0.1)
