"""Proofs of the compressible solver on airfoils: published values, orders of convergence, another simulator.

    OMP_NUM_THREADS=1 python benchmarks/rans_proofs.py               # about an hour; docs/verification.md
    OMP_NUM_THREADS=1 python benchmarks/rans_proofs.py --only case9  # one part: case9, mach, smooth, nasa, viscous

Answers are kept in runs/rans_proofs.json; a second run goes on behind the last one. Values at zero spacing are those of
a parabola through the answers on the two finest grids, as for second order.
"""

import csv
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import cyclopts
import matplotlib.figure
import torch
from matplotlib.axes import Axes
from support.flights import DATA, NASA_CHORD, Answers, Flight, Found, contour
from support.record import Figure, record

from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.panel import solve_panels
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.flow.gas import GAMMA, sonic_cp
from understudy.simulators.shapes import panel

ROOT = Path(__file__).parents[1]
PAGE, IMAGES = ROOT / "docs" / "verification.md", ROOT / "docs" / "images"
ANSWERS = Path("runs/rans_proofs.json")
GRIDS = ((97, 25), (193, 49), (385, 97), (769, 193))
USUAL = GRIDS[2]

#: RAE 2822, case 9 of AGARD AR-138: force across the chord, Mach number as measured and as computations correct it.
CASE_9 = Flight("rae2822-design", 0.734, 6.5e6, USUAL, alpha=2.79)
CN, MEASURED_MACH = 0.803, 0.730
SHOCK, CM, CD = 0.594, -0.099, 0.0168
#: SU2, RAE 2822 at 1 degree: Mach number, CL, CD. From AeroSandbox, studies/WingTransonics/data, su2.json. The drag is
#: less than the friction of a plate that is turbulent from its edge.
SU2 = ((0.60, 0.41828, 0.005687), (0.70, 0.48910, 0.005982), (0.73, 0.52333, 0.006493), (0.75, 0.56474, 0.009096))
#: The same by the older su2.csv beside it, with the model of Spalart and Allmaras and no transition.
SU2_TURBULENT = ((0.60, 0.379437, 0.009727), (0.70, 0.428591, 0.010244), (0.75, 0.479276, 0.011891))
#: NACA 0012 as NASA has it, the model of Spalart and Allmaras, grids without end: CL and CD at 10 degrees, CD at none.
NASA_CL, NASA_CD, NASA_CD_0 = 1.0912, 0.01222, (0.00812, 0.00830)
#: NACA 0012 without friction at 1.25 degrees, Vassberg and Jameson, Journal of Aircraft 47(4), 2010. They extend the
#: section until it is sharp; their unit of length is taken to be the chord before.
SMOOTH_CL, SHOCKED_CL, SHOCKED_CD = 0.180, (0.356, 0.362), (0.0226, 0.0230)
#: As many cells as 256 x 256.
SHOCKED = (513, 129)
#: Nearer to the nose the viscous simulator does not always converge.
TRIP, SECTIONS = 0.01, ("naca0012-sharp", "naca2412-sharp", "rae2822-design")


def case_9(ask: Answers) -> list[Figure]:
    """RAE 2822, case 9: at the measured force across the chord, and on three grids at a given angle."""
    figures, found = [], {}
    for mach in (MEASURED_MACH, CASE_9.mach):
        found[mach] = at_normal_force(ask, Flight("rae2822-design", mach, 6.5e6, USUAL), CN)
        figures += measured_case(mach, found[mach])
    model = at_normal_force(ask, Flight("rae2822", CASE_9.mach, 6.5e6, USUAL), CN)
    figures.append(
        Figure(
            f"the same on the ordinates of the model as measured, Mach {CASE_9.mach}",
            f"{model.status}: alpha {model.alpha:.2f}, CD {model.cd:.5f}, CM {model.cm:.4f}, "
            f"shock at {shock(model, CASE_9.mach):.3f}",
        )
    )
    draw_case_9(found)
    for flight in (CASE_9.on(grid) for grid in GRIDS[:3]):
        answer = ask(flight)
        target = "CL 0.79 to 0.84, CD 0.0165 to 0.0205" if flight.grid == USUAL else "-"
        what = f"alpha 2.79, Mach 0.734, {flight.size}"
        measured = f"{forces(answer)}, CM {answer.cm:.4f}, shock at {shock(answer, flight.mach):.3f}"
        figures.append(Figure(what, measured, target))
    return figures


