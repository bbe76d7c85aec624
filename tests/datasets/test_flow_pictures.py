"""Pictures of flows: they show what they say, PyVista and Matplotlib agree, and one stands in for the other."""

import contextlib
import io
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from understudy.datasets.pictures.canvas import Canvas, by_matplotlib
from understudy.datasets.pictures.flow_pictures import Drawing, Pictures, draw, names_of, save
from understudy.datasets.pictures.off_screen import OffScreenError, by_pyvista
from understudy.simulators.airfoil.flow_field import FlowField

Flows = tuple[FlowField, FlowField]
BODY = (0xDF, 0xE3, 0xE9)


def pixels(png: bytes) -> np.ndarray:
    return (255 * matplotlib.image.imread(io.BytesIO(png))[..., :3]).round().astype(int)


def unit_square(values: np.ndarray | None) -> Canvas:
    x, y = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5), indexing="ij")
    nodes = np.stack([x, y], axis=-1)
    return Canvas(nodes=nodes, shade=values, colours="gray", window=(0.0, 1.0, 0.0, 1.0), width=64)


def test_every_picture_is_drawn_and_none_is_blank_or_clipped(made_up_flows: Flows):
    pictures = draw(made_up_flows[1], drawing=Drawing.MATPLOTLIB, dots=40)
    assert tuple(pictures.images) == names_of(made_up_flows[1]) == ("mach", "cp", "eddy_viscosity", "grid", "surface")
    for name, image in pictures.images.items():
        seen = pixels(image)
        assert seen.shape[1] > 250
        assert seen.std() > 10, name
        assert (np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]]) == 255).all(), name
        if name != "surface":
            assert (np.abs(seen - BODY).sum(axis=2) <= 6).mean() > 0.005, name  # the airfoil is there


def test_the_sonic_line_is_drawn_where_there_is_one(made_up_flows: Flows):
    flow = made_up_flows[1]
    assert float(flow.local_mach.max()) > 1
    slow = replace(flow, facts=flow.facts | {"mach": 0.3})

    def black(shown: FlowField) -> int:
        (image,) = draw(shown, ["mach"], drawing=Drawing.MATPLOTLIB, dots=40).images.values()
        return int((pixels(image).max(axis=2) < 60).sum())

    assert black(flow) > black(slow) + 40


def test_a_flow_without_turbulence_has_no_picture_of_it(made_up_flows: Flows):
    flow = made_up_flows[0]
    cells = {name: values for name, values in flow.cells.items() if "viscosity" not in name}
    wall = {name: values for name, values in flow.wall.items() if name != "wall_y_plus"}
    still = replace(flow, cells=cells, wall=wall)
    with pytest.raises(ValueError, match="this flow has the pictures mach, cp, grid, surface; got 'eddy_viscosity'"):
        draw(still, ["eddy_viscosity"])
    assert len(draw(still, ["surface"], drawing=Drawing.MATPLOTLIB, dots=40).images["surface"]) > 1000


def test_a_window_that_is_none_is_refused(made_up_flows: Flows):
    with pytest.raises(ValueError, match="left < right and bottom < top; got 1 0 0 1"):
        draw(made_up_flows[0], ["mach"], window=(1.0, 0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match=r"a window must show some of the grid, .* chords; got 5000 6000 0 1"):
        draw(made_up_flows[0], ["surface"], window=(5000.0, 6000.0, 0.0, 1.0))


def test_values_are_coloured_where_they_are():
    """A ramp from black on the left to white on the right, by Matplotlib and, where it can, by PyVista."""
    ramp = np.linspace(0, 1, 5)[:, None] * np.ones(5)
    canvases = [unit_square(ramp), unit_square(None)]
    drawn = [by_matplotlib(canvases)]
    with contextlib.suppress(OffScreenError):  # no driver on this machine
        drawn.append(by_pyvista(canvases))
    expected = 255 * (np.arange(64) + 0.5) / 64
    for shaded, lines in drawn:
        assert shaded.shape == lines.shape == (64, 64, 3)
        assert np.abs(shaded.mean(axis=(0, 2)) - expected).max() < 6
        dark = lines.min(axis=2) < 250
        assert dark[24, 8:15].sum() <= 1  # between two lines
        assert dark[:, 14:19].any()  # on the one at a quarter


def test_matplotlib_draws_where_pyvista_is_not_installed(
    tmp_path: Path, made_up_flows: Flows, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "pyvista.py").write_text("raise ModuleNotFoundError('no module named pyvista here')\n")
    monkeypatch.syspath_prepend(tmp_path)
    pictures = draw(made_up_flows[0], ["cp"], dots=40)
    assert pictures.drawn_by is Drawing.MATPLOTLIB
    assert "no module named pyvista here" in pictures.note
    assert pixels(pictures.images["cp"]).std() > 10


def test_the_death_of_vtk_is_an_answer(made_up_flows: Flows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dies = tmp_path / "python"
    dies.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dies.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dies))
    assert draw(made_up_flows[0], ["mach"], dots=40).drawn_by is Drawing.MATPLOTLIB
    with pytest.raises(OffScreenError, match=r"could not draw off screen \(exit code -11"):
        draw(made_up_flows[0], ["mach"], drawing=Drawing.PYVISTA)


def test_pictures_are_files_named_by_what_they_show(tmp_path: Path):
    pictures = Pictures({"grid": b"one", "cp": b"two"}, Drawing.MATPLOTLIB)
    files = save(pictures, tmp_path / "new", "parabola")
    assert [(file.name, file.read_bytes()) for file in files] == [
        ("parabola-grid.png", b"one"), ("parabola-cp.png", b"two")
    ]  # fmt: skip
