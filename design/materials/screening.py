"""Screening a space: every candidate asked once, in chunks that are kept, so that a killed run goes on.

The folder holds `problem.toml`, `makers.txt` (who answered), and a file of each finished chunk in `chunks/`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from understudy.datasets.whole_files import write_bytes
from understudy.design.materials.pareto import front
from understudy.design.materials.scoring import NAMES, Predicted, Scored, Scoring, score_of
from understudy.design.materials.space import Candidates, SlabSpace
from understudy.simulators.interface import Answer, Predictor, Status
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import ENERGIES

AT_ONCE = 2048  # candidates in a chunk
MEASURES = ("score", "score_low", "score_high", "near_peak", "feasible", "kept")

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class ScreenProblem:
    """What is screened and how it is judged.

    name: for people. space: of candidates. scoring: what is sought.
    top: candidates at the head of the list.
    every_strain: list a slab at every strain, not only at its best one.
    """

    name: str = "screening"
    space: SlabSpace
    scoring: Scoring
    top: int = 20
    every_strain: bool = False

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1; got {self.top}")


@dataclass(frozen=True, eq=False)
class Screening:
    """Answers to a whole space, one entry a candidate in each column.

    columns: `number` in the space, quantities `NAMES` with ends of the intervals of predicted ones, `MEASURES`, and
        `known`, whether it is like what the predictor was trained on, and `ok`, whether it was answered.
    order: rows that are listed, the best first.
    """

    problem: ScreenProblem
    columns: Columns
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.columns["number"])

    def candidates(self, rows: NDArray[np.int64]) -> Candidates:
        """Those of some rows."""
        return self.problem.space.candidates(torch.from_numpy(self.columns["number"][rows]))

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
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Screening:
    """Ask a predictor about every candidate, or go on where an earlier run stopped.

    Args:
        predictor: of slabs; its `constants` are the lattice constants at which candidates are made.
        folder: where finished chunks are kept; nothing else may be kept there.

    Rarely needed:
        workers: threads. progress: called after each chunk with the candidates answered and their number.

    Raises:
        ValueError: the predictor has no lattice constants, or lacks those of a metal.
        DiskFullError: no room; finished chunks are kept.
    """
    constants = constants_of(predictor)
    problem.space.plan(constants)
    chunks = folder / "chunks"
    chunks.mkdir(parents=True, exist_ok=True)
    total = len(problem.space)
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


@torch.no_grad()
def assessed(
    problem: ScreenProblem, predictor: Predictor[SlabCase], constants: Mapping[str, float], numbers: Tensor
) -> Columns:
    """The columns of some candidates."""
    candidates = problem.space.candidates(numbers)
    worth, answer = scored_by(predictor, candidates, constants, problem.scoring)
    columns: Columns = {"number": numbers.numpy()}
    blank = torch.full_like(worth.score, torch.nan)
    columns |= {name: worth.values.get(name, blank).numpy() for name in NAMES}
    columns |= {name: column.numpy() for name, column in worth.ends.items()}
    columns |= {name: getattr(worth, name).numpy() for name in MEASURES}
    known = getattr(answer, "known", torch.ones(len(numbers), dtype=torch.bool))
    ok = np.array([status is Status.OK for status in answer.status]) & np.isfinite(columns["score"])
    return columns | {"known": known.numpy(), "ok": ok}


def scored_by(
    predictor: Predictor[SlabCase], candidates: Candidates, constants: Mapping[str, float], scoring: Scoring
) -> tuple[Scored, Answer]:
    """What candidates are worth by what a predictor says of them, and its answer."""
    answer = predictor.predict(candidates.case(constants))
    found = {name: _predicted(answer, name) for name in ENERGIES}
    if scoring.needs("segregation_energy"):
        found["segregation_energy"] = _segregation(found["formation_energy"], candidates, predictor, constants)
    return score_of(candidates, found, scoring), answer


def _predicted(answer: Answer, name: str) -> Predicted:
    """A quantity of an answer, with its interval if the answerer gives one."""
    value = answer[name]
    low, high = (getattr(answer, end, {}).get(name) for end in ("low", "high"))
    width = torch.zeros_like(value) if low is None or high is None else 0.5 * (high - low)
    return Predicted(value.double(), width.double(), getattr(answer, "coverage", 0.9))


def _segregation(
    formation: Predicted, candidates: Candidates, predictor: Predictor[SlabCase], constants: Mapping[str, float]
) -> Predicted:
    """What exchanging surface and second layer costs [eV]: atoms of the slab times the change of formation energy.

    Positive: the surface stays as it is.
    """
    swapped = _predicted(predictor.predict(candidates.swapped().clean(constants)), "formation_energy")
    atoms = candidates.space.atoms
    width = torch.hypot(formation.half_width, swapped.half_width)
    return Predicted(atoms * (swapped.value - formation.value), atoms * width, formation.coverage)


def ranked(problem: ScreenProblem, columns: Columns) -> NDArray[np.int64]:
    """Answered rows that keep the limits, the best first: known ones before strangers, each slab at its best strain."""
    rows = np.flatnonzero(columns["ok"] & columns["kept"])
    rows = rows[np.lexsort((columns["score"][rows], ~columns["known"][rows]))]
    if problem.every_strain:
        return rows
    _, first = np.unique(columns["number"][rows] // problem.space.strains[2], return_index=True)
    return rows[np.sort(first)]


def constants_of(predictor: Predictor[SlabCase]) -> Mapping[str, float]:
    """Lattice constants of a predictor [Å].

    Raises:
        ValueError: it has none.
    """
    constants: Mapping[str, float] = getattr(predictor, "constants", {})
    if not len(constants):
        raise ValueError(f"{predictor.name} names no lattice constants at which slabs could be made; train it again")
    return constants


def rows_of(screening: Screening, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Rows of the table for people: names in place of numbers."""
    some = np.asarray(rows, dtype=np.int64)
    for place, slab in zip(some.tolist(), screening.candidates(some).told(), strict=True):
        values = {name: column[place].item() for name, column in screening.columns.items()}
        named = {"slab": slab.name, "adsorbate": slab.adsorbate, "site": slab.site}
        yield {"number": values.pop("number"), **named, **values}


def promises_of(screening: Screening, rows: Sequence[int]) -> list[dict[str, float]]:
    """All columns of some rows."""
    return [{name: float(column[row]) for name, column in screening.columns.items()} for row in rows]


def _chunk(folder: Path, start: int) -> Path:
    return folder / f"{start:09d}.npz"


def _keep(path: Path, columns: Columns) -> None:
    image = BytesIO()
    np.savez(image, **columns)  # type: ignore[arg-type]
    write_bytes(path, image.getvalue())


def _kept(path: Path) -> Columns:
    with np.load(path) as file:
        return dict(file.items())
