"""OpenFOAM behind the interface: meshes that it accepts, answers that obey physics, and every way to end badly."""

import json
import math
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.openfoam import OpenFoam, OpenFoamNotInstalledError, OpenFoamOptions
from understudy.simulators.airfoil.openfoam.case_files import Far, Fields, write_control, write_fields, write_setup
from understudy.simulators.airfoil.openfoam.march import History
from understudy.simulators.airfoil.openfoam.mesh import PolyMesh, poly_mesh, write_mesh
from understudy.simulators.airfoil.openfoam.program import OpenFoamRunError, Runs, find_openfoam, last_words
from understudy.simulators.airfoil.openfoam.results import read_field, read_fields, read_forces, read_residuals
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.grids import Grid, GridOptions, airfoil_grid
from understudy.simulators.interface import NotDifferentiableError, Status
from understudy.simulators.quantities import QUANTITIES
from understudy.simulators.shapes import naca

REYNOLDS = 6e6
COARSE = OpenFoamOptions(grid=(97, 25))


def _missing() -> str:
    try:
        find_openfoam()
    except OpenFoamNotInstalledError as error:
        return str(error)
    return ""


needs_openfoam = pytest.mark.skipif(bool(_missing()), reason=_missing())


@pytest.fixture(scope="module", params=["C", "O"])
def grid(request: pytest.FixtureRequest) -> Grid:
    """Around NACA 0012, sharp and blunt, of every fourth line."""
    name, wishes = ("0012-sharp", GridOptions()) if request.param == "C" else ("0012", GridOptions(wake_share=0.0))
    made, quality = airfoil_grid(naca(name)[None], torch.tensor([REYNOLDS], dtype=torch.float64), wishes)
    assert quality.ok == (True,)
    return made.coarser().coarser()


@pytest.fixture(scope="module")
def mesh(grid: Grid) -> PolyMesh:
    return poly_mesh(grid)


@pytest.fixture(scope="module")
def section() -> Tensor:
    return naca("0012-sharp")[None]


def test_shared_faces_are_in_upper_triangular_order(mesh: PolyMesh) -> None:
    owner, neighbour = mesh.owner[: len(mesh.neighbour)], mesh.neighbour
    assert (owner < neighbour).all()
    key = owner * mesh.cells + neighbour
    assert (np.diff(key) > 0).all()


def test_cells_are_closed_and_as_large_as_those_of_the_grid(grid: Grid, mesh: PolyMesh) -> None:
    """Area vectors of a cell's faces sum to zero; by the theorem of Gauss, ∮ x·n dA is three times the volume."""
    area = mesh.area_vectors()
    flux = (mesh.centres(slice(None)) * area).sum(axis=1)
    total, volume = np.zeros((mesh.cells, 3)), np.zeros(mesh.cells)
    for cells, faces, sign in ((mesh.owner, slice(None), 1), (mesh.neighbour, slice(len(mesh.neighbour)), -1)):
        np.add.at(total, cells, sign * area[faces])
        np.add.at(volume, cells, sign * flux[faces] / 3)
    size = np.zeros(mesh.cells)
    np.maximum.at(size, mesh.owner, np.linalg.norm(area, axis=1))
    assert (np.abs(total) <= 1e-13 * size[:, None] + 1e-13).all()
    wall = slice(grid.wake, grid.cells[0] - grid.wake)
    areas = Metrics.of(grid.nodes, wall, wake=grid.wake, ring=grid.is_o).areas[0].numpy().ravel()
    assert (volume > 0).all()
    # the fluxes of cells far away are those of places 100 chords away: rounding is of the order of their sums
    reach = np.linalg.norm(mesh.cell_centres(), axis=1) * size
    np.testing.assert_array_less(np.abs(volume - areas), 1e-12 * areas + 1e-14 * reach + 1e-15)


