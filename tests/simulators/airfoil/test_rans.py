"""The compressible solver as an airfoil simulator: what it asks of its grids, what it refuses, what it answers."""

import re

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions, RansSolution
from understudy.simulators.airfoil.rans import simulator as solver
from understudy.simulators.airfoil.rans.nearby import Field
from understudy.simulators.airfoil.rans.setup import at_nodes
from understudy.simulators.grids import Grid, airfoil_grid
from understudy.simulators.interface import Status
from understudy.simulators.shapes import naca, panel

pytestmark = pytest.mark.unchecked

SMALL = (97, 25)


def contour(name: str) -> Tensor:
    return panel(naca(name)[None], 100)


@pytest.fixture(scope="module")
def euler() -> RansSolution:
    """A sharp and a blunt section without friction, at prescribed lift, and one upside down."""
    mirrored = contour("2412-sharp").flip(1) * torch.tensor([1.0, -1.0])
    shapes = torch.cat([contour("2412-sharp"), contour("2412"), mirrored])
    case = AirfoilCase.of(shapes, cl=torch.tensor([0.4, 0.4, -0.4]).double(), mach=0.4)
    return Rans(RansOptions(model="euler", grid=SMALL)).predict(case)


def test_prescribed_lift_is_met(euler: RansSolution):
    assert euler.status == (Status.OK,) * 3
    torch.testing.assert_close(euler["cl"], torch.tensor([0.4, 0.4, -0.4]).double(), rtol=0, atol=2e-6)


def test_the_mirror_image_flies_the_mirrored_flow(euler: RansSolution):
    """To the residual at which the march ends."""
    assert float(euler["alpha"][2]) == pytest.approx(-float(euler["alpha"][0]), abs=1e-3)
    assert float(euler["cd"][2]) == pytest.approx(float(euler["cd"][0]), rel=1e-3)


def test_sharp_edges_get_a_cut_and_blunt_ones_a_ring(euler: RansSolution):
    assert [(grid.is_c, rows.tolist()) for grid, rows in zip(euler.grids, euler.rows, strict=True)] == [
        (True, [0]), (True, [2]), (False, [1])
    ]  # fmt: skip
    assert float(euler["alpha"][1]) == pytest.approx(float(euler["alpha"][0]), abs=0.3)