def at_normal_force(ask: Answers, flight: Flight, wanted: float) -> Found:
    """The answer at a force across the chord, whose lift comes from angle and drag on the grid half as fine."""
    coarse = ask(Flight(flight.airfoil, flight.mach, flight.reynolds, GRIDS[1], cl=wanted))
    angle = math.radians(coarse.alpha)
    lift = (wanted - coarse.cd * math.sin(angle)) / math.cos(angle)
    return ask(Flight(flight.airfoil, flight.mach, flight.reynolds, flight.grid, cl=round(lift, 6)))


def measured_case(mach: float, found: Found) -> list[Figure]:
    """Beside the experiment."""
    place = shock(found, mach)
    what = f"CN {CN}, Mach {mach:.3f}, {USUAL[0]}x{USUAL[1]}"
    return [
        Figure(f"{what}: CN reached", f"{found.status}: {found.cn:.4f} at {found.alpha:.2f} degrees", f"{CN}"),
        Figure("the same: shock, from the experiment's", f"{place:.3f}, {place - SHOCK:+.3f} chord", "within 0.02"),
        Figure("the same: CD, CM", f"{found.cd:.5f}, {found.cm:.4f}", f"experiment {CD}, {CM}"),
        Figure("the same: cp from the experiment's, rms", f"{cp_apart(found):.3f}"),
    ]


def shock(found: Found, mach: float) -> float:
    """Where the flow on the upper side falls below the speed of sound for the last time [chord]."""
    x, cp = upper(found)
    sonic = sonic_cp(mach)
    last = max((k for k in range(len(x) - 1) if cp[k] < sonic <= cp[k + 1]), default=None)
    if last is None:
        return math.nan
    share = (sonic - cp[last]) / (cp[last + 1] - cp[last])
    return x[last] + share * (x[last + 1] - x[last])


def upper(found: Found) -> tuple[list[float], list[float]]:
    """Places and cp of the upper side, from the nose on."""
    half = len(found.x) // 2
    return found.x[half:], found.cp[half:]


def experiment() -> dict[str, tuple[list[float], list[float]]]:
    """Places and cp of both sides, from the nose on."""
    with (DATA / "rae2822_case9_cp.csv").open() as file:
        rows = [(row["surface"], float(row["x_c"]), float(row["cp"])) for row in csv.DictReader(file)]
    sides = {}
    for name in ("upper", "lower"):
        points = sorted((x, cp) for side, x, cp in rows if side == name)
        sides[name] = [x for x, _ in points], [cp for _, cp in points]
    return sides


def cp_apart(found: Found) -> float:
    """Root mean square of the difference in cp at the holes of the experiment."""
    half, squares = len(found.x) // 2, []
    sides = {"upper": upper(found), "lower": (found.x[half - 1 :: -1], found.cp[half - 1 :: -1])}
    for name, (places, measured) in experiment().items():
        x, cp = (torch.tensor(values, dtype=torch.float64) for values in sides[name])
        wanted = torch.tensor(places, dtype=torch.float64)
        after = torch.searchsorted(x, wanted).clamp(1, len(x) - 1)
        share = (wanted - x[after - 1]) / (x[after] - x[after - 1])
        ours = cp[after - 1] + share * (cp[after] - cp[after - 1])
        squares.append((ours - torch.tensor(measured, dtype=torch.float64)).square())
    return float(torch.cat(squares).mean().sqrt())


def draw_case_9(found: dict[float, Found]) -> None:
    """Pressures over those of the experiment."""
    picture, axis = _picture()
    for (mach, answer), style in zip(found.items(), ("--", "-"), strict=True):
        label = f"Mach {mach:.3f}, {answer.alpha:.2f} deg, CD {answer.cd:.4f}"
        axis.plot(answer.x, answer.cp, style, color="C0", linewidth=1.2, label=label)
    for marker, (side, (x, cp)) in zip("ov", experiment().items(), strict=True):
        axis.plot(x, cp, marker, color="k", markersize=3.5, fillstyle="none", label=f"experiment, {side} side")
    axis.axhline(sonic_cp(CASE_9.mach), color="0.5", linewidth=0.8, linestyle=":")
    axis.annotate("speed of sound", (1.0, sonic_cp(CASE_9.mach)), (0, 3), textcoords="offset points", ha="right")
    axis.invert_yaxis()
    axis.set_xlabel("x [chord]")
    axis.set_ylabel("pressure coefficient [-]")
    axis.set_title(f"RAE 2822, case 9: CN {CN}, Re 6.5 million, {USUAL[0]}x{USUAL[1]}")
    axis.legend(frameon=False, fontsize=8, loc="lower center")
    picture.savefig(IMAGES / "rae2822_case9.png", dpi=110)