def test_patches_hold_every_boundary_face_once(grid: Grid, mesh: PolyMesh) -> None:
    along, away = grid.cells
    assert {patch.name: patch.kind for patch in mesh.patches} == {"wall": "wall", "far": "patch", "sides": "empty"}
    counts = {patch.name: patch.count for patch in mesh.patches}
    far = along + (2 * away if grid.is_c else 0)
    assert counts == {"wall": along - 2 * grid.wake, "far": far, "sides": 2 * along * away}
    firsts = np.cumsum([len(mesh.neighbour), *counts.values()])
    assert [patch.first for patch in mesh.patches] == firsts[:-1].tolist()
    assert len(mesh.faces) == len(mesh.owner) == firsts[-1]
    assert len(np.unique(np.sort(mesh.faces, axis=1), axis=0)) == len(mesh.faces)
    ends = mesh.centres(mesh.patch("wall"))[:, :2]
    np.testing.assert_allclose(ends, 0.5 * (grid.wall[0, 1:] + grid.wall[0, :-1]).numpy(), atol=1e-14)


def test_normals_of_the_wall_point_into_the_body_and_those_of_the_far_field_away(mesh: PolyMesh) -> None:
    for name in ("wall", "far"):
        faces = mesh.patch(name)
        outwards = (mesh.centres(faces) - mesh.cell_centres()[mesh.owner[faces]]) * mesh.area_vectors()[faces]
        assert (outwards.sum(axis=1) > 0).all(), name


def test_a_mesh_is_made_of_one_grid(grid: Grid) -> None:
    with pytest.raises(ValueError, match="a mesh is made of one grid; got 2"):
        poly_mesh(Grid(grid.nodes.expand(2, -1, -1, -1), grid.wake))


@needs_openfoam
@pytest.mark.unchecked
def test_openfoams_own_check_finds_no_fault_but_long_cells(mesh: PolyMesh, tmp_path: Path) -> None:
    write_mesh(mesh, tmp_path)
    write_setup(tmp_path, REYNOLDS, COARSE)
    write_control(tmp_path, last=1, stretch=1)
    openfoam = find_openfoam()
    command = [openfoam.program.with_name("checkMesh"), "-case", tmp_path]
    said = subprocess.run(command, env=openfoam.environment(), capture_output=True, text=True).stdout
    faults = [line.strip() for line in said.splitlines() if line.strip().startswith("***")]
    assert "Upper triangular ordering OK" in said
    assert "Boundary openness" in said
    assert all("aspect ratio" in fault or "Number of severely non-orthogonal" in fault for fault in faults), faults
    assert f"cells:            {mesh.cells}" in said


