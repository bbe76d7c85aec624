"""The viscous simulator against XFOIL on the 400 judged cases, and its gradients against central differences.

    python benchmarks/viscous_accuracy.py                 # all cases, about 3 minutes; writes docs/benchmarks.md
    python benchmarks/viscous_accuracy.py --cases 30      # a look; writes nothing

XFOIL's answers are the stored ones of `airfoil_cases.py`: cold starts on exactly the same nodes.
"""

import argparse
from dataclasses import replace

import torch
from airfoil_cases import JudgedCases, judged_cases
from support.record import Figure, record
from torch import Tensor

from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.viscous import ViscousSimulator
from understudy.simulators.interface import Solution, Status

GRADIENTS, SEED = 50, 3
#: Steps of the central differences: angle [deg], relative in Reynolds number [-], one wave of the shape [chord].
STEPS = {"alpha": 1e-4, "reynolds": 1e-5, "shape": 1e-6}
QUANTITIES = ("cl", "cd", "cm")


def answered(solution: Solution) -> Tensor:
    """Mask of the rows with an answer."""
    return torch.tensor([status is Status.OK for status in solution.status])


def compare(judged: JudgedCases, answer: Solution) -> list[Figure]:
    """Convergence of both, and their differences where both converge."""
    ours, theirs = answered(answer), judged.converged
    both = ours & theirs
    difference = {name: (answer[name] - judged.answer[name])[both].abs() for name in QUANTITIES}
    drag = (answer["cd"] / judged.answer["cd"])[both].log().abs()
    transition = torch.cat([(answer[name] - judged.answer[name])[both].abs() for name in ("xtr_top", "xtr_bottom")])
    return [
        Figure("cold convergence", f"{_share(ours)} of {len(ours)} cases", f"XFOIL's {_share(theirs)}, aim 97 %"),
        Figure("both converge", f"{int(both.sum())} cases"),
        Figure("CL against XFOIL, mean abs", f"{difference['cl'].mean():.4f}", "0.010"),
        Figure("CL against XFOIL, median abs", f"{difference['cl'].median():.4f}"),
        Figure("CD against XFOIL, mean abs ln", f"{100 * drag.mean():.2f} %", "2 %"),
        Figure("CD against XFOIL, median abs ln", f"{100 * drag.median():.2f} %", "1 %"),
        Figure("CD against XFOIL, 95th percentile", f"{100 * drag.quantile(0.95):.1f} %"),
        Figure("CM against XFOIL, mean abs", f"{difference['cm'].mean():.4f}", "0.002"),
        Figure("transition against XFOIL, median abs", f"{transition.median():.4f} chord", "0.02 chord"),
        Figure("transition against XFOIL, mean abs", f"{transition.mean():.4f} chord"),
    ]


def gradient_errors(case: AirfoilCase, simulator: ViscousSimulator) -> dict[str, Tensor]:
    """Relative difference of each gradient from central differences, (rows, quantities) for each kind of variable."""
    waves = _waves(case)
    names = ("alpha", "reynolds", "shape")
    knobs = {name: torch.zeros(len(case), dtype=torch.float64, requires_grad=True) for name in names}
    answer = simulator.predict(_turned(case, waves, knobs))
    gradients = {
        name: torch.stack(
            [torch.autograd.grad(answer[of].nansum(), knobs[name], retain_graph=True)[0] for of in QUANTITIES], 1
        )
        for name in names
    }
    errors = {}
    for name in names:
        still = {other: torch.zeros(len(case), dtype=torch.float64) for other in names}
        with torch.no_grad():
            ends = [
                simulator.predict(
                    _turned(case, waves, {**still, name: torch.full_like(still[name], sign * STEPS[name])})
                )
                for sign in (1, -1)
            ]
        slope = torch.stack([(ends[0][of] - ends[1][of]) / (2 * STEPS[name]) for of in QUANTITIES], 1)
        errors[name] = (gradients[name] - slope).abs() / slope.abs()
    return errors


def _waves(case: AirfoilCase) -> Tensor:
    """A smooth change of each shape that leaves its edge: one to four half waves in y along the chord."""
    x = case.coordinates[..., 0].clamp(0, 1)
    count = torch.randint(1, 5, (len(case), 1), generator=torch.Generator().manual_seed(SEED))
    return torch.sin(torch.pi * count * x)


def _turned(case: AirfoilCase, waves: Tensor, knobs: dict[str, Tensor]) -> AirfoilCase:
    moved = case.coordinates + torch.stack((torch.zeros_like(waves), waves * knobs["shape"][:, None]), -1)
    return replace(
        case, coordinates=moved, alpha=case.alpha + knobs["alpha"], reynolds=case.reynolds * (1 + knobs["reynolds"])
    )


def describe(errors: dict[str, Tensor]) -> list[Figure]:
    """Median of each kind, and the share that transition crossing a node, or another jump, puts above a hundredth."""
    figures = []
    for name, table in errors.items():
        known = table[table.isfinite()]
        figures.append(Figure(f"gradient to {name}, median relative difference", f"{known.median():.1e}", "1e-4"))
        figures.append(Figure(f"gradient to {name}, above 1e-2", _share(known > 1e-2), "stated"))
    return figures


def _share(mask: Tensor) -> str:
    return f"{100 * mask.double().mean():.1f} %"


def main() -> None:
    """Run, print and, if on all cases, record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, help="only the first so many cases; writes nothing")
    chosen = parser.parse_args().cases
    torch.set_num_threads(1)
    keep_freed_memory()
    stored = judged_cases()
    count = len(stored.case) if chosen is None else chosen
    some = Solution(
        values={name: values[:count] for name, values in stored.answer.values.items()},
        status=stored.answer.status[:count],
        message=stored.answer.message[:count],
    )
    judged = JudgedCases(stored.case[:count], some, stored.shapes[:count])
    simulator = ViscousSimulator()
    answer = simulator.predict(judged.case)
    figures = compare(judged, answer)
    rows = answered(answer).nonzero()[:, 0]
    picked = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(SEED))][:GRADIENTS]
    figures += describe(gradient_errors(judged.case[picked], simulator))
    if chosen is None:
        print(record("viscous_accuracy", "Viscous simulator: accuracy", figures))
    else:
        print(*figures, sep="\n")


if __name__ == "__main__":
    main()
