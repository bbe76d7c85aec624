"""A simulator's word on candidates: asked once each, kept as it comes, told beside what was promised."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch

from understudy.datasets.whole_files import room_for
from understudy.datasets.workers import stoppable_processes
from understudy.design.materials.candidates import Candidates, Space, Told
from understudy.design.materials.scoring import COVERAGE, PREDICTED, Predicted, Scoring, score_of
from understudy.design.materials.space import Slab
from understudy.design.materials.structures import Structure
from understudy.simulators.interface import Simulator, Solution, Status
from understudy.simulators.line_file import append_line
from understudy.simulators.materials.anomaly import Anomaly, likely
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import ENERGIES

FILE = "verdicts.jsonl"

#: Status, message and values.
_Answered = tuple[str, str, dict[str, float]]


@dataclass(frozen=True)
class Verdict(Generic[Told]):
    """What the simulator said of a candidate.

    slab: the candidate. status, message: how it ended. values: quantity -> value, of those that it answered.
    promise: what a predictor said of it before it was asked, as columns of a screening. round: in which it was asked.
    rank: its place among all that were asked about, whichever was answered first.
    """

    slab: Told
    status: str
    message: str
    values: Mapping[str, float]
    promise: Mapping[str, float]
    round: int = 0
    rank: int = 0

    def order(self) -> tuple[int, int]:
        """Place among the verdicts of a run: what is learnt from them must not depend on who was quicker."""
        return self.round, self.rank

    @property
    def answered(self) -> bool:
        """Whether the simulator had an answer."""
        return self.status == Status.OK

    @property
    def ok(self) -> bool:
        """Whether it was answered, and the adsorbate stayed what and where it was."""
        return self.answered and not any(likely(self.values).values())

    def solution(self) -> Solution:
        """As the simulator's answer."""
        names = (*ENERGIES, *(str(name) for name in Anomaly))
        values = {name: torch.tensor([self.values.get(name, math.nan)], dtype=torch.float64) for name in names}
        return Solution(values=values, status=(Status(self.status),), message=(self.message,))


def verify(
    candidates: Candidates,
    promises: Sequence[Mapping[str, float]],
    judge: Simulator[SlabCase],
    constants: Mapping[str, float],
    folder: Path,
    *,
    scoring: Scoring,
    round_: int = 0,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Verdict]:
    """Ask the simulator about candidates that it was not asked about before; all verdicts of the folder.

    Args:
        promises: what was said of each candidate. constants: lattice constants at which they are made [Å].
        folder: where each verdict is kept as soon as it is there.

    Rarely needed:
        processes: that ask at once, where an answer takes the simulator minutes.

    Raises:
        ValueError: a line of the verdicts, not the last one, is none.
        DiskFullError: no room; what was answered is kept.
        ChildProcessError: a process died; what was answered is kept.
    """
    file = folder / FILE
    verdicts = verdicts_in(file)
    _keep_lines(file, len(verdicts))
    known = {verdict.slab for verdict in verdicts}
    told = candidates.told()
    waiting = [place for place, slab in enumerate(told) if slab not in known and told.index(slab) == place]
    questions = {place: _Question.of(candidates[place : place + 1], constants, scoring) for place in waiting}
    progress(0, len(waiting))
    before = len(verdicts)
    for done, (place, (status, message, values)) in enumerate(_answers(questions, judge, processes), 1):
        rank = before + waiting.index(place)
        verdicts.append(Verdict(told[place], status, message, values, dict(promises[place]), round_, rank))
        with room_for(file):
            append_line(file, json.dumps(asdict(verdicts[-1])))
        progress(done, len(waiting))
    return sorted(verdicts, key=Verdict.order)


@dataclass(frozen=True, eq=False)
class _Question:
    """A candidate, and the same with its upper layers exchanged where the segregation energy is asked for."""

    case: SlabCase
    exchanged: SlabCase | None
    atoms: float

    @staticmethod
    def of(candidate: Candidates, constants: Mapping[str, float], scoring: Scoring) -> "_Question":
        exchanged = candidate.exchanged(constants) if scoring.needs("segregation_energy") else None
        return _Question(candidate.case(constants), exchanged, float(candidate.atoms[0]))

    @torch.no_grad()
    def answered(self, judge: Simulator[SlabCase]) -> _Answered:
        """Status, message and values."""
        answer = judge.predict(self.case)
        values = {name: float(value[0]) for name, value in answer.values.items() if bool(torch.isfinite(value[0]))}
        if self.exchanged is not None and answer.status[0] is Status.OK:
            swapped = judge.predict(self.exchanged)
            change = float(swapped["formation_energy"][0]) - values.get("formation_energy", math.nan)
            if math.isfinite(change):
                values["segregation_energy"] = self.atoms * change
        return str(answer.status[0]), answer.message[0], values


