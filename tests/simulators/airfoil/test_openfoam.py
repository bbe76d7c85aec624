"""The mesh that OpenFOAM is given is the grid that our own solver has: closed cells, the same areas, faces in order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.simulators.airfoil.openfoam.mesh import PolyMesh, poly_mesh, write_mesh
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.grids import Grid, GridOptions, airfoil_grid
from understudy.simulators.shapes import naca, panel


@pytest.fixture(scope="module", params=["0012-sharp", "0012"], ids=["C", "O"])
def grid(request: pytest.FixtureRequest) -> Grid:
    options = GridOptions(size=(97, 49), y_plus=200.0, growth=1.3, wake_share=0.0 if request.param == "0012" else 1 / 3)
    found, quality = airfoil_grid(panel(naca(request.param)[None], 100), torch.tensor([1e6]).double(), options)
    assert quality.ok[0], quality.message[0]
    return found


@pytest.fixture(scope="module")
def mesh(grid: Grid) -> PolyMesh:
    return poly_mesh(grid)


def test_faces_of_every_cell_close_it(mesh: PolyMesh):
    """To the rounding of areas of some thousand square chords."""
    sums = np.zeros((mesh.cells, 3))
    areas = mesh.area_vectors()
    np.add.at(sums, mesh.owner, areas)
    np.subtract.at(sums, mesh.neighbour, areas[: len(mesh.neighbour)])
    assert np.abs(sums).max() < 1e-12 * np.abs(areas).max()


def test_volumes_are_the_areas_of_the_grid(grid: Grid, mesh: PolyMesh):
    """By Gauss's theorem from the faces at z = 1 alone, whose normals point along z."""
    areas, sides = mesh.area_vectors(), mesh.patch("sides")
    volumes = np.zeros(mesh.cells)
    np.add.at(volumes, mesh.owner[sides], areas[sides, 2] * mesh.centres(sides)[:, 2])
    columns = grid.cells[0]
    wanted = Metrics.of(grid.nodes, slice(grid.wake, columns - grid.wake), wake=grid.wake, ring=grid.is_o).areas
    np.testing.assert_allclose(volumes, wanted[0].numpy().ravel(), rtol=1e-9)


def test_shared_faces_come_in_upper_triangular_order(mesh: PolyMesh):
    owner, neighbour = mesh.owner[: len(mesh.neighbour)], mesh.neighbour
    assert (owner < neighbour).all()
    assert (np.diff(owner * mesh.cells + neighbour) > 0).all()


def test_patches_hold_the_boundary_once(grid: Grid, mesh: PolyMesh):
    counts = {patch.name: patch.count for patch in mesh.patches}
    columns, layers = grid.cells
    ends = 2 * layers if grid.is_c else 0
    assert counts == {"wall": columns - 2 * grid.wake, "far": columns + ends, "sides": 2 * columns * layers}
    assert mesh.patches[-1].first + mesh.patches[-1].count == len(mesh.faces)


def test_normals_of_the_wall_point_into_the_body(mesh: PolyMesh):
    """Out of their owners, the cells of the fluid; the mean point of a thin section is inside it."""
    wall = mesh.patch("wall")
    middle = mesh.centres(wall)
    inwards = np.array([0.5, 0.0, 0.5]) - middle
    assert ((inwards * mesh.area_vectors()[wall]).sum(1)[20:-20] > 0).all()


def test_files_are_written(mesh: PolyMesh, tmp_path: Path):
    write_mesh(mesh, tmp_path)
    folder = tmp_path / "constant" / "polyMesh"
    assert {path.name for path in folder.iterdir()} == {"points", "faces", "owner", "neighbour", "boundary"}
    assert f"\n{len(mesh.faces)}\n(\n4(" in (folder / "faces").read_text()


def test_a_mesh_is_made_of_one_grid(grid: Grid):
    two = Grid(grid.nodes.expand(2, -1, -1, -1), grid.wake)
    with pytest.raises(ValueError, match="a mesh is made of one grid; got 2"):
        poly_mesh(two)
