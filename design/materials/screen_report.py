"""The report of a screening: one HTML page that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from understudy.datasets.whole_files import write_bytes
from understudy.design.materials.plots import pareto_picture, parity_picture, structures_picture, volcano_picture
from understudy.design.materials.screening import Columns, Screening, rows_of
from understudy.design.materials.verification import Verdict, unanswered, verified
from understudy.design.page import figures, number, page, section, status, table, tick
from understudy.simulators.materials.anomaly import likely

#: What is promised of a candidate counts as kept within this [eV].
CLOSE = 0.05
DRAWN = 6  # structures
TITLE = 20  # letters in a line above a drawing
TOLD = 50  # reasons why candidates were not compared
#: Clicking a heading sorts the table by it.
_SORT = """<script>
document.querySelectorAll("table").forEach(table => table.querySelectorAll("th").forEach((head, column) => {
  head.style.cursor = "pointer";
  head.addEventListener("click", () => {
    const rows = [...table.tBodies[0].rows], up = head.dataset.up !== "1";
    const value = row => { const text = row.cells[column].innerText.replace("−", "-"), n = parseFloat(text);
      return isNaN(n) ? text : n; };
    rows.sort((a, b) => (value(a) > value(b) ? 1 : value(a) < value(b) ? -1 : 0) * (up ? 1 : -1));
    head.dataset.up = up ? "1" : "0";
    rows.forEach(row => table.tBodies[0].append(row));
  });
}));
</script>"""
LIMITS = (
    "Slabs are small, layers that are held do not relax, one adsorbate stands on each cell (full coverage on cells of "
    "one site), on one kind of site at a time, without spin, solvent or potential."
)


def write_report(
    screening: Screening,
    constants: Mapping[str, float],
    verdicts: list[Verdict],
    path: Path,
    *,
    command: str,
    makers: str,
    judge: str = "",
    caution: str = "",
    theories: str = "",
    unasked: str = "",
) -> None:
    """Write the report as one self-contained HTML file.

    Args:
        constants: lattice constants at which candidates are made [Å].
        verdicts: what a simulator said of candidates, if one was asked.
        command: the command line that repeats the run. makers: who answered and who judged.
        judge: what the one who judged is called.
        caution: what must be said of these energies before all else. theories: that verdicts are of another theory.
        unasked: why the judge was asked about nothing.
    """
    judged = verified(screening.problem.slabs, screening.problem.scoring, verdicts) if verdicts else None
    sections = [
        f"<h1>{escape(screening.problem.name)}</h1>",
        f'<p class="note">{escape(unasked)}</p>' if unasked else judged_line(judge),
        *cautions(caution, theories, verdicts),
        *([status(False, "Nothing is listed", screening.unlisted)] if screening.unlisted else []),
        _figures(screening, verdicts, judged),
        *_listed(screening, constants, judged),
        *_unanswered(screening),
    ]
    if judged is not None:
        sections += verdict_sections(verdicts, judged)
    sections += [
        section("What the numbers are not", f"<p>{LIMITS}</p>"),
        section("How to repeat it", f"<pre>{escape(command)}</pre><pre>{escape(makers)}</pre>", _FILES_NOTE),
        _SORT,
    ]
    write_bytes(path, page(screening.problem.name, sections).encode())


def _listed(screening: Screening, constants: Mapping[str, float], judged: Columns | None) -> list[str]:
    """The head of the list, its pictures and its structures; pictures only of what there is to draw."""
    sections = []
    if len(screening.order):
        sections.append(section("The best", _best_table(screening), _BEST_NOTE))
    energy = screening.columns["free_energy"]
    if np.isfinite(energy[screening.columns["ok"]]).any():
        sections.append(section("Activity", volcano_picture(screening, judged), _VOLCANO_NOTE))
    if np.isfinite(energy[screening.order]).any():
        sections.append(section("Activity, stability, price", pareto_picture(screening)))
    if len(screening.order):
        sections.append(section("Structures", _structures(screening, constants), STRUCTURES_NOTE))
    return sections


def verdict_sections(verdicts: list[Verdict], judged: Columns) -> list[str]:
    """What was promised and what the simulator said: a table, and a picture where there are verdicts to draw."""
    sections = [section("Promise, verdict and gap", verdict_table(verdicts, judged), _VERDICT_NOTE)]
    if any(verdict.ok for verdict in verdicts):
        sections.append(section("Promise against verdict", parity_picture(judged), _PARITY_NOTE))
    return sections


def cautions(caution: str, theories: str, verdicts: Sequence[Verdict]) -> list[str]:
    """What must be known before the numbers are read: of the energies, of the judge, of what it did not answer."""
    told = {"Not chemistry": caution, "Two theories": theories, "Not answered": unanswered(verdicts)}
    return [status(False, title, text) for title, text in told.items() if text]


def judged_line(judge: str) -> str:
    """Who judged, at the head of a report."""
    told = f"Judged by {judge}." if judge else "Judged by nobody: all numbers are promises."
    return f'<p class="note">{escape(told)}</p>'


_VOLCANO_NOTE = (
    "Free energy of adsorption of all candidates, of the head of the list with its intervals, and of the verdicts. "
    "Unknown: unlike what the predictor was trained on."
)
_BEST_NOTE = (
    "Click a heading to sort. Intervals are those that the predictor states; the probabilities follow from them. "
    "Unknown: unlike what the predictor was trained on, so that its interval promises nothing."
)
_VERDICT_NOTE = (
    "What was promised of each candidate before the simulator was asked, with its interval, and what it then said; the "
    "misses too. Gap: promise less verdict. Limits kept: by the verdict."
)
_PARITY_NOTE = "Energy of adsorption: promise, with its interval, against verdict; on the line the promise is kept."
STRUCTURES_NOTE = "The first of the list, each from the side and from above."
_FILES_NOTE = (
    "Beside this page: problem.toml, every candidate in table.csv and table.h5, the best structures in best.extxyz, "
    "and the verdicts in verdicts.jsonl."
)


def _figures(screening: Screening, verdicts: list[Verdict], judged: Columns | None) -> str:
    columns = screening.columns
    numbers = [
        (f"{len(screening):,}", "candidates"),
        (f"{len(screening.order):,}", "slabs listed: answered, limits kept"),
    ]
    if (columns["adsorption_energy_high"] > columns["adsorption_energy_low"]).any():  # a simulator was not trained
        known = 100 * float(columns["known"].mean())
        numbers.append((f"{known:.1f} %", "like what the predictor was trained on"))
    answered = sum(verdict.answered for verdict in verdicts)
    if judged is not None and answered:
        told = np.isfinite(judged["adsorption_energy"])
        gap = np.abs(judged["promised"] - judged["adsorption_energy"])[told]
        numbers += [
            (f"{int((gap <= CLOSE).sum())} of {answered}", f"verdicts within {CLOSE:g} eV of the promise"),
            (f"{int(judged['inside'][told].sum())} of {int(told.sum())}", "verdicts inside the promised interval"),
        ]
    return figures(numbers)


def _best_table(screening: Screening) -> str:
    rows = screening.order[: screening.problem.top]
    head = [
        "Slab, surface first", "On it", "Strain [%]", "ΔG [eV]", "ΔE [eV]", "E_f [eV/atom]", "Price, Pt = 1 [-]",
        "Score", "P(at the peak)", "P(limits kept)", "Known",
    ]  # fmt: skip
    lines = [
        [
            told["slab"],
            _standing(told),
            number(100 * told["strain"], "+.2f"),
            number(told["free_energy"], "+.3f"),
            _interval(told, "adsorption_energy"),
            _interval(told, "formation_energy"),
            number(told["price"], ".3g"),
            f"{told['score']:.3g} ({told['score_low']:.3g} to {told['score_high']:.3g})",
            f"{told['near_peak']:.2f}",
            f"{told['feasible']:.2f}",
            tick(told["known"]),
        ]
        for told in rows_of(screening, rows.tolist())
    ]
    return table(head, lines)


def _interval(told: Mapping[str, Any], name: str) -> str:
    half = 0.5 * (told[f"{name}_high"] - told[f"{name}_low"])
    return number(told[name], "+.3f") + (f" ± {half:.3f}" if half > 0 else "")


def _structures(screening: Screening, constants: Mapping[str, float]) -> str:
    rows = screening.order[:DRAWN]
    candidates = screening.candidates(rows)
    titles = ["\n".join((*wrap(slab.name, TITLE), _strained(slab.strain))) for slab in candidates.told()]
    return structures_picture(candidates.case(constants), titles)


def _strained(strain: float) -> str:
    return "" if math.isnan(strain) else f"{100 * strain:+.2f} %"


def _unanswered(screening: Screening) -> list[str]:
    """A section where there are candidates that were not answered or not scored: each reason once, frequent first."""
    rows = np.flatnonzero(screening.columns["message"] != "")
    if not len(rows):
        return []
    _, first, counts = np.unique(screening.columns["message"][rows], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:TOLD]
    lines = [
        [told["message"], f"{count:,}", f"{told['number']}", told["slab"], _standing(told)]
        for told, count in zip(rows_of(screening, rows[first[order]].tolist()), counts[order], strict=True)
    ]
    note = f"{len(rows):,} candidates, of which table.csv tells each; slabs are the first of each reason."
    return [section("Not compared", table(["Why", "Candidates", "Number", "Slab", "On it"], lines), note)]


def _standing(told: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (told["adsorbate"], told["site"])))


def verdict_table(verdicts: list[Verdict], judged: Columns) -> str:
    """What was promised of each candidate, and what the simulator said of it."""
    lines = []
    for place, verdict in enumerate(verdicts):
        half = 0.5 * (judged["promised_high"][place] - judged["promised_low"][place])
        gap = judged["promised"][place] - judged["adsorption_energy"][place]
        lines.append(
            [
                verdict.slab.name,
                number(100 * verdict.slab.strain, "+.2f"),
                f"{verdict.round}",
                f"{judged['promised'][place]:+.3f} ± {half:.3f}",
                number(judged["adsorption_energy"][place], "+.3f") if verdict.ok else _why(verdict),
                number(gap, "+.3f"),
                tick(bool(judged["inside"][place])) if verdict.ok else "–",
                number(judged["promised_score"][place], ".3g"),
                number(judged["score"][place], ".3g"),
                tick(bool(judged["kept"][place])) if verdict.ok else "–",
            ]
        )
    head = ["Slab, surface first", "Strain [%]", "Round", "ΔE promised [eV]", "ΔE verified [eV]", "Gap [eV]", "Inside"]
    return table([*head, "Score promised", "Score verified", "Limits kept"], lines)


def _why(verdict: Verdict) -> str:
    """Why there is no number, in a word."""
    happened = [str(name) for name, told in likely(verdict.values).items() if told]
    return verdict.status if verdict.status != "ok" else ", ".join(happened)
