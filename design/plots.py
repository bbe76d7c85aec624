"""The pictures of the report, as SVG text that stands in the page itself."""

import io
import re
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from understudy.design.design import Design, Flight
from understudy.design.problem import Problem

PROMISE, VERDICT, START = "#2b62b5", "#c4501b", "#8a8f98"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555b66",
    "axes.labelcolor": "#22262d",
    "axes.grid": True,
    "grid.color": "#e4e7ec",
    "grid.linewidth": 0.7,
    "xtick.color": "#555b66",
    "ytick.color": "#555b66",
    "legend.frameon": False,
    "axes.formatter.useoffset": False,  # a reader does not add 4e-1 to each number
    "svg.fonttype": "path",  # drawn, so that no font of the reader's machine can clip a label
}


def shape_picture(design: Design) -> str:
    """The shape over the one it started as, and how far the surface moved."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.7), layout="constrained")
        axes = figure.add_subplot()
        start, shape = design.start.numpy(), design.coordinates.numpy()
        axes.plot(*start.T, color=START, linewidth=1.1, linestyle=(0, (4, 2)), label="start")
        axes.plot(*shape.T, color=PROMISE, linewidth=1.7, label="design")
        axes.fill(*shape.T, color=PROMISE, alpha=0.07, linewidth=0)
        axes.set(aspect="equal", xlabel="x [chord]", ylabel="y [chord]", xlim=(-0.03, 1.03))
        axes.margins(y=0.12)
        axes.legend(loc="upper right", ncols=2)
        return svg(figure, "shape")


def pressure_picture(design: Design, problem: Problem) -> str:
    """Pressure coefficient along the chord at every operating point, suction upwards."""
    flights = [flight for flight in (design.promise, design.verdict) if flight is not None and flight.cp]
    columns = min(3, len(problem.points))
    rows = -(-len(problem.points) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.75 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
        x = design.coordinates[:, 0].numpy()
        nose = int(x.argmin())
        for index, axes in enumerate(grid.flat):
            if index >= len(problem.points):
                axes.set_axis_off()
                continue
            for flight in flights:
                _pressure(axes, flight, index, x, nose, design.promise is flight)
            axes.invert_yaxis()
            axes.set_title(f"point {index + 1}: {_condition(problem, index)}", fontsize=9)
            axes.set_ylabel("$C_p$ [-]")
            if index + columns >= len(problem.points):
                axes.set_xlabel("x [chord]")
                axes.tick_params(labelbottom=True)
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        return svg(figure, "pressure")


def polar_picture(design: Design) -> str:
    """Lift over drag, lift over angle, moment over angle: promised with its interval, and verified."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.5), layout="constrained")
        drag, lift, moment = figure.subplots(1, 3)
        sweeps = design.polar or (None, None)
        for flight, sweep, colour, is_promise in (
            (design.promise, sweeps[0], PROMISE, True),
            (design.verdict, sweeps[1], VERDICT, False),
        ):
            if flight is None:
                continue
            word = f"promised by {flight.who}" if is_promise else f"verified by {flight.who}"
            for axes, x, y in ((drag, "cd", "cl"), (lift, "alpha", "cl"), (moment, "alpha", "cm")):
                _polar_line(axes, sweep, x, y, colour, band=is_promise)
                _polar_points(axes, flight, x, y, colour, word, is_promise)
        drag.set(xlabel="$C_D$ [-]", ylabel="$C_L$ [-]")
        lift.set(xlabel="α [deg]", ylabel="$C_L$ [-]")
        moment.set(xlabel="α [deg]", ylabel="$C_M$ about the quarter chord [-]")
        drag.ticklabel_format(axis="x", style="plain")
        drag.locator_params(axis="x", nbins=4)
        handles, labels = drag.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return svg(figure, "polars")


