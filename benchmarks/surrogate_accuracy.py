"""Accuracy of the shipped surrogate beside NeuralFoil, judged by our simulator on unseen shapes and by XFOIL.

    python benchmarks/surrogate_accuracy.py                # writes docs/benchmarks.md
    python benchmarks/surrogate_accuracy.py --cases 60     # a look; writes nothing

Our simulator judges new shapes, drawn with a seed of their own, of the families that `support/train_shipped.py` keeps
for nothing else: once in the headline box (angle uniform in -5..12 degrees, Reynolds number log-uniform in 2e5..5e6,
n_crit 9, Mach 0, free transition) and once in the whole training range. XFOIL judges on the 400 cases of
`airfoil_cases.py`, whose shapes nobody was trained on as they are, but whose families may have been. Rows that a judge
did not answer are left out; flagged rows count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cyclopts
import neuralfoil
import numpy as np
import torch
from airfoil_cases import judged_cases
from jaxtyping import Bool
from support.record import Figure, record
from support.train_shipped import is_held_out
from torch import Tensor

from understudy.datasets.sampling import ConditionRanges, Sampler, conditions
from understudy.datasets.shape_sampling import BLOCK, ShapeMix, draw_shapes
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.registry import simulator
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.checkpoint import load
from understudy.surrogate.evaluation import Report, evaluate, rank_correlation
from understudy.surrogate.surrogate import Surrogate

SIZES = ("large", "xxxlarge")
NEURALFOIL_NAMES = {"cl": "CL", "cd": "CD", "cm": "CM", "xtr_top": "Top_Xtr", "xtr_bottom": "Bot_Xtr"}
SEED, CASES_PER_SHAPE, CASES = 20250917, 4, 1000


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one predictor says of some cases.

    values: quantity -> (cases,). doubt: (cases,), larger where the predictor trusts itself less.
    """

    name: str
    values: Mapping[str, Tensor]
    doubt: Tensor


def unseen_shapes(count: int) -> Tensor:
    """Surface nodes of new shapes of the families that nobody was trained on."""
    found: list[Tensor] = []
    start = 0
    while len(found) < count:
        drawn = draw_shapes(ShapeMix(), SEED, start, start + BLOCK)
        nodes = torch.from_numpy(drawn.coordinates)
        found += [xy for xy, families in zip(nodes, drawn.families, strict=True) if is_held_out(families)]
        start += BLOCK
    return torch.stack(found[:count])


