"""Gradients of turbulent forces to the shape through a grid that moves with it, against central differences."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.rans.options import RansOptions
from understudy.simulators.airfoil.rans.setup import flow_around, new_grids
from understudy.simulators.flow.adjoint import followed
from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.march import MarchOptions, march, residual_norm
from understudy.simulators.flow.start import first_field
from understudy.simulators.flow.stream import Stream
from understudy.simulators.grids import Grid, deformed
from understudy.simulators.shapes import naca, panel

pytestmark = pytest.mark.physics

STEP = 1e-5  # chord
TIGHT = MarchOptions(drop=1e-11, steps=100)


@pytest.fixture(scope="module")
def contour() -> Tensor:
    return panel(naca("0012-sharp")[None], 100)


@pytest.fixture(scope="module")
def grid(contour: Tensor) -> Grid:
    """97 x 25 nodes: every fourth line of the usual grid."""
    wishes, halvings = RansOptions(grid=(97, 25)).wishes()
    found, _ = new_grids(contour, torch.tensor([6e6]).double(), wishes, halvings=halvings, blunt=False)
    return found


def _waves(contour: Tensor) -> list[Tensor]:
    """Four smooth changes of the upper side, from nose to tail, (1, nodes, 2) [chord]."""
    x = contour[0, :, 0].clamp(0, 1)
    upper = torch.arange(len(x)) < len(x) // 2
    heights = [torch.where(upper, torch.sin(torch.pi * x**power) ** 3, 0.0) for power in (0.5, 1.0, 1.5, 2.5)]
    return [torch.stack((torch.zeros_like(x), height), 1)[None] for height in heights]


def test_gradients_to_the_shape(contour: Tensor, grid: Grid, prove: Callable[..., None]) -> None:
    """NACA 0012 at Mach 0.3, 4 degrees, Reynolds number 6 million."""
    stream = Stream(*(torch.tensor([value]).double() for value in (0.3, 4.0, 6e6)))
    flow = flow_around(grid, stream, "sa")
    size = residual_norm(flow, first_field(flow))
    with torch.no_grad():
        steady = march(flow, first_field(flow), size, TIGHT)
    assert steady.converged.all()
    tracked = contour.clone().requires_grad_()
    moving = flow_around(deformed(grid, tracked), stream, "sa")
    found = forces(moving, followed(moving, steady.state))
    slopes = {name: torch.autograd.grad(found[name].sum(), tracked, retain_graph=True)[0] for name in ("cl", "cd")}
    worst = 0.0
    for wave in _waves(contour):
        sides = []
        for side in (-STEP, STEP):
            moved = flow_around(deformed(grid, contour + side * wave), stream, "sa")
            with torch.no_grad():
                ended = march(moved, steady.state, size, replace(TIGHT, cfl=1e4))
            assert ended.converged.all()
            sides.append(forces(moved, ended.state))
        for name, slope in slopes.items():
            expected = float(sides[1][name] - sides[0][name]) / (2 * STEP)
            worst = max(worst, abs(float((slope * wave).sum()) - expected) / abs(expected))
    prove("gradients of turbulent lift and drag to four waves of the shape: worst, relative", worst, at_most=1e-4)
