"""How long screening and design of near-surface alloys take, and whether the design is the best of all.

    OMP_NUM_THREADS=1 python benchmarks/slab_search.py     # five minutes; writes docs/benchmarks.md

By the shipped surrogate. 100,842 slabs, each with its intervals, are screened by two threads. Then each of the 98,441
slabs of examples/surface.toml, which the design did not list, is scored by its objective: at what place is the design?
"""

import json
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cyclopts
import numpy as np
from support.command import processor_seconds
from support.record import Figure, record

from understudy.asking import predictor
from understudy.cli.config import made, read_table
from understudy.datasets.workers import keep_to_one_thread
from understudy.design.materials.scoring import Scoring
from understudy.design.materials.screening import Screening, ScreenProblem, screen
from understudy.design.materials.space import Slab
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.memory import keep_freed_memory
from understudy.simulators.interface import Subject
from understudy.surrogate.atoms.surrogate import SlabSurrogate

EXAMPLE = Path(__file__).parents[1] / "examples" / "surface.toml"
STRAINS = 42  # of each of 2,401 stacks


def main(*, workers: int = 2) -> None:
    """Measure, and write the figures down.

    Args:
        workers: threads of the screening.
    """
    keep_freed_memory()
    keep_to_one_thread()
    surrogate = predictor("surrogate", Subject.SLAB)
    assert isinstance(surrogate, SlabSurrogate)
    problem = made(SurfaceProblem, read_table(EXAMPLE))
    with TemporaryDirectory() as folder:
        figures = [*speed(surrogate, problem, Path(folder), workers), *place(surrogate, problem, Path(folder), workers)]
    print(record("slab_search", "Screening and design of near-surface alloys", figures))


def speed(surrogate: SlabSurrogate, problem: SurfaceProblem, folder: Path, workers: int) -> Iterator[Figure]:
    """Wall time and memory of a screening."""
    low, high, _ = problem.space.strains
    asked = ScreenProblem(space=replace(problem.space, strains=(low, high, STRAINS)), scoring=Scoring())
    started = time.perf_counter()
    found = screen(asked, surrogate, folder / "speed", workers=workers)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield Figure(
        f"{len(found)} slabs with intervals, {workers} threads, in chunks that are kept",
        f"{seconds:.0f} s, {memory:.1f} GiB",
        "90 s for 100,000, memory bounded",
    )


def place(surrogate: SlabSurrogate, problem: SurfaceProblem, folder: Path, workers: int) -> Iterator[Figure]:
    """Where the design is among all slabs."""
    seconds = processor_seconds(
        ["design", str(EXAMPLE), "--out", str(folder / "design")], folder / "design" / "design.json"
    )
    design = json.loads((folder / "design" / "design.json").read_text())
    best = Slab.of(design["best"])
    everything = ScreenProblem(space=problem.space, scoring=problem.scoring, every_strain=True)
    found = screen(everything, surrogate, folder / "all", workers=workers)
    order = np.argsort(found.columns["score"])
    yield Figure(
        f"design of four layers of seven metals with strain: place among {len(found)}",
        f"{_place(found, order, best)}: {best.name} at {100 * best.strain:+.2f} %, objective {design['promised']:.4f}, "
        f"the least of all {found.columns['score'][order[0]]:.4f}",
        "among the best 5",
    )
    yield Figure("the same: processor time, imports included", f"{seconds:.1f} s", "20 s")


def _place(found: Screening, order: np.ndarray, slab: Slab) -> int:
    """Counted from 1."""
    listed = found.candidates(order).told()
    return listed.index(slab) + 1


if __name__ == "__main__":
    cyclopts.run(main)
