"""The compressible solver beside OpenFOAM's incompressible one, on the same grids: forces, and time of one case alone.

    OMP_NUM_THREADS=1 python benchmarks/openfoam.py

Both use the model of Spalart and Allmaras and are turbulent from the nose; `rans` at Mach 0.15, where Prandtl and
Glauert expect 1.1 % more lift than at Mach 0. Its answers on every second line of the grid tell how far apart two codes
of second order may be on it. Answers are kept in runs/openfoam.json; a second run goes on behind the last one.
"""

import json
import time
from pathlib import Path

import cyclopts
import torch
from rich.progress import track
from support.record import Figure, record

from understudy.datasets.whole_files import write_bytes
from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.openfoam import OpenFoam, OpenFoamNotInstalledError, OpenFoamOptions
from understudy.simulators.airfoil.rans import Rans, RansOptions
from understudy.simulators.interface import Simulator
from understudy.simulators.shapes import airfoil

ANSWERS = Path("runs/openfoam.json")
AIRFOILS, ANGLES = ("naca0012-sharp", "naca2412-sharp", "rae2822"), (0.0, 4.0)
REYNOLDS, MACH = 6e6, 0.15
COARSE, GRID, FINE = (97, 25), (193, 49), (385, 97)
#: NACA 0012 at 10 degrees, where converged values are published: CL 1.0912 and CD 0.01222 at Mach 0.15.
PUBLISHED_AT = 10.0

Found = dict[str, float | str]


def solved(simulator: Simulator, section: str, alpha: float) -> Found:
    """Status, forces and seconds of one case alone."""
    case = AirfoilCase.of(airfoil(section).coordinates[None], alpha, REYNOLDS, mach=MACH)
    started = time.perf_counter()
    with torch.no_grad():
        answer = simulator.predict(case)
    words: Found = {"status": str(answer.status[0]), "seconds": time.perf_counter() - started}
    return words | {name: float(answer[name][0]) for name in ("cl", "cd", "cd_friction")}


def answers(section: str, alpha: float, grids: dict[str, tuple[tuple[int, int], ...]], known: dict[str, Found]) -> None:
    """Solve what is not known yet, and keep it."""
    for name, sizes in grids.items():
        for size in sizes:
            made: Simulator = Rans(RansOptions(grid=size)) if name == "rans" else OpenFoam(OpenFoamOptions(grid=size))
            key = _key(name, section, alpha, size)
            if key not in known:
                known[key] = solved(made, section, alpha)
                ANSWERS.parent.mkdir(exist_ok=True)
                write_bytes(ANSWERS, json.dumps(known, indent=1).encode())


def compared(section: str, alpha: float, known: dict[str, Found]) -> list[Figure]:
    """Forces of both, how far apart they are, and the seconds of both."""
    ours, coarse = (known[_key("rans", section, alpha, size)] for size in (GRID, COARSE))
    theirs = known[_key("openfoam", section, alpha, GRID)]
    what = f"{section}, alpha {alpha:g}, {GRID[0]}x{GRID[1]}"
    forces = f"CL {ours['cl']:.4f} and {theirs['cl']:.4f}, CD {ours['cd']:.5f} and {theirs['cd']:.5f}"
    small = abs(float(ours["cl"])) < 0.01
    lift, own_lift = ("-" if small else _apart(one["cl"], ours["cl"]) for one in (theirs, coarse))
    drag, own_drag = (_apart(one["cd"], ours["cd"]) for one in (theirs, coarse))
    return [
        Figure(f"{what}: rans and OpenFOAM", f"{ours['status']}, {theirs['status']}: {forces}"),
        Figure("OpenFOAM from rans", f"CL {lift}, CD {drag}", "CL within 2 %, CD within 6 %"),
        Figure(f"rans on {COARSE[0]}x{COARSE[1]} from its own", f"CL {own_lift}, CD {own_drag}"),
        Figure(
            "time alone, rans and OpenFOAM", f"{ours['seconds']:.1f} s, {theirs['seconds']:.1f} s", "rans no slower"
        ),
    ]


def published(known: dict[str, Found]) -> list[Figure]:
    """Both where the answer is known."""
    figures = []
    for size in (GRID, FINE):
        for name in ("rans", "openfoam"):
            found = known[_key(name, AIRFOILS[0], PUBLISHED_AT, size)]
            what = f"{AIRFOILS[0]}, alpha {PUBLISHED_AT:g}, {size[0]}x{size[1]}: {name}"
            measured = f"{found['status']}: CL {found['cl']:.4f}, CD {found['cd']:.5f}, {found['seconds']:.0f} s"
            mach = "" if name == "rans" else "; CL 1.0788 at Mach 0"
            figures.append(Figure(what, measured, f"CL 1.0912, CD 0.01222{mach}"))
    return figures


def _key(name: str, section: str, alpha: float, size: tuple[int, int]) -> str:
    return f"{name} {section} {alpha:g} {size[0]}x{size[1]}"


def _apart(one: float | str, other: float | str) -> str:
    return f"{100 * (float(one) / float(other) - 1):+.1f} %"


def main(*, fresh: bool = False) -> None:
    """Solve what is not solved yet, print and record.

    Args:
        fresh: forget earlier answers.
    """
    try:
        OpenFoam()
    except OpenFoamNotInstalledError as error:
        raise SystemExit(str(error)) from None
    torch.set_num_threads(1)
    keep_freed_memory()
    known: dict[str, Found] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() and not fresh else {}
    asked = [(section, alpha) for section in AIRFOILS for alpha in ANGLES]
    for section, alpha in track(asked, "solving"):
        answers(section, alpha, {"rans": (COARSE, GRID), "openfoam": (GRID,)}, known)
    answers(AIRFOILS[0], PUBLISHED_AT, {"rans": (GRID, FINE), "openfoam": (GRID, FINE)}, known)
    figures = [figure for section, alpha in asked for figure in compared(section, alpha, known)] + published(known)
    print(*figures, sep="\n")
    record("openfoam", "Compressible solver beside OpenFOAM", figures)


if __name__ == "__main__":
    cyclopts.run(main)
