"""The examples of surfaces say every key, and are what they look like."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from understudy.asking import predictor
from understudy.cli.config import made, read_table
from understudy.design.materials.descent import Descent
from understudy.design.materials.screening import ScreenProblem
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.simulators.interface import Subject
from understudy.simulators.materials.atoms import case_of, read_atoms
from understudy.simulators.materials.slabs import RPBE_LATTICE_CONSTANTS

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGE = Path(__file__).parents[1] / "docs" / "catalysts.md"
PYTHON = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


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


def test_the_slab_of_the_page_is_one_that_the_surrogate_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Unlike the same slab at ASE's own lattice constant."""
    monkeypatch.chdir(tmp_path)
    slab, _ = PYTHON
    answers = []
    for block in (slab, slab.replace("a=3.99, ", "")):
        exec(block, {})  # the page's own lines
        with torch.no_grad():
            answers.append(predictor("surrogate", Subject.SLAB).predict(case_of(read_atoms("slabs.extxyz"))))
    known, strained = answers
    assert (bool(known.known[0]), bool(strained.known[0])) == (True, False)
    energies = [float(one["adsorption_energy"][0]) for one in answers]
    assert energies == pytest.approx([-0.25, -0.12], abs=0.01)  # as the page says


def test_the_page_asks_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    exec("".join(PYTHON), {})  # a slab, and who answers
    energy, low, high = (float(number) for number in re.findall(r"-?\d+\.\d+", capsys.readouterr().out))
    assert low < energy < high
    assert energy == pytest.approx(-0.25, abs=0.01)


def test_lattice_constants_of_the_page_are_those_of_the_labels():
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    head, values = next((rows[place], rows[place + 2]) for place, row in enumerate(rows) if row[-1:] == ["Ir"])
    assert {metal: float(value) for metal, value in zip(head[-7:], values[-7:], strict=True)} == RPBE_LATTICE_CONSTANTS