def test_fields_are_read_as_they_are_written(mesh: PolyMesh, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    fields = Fields(rng.normal(size=(mesh.cells, 2)), rng.normal(size=mesh.cells), rng.random(mesh.cells))
    far = Far.around(mesh.centres(mesh.patch("far"))[:, :2], 4.0, 0.5)
    write_fields(tmp_path, 200, fields, far, 1 / REYNOLDS)
    again = read_fields(tmp_path, 200, mesh.cells, 1 / REYNOLDS)
    np.testing.assert_array_equal(again.velocity, fields.velocity)
    np.testing.assert_array_equal(again.pressure, fields.pressure)
    np.testing.assert_allclose(again.working, fields.working, rtol=1e-14)
    np.testing.assert_allclose(read_field(tmp_path / "200" / "nut", mesh.cells, 1), fields_of_eddy(mesh.cells))


def fields_of_eddy(cells: int) -> np.ndarray:
    """Eddy viscosity where the working variable is three times the viscosity: 3 · 27 / (27 + 7.1³) of it."""
    return np.full((cells, 1), 3 * 27 / (27 + 7.1**3) / REYNOLDS)


def test_a_finer_grid_begins_with_the_cells_that_its_own_are_parts_of() -> None:
    values = np.arange(6.0)
    finer = Fields(np.column_stack([values, -values]), values, values).finer(3)
    np.testing.assert_array_equal(finer.pressure.reshape(6, 4)[::2, ::2], values.reshape(3, 2))
    np.testing.assert_array_equal(finer.pressure.reshape(6, 4)[1::2, 1::2], values.reshape(3, 2))
    np.testing.assert_array_equal(finer.velocity[:, 1], -finer.pressure)


def test_the_far_field_turns_clockwise_by_half_the_lift() -> None:
    angle = torch.linspace(0, 2 * math.pi, 2001, dtype=torch.float64).numpy()
    places = np.column_stack([0.25 + 50 * np.cos(angle), 50 * np.sin(angle)])
    far = Far.around(places, 3.0, 0.8)
    middle = 0.5 * (far.velocity[1:] + far.velocity[:-1])
    assert -(middle * np.diff(places, axis=0)).sum() == pytest.approx(0.4, rel=1e-5)
    np.testing.assert_allclose(far.pressure, 0.5 * (1 - (far.velocity**2).sum(axis=1)))


def test_forces_are_coefficients_in_the_axes_of_the_wind() -> None:
    """A push across the wind is lift, one along it drag; a moment about z turns the nose down."""
    along, across = (math.cos(0.1), math.sin(0.1)), (-math.sin(0.1), math.cos(0.1))
    forces = np.array([[*(0.5 * value for value in across), *(0.01 * value for value in along), 0.02]])
    history = History.of(forces, np.array([1e-5]), math.degrees(0.1))
    assert history.cl[0] == pytest.approx(1.0)
    assert history.cd[0] == pytest.approx(0.02)
    assert history.cd_pressure[0] == pytest.approx(0.0, abs=1e-15)
    assert history.cm[0] == pytest.approx(-0.04)
    assert not history.diverged


def test_residuals_of_a_log_are_the_largest_of_each_iteration() -> None:
    log = (
        "smoothSolver:  Solving for Ux, Initial residual = 0.1, Final residual = 1e-3, No Iterations 2\n"
        "GAMG:  Solving for p, Initial residual = 0.5, Final residual = 1e-3, No Iterations 2\n"
        "smoothSolver:  Solving for Ux, Initial residual = 0.02, Final residual = 1e-3, No Iterations 2\n"
        "smoothSolver:  Solving for nuTilda, Initial residual = 3e-3, Final residual = 1e-3, No Iterations 2\n"
    )
    np.testing.assert_array_equal(read_residuals(log), [0.5, 0.02])


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("Time = 3\n#1  Foam::sigFpe::sigHandler(int) at ??:?\n#2 ?\n", "a floating-point exception"),
        ("a\n--> FOAM FATAL ERROR: \nno such entry\n\nfile: x\nFOAM exiting\n", "FOAM FATAL ERROR: no such entry"),
        ("Create time\nkilled by someone\n", "killed by someone"),
        ("", "it said nothing"),
    ],
)
def test_the_end_of_a_log_says_why(log: str, words: str) -> None:
    assert words in last_words(log)


def _spoilt_forces(folder: Path) -> None:
    place = folder / "postProcessing" / "forces" / "0"
    place.mkdir(parents=True)
    for name in ("force.dat", "moment.dat"):
        (place / name).write_text("# Time\n1 (1 2 3) (4 5)\n")
    read_forces(folder, 0)


