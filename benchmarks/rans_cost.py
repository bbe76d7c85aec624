"""What a case of the compressible solver costs: iterations to steady forces on two grids, memory, cases in company.

    OMP_NUM_THREADS=1 python benchmarks/rans_cost.py

Iterations count from the start of the finest grid until lift and drag stay within 0.1 % of what they are in the end, a
residual smaller by six orders; processor time counts from the making of the grid. Each measurement has a process of its
own, so that its memory is its own. Answers are kept in runs/rans_cost.json; a second run goes on behind the last one.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cyclopts
import torch
from rich.progress import track
from support.flights import Flight, contour
from support.record import Figure, record

from understudy.datasets.whole_files import write_bytes
from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions, simulator
from understudy.simulators.flow import march
from understudy.simulators.flow.forces import forces

PAGE = Path(__file__).parents[1] / "docs" / "verification.md"
ANSWERS = Path("runs/rans_cost.json")
CLOSE = 1e-3
COARSE, FINE = (193, 49), (385, 97)
FLIGHTS = (
    ("NACA 0012, Mach 0.15, alpha 0, sa", Flight("nasa0012", 0.15, 6e6, FINE, alpha=0.0)),
    ("NACA 0012, Mach 0.15, alpha 10, sa", Flight("nasa0012", 0.15, 6e6, FINE, alpha=10.0)),
    ("RAE 2822, Mach 0.734, alpha 2.79, sa", Flight("rae2822-design", 0.734, 6.5e6, FINE, alpha=2.79)),
    ("NACA 0012, Mach 0.8, alpha 1.25, euler", Flight("nasa0012", 0.8, 1e6, FINE, alpha=1.25, model="euler")),
)
#: Angles of the cases that are solved in company, and how many at once.
TOGETHER, AT_ONCE = (0.0, 1.0, 2.0, 3.0), (1, 2, 4)
SMALL = (97, 25)

Numbers = dict[str, float]


@dataclass(frozen=True)
class Mark:
    """The finest grid before a step: forces, and what was done so far, coarse grids included; processor time [s]."""

    cl: float
    cd: float
    counts: Counter[str]
    seconds: float


def iterations(flight: Flight) -> Numbers:
    """Of one case alone: to steady forces on the finest grid, and in all; processor time and memory."""
    torch.set_num_threads(1)
    keep_freed_memory()
    counts: Counter[str] = Counter()
    marks: list[Mark] = []
    solve_levels = simulator.solve_levels

    def watched(flows: Any, options: Any, *, watch: Callable[..., Any], **rest: Any) -> Any:
        marks.clear()  # a second try starts anew, its counts go on

        def told(level: int, step: int, rows: Any, flow: Any, state: Any, size: Any) -> None:
            if level == len(flows) - 1:
                now = forces(flow, state)
                cl, cd, done = float(now["cl"][0]), float(now["cd"][0]), counts + Counter(steps=len(marks))
                marks.append(Mark(cl, cd, done, time.process_time() - began))
            watch(level, step, rows, flow, state, size)

        return solve_levels(flows, options, watch=told, **rest)

    before, began = _peak(), time.process_time()
    with (
        patch.object(simulator, "solve_levels", watched),
        patch.object(march, "residual", _counted(march.residual, counts)),
        patch.object(march, "gmres", _products_counted(march.gmres, counts)),
        torch.no_grad(),
    ):
        answer = Rans(RansOptions(model=flight.model, grid=flight.grid)).predict(flight.case())
    seconds, peak = time.process_time() - began, _peak()
    numbers = {"ok": float(answer.status[0] == "ok"), "seconds": seconds, "before": before, "peak": peak}
    for name, mark in (("there", _there(marks)), ("end", marks[-1])):
        numbers[f"seconds {name}"] = mark.seconds
        spent = mark.counts - marks[0].counts
        numbers |= {f"{kind} {name}": spent[kind] for kind in ("steps", "products", "residuals")}
    return numbers


def company(size: tuple[int, int], at_once: int) -> Numbers:
    """Four turbulent cases, so many at once: processor time, memory."""
    torch.set_num_threads(1)
    keep_freed_memory()
    angles = torch.tensor(TOGETHER, dtype=torch.float64)
    case = AirfoilCase.of(contour("nasa0012")[None], angles, 6e6, mach=0.15)
    before, began = _peak(), time.process_time()
    with torch.no_grad():
        answer = Rans(RansOptions(grid=size, rows=at_once)).predict(case)
    good = sum(status == "ok" for status in answer.status)
    return {"ok": float(good), "seconds": time.process_time() - began, "before": before, "peak": _peak()}


def _there(marks: list[Mark]) -> Mark:
    """From where on lift and drag stay near their last values; lifts of next to nothing are left out."""
    last = marks[-1]

    def near(mark: Mark) -> bool:
        lift = abs(last.cl) < 0.01 or abs(mark.cl - last.cl) < CLOSE * abs(last.cl)
        return lift and abs(mark.cd - last.cd) < CLOSE * last.cd

    away = [k for k, mark in enumerate(marks) if not near(mark)]
    return marks[away[-1] + 1 if away else 0]


def _counted(function: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
    def counting(*arguments: Any) -> Any:
        counts["residuals"] += 1
        return function(*arguments)

    return counting


def _products_counted(function: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
    def counting(*arguments: Any, **more: Any) -> Any:
        found = function(*arguments, **more)
        counts["products"] += found[2]
        return found

    return counting


def _peak() -> float:
    """Largest memory that this process has had [MiB]."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell the memory of a process in /proc/self/status; run this on Linux")


