"""Pictures of a flow around an airfoil: Mach number, pressure, eddy viscosity, the grid, and values on the body."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from understudy.datasets.pictures.canvas import Array, Canvas, Image, by_matplotlib, require_window
from understudy.datasets.pictures.off_screen import OffScreenError, by_pyvista
from understudy.datasets.whole_files import write_bytes
from understudy.simulators.airfoil.flow_field import FlowField

Window = tuple[float, float, float, float]

#: Left, right, bottom, top [chord].
AROUND: Window = (-0.45, 1.55, -0.65, 0.85)
WAKE: Window = (-0.15, 1.85, -0.35, 0.45)
CLOSE = 0.035  # [chord] half the width of the windows on nose and trailing edge
DOTS = 150  # an inch
UPPER, LOWER, SONIC = "#2b62b5", "#c4501b", "#111111"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.edgecolor": "#555b66",
    "axes.labelcolor": "#22262d",
    "xtick.color": "#555b66",
    "ytick.color": "#555b66",
    "legend.frameon": False,
}


class Drawing(StrEnum):
    """Who colours the fields: PyVista where it can draw off screen and Matplotlib elsewhere, or one of them."""

    AUTO = "auto"
    PYVISTA = "pyvista"
    MATPLOTLIB = "matplotlib"


@dataclass(frozen=True, eq=False)
class Pictures:
    """PNG images by name, who coloured them, and why it was not PyVista if it was not."""

    images: Mapping[str, bytes]
    drawn_by: Drawing
    note: str = ""


def names_of(flow: FlowField) -> tuple[str, ...]:
    """The pictures that there are of a flow."""
    return tuple(name for name in _PICTURES if name != "eddy_viscosity" or flow.turbulent)


def require_known(names: Sequence[str]) -> None:
    """Raise `ValueError` for a picture that there is of no flow."""
    for name in names:
        if name not in _PICTURES:
            raise ValueError(f"the pictures are {', '.join(_PICTURES)}; got {name!r}")


def draw(
    flow: FlowField,
    names: Sequence[str] | None = None,
    *,
    window: Window | None = None,
    drawing: Drawing = Drawing.AUTO,
    dots: int = DOTS,
) -> Pictures:
    """Draw a flow.

    Args:
        flow: what is drawn.
        names: which pictures, all that there are if not given.
        window: left, right, bottom, top [chord] of the pictures of fields and of the grid, in place of the usual ones.

    Rarely needed:
        drawing: who colours the fields.
        dots: pixels an inch; the pictures are 9 inches wide.

    Raises:
        ValueError: a picture that there is not, or an impossible window.
        OffScreenError: PyVista is wanted and cannot draw here.
    """
    known = names_of(flow)
    chosen = known if names is None else tuple(names)
    for name in chosen:
        if name not in known:
            raise ValueError(f"this flow has the pictures {', '.join(known)}; got {name!r}")
    if window is not None:
        _require_overlap(flow, window)
    sheets = [_PICTURES[name](flow, window, 8 * dots) for name in chosen]
    canvases = [canvas for sheet in sheets for canvas in sheet.canvases]
    colours, drawn_by, note = _coloured(canvases, drawing)
    images = iter(colours)
    finished = {}
    for name, sheet in zip(chosen, sheets, strict=True):
        with matplotlib.rc_context(STYLE):
            figure = sheet.finish([next(images) for _ in sheet.canvases])
            finished[name] = _png(figure, dots)
    return Pictures(finished, drawn_by, note)


def _require_overlap(flow: FlowField, window: Window) -> None:
    """Refuse a window that is none, or that shows nothing of the grid."""
    require_window(window)
    left, right, bottom, top = window
    low, high = _nodes(flow).min((0, 1)), _nodes(flow).max((0, 1))
    if right < low[0] or left > high[0] or top < low[1] or bottom > high[1]:
        raise ValueError(
            f"a window must show some of the grid, {low[0]:.4g} to {high[0]:.4g} by {low[1]:.4g} to {high[1]:.4g} "
            f"chords; got {left:g} {right:g} {bottom:g} {top:g}"
        )


def save(pictures: Pictures, folder: Path, stem: str) -> list[Path]:
    """Write the images as `STEM-NAME.png`; give the files.

    Raises:
        DiskFullError: no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{stem}-{name}.png" for name in pictures.images]
    for file, image in zip(files, pictures.images.values(), strict=True):
        write_bytes(file, image)
    return files


