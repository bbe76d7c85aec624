"""Converged points a second of the viscous simulator and of XFOIL: same cases, same machine, two processes each.

    python benchmarks/viscous_speed.py                 # all 1000 judged cases; writes docs/benchmarks.md
    python benchmarks/viscous_speed.py --cases 24      # a look; writes nothing

The cases are the 400 of `airfoil_cases.py` and the 600 of `unseen_cases.py`. Run it on an idle machine. Ours: two
single-threaded processes that start warm (imports and the first call are not counted). XFOIL: cold, on the same nodes,
two runs at a time.
"""

import argparse
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from time import perf_counter

import torch
from airfoil_cases import judged_cases
from support.record import Figure, record
from unseen_cases import FILE as UNSEEN

from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.airfoil.xfoil import March, Xfoil, XfoilNotInstalledError
from understudy.simulators.interface import Solution, Status

WORKERS = 2


def all_cases() -> AirfoilCase:
    """Both sets, one after the other."""
    return AirfoilCase.concatenate([judged_cases().case, judged_cases(UNSEEN).case])


def _start_worker() -> None:
    """In each worker: one thread, everything imported, allocator and kernels warm."""
    torch.set_num_threads(1)
    keep_freed_memory()
    ViscousSimulator().predict(all_cases()[:4])


def _solve(rows: range) -> int:
    """Number of converged rows of every second case from `rows.start`."""
    answer = ViscousSimulator().predict(all_cases()[rows.start : rows.stop : rows.step])
    return _converged(answer)


def our_rate(count: int) -> tuple[float, int]:
    """Seconds for the first `count` cases and how many converged; workers take alternate cases."""
    with (
        _one_thread(),
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"), initializer=_start_worker) as pool,
    ):
        list(pool.map(_solve, [range(k, WORKERS, WORKERS) for k in range(WORKERS)]))  # both are up
        start = perf_counter()
        converged = sum(pool.map(_solve, [range(k, count, WORKERS) for k in range(WORKERS)]))
        return perf_counter() - start, converged


def xfoil_rate(case: AirfoilCase) -> tuple[float, int]:
    """Seconds and converged cases of XFOIL, cold."""
    simulator = Xfoil(march=March.NEVER, workers=WORKERS)
    simulator.predict(case[:2])
    start = perf_counter()
    answer = simulator.predict(case)
    return perf_counter() - start, _converged(answer)


def _converged(answer: Solution) -> int:
    return sum(status is Status.OK for status in answer.status)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Workers that are spawned meanwhile read the environment before torch is there to be told."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def main() -> None:
    """Run, print and, if on all cases, record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, help="only the first so many cases; writes nothing")
    chosen = parser.parse_args().cases
    case = all_cases()
    case = case if chosen is None else case[:chosen]
    seconds, converged = our_rate(len(case))
    ours = converged / seconds
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    figures = [Figure("memory of a worker, at most", f"{memory:.1f} GiB", "bounded")]
    try:
        seconds, converged = xfoil_rate(case)
        theirs = converged / seconds
        target = f"XFOIL's {theirs:.0f}, aim {2 * theirs:.0f}"
        figures.append(Figure("XFOIL, 2 runs at a time", f"{theirs:.1f} converged points/s"))
    except XfoilNotInstalledError:
        target = "55 (XFOIL is not here to be timed)"
    figures.insert(0, Figure("viscous, 2 processes", f"{ours:.1f} converged points/s", target))
    if chosen is None:
        print(record("viscous_speed", "Viscous simulator: speed", figures))
    else:
        print(*figures, sep="\n")


if __name__ == "__main__":
    main()
