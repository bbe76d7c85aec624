"""The polar of one airfoil as text, as a picture, and in the file format of XFOIL."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy import __version__
from understudy.aligned import aligned
from understudy.datasets.whole_files import replacing, write_bytes
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.xfoil.surface import friction_drag
from understudy.simulators.interface import Answer, Predictor, Simulator, Solution, Status

SHOWN = ("cl", "cd", "cm")
TRANSITION = ("xtr_top", "xtr_bottom")
_DIGITS = {"alpha": 3, "cl": 4, "cd": 5, "cm": 4, "xtr_top": 3, "xtr_bottom": 3}


@dataclass(frozen=True, eq=False)
class Polar:
    """One airfoil at many angles or lift coefficients in one stream, and the answer of `who`.

    airfoil: its name. who: title of the predictor. alpha: angles [deg], found where the lift was prescribed.
    """

    airfoil: str
    who: str
    case: AirfoilCase
    answer: Answer

    @property
    def alpha(self) -> np.ndarray:
        """Angles of attack [deg], NaN where a lift could not be reached."""
        found = self.answer.values.get("alpha", self.case.alpha)
        return torch.where(self.case.lift_prescribed, found, self.case.alpha).detach().numpy()

    @property
    def answered(self) -> np.ndarray:
        """Mask of the points that were answered."""
        return np.array([status is Status.OK for status in self.answer.status])

    @property
    def shown(self) -> tuple[str, ...]:
        """Quantities that are told: transition only of those who know of it."""
        return (*SHOWN, *(name for name in TRANSITION if name in self.answer.values))

    def column(self, name: str) -> np.ndarray:
        """A quantity at every point; NaN where the answerer lacks it or did not answer."""
        values = self.answer.values.get(name)
        return np.full(len(self.answer), np.nan) if values is None else values.detach().numpy()

    def interval(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Ends of the interval of a quantity at every point; None where the answerer gives none."""
        low, high = getattr(self.answer, "low", {}), getattr(self.answer, "high", {})
        return (low[name].detach().numpy(), high[name].detach().numpy()) if name in low else None


def polar(
    who: Predictor, airfoil: str, case: AirfoilCase, progress: Callable[[int, int], Any] = lambda done, total: None
) -> Polar:
    """What a predictor answers to one airfoil in many conditions; points that fail are kept with their sentence.

    progress: told how many points are answered, and of how many, where a simulator answers some at a time.
    """
    with torch.no_grad():
        if not isinstance(who, Simulator) or len(case) < who.at_once:
            return Polar(airfoil, who.title, case, who.predict(case))
        answers: list[Solution] = []
        for done, part in enumerate(case.chunks(who.at_once)):
            progress(done * who.at_once, len(case))
            answers.append(who.predict(part))
        progress(len(case), len(case))
        return Polar(airfoil, who.title, case, Solution.joined(answers))


def text(found: Polar) -> str:
    """The polar for people: one line a point, each number with half the width of its interval where there is one."""
    if len(found.answer) == 1:
        return _one_point(found)
    titles = {"alpha": "alpha", "cl": "CL", "cd": "CD", "cm": "CM", "xtr_top": "xtr top", "xtr_bottom": "xtr bottom"}
    table = [[f"{titles['alpha']} [deg]", *(titles[name] for name in found.shown), ""]]
    alpha = found.alpha
    for row, status in enumerate(found.answer.status):
        if status is not Status.OK:
            asked = f"{alpha[row]:.3f}" if np.isfinite(alpha[row]) else f"CL {float(found.case.cl[row]):.4g}"
            table.append([asked, *[""] * len(found.shown), found.answer.ending(row)])
            continue
        cells = [_cell(found, name, row) for name in found.shown]
        table.append([f"{alpha[row]:.3f}", *cells, _flag(found, row)])
    return "\n".join([*aligned(table), *_legend(found)]) + "\n"