def growth(name: str, coarse: Numbers, fine: Numbers) -> list[Figure]:
    """Counts on both grids and how they grow from one to the other."""
    figures = []
    for kind, words in (("steps", "steps"), ("products", "products"), ("residuals", "residuals evaluated")):
        few, many, all_few, all_many = (
            int(numbers[f"{kind} {when}"]) for when in ("there", "end") for numbers in (coarse, fine)
        )
        ratio = f"{many / few:.2f} times" if few else "-"
        target = "at most 1.5 times" if kind == "steps" else "-"
        measured = f"{few} and {many}, {ratio}; to six orders {all_few} and {all_many}"
        figures.append(Figure(f"{name}: {words} to 0.1 %", measured, target))
    status = "" if coarse["ok"] and fine["ok"] else " (not converged)"
    figures.append(
        Figure(
            f"{name}: processor time to 0.1 %, start included{status}",
            f"{coarse['seconds there']:.1f} and {fine['seconds there']:.1f} s; in all {coarse['seconds']:.1f} and "
            f"{fine['seconds']:.1f} s",
            "at most 15 and 60 s",
        )
    )
    figures.append(
        Figure(
            f"{name}: memory over that of an idle process",
            f"{_over(coarse)} and {_over(fine)} MiB",
        )
    )
    return figures


def together(size: tuple[int, int], found: dict[int, Numbers]) -> Figure:
    """Time and memory against the number of rows at once."""
    alone = found[1]["seconds"]
    parts = [
        f"{rows}: {numbers['seconds'] / len(TOGETHER):.1f} s a case ({numbers['seconds'] / alone:.2f} times), "
        f"{_over(numbers)} MiB, {numbers['ok']:.0f} ok"
        for rows, numbers in found.items()
    ]
    what = f"NACA 0012, Mach 0.15, alpha 0 to 3, sa, {size[0]}x{size[1]}: rows at once"
    return Figure(what, "; ".join(parts))


def _over(numbers: Numbers) -> str:
    return f"{numbers['peak'] - numbers['before']:.0f}"


def main(*, fresh: bool = False) -> None:
    """Measure what is not measured yet, print and record.

    Args:
        fresh: forget earlier answers.
    """
    known: dict[str, Numbers] = json.loads(ANSWERS.read_text()) if ANSWERS.exists() and not fresh else {}
    asked: dict[str, tuple[Any, ...]] = {
        f"{Rans.version} {flight.on(grid)}": (iterations, flight.on(grid))
        for _, flight in FLIGHTS
        for grid in (COARSE, FINE)
    }
    asked |= {f"{Rans.version} {size} {rows}": (company, size, rows) for size in (SMALL, COARSE) for rows in AT_ONCE}
    for key, call in track(asked.items(), "measuring"):
        if key not in known:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                known[key] = alone.submit(*call).result()
            ANSWERS.parent.mkdir(exist_ok=True)
            write_bytes(ANSWERS, json.dumps(known, indent=1).encode())
    figures = []
    for name, flight in FLIGHTS:
        figures += growth(name, *(known[f"{Rans.version} {flight.on(grid)}"] for grid in (COARSE, FINE)))
    for size in (SMALL, COARSE):
        figures.append(together(size, {rows: known[f"{Rans.version} {size} {rows}"] for rows in AT_ONCE}))
    print(record("rans_cost", "Compressible solver: what a case costs", figures, page=PAGE))


if __name__ == "__main__":
    cyclopts.run(main)
