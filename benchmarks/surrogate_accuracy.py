"""Accuracy of the shipped surrogate beside NeuralFoil, judged by XFOIL and by our simulator on unseen shapes.

    python benchmarks/surrogate_accuracy.py                # writes docs/benchmarks.md
    python benchmarks/surrogate_accuracy.py --cases 60     # a look; writes nothing

XFOIL judges on the 600 cases of `unseen_cases.py`. Our simulator is judged there too, where it answers: a surrogate
trained on it cannot be expected to come nearer to XFOIL. The 400 cases of `airfoil_cases.py` are reported for
comparison; part of their families were trained on.

Our simulator judges new shapes, drawn with a seed of their own, of the same unseen families: once in the headline box
(angle uniform in -5..12 degrees, Reynolds number log-uniform in 2e5..5e6, n_crit 9, Mach 0, free transition) and once
in the whole training range.

Errors of CD are of ln CD. Rows that a judge did not answer are left out, and so are answers of XFOIL with less drag
than friction, which are impossible (one of 949); flagged rows count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import cyclopts
import neuralfoil
import numpy as np
import torch
from airfoil_cases import JudgedCases, judged_cases
from jaxtyping import Bool
from scipy.stats import norm, t
from scipy.stats.distributions import rv_frozen as Distribution
from support.record import Figure, record
from torch import Tensor
from unseen_cases import FILE as UNSEEN
from unseen_cases import is_unseen

from understudy.datasets.sampling import ConditionRanges, Sampler, conditions
from understudy.datasets.shape_sampling import BLOCK, ShapeMix, draw_shapes
from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.registry import simulator
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.calibration import FREEDOM
from understudy.surrogate.checkpoint import load
from understudy.surrogate.evaluation import Report, airfoil_ranges, area_between, evaluate, rank_correlation
from understudy.surrogate.surrogate import Surrogate

SIZES = ("large", "xxxlarge")
NEURALFOIL_NAMES = {"cl": "CL", "cd": "CD", "cm": "CM", "xtr_top": "Top_Xtr", "xtr_bottom": "Bot_Xtr"}
ORDINARY = "unseen families, box"
FORCES = ("cl", "cd", "cm")
LAWS = {f"Student's t {freedom}": t(freedom) for freedom in (2, 3, 4, 5, 6, 8)} | {"normal": norm()}
MIX = ShapeMix(raw=0.24)  # as trained on: 24,576 of 126,976 cases fly raw coordinates
SEED, CASES_PER_SHAPE, CASES = 20250917, 4, 1200  # our simulator answers more than 1000 of them in the whole range too


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one predictor says of some cases.

    values: quantity -> (cases,), NaN where it did not answer. doubt: (cases,), larger where it trusts itself less.
    """

    name: str
    values: Mapping[str, Tensor]
    doubt: Tensor


@dataclass(frozen=True)
class Errors:
    """Errors of one predictor on the cases that it and the judge answered; rank: Spearman's, of doubt against error."""

    cases: int
    cd_mean: float
    cd_median: float
    cl: float
    cm: float
    xtr_top_median: float
    rank: float

    @classmethod
    def of(cls, truth: Answer, estimate: Estimate, mask: Bool[Tensor, " cases"]) -> "Errors":
        """Errors on the cases of the mask."""
        answered = torch.tensor([status is Status.OK for status in truth.status])
        rows = mask & answered & estimate.values["cd"].isfinite()
        drag = (estimate.values["cd"] / truth["cd"])[rows].log().abs()
        lift, moment, top = ((estimate.values[name] - truth[name])[rows].abs() for name in ("cl", "cm", "xtr_top"))
        return cls(
            cases=int(rows.sum()),
            cd_mean=float(drag.mean()),
            cd_median=float(drag.median()),
            cl=float(lift.mean()),
            cm=float(moment.mean()),
            xtr_top_median=float(top.median()),
            rank=rank_correlation(estimate.doubt[rows], drag),
        )

    def words(self) -> str:
        """One cell of a table."""
        return (
            f"CD mean {_percent(self.cd_mean)}, median {_percent(self.cd_median)}; CL {self.cl:.4f}; CM {self.cm:.4f}"
        )


def unseen_shapes(count: int) -> Tensor:
    """Surface nodes of new shapes of the unseen families."""
    found: list[Tensor] = []
    start = 0
    while len(found) < count:
        drawn = draw_shapes(MIX, SEED, start, start + BLOCK)
        nodes = torch.from_numpy(drawn.coordinates)
        found += [xy for xy, families in zip(nodes, drawn.families, strict=True) if is_unseen(families)]
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


