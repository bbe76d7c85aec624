"""Lift and moment of pressures whose integrals are known."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.forces import lift_basis, pressure_forces
from understudy.simulators.airfoil.panel import speed_at
from understudy.simulators.shapes import naca, panel

Prove = Callable[..., None]
LEVEL = torch.zeros(1, dtype=torch.float64)


@pytest.fixture(scope="module")
def section() -> Tensor:
    return panel(naca("4415")[None], 120)


def _area_and_centroid(nodes: Tensor) -> tuple[float, float]:
    x, y = nodes[0].T
    following_x, following_y = x.roll(-1), y.roll(-1)
    cross = x * following_y - following_x * y
    area = 0.5 * cross.sum()
    return float(area), float(((x + following_x) * cross).sum() / (6 * area))


def test_uniform_pressure_pushes_nowhere(section: Tensor, prove: Prove) -> None:
    lift, moment = pressure_forces(section, torch.full(section.shape[:2], 0.7, dtype=torch.float64), LEVEL + 3)
    force = max(abs(lift.item()), abs(moment.item()))
    prove("lift and moment of a uniform pressure around a blunt section", force, at_most=1e-14)


def test_pressure_that_grows_upwards_pushes_down_by_the_area(section: Tensor, prove: Prove) -> None:
    """The divergence theorem: exact for straight panels, the blunt base included; the force acts at the centroid."""
    area, centroid = _area_and_centroid(section)
    lift, moment = pressure_forces(section, section[..., 1], LEVEL)
    away = abs(lift.item() / -area - 1)
    prove("lift of a pressure that grows upwards against the area: relative difference", away, at_most=1e-12)
    assert moment.item() == pytest.approx(area * (centroid - 0.25), rel=1e-12)


def test_lift_is_normal_to_the_stream(section: Tensor) -> None:
    """Pressure that falls downstream pushes downstream: no lift at 0 degrees, minus its sine part at alpha."""
    area, _ = _area_and_centroid(section)
    lift, _ = pressure_forces(section, -section[..., 0], LEVEL + 30.0)
    assert pressure_forces(section, -section[..., 0], LEVEL)[0].item() == pytest.approx(0, abs=1e-14)
    assert lift.item() == pytest.approx(-area * math.sin(math.radians(30)), rel=1e-12)


def test_suction_behind_the_quarter_chord_pitches_nose_down(section: Tensor) -> None:
    upper = torch.arange(section.shape[1]) < section.shape[1] // 3
    lift, moment = pressure_forces(section, torch.where(upper, -1.0, 0.0).double()[None], LEVEL)
    assert lift.item() > 0
    assert moment.item() < 0


def test_the_lift_basis_is_the_lift_of_each_node(section: Tensor) -> None:
    pressure = torch.randn(section.shape[:2], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for alpha in (0.0, 37.0):
        lift = (speed_at(lift_basis(section), LEVEL + alpha) * pressure).sum(1)
        torch.testing.assert_close(lift, pressure_forces(section, pressure, LEVEL + alpha)[0], rtol=1e-12, atol=0)
