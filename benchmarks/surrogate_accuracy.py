"""Accuracy of a surrogate beside NeuralFoil, judged by our simulator on unseen shapes and by XFOIL on stored cases.

    python benchmarks/surrogate_accuracy.py runs/viscous.h5

Our simulator judges on shapes of the families that `train_shipped.py` keeps for nothing else, at new conditions drawn
from the headline box: angle uniform in -5..12 degrees, Reynolds number log-uniform in 2e5..5e6, n_crit 9, Mach 0, free
transition; and on the stored rows of the same families, which span the whole training range. XFOIL judges on the
400 cases of `airfoil_cases.py`, whose blends and NACA sections nobody was trained on as they are, but whose families
may have been. Rows that a judge did not answer are left out; flagged rows count.
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
from torch import Tensor
from train_shipped import judged, parts_of

from understudy.datasets.reader import DataSet
from understudy.datasets.reader import load as load_data
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.registry import simulator
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.checkpoint import load
from understudy.surrogate.evaluation import evaluate, rank_correlation
from understudy.surrogate.surrogate import Surrogate

SIZES = ("large", "xxxlarge")
NEURALFOIL_NAMES = {"cl": "CL", "cd": "CD", "cm": "CM", "xtr_top": "Top_Xtr", "xtr_bottom": "Bot_Xtr"}
SEED = 7


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one predictor says of some cases.

    values: quantity -> (cases,). doubt: (cases,), larger where the predictor trusts itself less.
    """

    name: str
    values: Mapping[str, Tensor]
    doubt: Tensor


def box_cases(data: DataSet, rows: Tensor, count: int) -> AirfoilCase:
    """New conditions from the headline box on shapes of these rows."""
    random = torch.Generator().manual_seed(SEED)
    shapes = data.shape[rows]
    first = torch.tensor([rows[shapes == number][0] for number in shapes.unique().tolist()])
    chosen = first[torch.randint(len(first), (count,), generator=random)]
    angle, reynolds = torch.rand(2, count, generator=random, dtype=torch.float64)
    low, high = torch.log(torch.tensor([2e5, 5e6], dtype=torch.float64))
    return AirfoilCase.of(
        data.coordinates(chosen), alpha=-5 + 17 * angle, reynolds=torch.exp(low + (high - low) * reynolds)
    )


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


def flags(surrogate: Surrogate, case: AirfoilCase) -> str:
    """Share of cases flagged as unknown: ordinary ones, and ones that nobody should believe."""
    corners = torch.tensor([[1.0, 0.0], [1, 0.5], [0, 0.5], [0, -0.5], [1, -0.5], [1, 0]], dtype=torch.float64)
    share = torch.linspace(0, 1, 31, dtype=torch.float64)[:-1, None]
    square = torch.cat([a + share * (b - a) for a, b in pairwise(corners)] + [corners[-1:]])
    strange = {
        "ordinary": case,
        "alpha 25": replace(case, alpha=torch.full_like(case.alpha, 25.0)),
        "Re 1e4": replace(case, reynolds=torch.full_like(case.reynolds, 1e4)),
        "square": replace(case, coordinates=panel(square[None]).expand(len(case), -1, -1)),
        "inside out": replace(case, coordinates=case.coordinates.flip(1)),
    }
    shares = {name: float((~surrogate.predict(rows).known).double().mean()) for name, rows in strange.items()}
    return "flagged: " + ", ".join(f"{name} {value:.1%}" for name, value in shares.items())


def main(data: Path | None = None, *, checkpoint: Path | None = None, cases: int = 1000) -> None:
    """Print the tables.

    Args:
        data: the data set that the surrogate was trained on, for its unseen families; without it XFOIL alone judges.
        checkpoint: another one than the shipped one.
        cases: from the headline box, judged by our simulator.
    """
    surrogate = load(checkpoint)
    print(surrogate.card.sentence)
    stored = judged_cases()
    kinds = {
        "XFOIL, all": torch.ones(len(stored.case), dtype=torch.bool),
        **{
            f"XFOIL, {kind}": torch.tensor([shape.startswith(kind) for shape in stored.shapes])
            for kind in ("naca", "uiuc", "blend")
        },
    }
    print(table(stored.answer, _estimates(stored.case, surrogate), kinds))
    if data is None:
        return
    with load_data(data) as simulated:
        rows = parts_of(simulated).test
        case = box_cases(simulated, rows, cases)
        truth = simulator("viscous").predict(case)
        print("\nour simulator, unseen families, headline box")
        print(table(truth, _estimates(case, surrogate), {"box": torch.ones(len(case), dtype=torch.bool)}))
        print(evaluate(case, truth, surrogate.predict(case)).text())
        print(flags(surrogate, case))
        print("\nour simulator, unseen families, whole range")
        print(judged(surrogate, simulated, rows).text())


def _estimates(case: AirfoilCase, surrogate: Surrogate) -> list[Estimate]:
    return [by_surrogate(case, surrogate), *(by_neuralfoil(case, size) for size in SIZES)]


if __name__ == "__main__":
    cyclopts.run(main)
