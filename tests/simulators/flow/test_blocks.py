"""The blocks that the line solver inverts are the derivative of a first-order scheme; the lines solve what they can."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow import residual as discretisation
from understudy.simulators.flow.blocks import Blocks, approximate_blocks
from understudy.simulators.flow.boundaries import FarField, Sides, SlipWall, Wall
from understudy.simulators.flow.gas import conserved
from understudy.simulators.flow.lines import AlternatingLines
from understudy.simulators.flow.march import wave_rate
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.flow.residual import Flow, residual
from understudy.simulators.flow.stream import Stream

Prove = Callable[..., None]
MakeFlow = Callable[..., Flow]
Disturbed = Callable[[Flow, float], Tensor]


@pytest.fixture
def first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme that the blocks are of: face states are the cells, the pressure on the wall is that of its cell."""

    def cells(values: Tensor, dim: int, _: bool) -> tuple[Tensor, Tensor]:
        count = values.shape[dim] - 3
        return values.narrow(dim, 1, count), values.narrow(dim, 2, count)

    monkeypatch.setattr(discretisation, "face_states", cells)
    monkeypatch.setattr(discretisation, "wall_pressure", lambda pressure: pressure[..., 0])


def _change(flow: Flow, state: Tensor, change: Tensor) -> Tensor:
    """Of the residual, by central differences."""
    step = 1e-6
    return (residual(flow, state + step * change) - residual(flow, state - step * change)) / (2 * step)


def _noise(state: Tensor, seed: int = 4) -> Tensor:
    return torch.rand(state.shape, generator=torch.Generator().manual_seed(seed), dtype=state.dtype) - 0.5


def _uniform(flow: Flow, working: float = 3.0) -> Tensor:
    cells = flow.stream.primitive()[:, :, None, None].expand(-1, -1, *flow.metrics.areas.shape[1:]).clone()
    cells[:, 4] = working
    return conserved(cells)


@pytest.mark.usefixtures("first_order")
@pytest.mark.parametrize("grid", ["c_flow", "ring_flow"])
def test_blocks_are_the_derivative_without_friction(grid: str, request: pytest.FixtureRequest, prove: Prove) -> None:
    """In uniform flow, where the frozen absolute values have no derivative; any change, across cut and ring as well."""
    flow = request.getfixturevalue(grid)("euler", 3.0)
    state = _uniform(flow)
    change = _noise(state)
    change[:, 4] = 0
    blocks, _ = approximate_blocks(flow, state)
    found = blocks.apply(change[:, :4])
    known = _change(flow, state, change)[:, :4]
    error = float((found - known).abs().max() / known.abs().max())
    prove("blocks without friction against differences of the first-order scheme: relative", error, at_most=1e-8)


def _box(model: str) -> Flow:
    """Square cells above a wall."""
    x, y = torch.meshgrid(*(torch.linspace(0, 1, 9, dtype=torch.float64),) * 2, indexing="ij")
    one = torch.ones(1, dtype=torch.float64)
    sides = Sides(((8, SlipWall() if model == "euler" else Wall()),), FarField(), FarField(), FarField())
    return Flow(
        Metrics.of(torch.stack((x, y), -1)[None], slice(0, 8)), sides, Stream(0.3 * one, 0 * one, 30 * one), model
    )


@pytest.mark.usefixtures("first_order")
@pytest.mark.parametrize("along", [False, True])
def test_blocks_are_the_derivative_with_friction(along: bool, prove: Prove) -> None:
    """The blocks keep the friction of changes across a face: exact where nothing changes along it."""
    flow = _box("sa")
    state = _uniform(flow, 40.0)
    change = _noise(state)
    change = change[..., :1].expand_as(change) if along else change[:, :, :1].expand_as(change)
    change = change.clone()
    change[:, 4] = 40 * change[:, 0]  # the working variable itself stays
    blocks, _ = approximate_blocks(flow, state)
    found = blocks.apply(change[:, :4])[:, :, 2:-2, 2:-2]
    known = _change(flow, state, change)[:, :4, 2:-2, 2:-2]
    error = float((found - known).abs().max() / known.abs().max())
    prove("blocks with friction against the same, changes in one direction: relative", error, at_most=1e-7)


@pytest.mark.usefixtures("first_order")
def test_blocks_at_the_wall_hold_its_friction(prove: Prove) -> None:
    """Momentum lost to a wall on which the fluid sticks; its energy is kept, for no heat passes."""
    flow = _box("laminar")
    cells = flow.stream.primitive()[:, :, None, None].expand(-1, -1, 8, 8).clone()
    cells[:, 1] = 1e-9  # a fluid at rest: no work is done, and the speed has no second derivative in the way
    state = conserved(cells)
    change = _noise(state)[:, :, :1].expand_as(state).clone()
    change[:, 3:], change[:, 0] = 0, 0
    blocks, _ = approximate_blocks(flow, state)
    found = blocks.apply(change[:, :4])[:, :, 2:-2, 0]
    known = _change(flow, state, change)[:, :4, 2:-2, 0]
    error = float((found - known).abs().max() / known.abs().max())
    prove("blocks above a wall with friction against the same: relative", error, at_most=1e-6)


@pytest.mark.usefixtures("first_order")
@pytest.mark.parametrize("working", [3.0, 40.0])
def test_blocks_of_the_turbulence_are_its_derivative(c_flow: MakeFlow, working: float, prove: Prove) -> None:
    """Carried, spread across faces and destroyed: in uniform flow exact off the body, one cell at a time."""
    flow = c_flow("sa", 3.0)
    state = _uniform(flow, working)
    change = torch.zeros_like(state)
    change[:, 4, 4::6, 4:-2:5] = 1.0
    _, blocks = approximate_blocks(flow, state)
    found = blocks.apply(change[:, 4:])[:, 0]
    known = _change(flow, state, change)[:, 4]
    own = change[:, 4] > 0
    error = float(((found - known)[own] / known[own]).abs().max())
    prove("blocks of the turbulence against differences, own cell: relative", error, at_most=1e-6)


@pytest.mark.parametrize("grid", ["c_flow", "ring_flow"])
def test_line_sweeps_lead_to_the_solution(
    grid: str, disturbed: Disturbed, request: pytest.FixtureRequest, prove: Prove
) -> None:
    """With the lag of Courant number 20 each cycle takes most of the error away; the fixed point is the exact one."""
    flow = request.getfixturevalue(grid)("euler", 3.0)
    state = disturbed(flow, 0.05)
    blocks = _lagged(flow, state, 20.0)
    exact = _noise(state)[:, :4]
    lines = AlternatingLines.of(blocks)
    right = blocks.apply(exact)
    error = [float((lines.solve(right, cycles) - exact).abs().max()) for cycles in (2, 30)]
    prove("line sweeps, Courant number 20, two cycles: share of the error left", error[0], at_most=0.5)
    prove("the same, thirty cycles", error[1], at_most=1e-7)


def _lagged(flow: Flow, state: Tensor, cfl: float) -> Blocks:
    return approximate_blocks(flow, state)[0].shifted(wave_rate(flow, state) / cfl)
