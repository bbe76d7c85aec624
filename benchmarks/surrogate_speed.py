"""How long the shipped surrogate takes: many predictions from raw coordinates, and one prediction with its gradient.

    OMP_NUM_THREADS=1 python benchmarks/surrogate_speed.py

Every one of the predictions has a shape of its own on 120 nodes, so each is panelled anew and has its own panel
solution: a polar of one shape costs far less. Parts of the batch are answered by several threads of one process. The
many predictions are timed more than once and the fastest counts: what else the machine does only ever slows it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cyclopts
import torch
from support.record import Figure, record

from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.shapes.naca import naca, naca4
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.checkpoint import load
from understudy.surrogate.model import NODES
from understudy.surrogate.surrogate import Surrogate

COUNT = 10_000
PART = 250  # rows that a thread takes at once
RAW_NODES = 120
RUNS = 3


def random_cases(count: int, nodes: int) -> AirfoilCase:
    """As many different four-digit airfoils at random conditions."""
    random = torch.Generator().manual_seed(3)
    camber, place, thickness, alpha, reynolds = torch.rand(5, count, generator=random, dtype=torch.float64)
    shapes = [
        panel(naca4(0.06 * camber[rows], 0.3 + 0.3 * place[rows], 0.07 + 0.12 * thickness[rows]), nodes)
        for rows in torch.arange(count).split(PART)
    ]
    return AirfoilCase.of(torch.cat(shapes), alpha=-4 + 14 * alpha, reynolds=torch.exp(12.3 + 3 * reynolds))


def seconds_of_many(surrogate: Surrogate, case: AirfoilCase, threads: int) -> float:
    """Wall time of all predictions with their intervals, the least of `RUNS`."""
    surrogate.predict(case[:PART])
    times = []
    with torch.no_grad(), ThreadPoolExecutor(threads) as pool:
        for _ in range(RUNS):
            started = time.perf_counter()
            list(pool.map(surrogate.predict, case.chunks(PART)))
            times.append(time.perf_counter() - started)
    return min(times)


def seconds_of_gradient(surrogate: Surrogate, repeats: int = 30) -> float:
    """Median wall time of one prediction with the gradient of its drag to all coordinates."""
    nodes = panel(naca("2412")[None])
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        x = nodes.clone().requires_grad_()
        torch.autograd.grad(surrogate.predict(AirfoilCase.of(x, alpha=3.0, reynolds=1e6))["cd"].sum(), x)
        times.append(time.perf_counter() - started)
    return sorted(times)[repeats // 2]


def main(*, checkpoint: Path | None = None, count: int = COUNT, threads: int = 2) -> None:
    """Print the times, and record them unless the run is a shortened or foreign one.

    Args:
        checkpoint: another one than the shipped one.
        count: predictions, each of a shape of its own.
        threads: that share the work.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    surrogate = load(checkpoint)
    gradient = seconds_of_gradient(surrogate)
    figures = [Figure("one prediction with its gradient to all coordinates", f"{1e3 * gradient:.1f} ms", "10 ms")]
    for nodes in (RAW_NODES, NODES):
        seconds = seconds_of_many(surrogate, random_cases(count, nodes), threads)
        what = f"{count} predictions with intervals, shapes on {nodes} nodes, {threads} threads, fastest of {RUNS}"
        figures.append(Figure(what, f"{seconds:.1f} s", "10 s, aim 4"))
    print(*figures, sep="\n")
    if checkpoint is None and count == COUNT:
        record("surrogate_speed", "Shipped surrogate: speed", figures)


if __name__ == "__main__":
    cyclopts.run(main)
