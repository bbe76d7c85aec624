"""The compressible solver as an airfoil simulator: what it asks of its grids, what it refuses, what it answers."""

import re

import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions, RansSolution
from understudy.simulators.airfoil.rans.options import grid_of
from understudy.simulators.airfoil.rans.setup import at_nodes
from understudy.simulators.interface import Status
from understudy.simulators.shapes import naca, panel

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
        ({"alpha": 1.0, "mach": 0.97}, Status.REFUSED, "mach must be at most 0.95"),
        ({"cl": 7.0, "mach": 0.3}, Status.NOT_CONVERGED, "a lift coefficient of 7 would take an angle of"),
        ({"alpha": 1.0, "mach": 0.3, "reynolds": 1e9}, Status.REFUSED, "grow by more than 1.2"),
    ],
)
def test_what_cannot_be_solved_is_said_before_it_is_tried(conditions: dict, status: Status, sentence: str):
    answer = Rans(RansOptions(grid=SMALL)).predict(AirfoilCase.of(contour("0012-sharp"), **conditions))
    assert answer.status == (status,)
    assert re.search(sentence, answer.message[0])


def test_a_crossed_nodesis_refused():
    nodes = contour("0012-sharp")
    swapped = torch.where(nodes[..., :1] > 0.6, torch.tensor([1.0, -1.0]), torch.ones(2)).double()
    answer = Rans(RansOptions(grid=SMALL)).predict(AirfoilCase.of(nodes * swapped, 1.0, mach=0.3))
    assert answer.status == (Status.REFUSED,)
    assert "cross" in answer.message[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "les"}, "model must be one of sa, laminar, euler; got 'les'"),
        ({"grid": (100, 33)}, "grid must have 8 k \\+ 1 nodes along.*; got 100x33"),
        ({"drop": 0.0}, "drop must be above 0"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"rows": -1}, "rows must be at least 0"),
    ],
)
def test_impossible_options_are_refused(options: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        RansOptions(**options)


@pytest.mark.parametrize("words", ["385", "385x", "x97", "385x97x2", "fine"])
def test_grids_are_two_numbers(words: str):
    assert grid_of("193X49") == (193, 49)
    with pytest.raises(ValueError, match="two numbers of nodes such as 385x97"):
        grid_of(words)
