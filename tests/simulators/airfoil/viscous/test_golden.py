"""Answers of one version to eight digits: data sets, and runs that go on, are told apart by the version alone."""

import pytest

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.shapes.naca import naca
from understudy.simulators.shapes.panelling import panel

pytestmark = pytest.mark.unchecked

VERSION = "2"
QUANTITIES = ("cl", "cd", "cm", "xtr_top")
ANSWERS = {
    ("naca2412", 4.0, 1e6, 0.0): (0.7173730348, 0.00700495614, -0.05676714007, 0.3854446566),
    ("naca0012", 0.0, 5e6, 0.3): (0.0, 0.005152373357, 0.0, 0.4274187117),
    ("naca4415", 6.0, 2e5, 0.0): (1.11459796, 0.01561680972, -0.09298909243, 0.4935121271),
}


@pytest.mark.parametrize("question", ANSWERS)
def test_answers_change_only_with_the_version(question: tuple[str, float, float, float]) -> None:
    """Where a change of the numerics is meant: raise `ViscousSimulator.version`, then repeat these numbers."""
    assert ViscousSimulator.version == VERSION
    name, alpha, reynolds, mach = question
    case = AirfoilCase.of(panel(naca(name)[None], 160), alpha=alpha, reynolds=reynolds, mach=mach)
    answer = ViscousSimulator().predict(case)
    for quantity, value in zip(QUANTITIES, ANSWERS[question], strict=True):
        assert answer[quantity].item() == pytest.approx(value, rel=1e-8, abs=1e-9), quantity