def mach_series(ask: Answers) -> list[Figure]:
    """RAE 2822 at 1 degree from Mach 0.60 to 0.75, beside two series by SU2."""
    answers = {mach: ask(Flight("rae2822-design", mach, 6.5e6, USUAL, alpha=1.0)) for mach, _, _ in SU2}
    figures = []
    for mach, cl, cd in SU2:
        found = answers[mach]
        asked = "CL within 1.5 %" + (", CD within 6 %" if mach <= 0.73 else "")
        words = (
            f"{forces(found)} (friction {found.cd_friction:.5f}): CL {apart(found.cl, cl)}, CD {apart(found.cd, cd)}"
        )
        figures.append(Figure(f"Mach {mach:.2f}: from SU2's CL {cl:.4f}, CD {cd:.5f}", words, asked))
    for mach, cl, cd in SU2_TURBULENT:
        words = f"CL {apart(answers[mach].cl, cl)}, CD {apart(answers[mach].cd, cd)}"
        figures.append(Figure(f"Mach {mach:.2f}: from its CL {cl:.4f}, CD {cd:.5f} without transition", words))
    picture, (left, right) = _picture(2)
    for axis, name, column in ((left, "cl", 1), (right, "cd", 2)):
        for label, marker, rows in (("SU2", "s", SU2), ("SU2 without transition", "D", SU2_TURBULENT)):
            places, values = [row[0] for row in rows], [row[column] for row in rows]
            axis.plot(places, values, f"k:{marker}", fillstyle="none", label=label)
        values = [getattr(found, name) for found in answers.values()]
        axis.plot(list(answers), values, "o-", markersize=4, label=f"rans, {_size(USUAL)}")
        axis.set_xlabel("Mach number [-]")
        axis.legend(frameon=False, fontsize=8)
    left.set_ylabel("lift coefficient [-]")
    right.set_ylabel("drag coefficient [-]")
    picture.suptitle("RAE 2822, 1 deg, Re 6.5 million")
    picture.savefig(IMAGES / "rae2822_mach_series.png", dpi=110)
    return figures


def smooth(ask: Answers) -> list[Figure]:
    """NACA 0012 without friction: at Mach 0.5, where there is no drag, and at Mach 0.8."""
    flights = [Flight("nasa0012", 0.5, 1e6, grid, alpha=1.25, model="euler") for grid in GRIDS]
    answers = [ask(flight) for flight in flights]
    figures = [
        Figure(f"Mach 0.5, alpha 1.25, {flight.size}", forces(found, 6), "CD 0")
        for flight, found in zip(flights, answers, strict=True)
    ]
    orders = [math.log2(abs(one.cd / two.cd)) for one, two in pairwise(answers)]
    lift = at_zero([one.cl for one in answers])
    figures += [
        Figure("the same: order of the drag from grid to grid", ", ".join(f"{order:.2f}" for order in orders), "2"),
        Figure("the same: CL at zero spacing", f"{lift:.4f}"),
        Figure("the same, from that of the panel method corrected by Kaplan's rule", apart(lift, kaplan_lift(0.5))),
        Figure(
            "the same with the chord before it was made sharp, as the reference",
            f"{lift * NASA_CHORD:.4f}, {apart(lift * NASA_CHORD, SMOOTH_CL)}",
            f"{SMOOTH_CL} within 1 %",
        ),
    ]
    for grid in (*GRIDS[1:3], SHOCKED):
        found = ask(Flight("nasa0012", 0.8, 1e6, grid, alpha=1.25, model="euler"))
        figures.append(Figure(f"Mach 0.8, alpha 1.25, {_size(grid)}", f"{forces(found)}, CM {found.cm:.4f}"))
    figures.append(
        Figure(
            "the same with the chord before it was made sharp, as the reference",
            f"CL {found.cl * NASA_CHORD:.4f}, CD {found.cd * NASA_CHORD:.5f}",
            "CL {} to {}, CD {} to {}".format(*SHOCKED_CL, *SHOCKED_CD),
        )
    )
    picture, axis = _picture()
    count = [flight.cells for flight in flights]
    drags = [abs(found.cd) for found in answers]
    axis.loglog(count, drags, "o-", label="rans")
    axis.loglog(count, [drags[-1] * count[-1] / cells for cells in count], "k--", label="second order")
    axis.set_xlabel("nodes along and away from the body [-]")
    axis.set_ylabel("size of the drag coefficient, exactly 0 [-]")
    axis.set_title("NACA 0012 without friction, Mach 0.5, 1.25 deg")
    axis.set_xticks(count, [flight.size for flight in flights], minor=False)
    axis.minorticks_off()
    axis.legend(frameon=False)
    picture.savefig(IMAGES / "naca0012_euler.png", dpi=110)
    return figures


