"""The examples of surfaces say every key, and are what they look like."""

from dataclasses import fields
from pathlib import Path

import pytest

from understudy.cli.config import made, read_table
from understudy.design.materials.descent import Descent
from understudy.design.materials.screening import ScreenProblem
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.surface_design import SurfaceProblem

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("name", "kind", "tables"),
    [
        ("hydrogen_evolution.toml", ScreenProblem, {"space": SlabSpace}),
        ("surface.toml", SurfaceProblem, {"descent": Descent}),
    ],
)
def test_every_key_is_there_and_reads(name: str, kind: type, tables: dict[str, type]):
    table = read_table(EXAMPLES / name)
    made(kind, table)
    assert set(table) == {item.name for item in fields(kind)} - {"structures"}  # which stand in place of a space
    for key, part in tables.items():
        assert set(table[key]) >= {item.name for item in fields(part)} - {"layers"}


def test_the_example_screens_what_it_says():
    problem = made(ScreenProblem, read_table(EXAMPLES / "hydrogen_evolution.toml"))
    assert len(problem.space) == 7**4 * 41 == 98_441
