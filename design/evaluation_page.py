"""How far to trust a surrogate, as pictures: one HTML page that needs nothing else.

Of each quantity: promise against truth with the intervals, observed against promised coverage, and error against the
width that was claimed.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from understudy.datasets.whole_files import write_bytes
from understudy.design.page import figures, page, section, table
from understudy.design.plots import PROMISE, START, STYLE, VERDICT, svg
from understudy.simulators.quantities import QUANTITIES, Quantity
from understudy.surrogate.evaluation import LEVELS, Comparison, Report, slabs_told
from understudy.surrogate.learning_curve import Learnt

SHOWN, WITH_INTERVALS = 2000, 250  # cases in a cloud; more make the page heavy and the cloud no clearer
DECADE = 10  # of widths, from which on they are drawn by their logarithms
TICKS = 4  # on an axis, at most: more run into each other where numbers are long
FAINT = 60  # cases from which on marks are small and intervals faint


def write_evaluation(report: Report, path: Path, *, title: str, told: str, curve: Sequence[Learnt] = ()) -> None:
    """Write the page.

    Args:
        title: what was evaluated. told: by whom and on which data, one line each.

    Rarely needed:
        curve: errors against the rows that were learnt from.
    """
    write_bytes(path, evaluation_page(report, title=title, told=told, curve=curve).encode())


def evaluation_page(report: Report, *, title: str, told: str, curve: Sequence[Learnt] = ()) -> str:
    """The text of the page; arguments as in `write_evaluation`."""
    shown = next(iter(report.cases))
    sections = [
        f"<h1>{escape(title)}</h1>",
        figures(_numbers(report, shown)),
        *(
            section(_heading(name), trust_picture(name, one), _NOTE if place == 0 else "")
            for place, (name, one) in enumerate(report.comparisons.items())
        ),
        *([section("Would more data help?", curve_picture(curve), _CURVE_NOTE)] if curve else []),
        section("All ranges", _table(report), _table_note(report)),
        section("What was compared", f"<pre>{escape(told)}</pre>"),
    ]
    return page(title, sections)


def trust_picture(name: str, compared: Comparison) -> str:
    """Promise against truth, observed against promised coverage, and error against claimed width, side by side."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.2), layout="constrained")
        parity, coverage, width = figure.subplots(1, 3)
        quantity = QUANTITIES[name]
        _parity(parity, compared, quantity)
        _coverage(coverage, compared)
        _width(width, compared, quantity)
        return svg(figure, f"trust-{name}")


def curve_picture(curve: Sequence[Learnt]) -> str:
    """Error on unseen cases against the rows that one network learnt from, each number on axes of its own."""
    names = list(curve[0].errors)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.8), layout="constrained")
        rows = [point.rows for point in curve]
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            errors = [point.errors[name] for point in curve]
            axes.loglog(rows, errors, "o-", color=PROMISE, markersize=5)
            axes.set(xlabel="rows learnt from", ylabel=f"mean error, {_number_named(name)}")
            axes.set_xticks(rows, [f"{count:,}" for count in rows])
            axes.minorticks_off()
            axes.yaxis.set_major_formatter("{x:.2g}")
            axes.set_yticks(sorted({min(errors), max(errors)}))
        return svg(figure, "learning-curve")


_CURVE_NOTE = (
    "One network each, as many steps for all, tested on the same unseen cases. An ensemble is a little better than one "
    "network. Where the line still falls, more data help; where it is flat, they do not."
)
_NOTE = (
    "Left: bars are the intervals. Middle: the intervals made narrower or wider, as errors after Student's t ask for; "
    "above the diagonal they are wider than they need be, below it too narrow. Right: above the line the truth lay "
    "outside the interval; a surrogate that knows where it errs has its large errors on the right."
)
_LOGARITHM = "Errors of C_D are those of its logarithm. "
_TABLE_NOTE = (
    "Coverage: share of truths inside their interval. Width: median of half "
    "the interval. Spearman: rank correlation of width and error. Flagged: unlike what was trained on."
)


def _table_note(report: Report) -> str:
    """What of it holds for what was compared."""
    untold = f" {report.note}." if report.note else ""
    return (_LOGARITHM if "cd" in report.comparisons else "") + _TABLE_NOTE + untold


def _numbers(report: Report, shown: str) -> list[tuple[str, str]]:
    slabs = report.on_slabs(shown, next(iter(report.accuracy[shown])))
    numbers = [(f"{report.cases[shown]:,}", f"cases: {shown}{slabs}")]
    for name, row in report.accuracy[shown].items():
        numbers.append((f"{row.mean:.2g}", f"mean error, {_error_of(QUANTITIES[name], name == 'cd', plain=True)}"))
    return numbers


def _heading(name: str) -> str:
    words = name.replace("_", " ") if QUANTITIES[name].unit.startswith("eV") else QUANTITIES[name].description
    return words[:1].upper() + words[1:]


def _table(report: Report) -> str:
    rows = [
        [
            shown,
            f"{report.cases[shown]:,}{report.on_slabs(shown, name)}",
            f"{report.flagged[shown]:.1%}",
            f"{QUANTITIES[name].symbol} [{QUANTITIES[name].unit}]",
            *(f"{number:.4f}" for number in (row.mean, row.median, row.p95)),
            row.told[0],
            f"{row.width:.4f}",
            row.told[1],
        ]
        for shown, quantities in report.accuracy.items()
        for name, row in quantities.items()
    ]
    head = ["Range", "Cases", "Flagged", "Quantity", "Mean error", "Median", "95 %", "Coverage", "Width", "Spearman"]
    return table(head, rows)