def _answers(
    questions: Mapping[int, _Question], judge: Simulator[SlabCase], processes: int
) -> Iterator[tuple[int, _Answered]]:
    """Each answer with the number of its question, as they come."""
    processes = min(processes, len(questions))
    if processes <= 1 or judge.at_once > 1:  # a judge that takes several at once is quicker than a process starts
        yield from ((place, question.answered(judge)) for place, question in questions.items())
        return
    with stoppable_processes(processes, threads=1) as pool:
        asked = {pool.submit(question.answered, judge): place for place, question in questions.items()}
        failure: BaseException | None = None
        for one in as_completed(asked):
            if one.exception() is None:
                yield asked[one], one.result()
            else:
                failure = failure or one.exception()  # others are answered all the same
    if isinstance(failure, BrokenExecutor):
        raise ChildProcessError(
            "a process that asked the judge died, perhaps for lack of memory (use fewer workers): what was answered is "
            "kept; run the same command again to go on"
        ) from failure
    if failure is not None:
        raise failure


def verdicts_in(file: Path) -> list[Verdict]:
    """Those that are kept, in the order in which they were asked for; a last line that was cut off is none.

    Raises:
        ValueError: another line is none.
    """
    lines = file.read_bytes().splitlines() if file.is_file() else []
    verdicts = []
    for place, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            verdicts.append(Verdict(**{**row, "slab": _slab(row["slab"])}))
        except (ValueError, TypeError, KeyError) as error:
            if place < len(lines):
                raise ValueError(f"line {place} of {file} is no verdict; mend it, or delete it to ask again") from error
    return sorted(verdicts, key=Verdict.order)


def _keep_lines(file: Path, count: int) -> None:
    """Take away what follows so many lines: one that was cut off, which the next must not follow."""
    lines = file.read_bytes().splitlines(keepends=True) if file.is_file() else []
    if len(lines) > count:
        os.truncate(file, sum(map(len, lines[:count])))


def _slab(words: Mapping[str, Any]) -> Slab | Structure:
    """From the words of JSON."""
    return Slab.of(words) if "layers" in words else Structure(**words)


def verified(space: Space, scoring: Scoring, verdicts: Sequence[Verdict]) -> dict[str, np.ndarray]:
    """Quantities and score of candidates by what the simulator said, one entry a verdict; NaN where it has none.

    Besides: whether it is `kept` by the limits, the energy of adsorption that was `promised`, with the ends of its
    interval, whether the verdict is `inside` it, and the promised score; NaN where nothing was promised.
    """
    candidates = space.called([verdict.slab for verdict in verdicts])
    found = {}
    for name in PREDICTED:
        told = [verdict.values.get(name, math.nan) if verdict.ok else math.nan for verdict in verdicts]
        value = torch.tensor(told, dtype=torch.float64)
        found[name] = Predicted(value, torch.zeros_like(value), COVERAGE)
    worth = score_of(candidates, found, scoring)
    columns = {name: value.numpy() for name, value in worth.values.items()}
    columns |= {"score": worth.score.numpy(), "kept": worth.kept.numpy()}
    for name, source in _PROMISED.items():
        columns[name] = np.array([verdict.promise.get(source, math.nan) for verdict in verdicts])
    energy = columns["adsorption_energy"]
    columns["inside"] = (energy >= columns["promised_low"]) & (energy <= columns["promised_high"])
    return columns


def scores_of(space: Space, scoring: Scoring, verdicts: Sequence[Verdict]) -> list[float]:
    """Score of each verdict, infinite where it has none or breaks a limit."""
    if not verdicts:
        return []
    told = verified(space, scoring, verdicts)
    return np.where(told["kept"] & np.isfinite(told["score"]), told["score"], math.inf).tolist()


def unanswered(verdicts: Sequence[Verdict]) -> str:
    """How many candidates the judge did not answer, with the first reason, as a sentence; nothing if it did all."""
    failed = [verdict.message or verdict.status for verdict in verdicts if not verdict.answered]
    return f"The judge failed on {len(failed)} of {len(verdicts)} candidates, first with: {failed[0]}" if failed else ""


def labels_of(space: Space, verdicts: Sequence[Verdict], constants: Mapping[str, float]) -> tuple[SlabCase, Solution]:
    """Answered verdicts as cases with their answers, from which a surrogate learns; there must be one."""
    answered = [verdict for verdict in verdicts if verdict.answered]
    case = space.called([verdict.slab for verdict in answered]).case(constants)
    return case, Solution.joined([verdict.solution() for verdict in answered])


_PROMISED = {
    "promised": "adsorption_energy",
    "promised_low": "adsorption_energy_low",
    "promised_high": "adsorption_energy_high",
    "promised_score": "score",
}
