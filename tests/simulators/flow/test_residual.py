"""Properties of the discrete equations that hold to rounding: the free stream, conservation, symmetry."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow.boundaries import SlipWall
from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.gas import conserved, primitive
from understudy.simulators.flow.reconstruction import face_states
from understudy.simulators.flow.residual import Flow, residual
from understudy.simulators.flow.roe import roe_flux

Prove = Callable[..., None]
MakeFlow = Callable[..., Flow]
Disturbed = Callable[[Flow, float], Tensor]
ROUNDING = 1e-13  # sums of fluxes of order one through faces of up to some chords


def _free_stream(flow: Flow) -> Tensor:
    return conserved(flow.stream.primitive()[:, :, None, None].expand(-1, -1, *flow.metrics.areas.shape[1:]).clone())


@pytest.mark.parametrize("model", ["euler", "laminar", "sa"])
def test_the_free_stream_is_kept_on_a_skewed_grid(c_flow: MakeFlow, model: str, prove: Prove) -> None:
    """Faces close around every cell, the two sides of the cut see each other; only cells near the body may change.

    Near are two layers, and the cells beyond the trailing edge, with a corner on the body.
    """
    flow = c_flow(model, 3.0, -7.0, skew=0.8)
    change = residual(flow, _free_stream(flow))
    change[:, :, flow.wall.start - 1 : flow.wall.stop + 1, :2] = 0
    if model == "sa":
        change = change[:, :4]  # the working variable decays
    worst = float(change.abs().max())
    prove("free stream on a skewed C-grid with a cut, cells off the body: largest residual", worst, at_most=ROUNDING)


@pytest.mark.parametrize("model", ["euler", "laminar"])
def test_the_free_stream_is_kept_on_a_ring(ring_flow: MakeFlow, model: str, prove: Prove) -> None:
    flow = ring_flow(model, 20.0)
    change = residual(flow, _free_stream(flow))[..., 2:]
    worst = float(change.abs().max())
    prove("free stream on a twisted ring, cells off the body: largest residual", worst, at_most=ROUNDING)


@pytest.mark.parametrize("model", ["euler", "laminar", "sa"])
@pytest.mark.parametrize("grid", ["c_flow", "ring_flow"])
def test_what_leaves_a_cell_enters_its_neighbour(
    grid: str, model: str, disturbed: Disturbed, request: pytest.FixtureRequest, prove: Prove
) -> None:
    """A disturbance that no boundary feels, also one across the cut, leaves the sum of the residuals as it was."""
    flow = request.getfixturevalue(grid)(model, 5.0)
    state = _free_stream(flow)
    noise = disturbed(flow, 0.2) - state
    noise[..., -3:] = 0
    noise[:, :, flow.wall, :3] = 0
    if grid == "c_flow":
        noise[:, :, :3], noise[:, :, -3:] = 0, 0
        noise[:, :, flow.wall.start - 3 : flow.wall.start] = 0  # whose faces with the body's columns have corners on it
        noise[:, :, flow.wall.stop : flow.wall.stop + 3] = 0
        assert noise[:, :, 4, 0].abs().min() > 0
    gain = (residual(flow, state + noise) - residual(flow, state))[:, :4]
    assert gain.abs().max() > 1e-3
    prove("sum of all residuals, disturbed inside: change", float(gain.sum((2, 3)).abs().max()), at_most=ROUNDING)


@pytest.mark.parametrize("model", ["euler", "laminar", "sa"])
def test_the_sum_is_what_crosses_the_boundaries(
    ring_flow: MakeFlow, disturbed: Disturbed, model: str, prove: Prove
) -> None:
    """All residuals together are the flux out of the outermost faces less the push and the friction of the body.

    Far away the stream is undisturbed, so that no friction crosses the outermost faces.
    """
    flow = ring_flow(model, 5.0)
    state = _free_stream(flow)
    state[..., :-4] = disturbed(flow, 0.1)[..., :-4]
    if model == "sa":
        state[:, 4, :, :-4] *= 10  # eddies in the first cells
    padded = flow.with_ghosts(primitive(state))[:, :, 2:-2, -4:]
    out = roe_flux(*face_states(padded, 3, flow.limited), flow.metrics.j_faces[..., -1:])[..., 0].sum(2)
    pushed = forces(flow, state)
    dynamic = 0.5 * flow.stream.mach.square()
    angle = torch.deg2rad(flow.stream.alpha)
    drag, lift = pushed["cd"] * dynamic, pushed["cl"] * dynamic
    force = torch.stack(
        (0 * drag, drag * angle.cos() - lift * angle.sin(), drag * angle.sin() + lift * angle.cos(), 0 * drag), 1
    )
    error = residual(flow, state)[:, :3].sum((2, 3)) - out[:, :3] - force[:, :3]
    worst = float(error.abs().max())
    prove("sum of all residuals against the flux out and the force on the body", worst, at_most=ROUNDING)


@pytest.mark.parametrize("model", ["euler", "laminar", "sa"])
def test_a_mirrored_state_has_a_mirrored_residual(
    c_flow: MakeFlow, disturbed: Disturbed, model: str, prove: Prove
) -> None:
    flow = c_flow(model, 0.0)
    state = disturbed(flow, 0.1)
    sign = torch.tensor([1.0, 1.0, -1.0, 1.0, 1.0], dtype=torch.float64)[:, None, None]
    error = residual(flow, state.flip(2) * sign) - residual(flow, state).flip(2) * sign
    prove("residual of a mirrored state: largest difference", float(error.abs().max()), at_most=ROUNDING)


def test_a_flow_checks_itself(c_flow: MakeFlow) -> None:
    flow = c_flow("euler", 0.0)
    with pytest.raises(ValueError, match="model must be one of sa, laminar, euler; got 'les'"):
        replace(flow, model="les")
    with pytest.raises(ValueError, match="must end with the 64 columns of cells; got 42 and 12"):
        replace(flow, sides=replace(flow.sides, bottom=((30, SlipWall()),)))


@pytest.mark.parametrize("model", ["euler", "laminar", "sa"])
def test_cases_of_a_batch_do_not_mix(c_flow: MakeFlow, disturbed: Disturbed, model: str) -> None:
    together, alone = c_flow(model, 4.0, 1.0), c_flow(model, 1.0)
    state = disturbed(together, 0.1)
    torch.testing.assert_close(residual(together, state)[1:], residual(alone, state[1:]), rtol=0, atol=1e-13)
