"""Simulators in words, there and back, whatever the types of their options."""

from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from understudy.simulators.specification import Specification, made, options_of


class Order(StrEnum):
    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True)
class Inner:
    size: int = 3
    nodes: tuple[int, int] = (5, 7)
    starts: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Solver:
    options: Inner = field(default_factory=Inner)
    order: Order = Order.FIRST
    panels: int | None = 80


@pytest.mark.parametrize(
    "words", ["rans", "rans:model=euler,grid=193x49", "my.solvers:Panels", "my.solvers:Panels:order=2"]
)
def test_words_come_back_as_they_were(words: str):
    assert str(Specification.of(words)) == words


def test_a_class_of_ones_own_is_told_apart_from_its_options():
    found = Specification.of("my.solvers:Panels:order=2")
    assert (found.name, found.options) == ("my.solvers:Panels", {"order": "2"})


def test_options_are_read_by_their_declared_types():
    assert options_of(Solver) == ("size", "nodes", "order", "panels")  # a list of numbers is no word
    asked = Specification.of("solver:nodes=9X11,order=second,panels=none")
    assert made(Solver, asked) == Solver(Inner(nodes=(9, 11)), Order.SECOND, None)
    assert made(Solver, asked.having({"panels": "40"})).panels == 40
