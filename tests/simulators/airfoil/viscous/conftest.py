"""What the tests of the viscous solver share: sections, and states half way through Newton's method."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.airfoil.viscous.newton import advance
from understudy.simulators.airfoil.viscous.pool import PoolOptions
from understudy.simulators.airfoil.viscous.setup import Flight, build_field
from understudy.simulators.airfoil.viscous.start import first_guess
from understudy.simulators.airfoil.viscous.system import Field, State, assemble
from understudy.simulators.interface import Solution
from understudy.simulators.shapes import naca, panel

OPTIONS = PoolOptions()


@pytest.fixture(scope="session")
def one_start() -> PoolOptions:
    """A single first guess, so that what cannot converge ends soon."""
    return PoolOptions(starts=OPTIONS.starts[:1])


@pytest.fixture(scope="session")
def sections() -> Tensor:
    """Blunt, blunt and sharp trailing edges; (3, 80, 2)."""
    return torch.cat([panel(naca(name)[None], 80) for name in ("2412", "0015", "4412-sharp")])


@pytest.fixture(params=[0.0, 0.4], ids=["incompressible", "compressible"])
def unsettled(request: pytest.FixtureRequest, sections: Tensor) -> tuple[Field, State]:
    """Three flights, one tripped on both sides, after four Newton steps: no residual is zero yet."""
    flight = Flight(
        coordinates=sections,
        alpha=torch.tensor([3.0, 1.0, 5.0], dtype=torch.float64),
        lift=torch.full((3,), torch.nan, dtype=torch.float64),
        reynolds=torch.tensor([1e6, 5e5, 3e6], dtype=torch.float64),
        mach=torch.full((3,), request.param, dtype=torch.float64),
        n_crit=torch.tensor([9.0, 5.0, 9.0], dtype=torch.float64),
        trip_top=torch.tensor([1.0, 0.2, 1.0], dtype=torch.float64),
        trip_bottom=torch.tensor([1.0, 0.3, 0.5], dtype=torch.float64),
    )
    with torch.no_grad():
        field = build_field(flight, compressible=request.param > 0)
        state = first_guess(field, PoolOptions().starts[0][0])
        for _ in range(4):
            state, _ = advance(field, state, assemble(field, state))
    return field, state


@pytest.fixture(scope="session")
def solve() -> Callable[..., Solution]:
    """The simulator, in small pools."""

    def predict(case: AirfoilCase, options: PoolOptions = OPTIONS) -> Solution:
        return ViscousSimulator(options).predict(case)

    return predict