def box_cases(shapes: Tensor) -> AirfoilCase:
    """Conditions from the headline box, several a shape."""
    nodes = shapes.repeat_interleave(CASES_PER_SHAPE, 0)
    angle, reynolds = torch.rand(2, len(nodes), generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    low, high = torch.log(torch.tensor([2e5, 5e6], dtype=torch.float64))
    return AirfoilCase.of(nodes, alpha=-5 + 17 * angle, reynolds=torch.exp(low + (high - low) * reynolds))


def range_cases(shapes: Tensor) -> AirfoilCase:
    """Conditions from the whole training range, several a shape."""
    nodes = shapes.repeat_interleave(CASES_PER_SHAPE, 0)
    drawn = conditions(ConditionRanges(), Sampler.SOBOL, SEED, 0, len(nodes), total=len(nodes))
    columns = {name: torch.from_numpy(np.array(column)) for name, column in drawn.items()}
    return AirfoilCase(coordinates=nodes, **columns)


def by_neuralfoil(case: AirfoilCase, size: str) -> Estimate:
    """NeuralFoil's answers to coordinates, one case at a time, its own CST fit included."""
    answers = [
        neuralfoil.get_aero_from_coordinates(
            case.coordinates[row].numpy(),
            alpha=float(case.alpha[row]),
            Re=float(case.reynolds[row]),
            n_crit=float(case.n_crit[row]),
            model_size=size,
        )
        for row in range(len(case))
    ]

    def column(key: str) -> Tensor:
        return torch.tensor([float(np.ravel(answer[key])[0]) for answer in answers], dtype=torch.float64)

    values = {name: column(key) for name, key in NEURALFOIL_NAMES.items()}
    return Estimate(f"NeuralFoil {size}", values, 1 - column("analysis_confidence"))


def by_surrogate(case: AirfoilCase, surrogate: Surrogate) -> Estimate:
    """The surrogate's answers; its doubt is the width of the interval in ln CD."""
    answer = surrogate.predict(case)
    doubt = torch.log(answer.high["cd"]) - torch.log(answer.low["cd"])
    return Estimate("surrogate", {name: answer[name] for name in NEURALFOIL_NAMES}, doubt)


def table(truth: Answer, estimates: list[Estimate], groups: Mapping[str, Bool[Tensor, " cases"]]) -> str:
    """Errors of each predictor on each group of cases; those of CD are of ln CD."""
    head = ("group", "cases", "predictor", "CD mean", "CD median", "CL MAE", "CM MAE", "xtr median", "Spearman")
    lines = ["{:<14}{:>6}  {:<20}{:>9}{:>11}{:>9}{:>9}{:>12}{:>10}".format(*head)]
    answered = torch.tensor([status is Status.OK for status in truth.status])
    for group, mask in groups.items():
        rows = mask & answered
        for estimate in estimates:
            drag = (torch.log(estimate.values["cd"]) - torch.log(truth["cd"]))[rows].abs()
            lift, moment = ((estimate.values[name] - truth[name])[rows].abs().mean() for name in ("cl", "cm"))
            top = (estimate.values["xtr_top"] - truth["xtr_top"])[rows].abs().median()
            rank = rank_correlation(estimate.doubt[rows], drag)
            lines.append(
                f"{group:<14}{int(rows.sum()):>6}  {estimate.name:<20}{float(drag.mean()):>9.2%}"
                f"{float(drag.median()):>11.2%}{float(lift):>9.4f}{float(moment):>9.4f}{float(top):>12.4f}{rank:>10.2f}"
            )
    return "\n".join(lines)


def flags(surrogate: Surrogate, case: AirfoilCase) -> dict[str, float]:
    """Share of cases flagged as unknown: ordinary ones, and ones that nobody should believe."""
    corners = torch.tensor([[1.0, 0.0], [1, 0.5], [0, 0.5], [0, -0.5], [1, -0.5], [1, 0]], dtype=torch.float64)
    share = torch.linspace(0, 1, 31, dtype=torch.float64)[:-1, None]
    square = torch.cat([a + share * (b - a) for a, b in pairwise(corners)] + [corners[-1:]])
    rows = {
        "ordinary": case,
        "alpha 25": replace(case, alpha=torch.full_like(case.alpha, 25.0)),
        "Re 1e4": replace(case, reynolds=torch.full_like(case.reynolds, 1e4)),
        "square": replace(case, coordinates=panel(square[None]).expand(len(case), -1, -1)),
        "inside out": replace(case, coordinates=case.coordinates.flip(1)),
    }
    return {name: float((~surrogate.predict(strange).known).double().mean()) for name, strange in rows.items()}


def judged_by_xfoil(surrogate: Surrogate) -> list[Figure]:
    """The stored cases, all and by kind of shape."""
    stored = judged_cases()
    kinds = {"all": torch.ones(len(stored.case), dtype=torch.bool)} | {
        kind: torch.tensor([shape.startswith(kind) for shape in stored.shapes]) for kind in ("naca", "uiuc", "blend")
    }
    estimates = _estimates(stored.case, surrogate)
    print("XFOIL", table(stored.answer, estimates, kinds), sep="\n")
    return [
        *_figures("XFOIL", stored.answer, estimates, kinds["all"], "2.9 %, aim 2.4"),
        *_figures("XFOIL, raw UIUC", stored.answer, estimates, kinds["uiuc"], "3.5 %"),
    ]


def judged_by_simulator(surrogate: Surrogate, cases: int) -> list[Figure]:
    """New cases in the headline box and in the whole range."""
    shapes = unseen_shapes(-(-cases // CASES_PER_SHAPE))
    case = box_cases(shapes)
    truth = simulator("viscous").predict(case)
    estimates, whole = _estimates(case, surrogate), torch.ones(len(case), dtype=torch.bool)
    print("\nour simulator, headline box", table(truth, estimates, {"box": whole}), sep="\n")
    box = evaluate(case, truth, surrogate.predict(case))
    print(box.text())
    wide = range_cases(shapes)
    everything = evaluate(wide, simulator("viscous").predict(wide), surrogate.predict(wide))
    print("\nour simulator, whole range", everything.text(), sep="\n")
    shares = flags(surrogate, case)
    strange = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if name != "ordinary")
    return [
        *_figures("our simulator, box", truth, estimates, whole, "2 %"),
        *_trust("our simulator, box", box, "headline box"),
        *_trust("our simulator, whole range", everything, "everything"),
        Figure("flagged in the box", f"{shares['ordinary']:.1%}", "at most 5 %"),
        Figure("flagged when strange", strange, "at least 95 %"),
    ]


def main(*, checkpoint: Path | None = None, cases: int = CASES) -> None:
    """Print the tables, and record them unless the run is a shortened or foreign one.

    Args:
        checkpoint: another one than the shipped one.
        cases: in the box and in the whole range, judged by our simulator.
    """
    torch.set_num_threads(1)
    surrogate = load(checkpoint)
    print(surrogate.card.sentence)
    figures = [Figure("checkpoint", surrogate.card.sentence)]
    figures += judged_by_xfoil(surrogate) + judged_by_simulator(surrogate, cases)
    if checkpoint is None and cases == CASES:
        record("surrogate_accuracy", "Shipped surrogate: accuracy", figures)


def _figures(judge: str, truth: Answer, estimates: list[Estimate], mask: Tensor, target: str) -> list[Figure]:
    answered = mask & torch.tensor([status is Status.OK for status in truth.status])
    figures = []
    for estimate in estimates:
        drag = (torch.log(estimate.values["cd"]) - torch.log(truth["cd"]))[answered].abs()
        lift = (estimate.values["cl"] - truth["cl"])[answered].abs().mean()
        moment = (estimate.values["cm"] - truth["cm"])[answered].abs().mean()
        figures.append(
            Figure(
                f"{judge}, {int(answered.sum())} cases: {estimate.name}",
                f"CD mean {drag.mean():.2%}, median {drag.median():.2%}; CL {lift:.4f}; CM {moment:.4f}",
                f"CD mean {target}" if estimate.name == "surrogate" else "-",
            )
        )
    return figures


def _trust(judge: str, report: Report, part: str) -> list[Figure]:
    rows = report.accuracy[part]
    covered = ", ".join(f"{name.upper()} {rows[name].coverage:.1%}" for name in ("cl", "cd", "cm"))
    errors = f"CD {rows['cd'].mean:.2%}, CL {rows['cl'].mean:.4f}, CM {rows['cm'].mean:.4f}"
    return [
        Figure(f"{judge}, {report.cases[part]} cases: surrogate, mean errors", errors),
        Figure(f"{judge}: coverage of 90 % intervals", covered, "88 to 92 %"),
        Figure(f"{judge}: Spearman of width and error, CD", f"{rows['cd'].rank_correlation:.2f}", "0.5"),
        Figure(f"{judge}: flagged", f"{report.flagged[part]:.1%}", "at most 5 %"),
    ]


def _estimates(case: AirfoilCase, surrogate: Surrogate) -> list[Estimate]:
    return [by_surrogate(case, surrogate), *(by_neuralfoil(case, size) for size in SIZES)]


if __name__ == "__main__":
    cyclopts.run(main)