def history_picture(design: Design) -> str:
    """Objective and largest violation over the steps of every start."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.9), layout="constrained")
        above, below = figure.subplots(1, 2)
        shades = matplotlib.colormaps["viridis"](
            np.linspace(0.1, 0.8, 1 + max((row[0] for row in design.history), default=0))
        )
        for start, shade in enumerate(shades):
            rows = np.array([row[1:] for row in design.history if row[0] == start]).reshape(-1, 3)
            label = "given start" if start == 0 else f"screened start {start}"
            above.plot(rows[:, 1], color=shade, linewidth=1.4, label=label)
            below.semilogy(np.maximum(rows[:, 2], 1e-6), color=shade, linewidth=1.4, label=label)
        below.axhline(1.0, color=VERDICT, linewidth=1, linestyle="--", label="allowed")
        objectives = [row[2] for row in design.history if np.isfinite(row[2])]
        if objectives:
            lowest, usual = min(objectives), float(np.quantile(objectives, 0.9))
            span = max(usual - lowest, 0.01 * abs(lowest), 1e-12)  # less than a per cent is no history
            above.set_ylim(lowest - 0.05 * span, usual + 0.15 * span)
        above.set(xlabel="step [-]", ylabel="objective, as promised")
        below.set(xlabel="step [-]", ylabel="largest violation / tolerance [-]")
        below.legend(loc="upper right", fontsize=8)
        return svg(figure, "history")


def _pressure(axes: Axes, flight: Flight, index: int, x: np.ndarray, nose: int, is_promise: bool) -> None:
    cp = np.asarray(flight.cp[index])
    if len(cp) != len(x) or not np.isfinite(cp).all():
        return
    colour, dashes = (PROMISE, "--") if is_promise else (VERDICT, "-")
    word = "promised" if is_promise else "verified"
    axes.plot(x[: nose + 1], cp[: nose + 1], color=colour, linestyle=dashes, linewidth=1.4, label=f"upper side, {word}")
    axes.plot(x[nose:], cp[nose:], color=colour, linestyle=dashes, linewidth=0.8, label=f"lower side, {word}")


def _polar_line(axes: Axes, sweep: Flight | None, x: str, y: str, colour: str, *, band: bool) -> None:
    if sweep is None or x not in sweep.values or y not in sweep.values:
        return
    across, up = np.asarray(sweep.values[x]), np.asarray(sweep.values[y])
    axes.plot(across, up, color=colour, linewidth=1.2, alpha=0.8)
    if band and x in sweep.low:
        axes.fill_betweenx(up, sweep.low[x], sweep.high[x], color=colour, alpha=0.13, linewidth=0)
    elif band and y in sweep.low:
        axes.fill_between(across, sweep.low[y], sweep.high[y], color=colour, alpha=0.13, linewidth=0)


def _polar_points(axes: Axes, flight: Flight, x: str, y: str, colour: str, word: str, is_promise: bool) -> None:
    if x not in flight.values or y not in flight.values:
        return
    across, up = np.asarray(flight.values[x]), np.asarray(flight.values[y])
    errors: dict[str, Any] = {}
    for axis, name, value in (("xerr", x, across), ("yerr", y, up)):
        if is_promise and name in flight.low:
            errors[axis] = np.clip(
                [value - np.asarray(flight.low[name]), np.asarray(flight.high[name]) - value], 0, None
            )
    marker = "o" if is_promise else "D"
    face = "white" if is_promise else colour
    axes.errorbar(
        across,
        up,
        **errors,
        fmt=marker,
        markersize=5,
        color=colour,
        markerfacecolor=face,
        elinewidth=1,
        capsize=2,
        label=word,
    )


def _condition(problem: Problem, index: int) -> str:
    point = problem.points[index]
    asked = f"$C_L$ = {point.cl:g}" if point.cl is not None else f"α = {point.alpha:g}°"
    return f"{asked}, Re = {point.reynolds / 1e6:.3g} million"


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element without header and metadata, its ids its own."""
    with matplotlib.rc_context({"svg.hashsalt": name}):
        stream = io.StringIO()
        FigureCanvasSVG(figure).print_svg(stream)
    text = re.sub(r"<metadata>.*?</metadata>", "", stream.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)
