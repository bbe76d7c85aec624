"""Geometry of the cells: closed, of the right area, with gradients that are exact for linear fields."""

import math
from collections.abc import Callable

import pytest
import torch

from understudy.simulators.flow.residual import Flow

Prove = Callable[..., None]
MakeFlow = Callable[..., Flow]


@pytest.mark.parametrize("grid", ["c_flow", "ring_flow"])
def test_the_faces_of_a_cell_close(grid: str, request: pytest.FixtureRequest) -> None:
    metrics = request.getfixturevalue(grid)("euler", 0.0).metrics
    whole = metrics.i_faces.diff(dim=2) + metrics.j_faces.diff(dim=3)
    assert whole.abs().max() < 1e-14 * metrics.j_faces.abs().max() * 10


def test_areas_fill_the_ring(ring_flow: MakeFlow) -> None:
    """The ring between two 24-gons; straight inner lines give and take the same."""
    outer = 0.5 * 1.3**10
    exact = 12 * math.sin(2 * math.pi / 24) * (outer**2 - 0.5**2)
    assert ring_flow("euler", 0.0).metrics.areas.sum().item() == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("grid", ["c_flow", "ring_flow"])
def test_gradients_of_linear_fields_are_exact(grid: str, request: pytest.FixtureRequest, prove: Prove) -> None:
    """At faces inside: the difference of two cells and that of the two ends of the face."""
    metrics = request.getfixturevalue(grid)("laminar", 0.0).metrics
    slope = torch.tensor([0.7, -1.3], dtype=torch.float64)
    centres = (metrics.centres * slope[:, None, None]).sum(1)
    for normal, across, along, steps in (
        (metrics.i_faces, metrics.i_across, metrics.i_along, centres.diff(dim=1)[:, :, 1:-1]),
        (metrics.j_faces, metrics.j_across, metrics.j_along, centres.diff(dim=2)[:, 1:-1]),
    ):
        ends = torch.stack((-normal[:, 1], normal[:, 0]), 1)  # from one end of the face to the other
        ends = ends if normal is metrics.i_faces else -ends
        change = (ends * slope[:, None, None]).sum(1)
        error = steps[:, None] * across + change[:, None] * along - slope[:, None, None]
        prove("gradient of a linear field at all faces: largest error", float(error.abs().max()), at_most=1e-11)


def test_distance_is_to_the_nearest_point_of_the_wall(c_flow: MakeFlow) -> None:
    """Against points spread densely over its straight pieces."""
    metrics = c_flow("laminar", 0.0).metrics
    cells = metrics.centres[0, :, 1:-1, 1:-1].flatten(1).T
    middles = metrics.wall[0]
    tangent = metrics.j_faces[0, :, 12:52, 0]
    tangent = torch.stack((tangent[1], -tangent[0]))
    share = torch.linspace(-0.5, 0.5, 41, dtype=torch.float64)
    points = (middles[:, :, None] + tangent[:, :, None] * share).flatten(1).T
    nearest = torch.cdist(cells, points).amin(1).view_as(metrics.distance[0])
    apart = float(tangent.norm(dim=0).max()) / 40
    assert (nearest >= metrics.distance[0] - 1e-12).all()
    assert (nearest - metrics.distance[0]).max() <= apart / 2 + 1e-12
