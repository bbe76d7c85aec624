"""The families that the shipped surrogate is judged on, against those that it is made from."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.datasets.splits import Shares, Side, side_of
from understudy.simulators.shapes.library import collection, family
from understudy.surrogate.checkpoint import load

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class OneShapeAFamily:
    """Stands for a data set: one answered row for each family of the collection."""

    subject_families = tuple((family,) for family in sorted(set(collection().families)))
    subject = ok_rows = torch.arange(len(subject_families))

    def families(self, rows: torch.Tensor) -> set[str]:
        return {self.subject_families[row][0] for row in rows.tolist()}


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARKS / "support" / "train_shipped.py"))


@pytest.fixture
def purposes(script: dict[str, Any], annotations_unchecked: None) -> dict[str, set[str]]:
    data = OneShapeAFamily()
    return {purpose: data.families(rows) for purpose, rows in vars(script["parts_of"](data)).items()}


def test_the_shipped_card_says_how_the_families_were_parted(script: dict[str, Any]) -> None:
    data = load().card.data
    assert Shares(**data["shares"]) == script["SHARES"]
    assert len(set(data["identities"])) == 3  # both halves of the smooth shapes, and the raw ones


def test_no_test_family_serves_anything_else(script: dict[str, Any], purposes: dict[str, set[str]]) -> None:
    assert sum(len(families) for families in purposes.values()) == len(OneShapeAFamily.subject_families)
    assert set.union(*purposes.values()) == set(collection().families)  # each in one, thus none in two
    assert purposes["test"] == {family for family in collection().families if script["is_held_out"]((family,))}


def test_the_seed_is_the_first_for_which_both_naca_series_train(script: dict[str, Any]) -> None:
    shares = script["SHARES"]
    sides = [
        {
            side_of((series,), validation=shares.validation + shares.calibration, test=shares.test, seed=seed)
            for series in ("naca4", "naca5")
        }
        for seed in range(shares.seed + 1)
    ]
    assert [own == {Side.TRAINING} for own in sides] == [False] * shares.seed + [True]


def test_a_blend_is_held_out_only_if_both_its_parents_are(
    script: dict[str, Any], purposes: dict[str, set[str]]
) -> None:
    held, other = sorted(purposes["test"])[:2]
    assert script["is_held_out"]((held, other))
    assert not script["is_held_out"]((held, min(purposes["training"])))


def test_the_sections_judged_by_xfoil_are_held_out(script: dict[str, Any]) -> None:
    stored = runpy.run_path(str(BENCHMARKS / "airfoil_cases.py"))["judged_cases"](
        BENCHMARKS / "data" / "xfoil_unseen.h5"
    )
    words = [shape.split() for shape in stored.shapes]
    assert {kind for kind, *_ in words} == {"uiuc", "blend", "box"}
    sections = {name for kind, *names in words if kind != "box" for name in names[:2]}
    assert all(script["is_held_out"]((family(name),)) for name in sections)
    once = [names[0] for kind, *names in words if kind == "uiuc"]
    assert len(once) == len(set(once)) == 200
    assert len(stored.case) >= 560
    assert stored.converged.double().mean() > 0.9
    assert int((stored.converged & ~stored.possible).sum()) == 1  # answers with less drag than friction
