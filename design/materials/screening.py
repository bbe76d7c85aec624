"""Screening a space, or the structures of a file: every candidate asked once, so that a killed run goes on.

The folder holds `problem.toml`, `makers.txt` (who answered), and a file of each finished chunk in `chunks/`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from understudy.datasets.whole_files import write_bytes
from understudy.design.materials.candidates import Candidates, Space
from understudy.design.materials.pareto import front
from understudy.design.materials.scoring import (
    COVERAGE,
    NAMES,
    OF_COMPOSITION,
    PREDICTED,
    Predicted,
    Scored,
    Scoring,
    leaves,
    score_of,
)
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.structures import StructureList
from understudy.simulators.interface import Answer, Predictor, Status
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import ENERGIES

AT_ONCE = 2048  # candidates in a chunk
MEASURES = ("score", "score_low", "score_high", "coverage", "near_peak", "feasible", "kept")

LEAVES = "the adsorbate is not likely to stay what and where it was: its energy would be that of something else"

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class ScreenProblem:
    """What is screened and how it is judged.

    name: for people. space: of candidates; or structures: a file of them, in its place. scoring: what is sought.
    top: candidates at the head of the list.
    every_strain: list a slab at every strain, not only at its best one.
    """

    name: str = "screening"
    space: SlabSpace | None = None
    structures: Path | None = None
    scoring: Scoring = field(default_factory=Scoring)
    top: int = 20
    every_strain: bool = False

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1; got {self.top}")
        if (self.space is None) == (self.structures is None):
            got = "neither" if self.space is None else "both"
            raise ValueError(f"expected either a space or structures, a file of them; got {got}")
        if self.structures is not None:
            self.scoring.check(StructureList.undefined)
        if self.space is not None:
            self.scoring.require_known(self.space.metals)

    @cached_property
    def slabs(self) -> Space:
        """All candidates.

        Raises:
            FileNotFoundError, StructureError: no such file of structures, or one that cannot be read to its end.
            ValueError: score or limits ask for what is not known of the metals of any structure.
        """
        if self.space is not None:
            return self.space
        listed = StructureList.read(Path(str(self.structures)))
        if self.scoring.unknown_of(listed.metals):
            made_of = listed.candidates(torch.arange(len(listed))).made_of()
            unknown = [self.scoring.unknown_of(metals) for metals in made_of]
            if unknown and all(unknown):
                raise ValueError(f"no structure of {self.structures} can be scored: {unknown[0]}")
        return listed


@dataclass(frozen=True, eq=False)
class Screening:
    """Answers to a whole space, one entry a candidate in each column.

    columns: `number` in the space, quantities `NAMES` with ends of the intervals of predicted ones, `MEASURES`, and
        `known`, whether it is like what the predictor was trained on, `ok`, whether it was answered and scored, and
        `message`, a sentence where something is missing.
    order: rows that are listed, the best first.
    """

    problem: ScreenProblem
    columns: Columns
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.columns["number"])

    @property
    def unlisted(self) -> str:
        """Why no candidate is listed, as a sentence; nothing where there is one."""
        if len(self.order):
            return ""
        ok, left = self.columns["ok"], self.columns["message"] == LEAVES
        reasons = {
            "break the limits": ok,
            "would rather lose their adsorbate than not": ~ok & left,
            "were not answered, or lack what score or limits need": ~ok & ~left,
        }
        told = [f"{rows.sum():,} {reason}" for reason, rows in reasons.items() if rows.any()]
        return f"None of {len(self):,} candidates is listed: {'; '.join(told)}."

    def candidates(self, rows: NDArray[np.int64]) -> Candidates:
        """Those of some rows."""
        return self.problem.slabs.candidates(torch.from_numpy(self.columns["number"][rows]))

    @property
    def front(self) -> NDArray[np.int64]:
        """Listed rows that no other one beats in activity, stability and price at once."""
        rows = self.order
        goals = np.stack(
            (
                np.abs(self.columns["free_energy"][rows]),
                self.columns["formation_energy"][rows],
                self.columns["price"][rows],
            ),
            1,
        )
        return rows[front(goals)]


def screen(
    problem: ScreenProblem,
    predictor: Predictor[SlabCase],
    folder: Path,
    *,
    constants: Mapping[str, float] | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Screening:
    """Ask a predictor about every candidate, or go on where an earlier run stopped.

    Args:
        predictor: of slabs.
        folder: where finished chunks are kept; nothing else may be kept there.

    Rarely needed:
        constants: lattice constants at which candidates are made [Å]; those of the predictor when omitted.
        workers: threads. progress: called after each chunk with the candidates answered and their number.

    Raises:
        ValueError: the predictor has no lattice constants, or lacks those of a metal.
        DiskFullError: no room; finished chunks are kept.
    """
    space = problem.slabs
    constants = constants_of(space, predictor) if constants is None else constants
    space.check(constants)
    chunks = folder / "chunks"
    chunks.mkdir(parents=True, exist_ok=True)
    total = len(space)
    starts = range(0, total, AT_ONCE)
    missing = [start for start in starts if not _chunk(chunks, start).is_file()]
    done = total - sum(min(AT_ONCE, total - start) for start in missing)
    progress(done, total)

    def asked(start: int) -> int:
        numbers = torch.arange(start, min(start + AT_ONCE, total))
        _keep(_chunk(chunks, start), assessed(problem, predictor, constants, numbers))
        return len(numbers)

    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(missing)
        while some := list(islice(waiting, workers)):
            for count in pool.map(asked, some):
                done += count
                progress(done, total)
    parts = [_kept(_chunk(chunks, start)) for start in starts]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Screening(problem, columns, ranked(problem, columns))


def finished(problem: ScreenProblem, folder: Path) -> bool:
    """Whether a screening in this folder has answered every candidate."""
    return all(_chunk(folder / "chunks", start).is_file() for start in range(0, len(problem.slabs), AT_ONCE))


@torch.no_grad()
def assessed(
    problem: ScreenProblem, predictor: Predictor[SlabCase], constants: Mapping[str, float], numbers: Tensor
) -> Columns:
    """The columns of some candidates; those that cannot be asked about hold NaN and a sentence."""
    candidates = problem.slabs.candidates(numbers)
    message = np.array(candidates.refusals())
    asked = np.flatnonzero(message == "")
    if len(asked) == len(numbers):
        return {"number": numbers.numpy(), **_answered(problem, predictor, constants, candidates)}
    names = (*NAMES, *(f"{name}_{end}" for name in _asked_for(problem.scoring) for end in ("low", "high")), *MEASURES)
    columns: Columns = {name: np.full(len(numbers), False if name == "kept" else np.nan) for name in names}
    columns |= {name: np.zeros(len(numbers), dtype=bool) for name in ("known", "ok")}
    if len(asked):
        told = _answered(problem, predictor, constants, candidates[torch.from_numpy(asked)])
        message = message.astype(np.promote_types(message.dtype, told["message"].dtype))
        for name, column in {**columns, "message": message}.items():
            column[asked] = told[name]
    return {"number": numbers.numpy(), **columns, "message": message}


def _answered(
    problem: ScreenProblem, predictor: Predictor[SlabCase], constants: Mapping[str, float], candidates: Candidates
) -> Columns:
    worth, answer = scored_by(predictor, candidates, constants, problem.scoring)
    blank = torch.full_like(worth.score, torch.nan)
    columns: Columns = {name: worth.values.get(name, blank).numpy() for name in NAMES}
    columns |= {name: column.numpy() for name, column in worth.ends.items()}
    columns |= {name: getattr(worth, name).numpy() for name in MEASURES}
    left = leaves(answer).numpy()
    ok = np.array([status is Status.OK for status in answer.status]) & np.isfinite(columns["score"]) & ~left
    message = _sentences(problem.scoring, candidates, columns, answer)
    return columns | {
        "known": known_by(answer).numpy(),
        "ok": ok,
        "message": np.where(left & (message == ""), LEAVES, message),
    }


def known_by(answer: Answer) -> Tensor:
    """Whether each row is like what the answerer was trained on; a simulator knows all (rows,)."""
    known: Tensor = getattr(answer, "known", torch.ones(len(answer.status), dtype=torch.bool))
    return known


def _sentences(scoring: Scoring, candidates: Candidates, columns: Columns, answer: Answer) -> NDArray[Any]:
    """What a reader must know of each candidate that lacks something: why it was not answered, or not scored."""
    told = list(answer.message)
    needed = [name for name in NAMES if scoring.needs(name)]
    apart = candidates.unexchangeable() if "segregation_energy" in needed else [""] * len(told)
    unpriced = any(np.isnan(columns[name]).any() for name in OF_COMPOSITION if name in needed)
    made_of = candidates.made_of() if unpriced else [()] * len(told)
    asked = zip(apart, made_of, candidates.standing(), strict=True)
    for row, (reason, metals, (adsorbate, _)) in enumerate(asked):
        missing = [name for name in needed if np.isnan(columns[name][row])]
        if missing and not told[row]:
            told[row] = reason or scoring.unknown_of(metals) or _why_missing(missing, adsorbate, scoring)
    return np.array(told)


def _why_missing(missing: Sequence[str], adsorbate: str, scoring: Scoring) -> str:
    told = f"score or limits need what is not known of it: {', '.join(missing)}"
    if {"adsorption_energy", "free_energy"} & set(missing) and not adsorbate:
        return f"{told}: nothing stands on this slab"
    if "free_energy" in missing and adsorbate not in scoring.corrections:
        return f"{told}: give free energy less energy of {adsorbate} [eV] under [scoring.corrections]"
    return told


def _asked_for(scoring: Scoring) -> list[str]:
    """Predicted quantities that a screening asks for."""
    return [name for name in PREDICTED if name in ENERGIES or scoring.needs(name)]


def scored_by(
    predictor: Predictor[SlabCase], candidates: Candidates, constants: Mapping[str, float], scoring: Scoring
) -> tuple[Scored, Answer]:
    """What candidates are worth by what a predictor says of them, and its answer."""
    case = candidates.case(constants)
    answer = predictor.predict(case)
    found = {name: _predicted(answer, name) for name in ENERGIES}
    if scoring.needs("segregation_energy"):
        found["segregation_energy"] = _segregation(found["formation_energy"], candidates, case, predictor, constants)
    return score_of(candidates, found, scoring), answer


def _predicted(answer: Answer, name: str) -> Predicted:
    """A quantity of an answer, with its interval if the answerer gives one."""
    value = answer[name]
    low, high = (getattr(answer, end, {}).get(name) for end in ("low", "high"))
    width = torch.zeros_like(value) if low is None or high is None else 0.5 * (high - low)
    return Predicted(value.double(), width.double(), getattr(answer, "coverage", COVERAGE))


def _segregation(
    formation: Predicted,
    candidates: Candidates,
    case: SlabCase,
    predictor: Predictor[SlabCase],
    constants: Mapping[str, float],
) -> Predicted:
    """What exchanging surface and second layer costs [eV]: atoms of the slab times the change of formation energy.

    Positive: the surface stays as it is. Exactly 0 for layers of the same metal, NaN where they cannot be exchanged.
    """
    rows = torch.tensor([not reason for reason in candidates.unexchangeable()]).nonzero()[:, 0]
    value, width = (torch.full_like(formation.value, torch.nan) for _ in range(2))
    atoms, alike = candidates.atoms, torch.zeros(len(value), dtype=torch.bool)
    if len(rows):
        exchanged = candidates[rows].exchanged(constants)
        swapped = _predicted(predictor.predict(exchanged), "formation_energy")
        value[rows], width[rows] = swapped.value, swapped.half_width
        alike[rows] = _alike(exchanged, case[rows].clean())
    return Predicted(
        torch.where(alike, 0.0, atoms * (value - formation.value)),
        torch.where(alike, 0.0, atoms * torch.hypot(formation.half_width, width)),
        formation.coverage,
    )


def _alike(first: SlabCase, second: SlabCase) -> Bool[Tensor, " batch"]:
    """Whether the sites of each slab hold the same metals in both."""
    elements = tuple(dict.fromkeys((*first.elements, *second.elements)))
    differing = (first.over(elements) != second.over(elements)).any(1)
    return torch.zeros(len(first)).index_add(0, first.row_of_atom, differing.float()) == 0


def ranked(problem: ScreenProblem, columns: Columns) -> NDArray[np.int64]:
    """Answered rows that keep the limits, the best first: known ones before strangers, each slab at its best strain."""
    rows = np.flatnonzero(columns["ok"] & columns["kept"])
    rows = rows[np.lexsort((columns["score"][rows], ~columns["known"][rows]))]
    if problem.every_strain:
        return rows
    _, first = np.unique(problem.slabs.slab_of(columns["number"][rows]), return_index=True)
    return rows[np.sort(first)]


def constants_of(
    space: Space, predictor: Predictor[SlabCase], judge: Predictor[SlabCase] | None = None
) -> Mapping[str, float]:
    """Lattice constants of a predictor, or those of who judges it where it has none [Å].

    Raises:
        ValueError: neither has any, and the slabs of the space are made at them.
    """
    for who in (predictor, judge):
        constants: Mapping[str, float] = getattr(who, "constants", {})
        if len(constants):
            return constants
    if space.made:
        raise ValueError(
            f"expected lattice constants, at which slabs are made; got none of {predictor.name}, which learnt from "
            "structures of a file: name a simulator that judges, whose own are taken, or screen structures of a file"
        )
    return {}


def rows_of(screening: Screening, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Rows of the table for people: names in place of numbers."""
    some = np.asarray(rows, dtype=np.int64)
    for place, slab in zip(some.tolist(), screening.candidates(some).told(), strict=True):
        values = {name: column[place].item() for name, column in screening.columns.items()}
        named = {"slab": slab.name, "adsorbate": slab.adsorbate, "site": slab.site}
        yield {"number": values.pop("number"), **named, **values}


def promises_of(screening: Screening, rows: Sequence[int]) -> list[dict[str, float]]:
    """All columns of some rows that are numbers."""
    numbers = {name: column for name, column in screening.columns.items() if name != "message"}
    return [{name: float(column[row]) for name, column in numbers.items()} for row in rows]


def _chunk(folder: Path, start: int) -> Path:
    return folder / f"{start:09d}.npz"


def _keep(path: Path, columns: Columns) -> None:
    image = BytesIO()
    np.savez(image, **columns)  # type: ignore[arg-type]
    write_bytes(path, image.getvalue())


def _kept(path: Path) -> Columns:
    with np.load(path) as file:
        return dict(file.items())