def kaplan_lift(mach: float) -> float:
    """Lift at 1.25 degrees by the panel method and Kaplan's rule for elliptic cylinders (NACA Report 834, 1946)."""
    shape = contour("nasa0012")
    speed = solve_panels(shape[None]).gamma(torch.tensor([1.25], dtype=torch.float64))[0]
    steps = shape.diff(dim=0).norm(dim=1)
    slow = float((steps * (speed[1:] + speed[:-1])).sum())  # twice the circulation
    thickness = float(shape[:, 1].max() - shape[:, 1].min())
    glauert = (1 - mach**2) ** -0.5
    second = glauert * (glauert - 1) + 0.25 * (GAMMA + 1) * (glauert**2 - 1) ** 2
    return slow * (glauert + thickness / (1 + thickness) * second)


def nasa(ask: Answers) -> list[Figure]:
    """NACA 0012 as NASA has it, at 0 and 10 degrees, on four grids."""
    figures, series = [], {}
    for alpha in (0.0, 10.0):
        answers = series[alpha] = [ask(Flight("nasa0012", 0.15, 6e6, grid, alpha=alpha)) for grid in GRIDS]
        for grid, found in zip(GRIDS, answers, strict=True):
            figures.append(Figure(f"alpha {alpha:g}, {_size(grid)}", *_beside_nasa(alpha, grid, found)))
        drag = at_zero([found.cd for found in answers])
        if alpha:
            lift = at_zero([found.cl for found in answers])
            words = f"CL {lift:.4f}, CD {drag:.5f}: {apart(lift, NASA_CL)}, {apart(drag, NASA_CD)}"
            figures.append(Figure(f"alpha {alpha:g}, at zero spacing", words, f"CL {NASA_CL}, CD {NASA_CD}"))
        else:
            target = "CD {:.5f} to {:.5f}".format(*NASA_CD_0)
            figures.append(Figure(f"alpha {alpha:g}, at zero spacing", f"CD {drag:.5f}", target))
    draw_nasa(series)
    return figures


def _beside_nasa(alpha: float, grid: tuple[int, int], found: Found) -> tuple[str, str]:
    """What was measured, and what it should be."""
    if not alpha:
        target = "CD {:.5f} to {:.5f}".format(*NASA_CD_0) if grid == USUAL else "-"
        return f"{forces(found)} (friction {found.cd_friction:.5f})", target
    words = f"{forces(found)} (friction {found.cd_friction:.5f}), CM {found.cm:.4f}"
    target = {USUAL: "CL within 0.7 %, CD within 6 %", GRIDS[3]: "CL within 0.4 %, CD within 1.5 %"}.get(grid, "-")
    return f"{words}: CL {apart(found.cl, NASA_CL)}, CD {apart(found.cd, NASA_CD)}", target