def _parity(axes: Axes, compared: Comparison, quantity: Quantity) -> None:
    some = _spread(len(compared.truth), WITH_INTERVALS)
    truth, value, low, high = (
        _numpy(column)[some] for column in (compared.truth, compared.value, compared.low, compared.high)
    )
    ends = np.array([min(truth.min(), low.min()), max(truth.max(), high.max())])
    ends += np.array([-0.04, 0.04]) * max(ends[1] - ends[0], 1e-6)
    few = len(some) < FAINT
    bars = (*_rgb(PROMISE), 0.9 if few else 0.3)
    axes.plot(ends, ends, color=START, linewidth=1)
    axes.errorbar(
        truth, value, yerr=np.clip([value - low, high - value], 0, None), fmt="o", color=PROMISE, ecolor=bars,
        markersize=4 if few else 2, markerfacecolor="white" if few else PROMISE, elinewidth=1,
        label=f"{100 * compared.coverage:.0f} % intervals",
    )  # fmt: skip
    told = f"{_symbol(quantity)} [{quantity.unit}]"
    axes.set(xlabel=f"simulator, {told}", ylabel=f"surrogate, {told}", xlim=tuple(ends), ylim=tuple(ends))
    axes.set_box_aspect(1)
    axes.locator_params(nbins=TICKS)
    axes.legend(loc="lower center", fontsize=8, bbox_to_anchor=(0.5, 1.0))  # inside it lies on bars that are long


def _coverage(axes: Axes, compared: Comparison) -> None:
    levels, observed = (0.0, *LEVELS, 1.0), (0.0, *compared.observed, 1.0)
    axes.plot([0, 1], [0, 1], color=START, linewidth=1)
    axes.set(xlabel="promised coverage [-]", ylabel="observed coverage [-]", xlim=(0, 1), ylim=(0, 1.15))
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_box_aspect(1)
    if compared.few:
        axes.text(0.5, 1.05, f"too few to tell: {slabs_told(compared.slabs or 0)}", ha="center", fontsize=8)
        return
    axes.fill_between(levels, levels, observed, color=PROMISE, alpha=0.15, linewidth=0)
    area = f"miscalibration area {compared.miscalibration:.3f}"
    axes.plot(levels, observed, color=PROMISE, linewidth=1.6, label=area)
    promised = min(range(len(LEVELS)), key=lambda place: abs(LEVELS[place] - compared.coverage))
    axes.plot(LEVELS[promised], compared.observed[promised], "D", color=VERDICT, markersize=5, clip_on=False)
    axes.legend(loc="upper left", fontsize=8)


def _width(axes: Axes, compared: Comparison, quantity: Quantity) -> None:
    some = _spread(len(compared.truth), SHOWN)
    width, error = _numpy(compared.half_width)[some], _numpy(compared.error)[some]
    far = width.max() > DECADE * width.min() > 0
    if far:
        error = np.clip(error, 1e-3 * np.median(width), None)  # a logarithm needs something
        axes.set(xscale="log", yscale="log")
    few = len(some) < FAINT
    axes.scatter(
        width, error, s=16 if few else 8, color=PROMISE, alpha=0.8 if few else 0.45, linewidths=0,
        label=f"Spearman {compared.accuracy().told[1]}",
    )  # fmt: skip
    margin = 0.05 * (width.max() - width.min()) + 1e-3 * width.max()
    ends = (0.8 * width.min(), 1.25 * width.max()) if far else (width.min() - margin, width.max() + margin)
    axes.plot(ends, ends, color=START, linewidth=1, label="half-width")
    axes.set(xlim=ends, ylim=(None if far else 0.0, (6 if far else 1.25) * max(error.max(), ends[1])))  # for the legend
    told = _error_of(quantity, compared.logarithmic)
    half = f"half of the {100 * compared.coverage:.0f} % interval"
    axes.set(xlabel=f"{half}, {told}", ylabel=f"error, {told}")
    axes.set_box_aspect(1)
    if not far:
        axes.locator_params(nbins=TICKS)
    axes.legend(loc="upper left", fontsize=8, ncols=2)


def _error_of(quantity: Quantity, logarithmic: bool, *, plain: bool = False) -> str:
    """What an error is of, with its unit."""
    symbol = quantity.symbol if plain else _symbol(quantity)
    return f"ln {symbol} [-]" if logarithmic else f"{symbol} [{quantity.unit}]"


def _number_named(name: str) -> str:
    """Of the numbers that networks learn: the drag is learnt as its logarithm, both transitions as one."""
    plain = {"ln_cd": "cd", "xtr": "xtr_top"}.get(name, name)
    return _error_of(QUANTITIES[plain], name == "ln_cd")


def _symbol(quantity: Quantity) -> str:
    """With its index set low."""
    letter, _, index = quantity.symbol.partition("_")
    return f"${letter}_{{{index}}}$" if index else letter


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return red, green, blue


def _numpy(values: Tensor) -> np.ndarray:
    return np.asarray(values.cpu().numpy())


def _spread(count: int, most: int) -> np.ndarray:
    """Evenly spread numbers below a count, at most so many."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