def by_simulator(case: AirfoilCase) -> Estimate:
    """Our simulator's answers; it has no doubt."""
    answer = simulator("viscous").predict(case)
    failed = torch.tensor([status is not Status.OK for status in answer.status])
    values = {name: answer[name].masked_fill(failed, torch.nan) for name in NEURALFOIL_NAMES}
    return Estimate("our simulator", values, torch.zeros(len(case), dtype=torch.float64))


def table(truth: Answer, estimates: list[Estimate], groups: Mapping[str, Bool[Tensor, " cases"]]) -> str:
    """Errors of each predictor on each group of cases."""
    head = ("group", "cases", "predictor", "CD mean", "CD median", "CL MAE", "CM MAE", "xtr median", "Spearman")
    lines = ["{:<14}{:>6}  {:<20}{:>9}{:>11}{:>9}{:>9}{:>12}{:>10}".format(*head)]
    for group, mask in groups.items():
        for estimate in estimates:
            of = Errors.of(truth, estimate, mask)
            lines.append(
                f"{group:<14}{of.cases:>6}  {estimate.name:<20}{of.cd_mean:>9.2%}{of.cd_median:>11.2%}"
                f"{of.cl:>9.4f}{of.cm:>9.4f}{of.xtr_top_median:>12.4f}{of.rank:>10.2f}"
            )
    return "\n".join(lines)


def flags(surrogate: Surrogate, case: AirfoilCase) -> dict[str, float]:
    """Share of cases flagged as unknown: ordinary ones, inside the training range, and ones nobody should believe."""
    corners = torch.tensor([[1.0, 0.0], [1, 0.5], [0, 0.5], [0, -0.5], [1, -0.5], [1, 0]], dtype=torch.float64)
    share = torch.linspace(0, 1, 31, dtype=torch.float64)[:-1, None]
    square = torch.cat([a + share * (b - a) for a, b in pairwise(corners)] + [corners[-1:]])
    rows = {
        ORDINARY: case,
        "alpha 25": replace(case, alpha=torch.full_like(case.alpha, 25.0)),
        "Re 1e4": replace(case, reynolds=torch.full_like(case.reynolds, 1e4)),
        "square": replace(case, coordinates=panel(square[None]).expand(len(case), -1, -1)),
        "inside out": replace(case, coordinates=case.coordinates.flip(1)),
    }
    return {name: float((~surrogate.predict(strange).known).double().mean()) for name, strange in rows.items()}


def judged_by_xfoil(surrogate: Surrogate) -> list[Figure]:
    """The stored cases, of unseen families and others, all and by kind of shape."""
    unseen, mixed = judged_cases(UNSEEN), judged_cases()
    kinds, mixed_kinds = _kinds(unseen, ("uiuc", "blend", "box")), _kinds(mixed, ("naca", "uiuc", "blend"))
    estimates = [*_estimates(unseen.case, surrogate), by_simulator(unseen.case)]
    others = _estimates(mixed.case, surrogate)
    print("XFOIL, unseen families", table(unseen.answer, estimates, kinds), sep="\n")
    print("\nXFOIL, families partly trained on", table(mixed.answer, others, mixed_kinds), sep="\n")
    drag = {"CD mean": "at most 2.9 %, aim 2.4 %"}
    answers, impossible = int(unseen.converged.sum()), int((unseen.converged & ~unseen.possible).sum())
    with_them = Errors.of(unseen.answer, estimates[0], unseen.converged).cd_mean
    return [
        Figure(
            "XFOIL, unseen families: answers left out as impossible",
            f"{impossible} of {answers}; with them the surrogate's CD mean is {_percent(with_them)}",
        ),
        *_figures("XFOIL, unseen families", unseen.answer, estimates, kinds["all"], drag),
        *_figures("XFOIL, unseen raw UIUC", unseen.answer, estimates, kinds["uiuc"], {"CD mean": "at most 3.5 %"}),
        *(_figure("XFOIL, families partly trained on", mixed.answer, other, mixed_kinds["all"]) for other in others),
    ]


