"""The compressible solver on its reference airfoils: forces beside published ones, and how long one case takes alone.

    OMP_NUM_THREADS=1 python benchmarks/rans.py

Each case is solved from the free stream on the grid named, coarser levels included in its time. Answers are kept in
runs/rans.json; a second run goes on behind the last one.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import cyclopts
import torch
from rich.progress import track
from support.flights import contour
from support.record import Figure, record

from understudy.datasets.whole_files import write_bytes
from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions

ANSWERS = Path("runs/rans.json")
COARSE, USUAL = (193, 49), (385, 97)


@dataclass(frozen=True)
class Reference:
    """A case with what is known of it: cl and cd as text for the table."""

    name: str
    airfoil: str
    alpha: float
    mach: float
    reynolds: float
    model: str
    grid: tuple[int, int]
    cl: str
    cd: str


REFERENCES = (
    *(
        Reference("NACA 0012, M 0.15, Re 6e6", "nasa0012", 0.0, 0.15, 6e6, "sa", grid, "0", "0.00812 to 0.00830")
        for grid in (COARSE, USUAL)
    ),
    Reference("NACA 0012, M 0.15, Re 6e6", "nasa0012", 10.0, 0.15, 6e6, "sa", COARSE, "1.0912", "0.01222"),
    Reference(
        "NACA 0012, M 0.15, Re 6e6",
        "nasa0012",
        10.0,
        0.15,
        6e6,
        "sa",
        USUAL,
        "1.0912 within 0.7 %",
        "0.01222 within 6 %",
    ),
    *(
        Reference(
            "RAE 2822, M 0.734, Re 6.5e6", "rae2822", 2.79, 0.734, 6.5e6, "sa", grid, "0.79 to 0.84", "0.0165 to 0.0205"
        )
        for grid in (COARSE, USUAL)
    ),
    *(
        Reference("NACA 0012, M 0.8", "nasa0012", 1.25, 0.8, 1e6, "euler", grid, "0.356 to 0.362", "0.0226 to 0.0230")
        for grid in (COARSE, USUAL)
    ),
)


def solved(reference: Reference) -> dict[str, float | str]:
    """Status, forces and seconds of one case alone."""
    simulator = Rans(RansOptions(model=reference.model, grid=reference.grid))
    case = AirfoilCase.of(contour(reference.airfoil)[None], reference.alpha, reference.reynolds, mach=reference.mach)
    started = time.perf_counter()
    with torch.no_grad():
        answer = simulator.predict(case)
    seconds = time.perf_counter() - started
    words: dict[str, float | str] = {"status": str(answer.status[0]), "seconds": seconds}
    return words | {name: float(answer[name][0]) for name in ("cl", "cd", "cd_friction", "cm")}


def main(*, fresh: bool = False) -> None:
    """Solve what is not solved yet, print and record.

    Args:
        fresh: forget earlier answers.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() and not fresh else {}
    figures = []
    for reference in track(REFERENCES, "solving"):
        key = f"{Rans.version} {reference}"
        if key not in known:
            known[key] = solved(reference)
            ANSWERS.parent.mkdir(exist_ok=True)
            write_bytes(ANSWERS, json.dumps(known, indent=1).encode())
        found = known[key]
        along, away = reference.grid
        what = f"{reference.name}, {reference.model}, alpha {reference.alpha:g}, {along}x{away}"
        measured = (
            f"{found['status']}: CL {found['cl']:.4f}, CD {found['cd']:.5f} (friction {found['cd_friction']:.5f})"
        )
        figures.append(Figure(what, measured, f"CL {reference.cl}, CD {reference.cd}"))
        target = "15 s" if reference.grid == COARSE else "60 s"
        figures.append(Figure("the same: time alone, to six orders", f"{found['seconds']:.1f} s", target))
    print(*figures, sep="\n")
    record("rans", "Compressible solver: reference airfoils", figures)


if __name__ == "__main__":
    cyclopts.run(main)
