"""The report of a designed surface: one HTML page that needs nothing else."""

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path

from understudy.datasets.whole_files import write_bytes
from understudy.design.materials.plots import structures_picture
from understudy.design.materials.screen_report import (
    LIMITS,
    STRUCTURES_NOTE,
    cautions,
    judged_line,
    verdict_sections,
)
from understudy.design.materials.surface_design import SurfaceDesign
from understudy.design.materials.verification import verified
from understudy.design.page import figures, number, page, section, status, table, tick

DRAWN = 5


def write_surface_report(
    design: SurfaceDesign,
    constants: Mapping[str, float],
    path: Path,
    *,
    command: str,
    makers: str,
    judge: str = "",
    caution: str = "",
    theories: str = "",
) -> None:
    """Write the report as one self-contained HTML file; arguments as in `screen_report.write_report`."""
    problem = design.problem
    judged = verified(problem.space, problem.scoring, design.verdicts) if design.verdicts else None
    slabs = design.searches[-1].slabs[:DRAWN]
    titles = [f"{slab.name}\n{100 * slab.strain:+.2f} %" for slab in slabs]
    case = problem.space.called(slabs).case(constants)
    sections = [
        f"<h1>{escape(problem.name)}</h1>",
        judged_line(judge),
        *cautions(caution, theories, design.verdicts),
        status(design.verified is not None, *_outcome(design)),
        figures(_numbers(design)),
        section("From mixtures to a verdict", _rounds_table(design), _ROUNDS_NOTE),
        section("The best slabs of the last search", _slabs_table(design), _SLABS_NOTE),
        section("Structures", structures_picture(case, titles), STRUCTURES_NOTE),
    ]
    if judged is not None:
        sections += verdict_sections(list(design.verdicts), judged)
    sections += [
        section("The objective", f"<pre>{escape(problem.scoring.score)}</pre>"),
        section("What the numbers are not", f"<p>{LIMITS}</p>"),
        section("How to repeat it", f"<pre>{escape(command)}</pre><pre>{escape(makers)}</pre>"),
    ]
    write_bytes(path, page(problem.name, sections).encode())


_ROUNDS_NOTE = (
    "Mixtures may hold shares of several metals on a site; the best real slab is what rounding them and exchanging "
    "single metals led to, and was not judged before: the first of those that the simulator was asked about in the "
    "round."
)


_SLABS_NOTE = "Unknown: unlike what the predictor was trained on, so that its interval promises nothing."


def _outcome(design: SurfaceDesign) -> tuple[str, str]:
    told = f"{design.best.name} at {100 * design.best.strain:+.2f} % strain"
    if design.verified is None:
        if any(verdict.answered for verdict in design.verdicts):
            return (
                "Not verified",
                f"{told} was promised; no slab that the simulator judged stands and keeps the limits.",
            )
        return "Not verified", f"{told} is the best slab that was promised; no simulator has judged a slab."
    return "Judged", f"{told} has the lowest objective among those that the simulator judged."


def _numbers(design: SurfaceDesign) -> list[tuple[str, str]]:
    numbers = [(f"{design.promised:.4g}", "objective promised")]
    if design.verified is not None:
        numbers.append((f"{design.verified:.4g}", "objective verified"))
    numbers.append((f"{sum(found.asked for found in design.searches):,}", "real slabs scored by the predictor"))
    return numbers


def _rounds_table(design: SurfaceDesign) -> str:
    problem = design.problem
    rows = []
    for round_, found in enumerate(design.searches):
        mine = [verdict for verdict in design.verdicts if verdict.slab == found.slabs[0]]
        score = float(verified(problem.space, problem.scoring, mine)["score"][0]) if mine else math.nan
        promised = found.promises[0]["score"]
        rows.append(
            [
                f"{round_}",
                f"{found.mixtures:.4g}",
                f"{promised:.4g}",
                f"{promised - found.mixtures:+.3g}",
                number(score, ".4g"),
                number(score - promised, "+.3g"),
            ]
        )
    head = ["Round", "Best mixture", "Best real slab, promised", "Gap", "Verified", "Gap"]
    return table(head, rows)


def _slabs_table(design: SurfaceDesign) -> str:
    found = design.searches[-1]
    rows = [
        [
            slab.name,
            f"{100 * slab.strain:+.2f}",
            number(told["free_energy"], "+.3f"),
            number(told["formation_energy"], "+.3f"),
            number(told["price"], ".3g"),
            f"{told['score']:.4g} ({told['score_low']:.3g} to {told['score_high']:.3g})",
            f"{told['near_peak']:.2f}",
            tick(bool(told["known"])),
        ]
        for slab, told in zip(found.slabs, found.promises, strict=True)
    ]
    head = ["Slab, surface first", "Strain [%]", "ΔG [eV]", "E_f [eV/atom]", "Price, Pt = 1 [-]", "Objective"]
    return table([*head, "P(at the peak)", "Known"], rows)