@dataclass(frozen=True, eq=False)
class _Sheet:
    """A picture to be: what is to be coloured, and what makes a figure of the coloured images."""

    canvases: tuple[Canvas, ...]
    finish: Callable[[list[Image]], Figure]


def _coloured(canvases: Sequence[Canvas], drawing: Drawing) -> tuple[list[Image], Drawing, str]:
    if not canvases or drawing is Drawing.MATPLOTLIB:
        return by_matplotlib(canvases), Drawing.MATPLOTLIB, ""
    try:
        return by_pyvista(canvases), Drawing.PYVISTA, ""
    except OffScreenError as error:
        if drawing is Drawing.PYVISTA:
            raise
        return by_matplotlib(canvases), Drawing.MATPLOTLIB, str(error)


def _mach(flow: FlowField, window: Window | None, width: int) -> _Sheet:
    window = window or AROUND
    values = _at_nodes(flow, flow.local_mach)
    norm = Normalize(0.0, _above(_seen(flow, values, window)[1], 0.05))
    return _field(flow, values, norm, "turbo", "local Mach number [-]", window, width, lines=True, sonic=True)


def _pressure(flow: FlowField, window: Window | None, width: int) -> _Sheet:
    window = window or AROUND
    values = _at_nodes(flow, flow.cp)
    least, most = _seen(flow, values, window)
    norm = TwoSlopeNorm(0.0, -_above(max(-least, 0.1), 0.1), _above(max(most, 0.1), 0.1))
    return _field(flow, values, norm, "RdBu_r", "pressure coefficient $C_p$ [-]", window, width, lines=True)


def _eddy_viscosity(flow: FlowField, window: Window | None, width: int) -> _Sheet:
    window = window or WAKE
    values = _at_nodes(flow, flow.cells["eddy_viscosity"])
    most = max(_seen(flow, values, window)[1], 1.0)
    norm = Normalize(0.0, _above(most, 10.0 ** np.floor(np.log10(most)) / 2))
    label = r"eddy viscosity $\mu_t/\mu_\infty$ [-]"
    return _field(flow, values, norm, "BuPu", label, window, width)


def _field(
    flow: FlowField,
    values: Array,
    norm: Normalize,
    colours: str,
    label: str,
    window: Window,
    width: int,
    *,
    lines: bool = False,
    sonic: bool = False,
) -> _Sheet:
    """Values at the nodes in colours, with lines of equal value, and the sonic line of a Mach number."""
    shade = np.asarray(norm(values).filled(0))
    canvas = Canvas(nodes=_nodes(flow), shade=shade, colours=colours, window=window, width=width)

    def finish(images: list[Image]) -> Figure:
        figure, axes = _plane(flow, window)
        _show(axes, images[0], window)
        shown = _row_limit(flow, window)
        x, y = (_nodes(flow)[:, :shown, axis] for axis in (0, 1))
        if lines:
            low, high = float(norm.vmin or 0), float(norm.vmax or 0)
            step = _round_step((high - low) / 30)
            levels = np.arange(np.ceil(low / step), high / step) * step
            axes.contour(
                x, y, values[:, :shown], levels, colors="black", linewidths=0.35, alpha=0.35, linestyles="solid"
            )
        if sonic and _seen(flow, values, window)[1] > 1:
            axes.contour(x, y, values[:, :shown], [1.0], colors=SONIC, linewidths=1.6)
            axes.plot([], [], color=SONIC, linewidth=1.6, label="sonic line")
            axes.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")
        _body(axes, flow)
        mappable = ScalarMappable(norm, colours)
        bar = figure.colorbar(mappable, cax=axes.inset_axes((1.02, 0.0, 0.028, 1.0)), label=label)
        if isinstance(norm, TwoSlopeNorm):
            bar.set_ticks(_ticks(float(norm.vmin or 0), float(norm.vmax or 0)))
        return figure

    return _Sheet((canvas,), finish)