def draw_nasa(series: dict[float, Sequence[Found]]) -> None:
    """Forces over the square of the spacing, with what NASA's codes tend to."""
    picture, (left, right) = _picture(2)
    spacing = [1e4 / ((along - 1) * (away - 1)) for along, away in GRIDS]
    left.plot(spacing, [found.cl for found in series[10.0]], "o-", label="10 deg")
    left.plot([0], [NASA_CL], "k*", markersize=9, clip_on=False, label="NASA, zero spacing")
    for colour, (alpha, answers) in zip(("C1", "C0"), series.items(), strict=True):
        right.plot(spacing, [found.cd for found in answers], "o-", color=colour, label=f"{alpha:g} deg")
    right.plot([0], [NASA_CD], "k*", markersize=9, clip_on=False, label="NASA, zero spacing")
    right.plot([0, 0], NASA_CD_0, "k-", linewidth=4, clip_on=False, label="NASA, seven codes, 897x257")
    for axis, name in ((left, "lift"), (right, "drag")):
        axis.set_xlim(0, 1.05 * spacing[0])
        axis.set_xlabel("1 / number of cells [1e-4]")
        axis.set_ylabel(f"{name} coefficient [-]")
        axis.legend(frameon=False, fontsize=8)
    picture.suptitle("NACA 0012, Mach 0.15, Re 6 million, " + ", ".join(_size(grid) for grid in reversed(GRIDS)))
    picture.savefig(IMAGES / "naca0012_nasa.png", dpi=110)


def beside_viscous(ask: Answers) -> list[Figure]:
    """Three sections at 0 and 4 degrees beside the viscous simulator, tripped at the nose."""
    figures = []
    for name in SECTIONS:
        for alpha in (0.0, 4.0):
            found = ask(Flight(name, 0.15, 6e6, USUAL, alpha=alpha))
            shape = panel(contour(name)[None])
            case = AirfoilCase.of(shape, alpha, 6e6, mach=0.15, trip_top=TRIP, trip_bottom=TRIP)
            with torch.no_grad():
                other = ViscousSimulator().predict(case)
            cl, cd = (float(other[key][0]) for key in ("cl", "cd"))
            lift = f"CL {apart(found.cl, cl)}, " if abs(cl) > 0.01 else ""
            words = f"{forces(found)}; {other.status[0]}: CL {cl:.4f}, CD {cd:.5f}; {lift}CD {apart(found.cd, cd)}"
            figures.append(Figure(f"{name}, alpha {alpha:g}: rans; viscous; rans from it", words, "CD within 6 %"))
    return figures


def forces(found: Found, places: int = 5) -> str:
    """Status, lift and drag in words."""
    return f"{found.status}: CL {found.cl:.4f}, CD {found.cd:.{places}f}"


def at_zero(values: Sequence[float]) -> float:
    """What second order tends to, from the two finest grids."""
    return values[-1] + (values[-1] - values[-2]) / 3


def apart(one: float, other: float) -> str:
    """By how many per cent one is above the other."""
    return f"{100 * (one / other - 1):+.2f} %"


def _size(grid: tuple[int, int]) -> str:
    return f"{grid[0]}x{grid[1]}"


def _picture(columns: int = 1) -> tuple[matplotlib.figure.Figure, Axes]:
    """A figure with its axes."""
    picture = matplotlib.figure.Figure(figsize=(6 if columns == 1 else 8, 4), layout="constrained")
    axes = picture.subplots(1, columns)
    for axis in [axes] if columns == 1 else axes:
        axis.grid(linewidth=0.3)
    return picture, axes


PARTS: dict[str, tuple[str, Callable[[Answers], list[Figure]]]] = {
    "case9": ("Compressible solver: RAE 2822, case 9", case_9),
    "mach": ("Compressible solver: RAE 2822 at 1 degree beside SU2", mach_series),
    "smooth": ("Compressible solver: NACA 0012 without friction", smooth),
    "nasa": ("Compressible solver: NACA 0012 of the Turbulence Modeling Resource", nasa),
    "viscous": (
        "Compressible solver beside the viscous simulator",
        beside_viscous,
    ),
}


def main(*, only: str = "", fresh: bool = False) -> None:
    """Solve what is not solved yet, print and record.

    Args:
        only: one part.
        fresh: forget earlier answers.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    ask = Answers(ANSWERS, fresh=fresh)
    for name, (heading, part) in PARTS.items():
        if only in ("", name):
            print(record(f"rans_{name}", heading, part(ask), page=PAGE))


if __name__ == "__main__":
    cyclopts.run(main)
