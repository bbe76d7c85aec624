"""Flows without friction that are known in closed form: a vortex, an oblique shock, an expansion around a corner."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from jaxtyping import Float64
from scipy.optimize import brentq
from torch import Tensor

from understudy.simulators.flow.boundaries import Boundary, Continued, FarField, Given, Sides, SlipWall, Symmetry
from understudy.simulators.flow.gas import GAMMA, conserved, primitive
from understudy.simulators.flow.march import MarchOptions, march, residual_norm
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.stream import Stream

pytestmark = pytest.mark.physics

Prove = Callable[..., None]
Nodes = Float64[Tensor, "1 nodes_i nodes_j 2"]
VORTEX_CELLS = (16, 32, 64)


class Found(NamedTuple):
    """Primitive variables (5, ni, nj), centres (2, ni, nj) and areas (ni, nj)."""

    cells: Tensor
    centres: Tensor
    areas: Tensor

    def mach(self) -> Tensor:
        return (self.cells[1:3].square().sum(0) / (GAMMA * self.cells[3] / self.cells[0])).sqrt()

    def angle(self) -> Tensor:
        """Of the centres about the origin [rad]."""
        return torch.atan2(self.centres[1], self.centres[0])

    def above(self, degrees: float) -> Tensor:
        """Distance above a ray from the origin, in the square root of the area of a cell of the uniform grid."""
        angle = math.radians(degrees)
        away = self.centres[1] * math.cos(angle) - self.centres[0] * math.sin(angle)
        return away / self.areas.mean().sqrt()


def _stream(mach: float) -> Stream:
    one = torch.ones(1, dtype=torch.float64)
    return Stream(mach * one, 0 * one, math.inf * one)


def _marched(flow: Flow, start: Tensor) -> Found:
    found = march(flow, start, residual_norm(flow, start), MarchOptions(steps=100, drop=1e-8))
    assert found.converged.all()
    return Found(primitive(found.state)[0], flow.metrics.centres[0, :, 1:-1, 1:-1], flow.metrics.areas[0])


def _middles(nodes: Nodes) -> Float64[Tensor, "1 2 ni nj"]:
    nodes = nodes.movedim(3, 1)
    return 0.25 * (nodes[:, :, 1:, 1:] + nodes[:, :, :-1, 1:] + nodes[:, :, 1:, :-1] + nodes[:, :, :-1, :-1])


# ---- a vortex: fluid on circles, faster within


def _vortex(mach: float, places: Tensor) -> Tensor:
    """Speed mach / r, clockwise, without losses; sound and density are those at r = 1 (Aftosmis et al., 1994)."""
    x, y = places.unbind(1)
    squared = x * x + y * y
    density = (1 + 0.5 * (GAMMA - 1) * mach**2 * (1 - 1 / squared)) ** (1 / (GAMMA - 1))
    turn = mach / squared
    return torch.stack((density, turn * y, -turn * x, density**GAMMA / GAMMA, 0 * density), 1)


def _quarter(cells: int, more: int = 0) -> Nodes:
    """A quarter of the ring from r = 1 to 1.384 on lines that wave by a tenth of a radian, with `more` cells around."""
    i = torch.arange(-more, cells + more + 1, dtype=torch.float64) / cells
    j = torch.arange(-more, cells // 2 + more + 1, dtype=torch.float64) / (cells // 2)
    i, j = torch.meshgrid(i, j, indexing="ij")
    wave = torch.sin(math.pi * i) * torch.sin(2 * math.pi * j) / 12
    angle = 0.5 * math.pi * (1 - i - torch.sin(2 * math.pi * i) * torch.sin(math.pi * j) / 12)
    radius = 1 + 0.384 * (j + wave)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), -1)[None]


def _vortex_error(mach: float, count: int, *, slides: bool) -> float:
    """Root mean square error of the density among exact states; if it slides, with a wall below."""
    exact = _vortex(mach, _middles(_quarter(count, 2)))
    bottom: Boundary = SlipWall() if slides else Given(exact[:, :, 2:-2, :2].flip(3))
    sides = Sides(
        ((count, bottom),),
        Given(exact[:, :, 2:-2, -2:]),
        Given(exact[:, :, :2, 2:-2].flip(2).mT),
        Given(exact[:, :, -2:, 2:-2].mT),
    )
    flow = Flow(Metrics.of(_quarter(count), slice(0, count)), sides, _stream(mach), "euler")
    inside = exact[:, :, 2:-2, 2:-2]
    found = _marched(flow, conserved(inside * inside.new_tensor([1.0, 0.9, 0.9, 1.0, 1.0])[:, None, None]))
    error = (found.cells[0] - inside[0, 0]).square() * found.areas
    return float((error.sum() / found.areas.sum()).sqrt())


@pytest.mark.parametrize("mach", [0.8, 2.25])
@pytest.mark.parametrize("slides", [False, True])
def test_a_vortex_is_met_with_second_order(mach: float, slides: bool, prove: Prove) -> None:
    """Subsonic and supersonic, with and without a curved wall; 1.8 leaves room for grids that are not yet fine."""
    errors = [_vortex_error(mach, count, slides=slides) for count in VORTEX_CELLS]
    where = "above a wall" if slides else "between its own states"
    order = min(math.log2(coarse / fine) for coarse, fine in pairwise(errors))
    prove(f"density of a vortex {where}, 64 x 32 cells, Mach 0.8 and 2.25: largest error", errors[-1], at_most=1e-3)
    prove(f"the same: observed order between 16 and 64 cells {where}, least", order, at_least=1.8)


# ---- a wall that turns by an angle at the origin, in a supersonic stream


def _turned(count: int, mach: float, degrees: float) -> Found:
    """Flow over x from -0.5 to 1, two cells across for three along; the wall rises by the angle from the origin on."""
    slope = math.tan(math.radians(degrees))
    x = torch.linspace(-0.5, 1.0, count + 1, dtype=torch.float64)[:, None]
    share = torch.linspace(0, 1, 2 * count // 3 + 1, dtype=torch.float64)
    floor = x.clamp(min=0) * slope
    height = 1 - floor if degrees > 0 else torch.ones_like(floor)  # the ceiling follows a floor that falls
    y = floor + height * share
    nodes = torch.stack((x.expand_as(y), y), -1)[None]
    before = count // 3
    top = FarField() if degrees > 0 else Continued()
    sides = Sides(((before, Symmetry()), (count - before, SlipWall())), top, FarField(), Continued())
    flow = Flow(Metrics.of(nodes, slice(before, count)), sides, _stream(mach), "euler")
    uniform = flow.stream.primitive()[:, :, None, None].expand(-1, -1, count, 2 * count // 3)
    return _marched(flow, conserved(uniform))


@pytest.mark.parametrize(("mach", "wedge", "known"), [(2.0, 10.0, 39.31393), (3.0, 15.0, 32.24040)])
def test_a_wedge_makes_an_oblique_shock(mach: float, wedge: float, known: float, prove: Prove) -> None:
    """Pressure and density behind the shock, from its angle by the jump conditions.

    Judged six cells and more from the shock, where 0.5 % is asked: before that the scheme, which is limited only at
    the shock itself, swings by some percent.
    """
    found = _turned(96, mach, wedge)
    normal = (mach * math.sin(math.radians(known))) ** 2
    pressure = 1 + 2 * GAMMA / (GAMMA + 1) * (normal - 1)
    density = (GAMMA + 1) * normal / ((GAMMA - 1) * normal + 2)
    late = found.centres[0] > 0.5
    behind, ahead = late & (found.above(known) < -6), late & (found.above(known) > 6)
    assert behind.sum() > 300
    assert ahead.sum() > 300
    away = ((found.cells[3] * GAMMA / pressure)[behind] - 1).abs().max()
    prove("pressure behind oblique shocks, Mach 2 and 3, all cells: relative error", float(away), at_most=5e-3)
    off_wall = behind & (found.above(wedge) > 6)
    away = (found.cells[0] / density - 1).abs()
    prove("density behind them, six cells off the wedge: relative error", float(away[off_wall].max()), at_most=5e-3)
    prove("the same in the layer of entropy that starts in the corner", float(away[behind].max()), at_most=1.5e-2)
    away = (found.cells[3] * GAMMA - 1)[ahead].abs().max()
    prove("pressure ahead of them: relative error", float(away), at_most=5e-3)


def test_the_shock_lies_at_its_angle(prove: Prove) -> None:
    """Where the pressure is half way, between cells: a tenth of a cell is 0.05 degrees."""
    found = _turned(96, 2.0, 10.0)
    half = 0.5 * (1 + 1.7065786) / GAMMA
    places = []
    for column in range(60, 90):
        pressure, y = found.cells[3, column], found.centres[1, column]
        last = int((pressure > half).nonzero().max())
        share = (pressure[last] - half) / (pressure[last] - pressure[last + 1])
        places.append((float(found.centres[0, column, 0]), float(y[last] + share * (y[last + 1] - y[last]))))
    x, y = torch.tensor(places, dtype=torch.float64).T
    angle = math.degrees(math.atan2(float((x * y).sum()), float((x * x).sum())))
    prove("angle of the shock of a wedge of 10 deg at Mach 2: error [deg]", abs(angle - 39.31393), at_most=0.2)


def _prandtl_meyer(mach: float) -> float:
    """Angle by which a stream turns from Mach 1 [rad]."""
    ratio, excess = math.sqrt((GAMMA + 1) / (GAMMA - 1)), math.sqrt(mach * mach - 1)
    return ratio * math.atan(excess / ratio) - math.atan(excess)


def _fan(angle: float, mach: float, turn: float) -> float:
    """Mach number in the direction of an angle from the corner [rad]: waves lie there with the Mach angle ahead."""
    start = _prandtl_meyer(mach)
    last = brentq(lambda m: _prandtl_meyer(m) - start - turn, mach, 20)
    if angle >= math.asin(1 / mach):
        return mach
    if angle <= math.asin(1 / last) - turn:
        return last
    return brentq(lambda m: math.asin(1 / m) - (_prandtl_meyer(m) - start) - angle, mach, last)


def _isentropic(mach: Tensor) -> Tensor:
    """Static over total pressure."""
    return (1 + 0.5 * (GAMMA - 1) * mach * mach) ** (-GAMMA / (GAMMA - 1))


def test_a_corner_expands_the_stream(prove: Prove) -> None:
    """Prandtl and Meyer, Mach 2, 10 degrees. The fan has kinks and starts in a point: first order in the mean.

    The corner's point leaves a layer of entropy on the wall, two cells thin on any grid.
    """
    mach, turn = 2.0, math.radians(10)
    errors = []
    for count in (24, 48, 96):
        found = _turned(count, mach, -10.0)
        local = found.angle().clone().apply_(lambda angle: _fan(angle, mach, turn))
        exact = _isentropic(local) / _isentropic(local.new_tensor(mach))
        pressure = found.cells[3] * GAMMA
        errors.append(float(((pressure - exact).abs() * found.areas).sum() / found.areas.sum()))
    order = min(math.log2(coarse / fine) for coarse, fine in pairwise(errors))
    prove("pressure around an expanding corner, 96 x 64 cells: mean error over that ahead", errors[-1], at_most=4e-3)
    prove("the same: observed order between 24 and 96 cells, least", order, at_least=0.9)
    last = math.degrees(math.asin(1 / 2.3848872) - turn)
    behind = (found.above(last) < -8) & (found.centres[0] > 0.5)  # the kink at the end of the fan rings for some cells
    assert behind.sum() > 200
    away = float((pressure / 0.5479687 - 1)[behind].abs().max())
    prove("pressure eight cells behind the fan: relative error", away, at_most=5e-3)
    away = (found.mach() / 2.3848872 - 1).abs()
    behind[:, :2] = False
    prove("Mach number there, two cells off the wall: relative error", float(away[behind].max()), at_most=5e-3)
    wall = float(away[found.centres[0, :, 0] > 0.5, 0].max())
    prove("the same in the first cell, in the layer that the corner leaves", wall, at_most=0.025)