def write_xfoil_polar(found: Polar, path: Path) -> None:
    """Write the answered points as XFOIL saves a polar, for the programs that read such files.

    The pressure drag CDp is the drag less the friction on the surface where the answerer does not give it. Transition
    stands at 0, the nose, where the answerer knows of none.
    """
    case = found.case
    top, bottom = float(case.trip_top[0]), float(case.trip_bottom[0])
    mach, millions, n_crit = float(case.mach[0]), float(case.reynolds[0]) / 1e6, float(case.n_crit[0])
    lines = [
        "  ",
        f"       {f'understudy {found.who}':<22s}Version {__version__}",
        "  ",
        f" Calculated polar for: {found.airfoil[:48]:<48s}",
        "  ",
        " 1 1 Reynolds number fixed          Mach number fixed         ",
        "  ",
        f" xtrf = {top:7.3f} (top)      {bottom:7.3f} (bottom)  ",
        f" Mach = {mach:7.3f}     Re = {millions:9.3f} e 6     Ncrit = {n_crit:7.3f}",
        "  ",
        "   alpha    CL        CD       CDp       CM     Top_Xtr  Bot_Xtr",
        "  ------ -------- --------- --------- -------- -------- --------",
    ]
    columns = [found.alpha, *(found.column(name) for name in ("cl", "cd")), _pressure_drag(found)]
    columns += [found.column(name) for name in ("cm", "xtr_top", "xtr_bottom")]
    for row in np.flatnonzero(found.answered):
        alpha, cl, cd, cdp, cm, xtr_top, xtr_bottom = (float(np.nan_to_num(column[row])) + 0.0 for column in columns)
        lines.append(f"{alpha:8.3f}{cl:9.4f}{cd:10.5f}{cdp:10.5f}{cm:9.4f}{xtr_top:9.4f}{xtr_bottom:9.4f}")
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def plot(found: Polar, path: Path) -> None:
    """Draw lift, moment and transition against the angle and the lift against the drag, with intervals as bands."""
    import matplotlib.figure  # takes a second, and most polars are only printed

    known = found.answered
    panels = [("alpha", "cl"), ("cd", "cl"), ("alpha", "cm")]
    if "xtr_top" in found.shown:
        panels.append(("alpha", "xtr_top"))
    rows = len(panels) // 2  # three side by side, four in a square
    figure = matplotlib.figure.Figure(figsize=(10, 3.5 * rows), layout="constrained")
    axes = figure.subplots(rows, len(panels) // rows).ravel()
    labels = {"alpha": "α [deg]", "cl": "$C_L$", "cd": "$C_D$", "cm": "$C_M$", "xtr_top": "transition, x/c"}
    for axis, (across, up) in zip(axes, panels, strict=True):
        names = TRANSITION if up == "xtr_top" else (up,)
        for name in names:
            x = (found.alpha if across == "alpha" else found.column(across))[known]
            y = found.column(name)[known]
            (line,) = axis.plot(x, y, marker=".", linewidth=1.2, label=name.removeprefix("xtr_"))
            band = found.interval(name if across == "alpha" else across)
            if band is not None:
                fill = axis.fill_between if across == "alpha" else axis.fill_betweenx
                low, high = band
                fill(x if across == "alpha" else y, low[known], high[known], color=line.get_color(), alpha=0.2)
        if len(names) > 1:
            axis.legend(frameon=False)
        axis.set_xlabel(labels[across])
        axis.set_ylabel(labels[up])
        axis.grid(linewidth=0.3)
        axis.locator_params(axis="x", nbins=5)
    mach = float(found.case.mach[0])
    stream = f"Re = {float(found.case.reynolds[0]):.3g}" + (f", M = {mach:.3g}" if mach else "")
    figure.suptitle(f"{found.airfoil}, {stream}, by {found.who}")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, format=path.suffix.removeprefix(".") or "png")


def _one_point(found: Polar) -> str:
    name_of = {"cl": "CL", "cd": "CD", "cm": "CM", "xtr_top": "transition top", "xtr_bottom": "transition bottom"}
    lines = [f"{'alpha [deg]':<20}{found.alpha[0]:>10.3f}"]
    for name in found.shown:
        line = f"{name_of[name]:<20}{_number(found.column(name)[0], name):>10}"
        band = found.interval(name)
        if band is not None:
            line += f"   {_number(band[0][0], name)} .. {_number(band[1][0], name)}"
        lines.append(line)
    return "\n".join([*lines, *_legend(found)]) + "\n"


def _legend(found: Polar) -> list[str]:
    if not hasattr(found.answer, "coverage"):
        return []
    lines = [f"(intervals that hold {found.answer.coverage:.0%} of the simulator's answers)"]
    strangers = int((~found.answer.known.numpy() & found.answered).sum())  # type: ignore[attr-defined]
    if strangers:
        which = "this case lies" if len(found.answer) == 1 else f"{strangers} points (marked ?) lie"
        lines.append(f"{which} outside what the surrogate was trained on: the intervals promise nothing there")
    return lines


def _cell(found: Polar, name: str, row: int) -> str:
    value, band = _number(found.column(name)[row], name), found.interval(name)
    if band is None or not value:
        return value
    return f"{value} ± {_number(0.5 * (band[1][row] - band[0][row]), name)}"


def _flag(found: Polar, row: int) -> str:
    known = getattr(found.answer, "known", None)
    return "" if known is None or bool(known[row]) else "?"


def _number(value: float, name: str) -> str:
    return f"{value:.{_DIGITS[name]}f}" if np.isfinite(value) else ""


def _pressure_drag(found: Polar) -> np.ndarray:
    given = found.column("cd_pressure")
    if not {"cf", "edge_speed"} <= set(found.answer.values):
        return np.nan_to_num(given)
    nodes = getattr(found.answer, "coordinates", found.case.coordinates).detach().numpy()
    cf, speed = found.column("cf"), found.column("edge_speed")
    for row in np.flatnonzero(found.answered & ~np.isfinite(given)):
        stagnation = int(np.argmin(speed[row])) + 1
        given[row] = found.column("cd")[row] - friction_drag(nodes[row], cf[row], float(found.alpha[row]), stagnation)
    return given
