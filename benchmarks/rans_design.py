"""Transonic designs along the compressible solver's own gradient, confirmed on finer grids.

    OMP_NUM_THREADS=1 python benchmarks/rans_design.py                  # an hour or two; docs/benchmarks.md
    OMP_NUM_THREADS=1 python benchmarks/rans_design.py --only wave_drag # or rae2822

The searches are those of `examples/wave_drag.toml` and `examples/rae2822.toml`, on 193 x 49 nodes; runs/NAME holds them
with their reports. Start and design are then flown at the wanted lift on each grid, with answers kept in
runs/rans_design.json. What was finished is not done again.
"""

from dataclasses import dataclass
from pathlib import Path

import cyclopts
import torch
from support.flights import Answers, Flight
from support.record import Figure, record

from understudy.design.design import ConstraintLine
from understudy.design.problem_file import read_problem
from understudy.design.run import run_design
from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.rans import Rans, RansOptions

ROOT = Path(__file__).parents[1]
ANSWERS = Path("runs/rans_design.json")
SEARCH = (193, 49)
COUNT = 1e-4  # of drag


@dataclass(frozen=True)
class Posed:
    """A design of the examples. grids: that it is judged on, and those that it is confirmed on; target in words."""

    name: str
    title: str
    model: str
    grids: tuple[tuple[int, int], ...]
    target: str


DESIGNS = (
    Posed("wave_drag", "NACA 0012, Euler, Mach 0.8, its lift at 1.25 degrees", "euler", ((385, 97),), "-80 %"),
    Posed(
        "rae2822",
        "RAE 2822, Mach 0.734, Re 6.5e6, CL 0.824",
        "sa",
        ((385, 97), (769, 193)),
        "at most 125 counts on 385x97, gain confirmed on 769x193",
    ),
)


def figures_of(posed: Posed, ask: Answers) -> list[Figure]:
    """Search, verdict, and drag of start and design on each grid."""
    problem = read_problem(ROOT / "examples" / f"{posed.name}.toml")
    folder = Path("runs") / posed.name
    command = f"understudy design examples/{posed.name}.toml --out {folder} --polar 0"
    judge = RansOptions(model=posed.model, grid=posed.grids[0])
    design = run_design(
        problem,
        Rans(RansOptions(model=posed.model, grid=SEARCH)),
        Rans(judge),
        folder,
        polar=0,
        command=f"{command} --by rans:model={posed.model},grid=193x49 --judge rans:model={posed.model},grid=385x97",
        progress=lambda step: print(f"step {step.iteration}: {step.objective / COUNT:.1f} counts", flush=True),
    )
    (point,) = problem.points
    figures = [
        Figure(f"{posed.title}: outcome", f"{design.outcome}, {len(design.history) - 1} steps", "success"),
        *(_held(posed, line) for line in design.constraints if not line.subject.startswith("surfaces")),
    ]
    for grid in (SEARCH, *posed.grids):
        start, end = (
            ask(Flight(name, point.mach, point.reynolds, grid, cl=point.cl, model=posed.model))
            for name in (problem.shape.start, str(folder / "design.dat"))
        )
        gain = end.cd / start.cd - 1
        words = f"{start.cd / COUNT:.1f} to {end.cd / COUNT:.1f} counts, {100 * gain:+.1f} %, CM {end.cm:.4f}"
        figures.append(
            Figure(f"{posed.title}: drag on {'x'.join(map(str, grid))}", words, "-" if grid == SEARCH else posed.target)
        )
    return figures


def _held(posed: Posed, line: ConstraintLine) -> Figure:
    found = line.promised if line.verified is None else line.verified
    kept = "kept" if line.kept else "broken"
    return Figure(f"{posed.title}: {line.subject}", f"{found:.5g}, {kept}", f"{line.required} {line.unit}".strip())


def main(*, only: str = "") -> None:
    """Search, confirm, print, record.

    Args:
        only: one of the designs; writes nothing.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    ask = Answers(ANSWERS)
    figures = [line for posed in DESIGNS if only in ("", posed.name) for line in figures_of(posed, ask)]
    print(*figures, sep="\n")
    if not only:
        record("rans_design", "Compressible solver: transonic designs", figures)


if __name__ == "__main__":
    cyclopts.run(main)