@pytest.mark.slow
def test_answers_near_an_answer_are_one_smooth_function_of_the_shape(euler: RansSolution):
    """Differences of drag on the deformed grid follow its gradient; new grids would add their noise."""
    base = contour("2412-sharp")
    bump = torch.sin(torch.pi * base[..., 0].clamp(0, 1)) ** 3 * (torch.arange(base.shape[1]) < base.shape[1] // 2)
    height = torch.zeros(1, dtype=torch.float64, requires_grad=True)

    def drag(simulator: Rans, height: Tensor) -> Tensor:
        shape = torch.stack((base[..., 0], base[..., 1] + height * bump), -1)
        answer = simulator.predict(AirfoilCase.of(shape, cl=torch.tensor([0.4]).double(), mach=0.7))
        assert answer.status == (Status.OK,)
        return answer["cd"]

    simulator = Rans(RansOptions(model="euler", grid=SMALL, drop=1e-9))
    first = simulator.predict(AirfoilCase.of(base, cl=torch.tensor([0.4]).double(), mach=0.7))
    simulator = simulator.near(first)
    here = drag(simulator, height)
    (slope,) = torch.autograd.grad(here.sum(), height)
    torch.testing.assert_close(here.detach(), first["cd"], rtol=1e-6, atol=0)
    with torch.no_grad():
        up, down = (drag(simulator, height + side) for side in (1e-4, -1e-4))
    assert float(up - down) / 2e-4 == pytest.approx(float(slope), rel=1e-3)


def test_a_shape_that_the_grid_cannot_follow_is_refused(euler: RansSolution):
    near = Rans(RansOptions(model="euler", grid=SMALL)).near(euler)
    x = torch.cat([contour("2412-sharp"), contour("2412"), contour("2412-sharp").flip(1)])[..., 0].clamp(0, 1)
    wavy = torch.stack((x, torch.where(torch.arange(x.shape[1]) < 100, 1, -1) * (0.06 + 0.05 * torch.sin(60 * x))), -1)
    wavy[..., 1] *= (1 - x) * x.sqrt()
    answer = near.predict(AirfoilCase.of(wavy, cl=torch.tensor([0.4, 0.4, -0.4]).double(), mach=0.4))
    for row in (0, 2):
        assert answer.status[row] is Status.FAILED
        assert "folds" in answer.message[row] or "skewed" in answer.message[row]


@pytest.mark.parametrize("reynolds", [1e6, 2e7])
def test_the_shape_of_a_grid_is_one_that_it_can_follow(reynolds: float):
    """Cells of a coarse grid grow as those of the fourth line of the one that it is taken from."""
    contours = contour("0012-sharp")
    asked = AirfoilCase.of(contours, 0.0, reynolds, mach=0.5)
    simulator = Rans(RansOptions(grid=SMALL, steps=1))
    made, _ = airfoil_grid(contours, torch.tensor([reynolds]).double(), simulator.options.wishes()[0])
    known = Field(made.coarser().coarser(), torch.zeros(1, 5, 96, 24).double(), torch.zeros(1).double())
    _, quality = simulator._grid(solver._Asked.of(asked), False, known)
    assert quality.message == ("",)


def test_an_edge_that_is_nearly_sharp_is_closed():
    thin = contour("0012-sharp").clone()
    thin[:, 0, 1], thin[:, -1, 1] = 1e-4, -1e-4
    answer = Rans(RansOptions(model="euler", grid=SMALL)).predict(AirfoilCase.of(thin, 1.0, mach=0.3))
    assert answer.status == (Status.OK,)
    assert answer.grids[0].is_c


def test_the_fields_of_a_row_carry_its_lift(euler: RansSolution):
    """Pressure times the normals of the faces on the body."""
    for row, wake in ((0, True), (1, False), (2, True)):
        flow = euler.flow_field(row)
        assert flow is not None
        assert bool(flow.wake) == wake
        alpha = torch.deg2rad(euler["alpha"][row])
        x, y = (-(flow.wall["wall_cp"] * flow.wall[f"wall_normal_{axis}"]).sum() for axis in "xy")
        torch.testing.assert_close(y * alpha.cos() - x * alpha.sin(), euler["cl"][row], rtol=1e-12, atol=0)
        assert set(flow.cells) | set(flow.wall) == set(Rans(RansOptions(model="euler")).fields)


def test_cp_at_the_nodes_carries_the_lift(euler: RansSolution):
    """Integrated over the nodes of the contour it gives the normal force of the grid's faces, nearly."""
    step = contour("2412-sharp")[0].diff(dim=0)
    cp = 0.5 * (euler["cp"][0, 1:] + euler["cp"][0, :-1])
    assert float((cp * step[:, 0]).sum()) == pytest.approx(0.4, rel=0.05)


def test_values_of_the_wall_are_found_at_the_nodes_of_the_contour():
    points = contour("0012-sharp")
    wall = points.flip(1)
    middles = 0.5 * (wall[:, 1:] + wall[:, :-1])
    found = at_nodes(middles[..., 0], wall, points)
    torch.testing.assert_close(found[:, 2:-2], points[:, 2:-2, 0], rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("conditions", "status", "sentence"),
    [
        ({"alpha": 1.0, "mach": 0.0}, Status.REFUSED, "mach must be at least 0.05 .*; got 0: ask 'viscous'"),
        ({"alpha": 26.0, "mach": 0.3}, Status.REFUSED, "alpha must be within 25 degrees; got 26"),
        ({"alpha": 1.0, "mach": 0.97}, Status.REFUSED, "mach must be at most 0.95"),
        ({"alpha": 1.0, "mach": 0.3, "reynolds": 10.0}, Status.REFUSED, "reynolds must be at least 1000 .*; got 10:"),
        ({"cl": 7.0, "mach": 0.3}, Status.REFUSED, "a lift coefficient of 7 would take an angle of"),
        (
            {"alpha": 1.0, "mach": 0.3, "reynolds": 1e9},
            Status.REFUSED,
            "reynolds must be at most 4.2e\\+07 on a grid of 97x25 nodes, .*; got 1e\\+09: ask for a grid with more",
        ),
    ],
)
def test_what_cannot_be_solved_is_said_before_it_is_tried(conditions: dict, status: Status, sentence: str):
    answer = Rans(RansOptions(grid=SMALL)).predict(AirfoilCase.of(contour("0012-sharp"), **conditions))
    assert answer.status == (status,)
    assert re.search(sentence, answer.message[0])


@pytest.mark.parametrize("asked", [{"alpha": 1.0}, {"cl": 0.3}])
@pytest.mark.parametrize(
    ("stretch", "behind", "sentence"),
    [
        ((1.0, -1.0), 0.6, "the contour crosses itself; mend the points"),
        ((1.0, 0.0), -1.0, "must have an area of at least 1e-05 chord² inside; got none or less: give .* a thickness"),
        ((1.0, -1.0), -1.0, "the contour runs clockwise"),
    ],
)
def test_what_is_no_body_is_refused(asked: dict, stretch: tuple[float, float], behind: float, sentence: str):
    nodes = contour("0012-sharp")
    nodes = nodes * torch.where(nodes[..., :1] > behind, torch.tensor(stretch), torch.ones(2)).double()
    answer = Rans(RansOptions(grid=SMALL)).predict(AirfoilCase.of(nodes, **asked, mach=0.3))
    assert answer.status == (Status.REFUSED,)
    assert re.search(sentence, answer.message[0])


@pytest.mark.parametrize("reynolds", [1e5, 6e6, 4e7])
def test_the_first_cell_follows_the_reynolds_number(reynolds: float):
    """By the friction of a flat plate, on the standard grid; beyond the last of them the grid refuses."""
    case = AirfoilCase.of(contour("0012-sharp"), 0.0, reynolds, mach=0.3)
    grid, quality = airfoil_grid(case.coordinates, case.reynolds, RansOptions().wishes()[0])
    assert quality.ok == (True,)
    assert float(quality.y_plus) == pytest.approx(0.7, rel=0.05)
    first = (grid.nodes[:, grid.wake : -grid.wake, 1] - grid.nodes[:, grid.wake : -grid.wake, 0]).norm(dim=-1)
    friction = 0.027 * reynolds ** (-1 / 7)
    assert float(first.mean()) * reynolds * (friction / 2) ** 0.5 == pytest.approx(0.7, rel=0.05)


def test_a_device_without_double_precision_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(solver, "SINGLE_PRECISION", ("cpu",))
    answer = Rans().predict(AirfoilCase.of(contour("0012-sharp"), 1.0, mach=0.3))
    assert answer.status == (Status.REFUSED,)
    assert answer.message[0].endswith(
        "needs double precision, which cpu lacks; move the tensors of the case to the processor or to a CUDA device"
    )
    assert answer["cl"].isnan().all()


def out_of_memory_above(rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the solver hold so many rows, all of which it refuses; how many it was handed at a time."""
    handed: list[int] = []

    def part(self: Rans, asked: solver._Asked, rows_: Tensor, blunt: bool) -> solver._Part:
        handed.append(len(rows_))
        if len(rows_) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        nodes = asked.coordinates.new_zeros(len(rows_), 9, 9, 2)
        told = [Status.REFUSED] * len(rows_), [f"row {row}" for row in rows_.tolist()]
        return solver._Part(rows_, Grid(nodes, 0), nodes.new_zeros(len(rows_), 5, 8, 8), {}, *told)

    monkeypatch.setattr(Rans, "_part", part)
    return handed


def test_where_memory_runs_out_half_as_many_are_solved_at_once(monkeypatch: pytest.MonkeyPatch):
    handed = out_of_memory_above(3, monkeypatch)
    case = AirfoilCase.of(contour("0012-sharp"), torch.arange(10.0).double(), mach=0.3)
    with pytest.warns(RuntimeWarning, match=r"of cpu is too small for \d cases at once: going on with \d") as told:
        answer = Rans(RansOptions(rows=8)).predict(case)
    assert handed == [8, 4, 2, 2, 2, 2, 2]
    assert answer.message == tuple(f"row {row}" for row in range(10))
    assert len(told) == 2  # once for each halving


def test_a_case_that_fits_into_no_memory_is_a_failed_row(monkeypatch: pytest.MonkeyPatch):
    out_of_memory_above(0, monkeypatch)
    answer = Rans().predict(AirfoilCase.of(contour("0012-sharp"), torch.tensor([1.0, 2.0]).double(), mach=0.3))
    assert answer.status == (Status.FAILED,) * 2
    assert re.search(r"memory of cpu is too small for one case on a grid of 385x97 nodes; ask for", answer.message[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "les"}, "model must be one of sa, laminar, euler; got 'les'"),
        ({"grid": (100, 33)}, "grid must have 8 k \\+ 1 nodes along.*; got 100x33"),
        ({"grid": (100001, 1001)}, "grid must have at most 2097152 nodes, .* 30 GB of memory; got 100001x1001"),
        ({"drop": 0.0}, "drop must be above 0"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"rows": -1}, "rows must be at least 0"),
        ({"far": 1.0}, "far \\[chord\\] must be 5 to 10000; got 1"),
    ],
)
def test_impossible_options_are_refused(options: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        RansOptions(**options)
