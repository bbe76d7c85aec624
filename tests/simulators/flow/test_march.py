"""The march on small grids: it converges, mirrors, keeps cases of a batch apart, and balances forces with fluxes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from understudy.simulators.flow.boundaries import FarField
from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.gas import primitive
from understudy.simulators.flow.levels import refined
from understudy.simulators.flow.march import MarchOptions, Steady, march, residual_norm
from understudy.simulators.flow.reconstruction import face_states
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.roe import roe_flux
from understudy.simulators.flow.start import first_field

Prove = Callable[..., None]
MakeFlow = Callable[..., Flow]
DROP = 1e-9


def _found(flow: Flow, drop: float = DROP, steps: int = 60) -> Steady:
    start = first_field(flow)
    return march(flow, start, residual_norm(flow, start), MarchOptions(drop=drop, steps=steps))


@pytest.fixture(scope="module")
def sections(c_flow: MakeFlow) -> tuple[Flow, Steady]:
    """NACA 0012 without friction at Mach 0.5 and no angle, 2 degrees up, 2 degrees down."""
    flow = c_flow("euler", 0.0, 2.0, -2.0)
    return flow, _found(flow)


def test_it_converges(sections: tuple[Flow, Steady], prove: Prove) -> None:
    """Ten doublings of the Courant number to Newton's method, and as many steps of it at most."""
    _, found = sections
    assert found.converged.all()
    prove("steps to a residual of 1e-9, NACA 0012 without friction, 64 x 16 cells", int(found.steps.max()), at_most=20)


def test_lift_has_the_sign_of_the_angle(sections: tuple[Flow, Steady], prove: Prove) -> None:
    """Thin airfoils: 2 pi alpha / sqrt(1 - M^2) = 0.253 at two degrees; a grid of 64 x 16 cells keeps most of it."""
    lift = forces(sections[0], sections[1].state)["cl"].tolist()
    prove("lift of NACA 0012 at no angle, without friction", abs(lift[0]), at_most=1e-7)
    prove("lift of NACA 0012 at -2 and 2 deg, without friction: sum", abs(lift[1] + lift[2]), at_most=1e-7)
    assert 0.17 < lift[1] < 0.27


def test_the_force_on_the_body_is_what_the_stream_loses(sections: tuple[Flow, Steady], prove: Prove) -> None:
    """In the steady state the momentum through the outer boundaries is the force, by conservation."""
    flow, found = sections
    padded = flow.with_ghosts(primitive(found.state))
    out = roe_flux(*face_states(padded[:, :, 2:-2, -4:], 3, True), flow.metrics.j_faces[..., -1:])[..., 0].sum(2)
    for side, sign in ((slice(0, 4), -1), (slice(-4, None), 1)):
        face = flow.metrics.i_faces[:, :, :1] if sign < 0 else flow.metrics.i_faces[:, :, -1:]
        flux = roe_flux(*face_states(padded[:, :, side, 2:-2], 2, True), face)[:, :, 0]
        out = out + sign * flux.sum(2)
    found_forces = forces(flow, found.state)
    angle = torch.deg2rad(flow.stream.alpha)
    dynamic = 0.5 * flow.stream.mach.square()
    lift = (out[:, 1] * angle.sin() - out[:, 2] * angle.cos()) / dynamic
    error = float((lift - found_forces["cl"]).abs().max())
    prove("lift from the outer boundaries against that of the body: difference", error, at_most=1e-6)
    prove("mass through the outer boundaries of a steady flow", float(out[:, 0].abs().max()), at_most=1e-7)


def test_cases_that_are_done_leave_the_others_alone(c_flow: MakeFlow, prove: Prove) -> None:
    """A harder case beside an easy one ends where it does by itself, the easy one in fewer steps.

    Not to rounding: a batch goes on with GMRES until all its systems are solved, so company makes steps more accurate.
    """
    together = _found(c_flow("euler", 0.0, 8.0, mach=0.4))
    alone = _found(c_flow("euler", 8.0, mach=0.4))
    assert together.steps[0] < together.steps[1]
    assert together.residuals[0].isnan().any()
    apart = float((together.state[1] - alone.state[0]).abs().max())
    prove("steady state in company and alone, both to a residual of 1e-9: difference", apart, at_most=1e-6)


def test_a_flow_without_a_body_needs_none(c_flow: MakeFlow) -> None:
    """Where the wall was, the stream passes: the free stream is the steady state."""
    flow = c_flow("euler", 3.0)
    flow = replace(flow, sides=replace(flow.sides, bottom=((40, FarField()),)))
    found = march(flow, first_field(flow), torch.ones(1, dtype=torch.float64), MarchOptions(drop=1e-12))
    assert found.converged.all()
    torch.testing.assert_close(found.state, first_field(flow), rtol=0, atol=1e-12)


def test_steps_that_are_not_enough_are_told(c_flow: MakeFlow) -> None:
    found = _found(c_flow("euler", 2.0), steps=2)
    assert not found.converged.any()
    assert found.residuals.shape == (1, 3)


@pytest.mark.parametrize("model", ["laminar", "sa"])
def test_flows_with_friction_converge(c_flow: MakeFlow, model: str, prove: Prove) -> None:
    flow = c_flow(model, 1.0)
    found = _found(flow, drop=1e-8)
    assert found.converged.all()
    pushed = forces(flow, found.state)
    assert pushed["cd_friction"] > 0
    torch.testing.assert_close(pushed["cd"], pushed["cd_pressure"] + pushed["cd_friction"])
    prove("steps to a residual of 1e-8 with friction, 64 x 16 cells", int(found.steps.max()), at_most=20)


def test_a_converged_case_takes_no_step(sections: tuple[Flow, Steady]) -> None:
    flow, found = sections
    again = march(flow, found.state, residual_norm(flow, first_field(flow)), MarchOptions(drop=DROP))
    assert again.converged.all()
    assert (again.steps == 0).all()
    assert (again.state == found.state).all()


def test_refinement_keeps_linear_states() -> None:
    ramp = torch.arange(6, dtype=torch.float64).expand(1, 5, 4, 6)
    inside = refined(ramp)[..., 1:-1]
    torch.testing.assert_close(inside.diff(dim=3), torch.full_like(inside[..., 1:], 0.5))
