"""Converged points a second of the viscous simulator on a GPU, and how far its answers are from a processor's.

    python benchmarks/viscous_speed_gpu.py                    # 131072 cases; writes docs/benchmarks.md
    python benchmarks/viscous_speed_gpu.py --cases 8192       # a look; writes nothing

The cases are the 1000 of `viscous_speed.py` over and over, from the second time on with the angle shifted at random by
at most half a degree. The first call, which compiles, is timed apart.
"""

import argparse
from dataclasses import replace
from time import perf_counter

import torch
from support.record import Figure, machine_class, record
from viscous_speed import all_cases

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.airfoil.viscous.pool import PoolOptions
from understudy.simulators.interface import Solution, Status

CASES, SIZE, SEED = 131072, 16384, 20261126
COMPARED, FOLLOWED = 200, 32  # rows whose answers, and gradients, a processor gives too


def many_cases(count: int) -> AirfoilCase:
    """The judged cases over and over, the later ones with other angles."""
    judged = all_cases()
    case = judged[torch.arange(count) % len(judged)]
    shift = torch.rand(count, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64) - 0.5
    shift[: len(judged)] = 0.0
    return replace(case, alpha=case.alpha + shift)


def on_gpu(case: AirfoilCase) -> AirfoilCase:
    """The same case on the GPU."""
    return replace(case, **{name: value.cuda() for name, value in case.__dict__.items()})


def timed(simulator: ViscousSimulator, case: AirfoilCase) -> tuple[float, Solution]:
    """Seconds, and the answer."""
    torch.cuda.synchronize()
    start = perf_counter()
    with torch.no_grad():
        answer = simulator.predict(case)
    torch.cuda.synchronize()
    return perf_counter() - start, answer


def agreement(answer: Solution, expected: Solution) -> list[Figure]:
    """Largest differences of the first rows from a processor's answers."""
    rows = len(expected.status)
    same = sum(one is other for one, other in zip(answer.status[:rows], expected.status, strict=True))
    figures = [Figure("same status as on a processor", f"{same} of {rows}")]
    for name in ("cl", "cd", "cm", "xtr_top"):
        difference = (answer[name][:rows].cpu() - expected[name]).abs().nan_to_num().max()
        figures.append(Figure(f"{name}, largest difference from a processor's", f"{difference:.1e}"))
    return figures


def drag_gradient(case: AirfoilCase) -> torch.Tensor:
    """Derivatives of the drag of all converged rows to their coordinates."""
    coordinates = case.coordinates.clone().requires_grad_()
    drag = ViscousSimulator().predict(replace(case, coordinates=coordinates))["cd"]
    return torch.autograd.grad(drag.nansum(), coordinates)[0].cpu()


def main() -> None:
    """Run, print and, if on all cases, record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES, help="another number writes nothing")
    parser.add_argument("--size", type=int, default=SIZE, help="cases at once")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: the table of the last run on one stays")
        return
    simulator = ViscousSimulator(PoolOptions(size=chosen.size, intake=chosen.size // 2, compiled=True))
    case = on_gpu(many_cases(chosen.cases))
    first, _ = timed(simulator, case[: chosen.size])
    torch.cuda.reset_peak_memory_stats()
    seconds, answer = timed(simulator, case)
    converged = sum(status is Status.OK for status in answer.status)
    memory = torch.cuda.max_memory_allocated() / 2**30
    followed = many_cases(FOLLOWED)
    expected = drag_gradient(followed)
    difference = ((drag_gradient(on_gpu(followed)) - expected).norm(dim=(1, 2)) / expected.norm(dim=(1, 2))).max()
    figures = [
        Figure("viscous, one GPU", f"{converged / seconds:.0f} converged points/s", "3000"),
        Figure("converged", f"{converged} of {chosen.cases}, {chosen.size} at once, in {seconds:.1f} s"),
        Figure(f"first call, which compiles, {chosen.size} cases", f"{first:.0f} s"),
        Figure("memory of the GPU, at most", f"{memory:.1f} GiB", "bounded"),
        *agreement(answer, ViscousSimulator().predict(many_cases(COMPARED))),
        Figure("gradient of cd to the shape, largest relative difference", f"{difference:.1e}"),
    ]
    if chosen.cases == CASES:
        machine = f"{torch.cuda.get_device_name()}, {machine_class()}"
        print(record("viscous_speed_gpu", "Viscous simulator: speed on a GPU", figures, machine=machine))
    else:
        print(*figures, sep="\n")


if __name__ == "__main__":
    main()
