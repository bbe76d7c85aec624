"""The pictures of a screening, as SVG text that stands in the report itself."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from understudy.design.materials.screening import Columns, Screening
from understudy.design.plots import PROMISE, START, STYLE, VERDICT, svg
from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.elements import COVALENT_RADII

SHOWN = 4000  # candidates in a cloud; more make the page heavy and the cloud no clearer
#: Colours of elements in drawings.
COLOURS = {
    "H": "#f4f4f4", "C": "#555555", "N": "#3b5bdb", "O": "#e03131", "Pt": "#7f8fd1", "Pd": "#5d8aa8", "Ir": "#355e6b",
    "Rh": "#8c6bb1", "Cu": "#c8803c", "Ag": "#a9b6c2", "Au": "#e2b93b", "Ni": "#5aa469", "Al": "#b9a6a0",
}  # fmt: skip
COMMON, EDGE, STRANGE = "#9aa1ad", "#333842", "#7d4fa0"


def volcano_picture(screening: Screening, verdicts: Columns | None) -> str:
    """How far the free energy is from the peak, for all candidates, those at the head of the list, and the verdicts."""
    columns = screening.columns
    top = screening.order[: screening.problem.top]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.0), layout="constrained")
        axes = figure.add_subplot()
        some = _some(np.flatnonzero(columns["ok"]))
        window = screening.problem.scoring.window
        axes.axvspan(-window, window, color=PROMISE, alpha=0.08, linewidth=0, label=f"within {window:g} eV of the peak")
        energy = columns["free_energy"]
        axes.scatter(
            energy[some], -np.abs(energy[some]), s=5, color=START, alpha=0.35, linewidths=0, label="candidates"
        )
        half = 0.5 * (columns["adsorption_energy_high"] - columns["adsorption_energy_low"])
        known = columns["known"][top]
        for rows, mark, colour, label in (
            (top[known], "o", PROMISE, "head of the list, promised"),
            (top[~known], "x", STRANGE, "head of the list, unknown"),
        ):
            if len(rows):
                axes.errorbar(
                    energy[rows], -np.abs(energy[rows]), xerr=half[rows], fmt=mark, markersize=5, color=colour,
                    markerfacecolor="white", elinewidth=1, capsize=2, label=label,
                )  # fmt: skip
        if verdicts is not None:
            axes.plot(
                verdicts["free_energy"], -np.abs(verdicts["free_energy"]), "D", color=VERDICT, markersize=5,
                label="verdict",
            )  # fmt: skip
        axes.set(xlabel="free energy of adsorption ΔG [eV]", ylabel="−|ΔG| [eV], activity")
        _legend(axes, columns=4)
        return svg(figure, "volcano")


def pareto_picture(screening: Screening) -> str:
    """Activity against stability; what no other slab beats, also in price, stands out."""
    columns, rows, front = screening.columns, screening.order, screening.front
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.0), layout="constrained")
        axes = figure.add_subplot()
        some = _some(rows)
        axes.scatter(
            np.abs(columns["free_energy"][some]), columns["formation_energy"][some], s=6, color=START, alpha=0.4,
            linewidths=0, label="listed slabs",
        )  # fmt: skip
        price = columns["price"][front]
        marks = axes.scatter(
            np.abs(columns["free_energy"][front]), columns["formation_energy"][front], c=price, s=26, cmap="viridis",
            edgecolors="white", linewidths=0.5, label="beaten by none in activity, stability and price",
        )  # fmt: skip
        if np.isfinite(price).any():
            figure.colorbar(marks, ax=axes, label="price of an atom over platinum's [-]", pad=0.01)
        axes.set(xlabel="|ΔG| [eV]", ylabel="formation energy [eV/atom]")
        _legend(axes, columns=2)
        return svg(figure, "pareto")


def parity_picture(verdicts: Columns) -> str:
    """What was promised of each judged candidate, with its interval, against what the simulator said."""
    true, promised = verdicts["adsorption_energy"], verdicts["promised"]
    half = 0.5 * (verdicts["promised_high"] - verdicts["promised_low"])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.4), layout="constrained")
        axes = figure.add_subplot()
        ends = np.array([np.nanmin([true, promised - half]), np.nanmax([true, promised + half])])
        ends += np.array([-0.05, 0.05]) * (ends[1] - ends[0] + 1e-3)
        axes.plot(ends, ends, color=START, linewidth=1)
        axes.errorbar(
            true, promised, yerr=half, fmt="o", markersize=5, color=PROMISE, markerfacecolor="white", elinewidth=1,
            capsize=2,
        )  # fmt: skip
        axes.set(xlabel="verdict, ΔE [eV]", ylabel="promise, ΔE [eV]", xlim=tuple(ends), ylim=tuple(ends))
        axes.set_aspect("equal")
        axes.xaxis.set_major_locator(MaxNLocator(5))  # the page is wide, these axes are not
        return svg(figure, "parity")


def structures_picture(case: SlabCase, titles: Sequence[str]) -> str:
    """Slabs from the side and from above, one column each; repeated along the surface."""
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(9.6, 3.9), layout="constrained")
        grid = figure.subplots(2, len(case), squeeze=False)
        for row, title in enumerate(titles):
            _drawn(grid[0, row], case, row, up=2)
            _drawn(grid[1, row], case, row, up=1)
            grid[0, row].set_title(title, fontsize=8)
        shown = dict.fromkeys(symbol for row in range(len(case)) for symbol in case.symbols(row))
        discs = [Line2D([], [], linestyle="", marker="o", **_face(symbol), markersize=9) for symbol in shown]
        figure.legend(discs, list(shown), loc="outside lower center", ncols=len(shown), frameon=False)
        grid[0, 0].set_ylabel("from the side")
        grid[1, 0].set_ylabel("from above")
        return svg(figure, "structures")


def _legend(axes: Axes, *, columns: int) -> None:
    """Above the axes; dots of a cloud large and dark enough to be seen alone."""
    legend = axes.legend(loc="lower center", ncols=columns, bbox_to_anchor=(0.5, 1.0), columnspacing=1.2)
    for mark in legend.legend_handles:
        if isinstance(mark, PathCollection):
            mark.set(sizes=[30], alpha=1.0)


def _face(symbol: str) -> dict[str, Any]:
    return {"markerfacecolor": COLOURS.get(symbol, COMMON), "markeredgecolor": EDGE, "markeredgewidth": 0.5}


def _drawn(axes: Axes, case: SlabCase, row: int, *, up: int) -> None:
    """Atoms as discs, those behind first; `up` is the axis that points up the page, the other one is x."""
    start, stop = case.offsets[row : row + 2].tolist()
    positions, cell = case.positions[start:stop].numpy(), case.cell[row].numpy()
    roles, symbols = case.role[start:stop].tolist(), case.symbols(row)
    repeats = max(1, round(6.0 / np.linalg.norm(cell[0])))
    shifts = [i * cell[0] + j * cell[1] for i in range(-1, repeats + 1) for j in range(-1, repeats + 1)]
    places = [(position + shift, number) for shift in shifts for number, position in enumerate(positions)]
    behind = 1 if up == 2 else 2
    places.sort(key=lambda place: -place[0][behind] if behind == 1 else place[0][behind])
    shown = [(place, number) for place, number in places if up == 2 or roles[number] != Role.BULK]
    shrunk = [0.675 if role == Role.ADSORBATE else 0.9 for role in roles]
    size = np.array([2 * shrunk[number] * COVALENT_RADII[symbols[number]] for _, number in shown])
    discs = EllipseCollection(
        size, size, np.zeros(len(shown)), units="xy", offset_transform=axes.transData,
        offsets=[(place[0], place[up]) for place, _ in shown], edgecolors=EDGE, linewidths=0.5,
        facecolors=[COLOURS.get(symbols[number], COMMON) for _, number in shown],
    )  # fmt: skip
    axes.add_collection(discs)
    width = repeats * float(np.linalg.norm(cell[0]))
    low, high = (positions[:, 2].min() - 1.8, positions[:, 2].max() + 1.8) if up == 2 else (-1.0, width)
    axes.set(xlim=(-1.0, width), ylim=(low, high), aspect="equal", xticks=[], yticks=[])


def _some(rows: np.ndarray) -> np.ndarray:
    """Evenly spread ones, if there are too many."""
    return rows[:: max(1, len(rows) // SHOWN)]
