"""A piece of a plane grid as an image without words: coloured by values at its nodes, or its lines.

Matplotlib can draw one anywhere; `off_screen` draws the same with VTK.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Image = NDArray[np.uint8]

DOTS = 100  # an inch; only line widths depend on it
LINE = "#27486f"


def require_window(window: tuple[float, float, float, float]) -> None:
    """Raise `ValueError` unless left, right, bottom and top span an area."""
    left, right, bottom, top = window
    if not (left < right and bottom < top):
        raise ValueError(f"a window must be left < right and bottom < top; got {left:g} {right:g} {bottom:g} {top:g}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Canvas:
    """What to colour, checked at birth.

    nodes: of the grid (ni, nj, 2).
    shade: value at each node from 0 to 1 (ni, nj), None to draw the lines of the grid.
    colours: name of a Matplotlib colour map.
    window: left, right, bottom, top, in the units of the nodes.
    width: of the image in pixels; the height follows from the window.
    """

    nodes: Array
    shade: Array | None
    colours: str
    window: tuple[float, float, float, float]
    width: int = 1200

    def __post_init__(self) -> None:
        require_window(self.window)
        if self.shade is not None and self.shade.shape != self.nodes.shape[:2]:
            raise ValueError(f"shade must be {self.nodes.shape[:2]} as the nodes; got {self.shade.shape}")

    @property
    def height(self) -> int:
        """Of the image in pixels."""
        left, right, bottom, top = self.window
        return max(1, round(self.width * (top - bottom) / (right - left)))

    def near(self) -> "Canvas":
        """The same without the lines along the body that are all beyond the window: most of a grid is far away."""
        left, right, bottom, top = self.window
        x, y = self.nodes[..., 0], self.nodes[..., 1]
        wide, high = right - left, top - bottom
        inside = (x > left - wide) & (x < right + wide) & (y > bottom - high) & (y < top + high)
        rows = np.flatnonzero(inside.any(axis=0))
        stop = min(rows[-1] + 3, self.nodes.shape[1]) if len(rows) else self.nodes.shape[1]
        shade = None if self.shade is None else self.shade[:, :stop]
        return replace(self, nodes=self.nodes[:, :stop], shade=shade)


def by_matplotlib(canvases: Sequence[Canvas]) -> list[Image]:
    """The images (height, width, 3), drawn without VTK."""
    return [_image(canvas.near()) for canvas in canvases]


def _image(canvas: Canvas) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    left, right, bottom, top = canvas.window
    figure = Figure(figsize=(canvas.width / DOTS, canvas.height / DOTS), dpi=DOTS, facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    x, y = canvas.nodes[..., 0], canvas.nodes[..., 1]
    if canvas.shade is None:
        axes.plot(x, y, color=LINE, linewidth=0.6)
        axes.plot(x.T, y.T, color=LINE, linewidth=0.6)
    else:
        axes.pcolormesh(x, y, canvas.shade, shading="gouraud", cmap=canvas.colours, vmin=0, vmax=1)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    drawn = FigureCanvasAgg(figure)
    stream = io.BytesIO()
    drawn.print_raw(stream)
    wide, high = drawn.get_width_height()
    return np.frombuffer(stream.getvalue(), dtype=np.uint8).reshape(high, wide, 4)[..., :3].copy()
