"""The compressible solver on its reference airfoils: forces beside published ones, and how long one case takes alone.

    OMP_NUM_THREADS=1 python benchmarks/rans.py

Each case is solved from the free stream on the grid named, coarser levels included in its time. Answers are kept in
runs/rans.json; a second run goes on behind the last one.
"""

from pathlib import Path

import cyclopts
import torch
from rich.progress import track
from support.flights import NASA_CHORD, Answers, Flight
from support.record import Figure, record

from understudy.memory import keep_freed_memory

ANSWERS = Path("runs/rans.json")
COARSE, USUAL = (193, 49), (385, 97)


#: Name, case, and what is known of CL and CD, as text for the table.
REFERENCES = (
    *(
        ("NACA 0012, M 0.15, Re 6e6", Flight("nasa0012", 0.15, 6e6, grid, alpha=0.0), "0", "0.00812 to 0.00830")
        for grid in (COARSE, USUAL)
    ),
    ("NACA 0012, M 0.15, Re 6e6", Flight("nasa0012", 0.15, 6e6, COARSE, alpha=10.0), "1.0912", "0.01222"),
    (
        "NACA 0012, M 0.15, Re 6e6",
        Flight("nasa0012", 0.15, 6e6, USUAL, alpha=10.0),
        "1.0912 within 0.7 %",
        "0.01222 within 6 %",
    ),
    *(
        (
            "RAE 2822, M 0.734, Re 6.5e6",
            Flight("rae2822", 0.734, 6.5e6, grid, alpha=2.79),
            "0.79 to 0.84",
            "0.0165 to 0.0205",
        )
        for grid in (COARSE, USUAL)
    ),
    *(
        (
            "NACA 0012, M 0.8",
            Flight("nasa0012", 0.8, 1e6, grid, alpha=1.25, model="euler"),
            f"0.356 to 0.362 of a chord {NASA_CHORD:.4f} times shorter",
            "0.0226 to 0.0230 of that",
        )
        for grid in (COARSE, USUAL)
    ),
)


def main(*, fresh: bool = False) -> None:
    """Solve what is not solved yet, print and record.

    Args:
        fresh: forget earlier answers.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    ask = Answers(ANSWERS, fresh=fresh, told=lambda flight: None)
    figures = []
    for name, flight, cl, cd in track(REFERENCES, "solving"):
        found = ask(flight)
        what = f"{name}, {flight.model}, alpha {flight.alpha:g}, {flight.size}"
        measured = f"{found.status}: CL {found.cl:.4f}, CD {found.cd:.5f} (friction {found.cd_friction:.5f})"
        figures.append(Figure(what, measured, f"CL {cl}, CD {cd}"))
        target = "15 s" if flight.grid == COARSE else "60 s"
        figures.append(Figure("the same: time alone, to six orders", f"{found.seconds:.1f} s", target))
    print(*figures, sep="\n")
    record("rans", "Compressible solver: reference airfoils", figures)


if __name__ == "__main__":
    cyclopts.run(main)
