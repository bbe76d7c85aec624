"""A prescribed lift is met exactly, at the angle that gives this lift when it is prescribed instead."""

from collections.abc import Callable

import pytest
import torch

from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.march import MarchOptions, march, residual_norm
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.start import first_field

pytestmark = pytest.mark.unchecked

MakeFlow = Callable[..., Flow]


def test_lift_and_angle_are_two_ways_to_ask_the_same(c_flow: MakeFlow) -> None:
    """Rows with and without a prescribed lift march together."""
    flow = c_flow("euler", 2.0, 0.0, mach=0.5)
    start, options = first_field(flow), MarchOptions(drop=1e-9)
    given = march(flow, start, residual_norm(flow, start), options)
    lift = forces(flow, given.state)["cl"]
    wanted = torch.stack((torch.full_like(lift[0], torch.nan), lift[0]))
    found = march(flow, start, residual_norm(flow, start), options, lift=wanted)
    assert found.converged.all()
    assert float(found.alpha[0]) == 2.0
    assert float(found.alpha[1]) == pytest.approx(2.0, abs=1e-5)
    assert int(found.steps[1]) <= int(given.steps[1]) + 12