def _spoilt_field(folder: Path) -> None:
    (folder / "p").write_text("internalField nonuniform List<scalar> 3\n(\n1\n2\n3\n)\n;\n")
    read_field(folder / "p", 4, 1)


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (_spoilt_forces, "force.dat has other columns"),
        (_spoilt_field, "p has 3 numbers, not 4"),
        (lambda folder: read_field(folder / "U", 4, 3), "U is missing"),
        (lambda folder: read_forces(folder, 200), "force.dat is missing"),
    ],
)
def test_a_spoilt_file_is_refused(read: Callable[[Path], object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(OpenFoamRunError, match=sentence):
        read(tmp_path)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"grid": (100, 25)}, "grid must have 8 k"),
        ({"iterations": 10}, "iterations must be at least 200; got 10"),
        ({"time_limit": 0.0}, r"time_limit must be positive \[s\]; got 0"),
        ({"relax_pressure": 1.5}, "relax_pressure must be above 0 and below 1; got 1.5"),
    ],
)
def test_impossible_options_are_refused(changed: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        OpenFoamOptions(**changed)


def test_without_the_program_the_way_to_install_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpenFoamNotInstalledError, match="`make system` or `apt-get install openfoam`"):
        OpenFoam()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str) -> None:
    """Put a program in the place of simpleFoam."""
    (folder / "etc").mkdir()
    (folder / "etc" / "controlDict").touch()
    program = folder / "simpleFoam"
    program.write_text(f"#!/bin/sh\n{behaviour}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("WM_PROJECT_DIR", raising=False)


def test_a_program_without_its_configuration_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exit 0")
    (tmp_path / "etc" / "controlDict").unlink()
    with pytest.raises(OpenFoamNotInstalledError, match="set WM_PROJECT_DIR"):
        OpenFoam()


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("echo broken; exit 3", r"simpleFoam died (exit status 3): broken"),
        ("kill -SEGV $$", "simpleFoam died (exit status -11)"),
        ("exit 0", "force.dat is missing"),
        ("sleep 60", "stopped at the limit of time; raise time_limit"),
    ],
)
def test_a_program_that_misbehaves_is_a_failed_row(
    section: Tensor, behaviour: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, f"exec {behaviour}" if behaviour.startswith("sleep") else behaviour)
    answer = OpenFoam(replace(COARSE, time_limit=2.0)).predict(AirfoilCase.of(section, alpha=2.0))
    assert answer.status == (Status.FAILED,)
    assert sentence in answer.message[0]
    assert answer["cp"].isnan().all()


def test_what_cannot_be_asked_is_refused_row_by_row(
    section: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "exit 1")
    case = AirfoilCase.of(section, alpha=torch.tensor([0.0, 40.0, 0.0]), mach=torch.tensor([0.5, 0.0, 0.0]))
    answer = OpenFoam(COARSE).predict(case)
    assert answer.status == (Status.REFUSED, Status.REFUSED, Status.FAILED)
    assert "mach must be at most 0.3 for an incompressible solver; got 0.5: ask 'rans'" in answer.message[0]
    assert "the angle must be within 25 deg; got about 40" in answer.message[1]
    lift = OpenFoam(COARSE).predict(AirfoilCase.of(section, cl=9.0))
    assert "the angle that a lift of 9 needs must be within 25 deg" in lift.message[0]
    crossed = section.clone()
    crossed[:, :, 1] *= -1  # runs clockwise
    assert OpenFoam(COARSE).predict(AirfoilCase.of(crossed, alpha=0.0)).status == (Status.REFUSED,)


