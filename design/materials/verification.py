"""A simulator's word on candidates: asked once each, kept as it comes, told beside what was promised."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from understudy.datasets.whole_files import room_for
from understudy.design.materials.scoring import Predicted
from understudy.design.materials.screening import WITH_INTERVAL, Columns, Screening, score_of
from understudy.simulators.interface import Simulator, Solution, Status
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase

FILE = "verdicts.jsonl"


@dataclass(frozen=True)
class Verdict:
    """What the simulator said of a candidate.

    number: in the space. status, message: how it ended. values: quantity -> value, of those that it answered.
    promise: columns of the screening, as they were before it was asked. round: in which it was asked.
    """

    number: int
    status: str
    message: str
    values: Mapping[str, float]
    promise: Mapping[str, float]
    round: int = 0

    @property
    def ok(self) -> bool:
        """Whether it was answered, and the adsorbate stayed what and where it was."""
        return self.status == Status.OK and not any(self.values.get(str(name), 0.0) > 0.5 for name in Anomaly)

    def solution(self) -> Solution:
        """As the simulator's answer."""
        blank = math.nan
        names = (*WITH_INTERVAL, *(str(name) for name in Anomaly))
        values = {name: torch.tensor([self.values.get(name, blank)], dtype=torch.float64) for name in names}
        return Solution(values=values, status=(Status(self.status),), message=(self.message,))


def verify(
    screening: Screening,
    numbers: Iterable[int],
    judge: Simulator[SlabCase],
    constants: Mapping[str, float],
    folder: Path,
    *,
    round_: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Verdict]:
    """Ask the simulator about candidates that it was not asked about before; all verdicts of the folder.

    Args:
        numbers: of the candidates. constants: lattice constants at which candidates are made [Å].
        folder: where each verdict is kept as soon as it is there.

    Raises:
        DiskFullError: no room; what was answered is kept.
    """
    file = folder / FILE
    verdicts = verdicts_in(file)
    known = {verdict.number for verdict in verdicts}
    waiting = [number for number in numbers if number not in known]
    progress(0, len(waiting))
    for done, number in enumerate(waiting, 1):
        verdicts.append(_asked(screening, number, judge, constants, round_))
        with room_for(file), file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(verdicts[-1])) + "\n")
        progress(done, len(waiting))
    return verdicts


@torch.no_grad()
def _asked(
    screening: Screening, number: int, judge: Simulator[SlabCase], constants: Mapping[str, float], round_: int
) -> Verdict:
    problem = screening.problem
    candidate = problem.space.candidates(torch.tensor([number]))
    answer = judge.predict(candidate.case(constants))
    values = {name: float(value[0]) for name, value in answer.values.items() if bool(torch.isfinite(value[0]))}
    if problem.scoring.needs("segregation_energy") and answer.status[0] is Status.OK:
        swapped = judge.predict(candidate.swapped().clean(constants))
        change = float(swapped["formation_energy"][0]) - values["formation_energy"]
        values["segregation_energy"] = problem.space.atoms * change
    row = int(np.searchsorted(screening.columns["number"], number))
    promise = {name: float(column[row]) for name, column in screening.columns.items()}
    return Verdict(number, str(answer.status[0]), answer.message[0], values, promise, round_)


def verdicts_in(file: Path) -> list[Verdict]:
    """Those that are kept; a line that was cut off is none."""
    verdicts = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            verdicts.append(Verdict(**json.loads(line)))
        except ValueError:
            continue
    return verdicts


def verified(screening: Screening, verdicts: list[Verdict]) -> Columns:
    """Quantities and score of candidates by what the simulator said, one entry a verdict; NaN where it has none.

    Besides: the energy of adsorption that was `promised`, with the ends of its interval, whether the verdict is
    `inside` it, and the promised score.
    """
    numbers = torch.tensor([verdict.number for verdict in verdicts])
    candidates = screening.problem.space.candidates(numbers)
    found = {}
    for name in (*WITH_INTERVAL, "segregation_energy"):
        told = [verdict.values.get(name, math.nan) if verdict.ok else math.nan for verdict in verdicts]
        value = torch.tensor(told, dtype=torch.float64)
        found[name] = Predicted(value, torch.zeros_like(value), 0.9)
    worth = score_of(candidates, found, screening.problem.scoring)
    columns = {name: value.numpy() for name, value in worth.values.items()}
    columns |= {"number": numbers.numpy(), "score": worth.score.numpy()}
    for name, source in _PROMISED.items():
        columns[name] = np.array([verdict.promise[source] for verdict in verdicts])
    energy = columns["adsorption_energy"]
    columns["inside"] = (energy >= columns["promised_low"]) & (energy <= columns["promised_high"])
    return columns


_PROMISED = {
    "promised": "adsorption_energy",
    "promised_low": "adsorption_energy_low",
    "promised_high": "adsorption_energy_high",
    "promised_score": "score",
}
