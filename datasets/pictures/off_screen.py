"""Canvases drawn with PyVista in a process of their own.

Where neither EGL, OSMesa nor an X server is found, VTK does not say so but ends its process: so it gets one of its own,
and its death is an answer like another.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from understudy.datasets.pictures.canvas import LINE, Canvas, Image

PATIENCE = 120.0  # seconds
FINER = 2  # pixels drawn for each one of the image of lines, both ways: smooth on any driver
_CALL = "import sys; from understudy.datasets.pictures.off_screen import draw_file; draw_file(sys.argv[1], sys.argv[2])"


class OffScreenError(RuntimeError):
    """VTK cannot draw here."""


def by_pyvista(canvases: Sequence[Canvas]) -> list[Image]:
    """The images (height, width, 3), drawn by VTK.

    Raises:
        OffScreenError: PyVista is not installed, or VTK cannot draw without a screen here.
    """
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        asked, drawn = Path(folder) / "canvases.npz", Path(folder) / "images.npz"
        np.savez(asked, **_packed([canvas.near() for canvas in canvases]))  # type: ignore[arg-type]
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _CALL, str(asked), str(drawn)],
                env={**os.environ, "PYTHONPATH": paths},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OffScreenError(f"PyVista could not draw: {error}") from error
        if done.returncode or not drawn.is_file():
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise OffScreenError(f"PyVista could not draw off screen (exit code {done.returncode}: {last})")
        with np.load(drawn) as images:
            return [images[str(number)] for number in range(len(canvases))]


def draw_file(asked: str, drawn: str) -> None:
    """Draw the canvases in one file into another; runs in the process of its own."""
    with np.load(asked) as kept:
        packed = dict(kept)
    images = {str(number): _image(canvas) for number, canvas in enumerate(_unpacked(packed))}
    np.savez(drawn, **images)  # type: ignore[arg-type]


def _packed(canvases: Sequence[Canvas]) -> dict[str, np.ndarray]:
    packed: dict[str, np.ndarray] = {}
    for number, canvas in enumerate(canvases):
        packed[f"{number}-nodes"] = canvas.nodes
        packed[f"{number}-window"] = np.array(canvas.window)
        packed[f"{number}-width"] = np.array(canvas.width)
        packed[f"{number}-colours"] = np.array(canvas.colours)
        if canvas.shade is not None:
            packed[f"{number}-shade"] = canvas.shade
    return packed


def _unpacked(packed: dict[str, np.ndarray]) -> list[Canvas]:
    count = sum(name.endswith("-nodes") for name in packed)
    return [
        Canvas(
            nodes=packed[f"{number}-nodes"],
            shade=packed.get(f"{number}-shade"),
            colours=str(packed[f"{number}-colours"]),
            window=tuple(packed[f"{number}-window"].tolist()),
            width=int(packed[f"{number}-width"]),
        )
        for number in range(count)
    ]


def _image(canvas: Canvas) -> Image:
    import matplotlib
    import pyvista

    x, y = (canvas.nodes[..., axis].astype(float)[:, :, None] for axis in (0, 1))
    grid = pyvista.StructuredGrid(x, y, np.zeros_like(x))
    finer = FINER if canvas.shade is None else 1
    plotter = pyvista.Plotter(off_screen=True, window_size=[finer * canvas.width, finer * canvas.height])
    plotter.background_color = pyvista.Color("white")
    if canvas.shade is None:
        plotter.add_mesh(grid, style="wireframe", color=LINE, line_width=1.6, lighting=False)
    else:
        grid.point_data["shade"] = canvas.shade.ravel(order="F")
        plotter.add_mesh(
            grid,
            scalars="shade",
            cmap=matplotlib.colormaps[canvas.colours],
            clim=(0, 1),
            lighting=False,
            show_scalar_bar=False,
            interpolate_before_map=True,
        )
    left, right, bottom, top = canvas.window
    middle = 0.5 * (left + right), 0.5 * (bottom + top)
    plotter.camera.parallel_projection = True
    plotter.camera.position = (*middle, 1.0)
    plotter.camera.focal_point = (*middle, 0.0)
    plotter.camera.up = (0.0, 1.0, 0.0)
    plotter.camera.parallel_scale = 0.5 * (top - bottom)
    plotter.camera.clipping_range = (0.1, 10.0)
    fine = plotter.screenshot(return_img=True)
    plotter.close()
    return _averaged(np.asarray(fine)[..., :3], finer)


def _averaged(fine: Image, finer: int) -> Image:
    high, wide = (size // finer for size in fine.shape[:2])
    blocks = fine[: high * finer, : wide * finer].reshape(high, finer, wide, finer, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)