def test_gradients_are_refused(section: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exit 1")
    case = AirfoilCase.of(section.clone().requires_grad_(), alpha=2.0)
    with pytest.raises(NotDifferentiableError, match="openfoam gives no gradients"):
        OpenFoam(COARSE).predict(case)


def test_leaving_a_batch_ends_its_programs_and_begins_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    messages: list[str] = []

    def run(runs: Runs) -> None:
        try:
            runs.simple_foam(find_openfoam(), tmp_path, time.monotonic() + 60)
        except OpenFoamRunError as error:
            messages.append(str(error))

    with Runs() as runs:
        thread = threading.Thread(target=run, args=(runs,))
        thread.start()
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("\n"):
            time.sleep(0.01)
    thread.join(timeout=10)
    assert not thread.is_alive()
    run(runs)
    assert ["exit status -9" in messages[0], "the batch was stopped" in messages[1]] == [True, True]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@needs_openfoam
@pytest.mark.unchecked
def test_identity_names_version_and_options() -> None:
    simulator = OpenFoam(COARSE)
    assert simulator.version.isdigit()
    assert json.loads(json.dumps(simulator.configuration))["grid"] == [97, 25]
    assert set(OpenFoam.quantities) <= set(QUANTITIES)


@needs_openfoam
@pytest.mark.unchecked
def test_a_section_and_its_mirror_image_have_opposite_lift_and_equal_drag(
    section: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within what the iteration leaves; the temporary folder is empty afterwards."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    case = AirfoilCase.of(section, alpha=torch.tensor([4.0, -4.0], dtype=torch.float64), reynolds=REYNOLDS)
    answer = OpenFoam(COARSE).predict(case)
    answer.raise_unless_ok()
    assert answer["cl"].sum().abs() < COARSE.settled * answer["cl"][0]
    assert answer["cd"].diff().abs() < 2 * COARSE.settled * answer["cd"][0]
    torch.testing.assert_close(answer["cp"][0], answer["cp"][1].flip(0), atol=0.01, rtol=0)
    assert answer["cp"].amax() == pytest.approx(1.0, abs=0.05)  # at the stagnation point
    torch.testing.assert_close(answer["cd_pressure"] + answer["cd_friction"], answer["cd"])
    assert list(tmp_path.iterdir()) == []


@needs_openfoam
@pytest.mark.unchecked
@pytest.mark.slow
def test_skin_friction_at_the_nodes_integrates_to_the_friction_drag(section: Tensor) -> None:
    """At no incidence: twice the integral of cf along the chord, within the step of the nodes and the slope's sign."""
    answer = OpenFoam(COARSE).predict(AirfoilCase.of(section, alpha=0.0, reynolds=REYNOLDS))
    answer.raise_unless_ok()
    x, cf = section[0, :, 0].numpy(), answer["cf"][0].numpy()
    nose = int(x.argmin())
    friction = np.trapezoid(cf[nose:], x[nose:]) - np.trapezoid(cf[: nose + 1], x[: nose + 1])
    assert friction == pytest.approx(answer["cd_friction"].item(), rel=0.02)


@needs_openfoam
@pytest.mark.unchecked
def test_a_prescribed_lift_and_the_angle_it_needs_are_the_same_flow(section: Tensor) -> None:
    by_lift = OpenFoam(COARSE).predict(AirfoilCase.of(section, cl=0.5, reynolds=REYNOLDS))
    by_lift.raise_unless_ok()
    by_angle = OpenFoam(COARSE).predict(AirfoilCase.of(section, alpha=by_lift["alpha"], reynolds=REYNOLDS))
    assert by_lift["cl"].item() == pytest.approx(0.5, abs=1e-4)
    assert by_angle["cl"].item() == pytest.approx(0.5, abs=1e-3)
    assert by_angle["cd"].item() == pytest.approx(by_lift["cd"].item(), rel=5e-3)


@needs_openfoam
@pytest.mark.unchecked
@pytest.mark.slow
@pytest.mark.physics
def test_naca0012_tends_to_the_reference_as_the_grid_is_refined(section: Tensor) -> None:
    """At 10 degrees, of CFL3D at Mach 0.15: lift 1.0912 (1.0788 by Prandtl and Glauert at Mach 0) and drag 0.01222."""
    answers = [
        OpenFoam(OpenFoamOptions(grid=size)).predict(AirfoilCase.of(section, alpha=10.0, reynolds=REYNOLDS))
        for size in ((193, 49), (385, 97))
    ]
    lift, drag = (torch.cat([answer[name] for answer in answers]) for name in ("cl", "cd"))
    assert (lift - 1.0788).abs()[1] < (lift - 1.0788).abs()[0] / 2
    assert lift[1].item() == pytest.approx(1.0788, rel=0.01)
    assert (drag - 0.01222).abs()[1] < (drag - 0.01222).abs()[0] / 2
    assert drag[1].item() == pytest.approx(0.01222, rel=0.08)