def judged_by_simulator(surrogate: Surrogate, cases: int) -> list[Figure]:
    """New cases in the headline box and in the whole range."""
    shapes = unseen_shapes(-(-cases // CASES_PER_SHAPE))
    case, wide = box_cases(shapes), range_cases(shapes)
    truth, wide_truth = simulator("viscous").predict(case), simulator("viscous").predict(wide)
    estimates, whole = _estimates(case, surrogate), torch.ones(len(case), dtype=torch.bool)
    print("\nour simulator, headline box", table(truth, estimates, {"box": whole}), sep="\n")
    box, everything = (
        evaluate({"everything": whole} | airfoil_ranges(asked, asked.alpha), answer, surrogate.predict(asked))
        for asked, answer in ((case, truth), (wide, wide_truth))
    )
    print(box.text(), "\nour simulator, whole range", everything.text(), sep="\n")
    targets = {"CD mean": "2 %", "CD median": "0.9 %", "CL mean": "0.006"}
    return [
        *_figures("our simulator, box", truth, estimates, whole, targets),
        *_trust("our simulator, box", box, "headline box"),
        *_figures("our simulator, whole range", wide_truth, [by_surrogate(wide, surrogate)], whole, {}),
        *_trust("our simulator, whole range", everything, "everything"),
        Figure("flagged, unseen families, whole range", _percent(everything.flagged["everything"]), "at most 5 %"),
        *(
            Figure(f"flagged, {kind}", _percent(share), "at most 5 %" if kind == ORDINARY else "at least 95 %")
            for kind, share in flags(surrogate, case).items()
        ),
    ]


def main(*, checkpoint: Path | None = None, cases: int = CASES) -> None:
    """Print the tables, and record them unless the run is a shortened or foreign one.

    Args:
        checkpoint: another one than the shipped one.
        cases: in the box and in the whole range, judged by our simulator.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    surrogate = load(checkpoint)
    figures = [Figure("checkpoint", surrogate.card.sentence)]
    figures += judged_by_xfoil(surrogate) + judged_by_simulator(surrogate, cases)
    if checkpoint is None and cases == CASES:
        print(record("surrogate_accuracy", "Shipped surrogate: accuracy", figures))
    else:
        print(*figures, sep="\n")


def _kinds(judged: JudgedCases, kinds: Sequence[str]) -> dict[str, Bool[Tensor, " cases"]]:
    """All cases with a possible answer, and those of each kind of shape."""
    own = {kind: torch.tensor([shape.startswith(kind) for shape in judged.shapes]) for kind in kinds}
    return {"all": judged.possible} | {kind: judged.possible & mask for kind, mask in own.items()}


def _figures(
    judge: str, truth: Answer, estimates: list[Estimate], mask: Tensor, targets: Mapping[str, str]
) -> list[Figure]:
    """A row for each error of the surrogate, which comes first, with its target, and a row for each other predictor."""
    surrogate, *others = estimates
    of = Errors.of(truth, surrogate, mask)
    rows = {
        "CD mean": _percent(of.cd_mean),
        "CD median": _percent(of.cd_median),
        "CL mean": f"{of.cl:.4f}",
        "CM mean": f"{of.cm:.4f}",
    }
    return [
        *(
            Figure(f"{judge}, {of.cases} cases: surrogate, {name}", measured, targets.get(name, "-"))
            for name, measured in rows.items()
        ),
        *(_figure(judge, truth, other, mask) for other in others),
    ]


def _figure(judge: str, truth: Answer, estimate: Estimate, mask: Tensor) -> Figure:
    of = Errors.of(truth, estimate, mask)
    return Figure(f"{judge}, {of.cases} cases: {estimate.name}", of.words())


def _trust(judge: str, report: Report, part: str) -> list[Figure]:
    rows, areas = report.accuracy[part], [report.comparisons[name].miscalibration for name in FORCES]
    return [
        *(
            Figure(f"{judge}: coverage of 90 % intervals, {name.upper()}", _percent(rows[name].coverage), "88 to 92 %")
            for name in FORCES
        ),
        Figure(f"{judge}: Spearman of width and error, CD", f"{rows['cd'].rank_correlation:.2f}", "at least 0.5"),
        Figure(
            f"{judge}: miscalibration area of other coverages, {', '.join(map(str.upper, FORCES))}",
            ", ".join(f"{area:.3f}" for area in areas),
        ),
        Figure(
            f"{judge}: mean of these areas were errors to follow other laws",
            ", ".join(f"{name} {_area(report, law):.3f}" for name, law in LAWS.items()),
            f"Student's t {FREEDOM} below normal",
        ),
    ]


def _area(report: Report, law: Distribution) -> float:
    """Mean of the miscalibration areas if intervals of other coverages were made by another law of errors."""

    def reach(coverage: float) -> float:
        return float(law.ppf(0.5 + 0.5 * coverage))

    return fmean(area_between(report.comparisons[name].observed_by(reach)) for name in FORCES)


def _estimates(case: AirfoilCase, surrogate: Surrogate) -> list[Estimate]:
    return [by_surrogate(case, surrogate), *(by_neuralfoil(case, size) for size in SIZES)]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


if __name__ == "__main__":
    cyclopts.run(main)