def _grid(flow: FlowField, window: Window | None, width: int) -> _Sheet:
    """The grid around the body, and close to its nose and trailing edge; or in one window."""
    contour = _numbers(flow.contour)
    nose, edge = contour[contour[:, 0].argmin()], 0.5 * (contour[0] + contour[-1])
    windows = {"": window or AROUND}
    if window is None:
        windows["nose"] = _square(nose[0] + 0.6 * CLOSE, nose[1])
        windows["trailing edge"] = _square(edge[0] - 0.3 * CLOSE, edge[1])
    canvases = tuple(
        Canvas(nodes=_nodes(flow), shade=None, colours="", window=one, width=width if not name else width // 2)
        for name, one in windows.items()
    )

    def finish(images: list[Image]) -> Figure:
        whole = windows[""]
        high = (whole[3] - whole[2]) / (whole[1] - whole[0])
        figure = Figure(figsize=(9, 8.2 * high + (4.2 if window is None else 0.8)), layout="constrained")
        mosaic: list[Any] = [["", ""], ["nose", "trailing edge"]] if window is None else [[""]]
        ratios = [8.2 * high, 3.2] if window is None else [1]
        panels: Mapping[Any, Axes] = figure.subplot_mosaic(mosaic, height_ratios=ratios)
        for (name, one), image in zip(windows.items(), images, strict=True):
            axes = panels[name]
            _show(axes, image, one)
            _body(axes, flow)
            along, away = flow.size
            whose = f"{flow.airfoil}, " if flow.airfoil else ""
            axes.set_title(name or f"{whose}{_kind(flow)} of {along + 1} × {away + 1} nodes")
        return figure

    return _Sheet(canvases, finish)


def _surface(flow: FlowField, window: Window | None, width: int) -> _Sheet:
    """Pressure, friction and y+ along the body."""

    def finish(images: list[Image]) -> Figure:
        panels = [("wall_cp", "pressure coefficient $C_p$ [-]")]
        if flow.viscous:
            panels += [
                ("wall_cf", "skin friction 1000 $C_f$ [-]"),
                ("wall_y_plus", "$y^+$ of the first cell [-]"),
            ]
        figure = Figure(figsize=(9, 6.4) if flow.viscous else (9, 5), layout="constrained")
        mosaic: list[Any] = [["wall_cp", "wall_cf"], ["wall_cp", "wall_y_plus"]] if flow.viscous else [["wall_cp"]]
        drawn: Mapping[Any, Axes] = figure.subplot_mosaic(mosaic)
        contour = _numbers(flow.contour)
        x = 0.5 * (contour[1:, 0] + contour[:-1, 0])
        nose = int(x.argmin())
        base = _on_base(flow, x)
        for name, label in panels:
            axes = drawn[name]
            values = np.where(base, np.nan, _numbers(flow.wall[name]) * (1000 if name == "wall_cf" else 1))
            axes.plot(x[nose:], values[nose:], color=UPPER, linewidth=1.5, label="upper side")
            axes.plot(x[: nose + 1], values[: nose + 1], color=LOWER, linewidth=1.5, label="lower side")
            axes.set(xlabel="x [chord]", ylabel=label, xlim=(-0.03, 1.03))
            axes.grid(color="#e4e7ec", linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
        _sonic_pressure(drawn["wall_cp"], flow)
        drawn["wall_cp"].invert_yaxis()
        drawn["wall_cp"].legend(frameon=True, framealpha=0.9, edgecolor="none")
        if flow.viscous:
            drawn["wall_cf"].axhline(0, color="#555b66", linewidth=0.8)
            drawn["wall_y_plus"].set_ylim(bottom=0)
        figure.suptitle(_title(flow), fontsize=10)
        return figure

    return _Sheet((), finish)


_PICTURES: dict[str, Callable[[FlowField, Window | None, int], _Sheet]] = {
    "mach": _mach,
    "cp": _pressure,
    "eddy_viscosity": _eddy_viscosity,
    "grid": _grid,
    "surface": _surface,
}


def _on_base(flow: FlowField, x: Array) -> NDArray[np.bool_]:
    """Faces of the base of a blunt trailing edge, which have one place along the chord for all their values."""
    normal = np.stack([_numbers(flow.wall[f"wall_normal_{axis}"]) for axis in "xy"])
    return (normal[0] > np.abs(normal[1])) & (x > 0.9)


def _sonic_pressure(axes: Axes, flow: FlowField) -> None:
    """The level of sonic flow, where the picture reaches it."""
    if flow.sonic_cp > 1.3 * float(flow.wall["wall_cp"].min()):
        label = f"sonic, $C_p^*$ = {_signed(flow.sonic_cp, 2)}"
        axes.axhline(flow.sonic_cp, color="#555b66", linewidth=1, linestyle=(0, (5, 3)), label=label)


def _plane(flow: FlowField, window: Window) -> tuple[Figure, Axes]:
    left, right, bottom, top = window
    figure = Figure(figsize=(9, 7.4 * (top - bottom) / (right - left) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_title(flow))
    return figure, axes


def _show(axes: Axes, image: Image, window: Window) -> None:
    left, right, bottom, top = window
    axes.imshow(image, extent=window, interpolation="antialiased", aspect="equal")
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="x [chord]", ylabel="y [chord]")


def _body(axes: Axes, flow: FlowField) -> None:
    axes.fill(*_numbers(flow.contour).T, facecolor="#dfe3e9", edgecolor="#22262d", linewidth=0.9, zorder=3)


def _title(flow: FlowField) -> str:
    """Who flies how, and what came of it."""
    facts = flow.facts
    friction = "without friction"
    if flow.viscous:
        friction = f"Re = {facts['reynolds'] / 1e6:.4g} million, {'turbulent' if flow.turbulent else 'laminar'}"
    first = f"M = {facts['mach']:.4g}, α = {_signed(facts['alpha'], 2)}°, {friction}"
    found = [
        f"${symbol}$ = {_signed(facts[name], digits)}"
        for name, symbol, digits in (("cl", "C_L", 4), ("cd", "C_D", 5), ("cm", "C_M", 4))
        if name in facts
    ]
    along, away = flow.size
    who = f"{f'by {flow.who} ' if flow.who else ''}on {along + 1} × {away + 1} nodes"
    return "\n".join([", ".join(filter(None, (flow.airfoil, first))), ", ".join(filter(None, (*found, who)))])


def _signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _kind(flow: FlowField) -> str:
    return "C-grid" if flow.wake else "O-grid"


def _square(x: float, y: float) -> Window:
    return x - CLOSE, x + CLOSE, y - 0.75 * CLOSE, y + 0.75 * CLOSE


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers on both sides of zero, as many on each as have room."""
    below, above = (_round_step(size / 5) for size in (-least, most))
    count = int(-least / below + 1e-9), int(most / above + 1e-9)
    return [*(-below * k for k in range(count[0], 0, -1)), *(above * k for k in range(count[1] + 1))]


def _round_step(size: float) -> float:
    power = 10.0 ** np.floor(np.log10(size))
    return float(power * next(step for step in (1, 2, 2.5, 5, 10) if step * power >= 0.999 * size))


def _above(value: float, step: float) -> float:
    """The next multiple of a step."""
    return float(step * np.ceil(value / step - 1e-9))


def _seen(flow: FlowField, values: Array, window: Window) -> tuple[float, float]:
    """Least and most of the values inside a window."""
    left, right, bottom, top = window
    x, y = _nodes(flow)[..., 0], _nodes(flow)[..., 1]
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    seen = values[inside] if inside.any() else values
    return float(seen.min()), float(seen.max())


def _row_limit(flow: FlowField, window: Window) -> int:
    """Lines along the body that are worth drawing in a window."""
    return Canvas(nodes=_nodes(flow), shade=None, colours="", window=window).near().nodes.shape[1]


def _at_nodes(flow: FlowField, values: Tensor) -> Array:
    return _numbers(flow.at_nodes(values))


def _nodes(flow: FlowField) -> Array:
    return _numbers(flow.nodes)


def _numbers(values: Tensor) -> Array:
    return values.detach().cpu().double().numpy()


def _png(figure: Figure, dots: int) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots, bbox_inches="tight", pad_inches=0.08)
    return stream.getvalue()
