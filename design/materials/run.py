"""A screening from a problem to verdicts on disk, in rounds, so that a killed run goes on where it stopped."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from understudy.design.materials.acquisition import Acquisition, chosen
from understudy.design.materials.candidates import Space
from understudy.design.materials.screen_report import write_report
from understudy.design.materials.screen_tables import write_best, write_csv, write_hdf5
from understudy.design.materials.screening import (
    Screening,
    ScreenProblem,
    constants_of,
    finished,
    promises_of,
    screen,
)
from understudy.design.materials.verification import FILE, Verdict, labels_of, scores_of, verdicts_in, verify
from understudy.design.page import sentence
from understudy.design.run_folder import judged_by, keep_same
from understudy.simulators.interface import Predictor, Simulator, Solution
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.simulator import caution_about

#: Gives a predictor that has learnt from answered slabs, in the order (predictor, case, solution).
Relearn = Callable[[Predictor[SlabCase], SlabCase, Solution], Predictor[SlabCase]]
#: What a run does, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whom to ask about the best candidates.

    judge: the simulator. count: candidates that it is asked about in each round.
    rounds: how often the predictor learns from the verdicts and screens again. relearn: how it learns.
    acquisition: which candidates are asked about. processes: that ask at once, where an answer takes minutes.
    """

    judge: Simulator[SlabCase]
    count: int = 10
    rounds: int = 0
    relearn: Relearn | None = None
    acquisition: Acquisition = Acquisition.SCORE
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("count", "processes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.rounds < 0:
            raise ValueError(f"rounds must be at least 0; got {self.rounds}")
        if self.rounds and self.relearn is None:
            raise ValueError("rounds need a surrogate, which learns from the verdicts, and the data that it knows")


def run_screen(
    problem: ScreenProblem,
    predictor: Predictor[SlabCase],
    folder: Path,
    *,
    settings: str,
    verification: Verification | None = None,
    workers: int = 1,
    command: str = "",
    progress: Progress = lambda doing, done, total: None,
) -> tuple[Screening, list[Verdict]]:
    """Screen, let a simulator judge the best, learn, and leave everything in a folder.

    The folder then holds `problem.toml`, `makers.txt`, `judge.txt` if there is one, which structures were screened if
    they came from a file (`structures.txt`), what each round learnt (`learnt-K.txt`), every candidate in `table.csv`
    and `table.h5`, the head of the list in `best.extxyz`, the verdicts, and `report.html`. The same run in the same
    folder repeats nothing that was finished.

    Args:
        settings: the problem as text, kept to tell runs apart.

    Rarely needed:
        workers: threads of the screening. command: what repeats the run, printed in the report.
        progress: called after each chunk and each verdict.

    Raises:
        ValueError: the folder holds another run, the predictor cannot answer the space, or it learnt from another
            calculator than it is to learn from.
        DiskFullError: no room; finished chunks and verdicts are kept.
    """
    constants = constants_of(problem.slabs, predictor, verification.judge if verification else None)
    problem.slabs.check(constants)
    makers = begun("screened", predictor, verification, folder, settings)
    if problem.slabs.contents:
        keep_same(folder / "structures.txt", f"{problem.slabs.contents}\n", "other structures: their file has changed")
    for round_ in range(verification.rounds + 1 if verification else 1):
        here, answering = folder / f"round-{round_}", predictor
        if round_:
            before = [verdict for verdict in verdicts_in(folder / FILE) if verdict.round < round_]
            learnt = "".join(f"{verdict.slab} {verdict.status}\n" for verdict in before)
            keep_same(folder / f"learnt-{round_}.txt", learnt, "rounds that learnt from other verdicts")
            if not finished(problem, here):
                answering = taught(predictor, verification, problem.slabs, before, constants, progress)
        screening = screen(
            problem, answering, here, constants=constants, workers=workers, progress=partial(progress, "screening")
        )
        if verification is not None:
            _judge(screening, verification, constants, folder, round_, progress)
    verdicts = verdicts_in(folder / FILE)
    write_csv(screening, folder / "table.csv")
    write_hdf5(screening, folder / "table.h5")
    write_best(screening, constants, folder / "best.extxyz")
    write_report(
        screening,
        constants,
        verdicts,
        folder / "report.html",
        command=command,
        makers=makers,
        judge=verification.judge.title if verification else "",
        caution=caution_of(makers),
        theories=theories_of(predictor, verification),
        unasked=unasked(screening, verification, verdicts),
    )
    return screening, verdicts


def taught(
    predictor: Predictor[SlabCase],
    verification: Verification | None,
    space: Space,
    verdicts: Sequence[Verdict],
    constants: Mapping[str, float],
    progress: Progress,
) -> Predictor[SlabCase]:
    """The predictor when it has learnt from the verdicts; as it is where it does not learn or none was answered."""
    answered = any(verdict.answered for verdict in verdicts)
    if verification is None or verification.relearn is None or not answered:
        return predictor
    progress("learning", 0, 1)
    return verification.relearn(predictor, *labels_of(space, verdicts, constants))


def _judge(
    screening: Screening,
    verification: Verification,
    constants: Mapping[str, float],
    folder: Path,
    round_: int,
    progress: Progress,
) -> None:
    """Ask about the candidates of this round that have no verdict yet; none is asked about twice."""
    told, problem = verdicts_in(folder / FILE), screening.problem
    left = verification.count - sum(verdict.round == round_ for verdict in told)
    if left <= 0:
        return
    best = min(scores_of(problem.slabs, problem.scoring, told), default=math.inf)
    rows = chosen(screening, verification.acquisition, left, {verdict.slab for verdict in told}, best)
    verify(
        screening.candidates(np.array(rows, dtype=np.int64)),
        promises_of(screening, rows),
        verification.judge,
        constants,
        folder,
        scoring=problem.scoring,
        round_=round_,
        processes=verification.processes,
        progress=partial(progress, "judging"),
    )


def begun(
    doing: str, predictor: Predictor[SlabCase], verification: Verification | None, folder: Path, settings: str
) -> str:
    """Make the folder of a run, or make sure that it is of the same one; who answered and judged, in lines.

    A run without a judge may get one later.

    Raises:
        ValueError: the folder holds another run, or the judge is none to learn from.
    """
    require_comparable(predictor, verification)
    folder.mkdir(parents=True, exist_ok=True)
    keep_same(folder / "problem.toml", settings, "another problem")
    makers = _makers_of(doing, predictor)
    keep_same(folder / "makers.txt", makers, "another predictor, or of one that has changed since")
    if verification is None:
        return makers
    judge = judged_by(verification.judge)
    keep_same(folder / "judge.txt", judge, "another judge, or of one that has changed since")
    return makers + judge


def require_comparable(predictor: Predictor[SlabCase], verification: Verification | None) -> None:
    """Refuse to teach a surrogate the verdicts of another calculator, or other settings, than it learnt from.

    Raises:
        ValueError: they differ.
    """
    if verification is None or not verification.rounds:
        return
    learnt, judge = _settings(predictor, verification)
    if _of_two_theories(learnt, judge):
        raise ValueError(
            f"rounds teach the verdicts: expected a judge whose energies the surrogate has learnt ({learnt}); got "
            f"{judge}: choose that judge, or no rounds"
        )


def unasked(screening: Screening, verification: Verification | None, verdicts: Sequence[Verdict]) -> str:
    """Why a judge was asked about nothing, as a sentence; nothing where it was, or there is no judge."""
    if verification is None or verdicts:
        return ""
    if not len(screening.order):
        return "There was nothing to ask the judge about: no slab is listed."
    return (
        "There was nothing to ask the judge about: no listed slab is like what the predictor was trained on, and "
        "strangers are asked about out of doubt alone."
    )


def theories_of(predictor: Predictor[SlabCase], verification: Verification | None) -> str:
    """That promises and verdicts are of other calculators or settings, as a sentence; nothing where they are not."""
    if verification is None:
        return ""
    learnt, judge = _settings(predictor, verification)
    if not _of_two_theories(learnt, judge):
        return ""
    return (
        f"Promises are of {learnt}, verdicts of {judge}: the gaps between them compare theories, and do not tell how "
        "well the predictor does what it learnt."
    )


def _settings(predictor: Predictor[SlabCase], verification: Verification) -> tuple[str, str]:
    """Calculators with digests of their settings: whose energies were learnt, and who judges; empty where unknown."""
    learnt, judge = (str(getattr(one, "fingerprint", "")) for one in (predictor, verification.judge))
    return learnt, judge


def _of_two_theories(learnt: str, judge: str) -> bool:
    """Whether the judge is of settings that were not learnt, as far as both are known."""
    return bool(learnt and judge) and not set(judge.split(", ")) <= set(learnt.split(", "))


def _makers_of(doing: str, predictor: Predictor[SlabCase]) -> str:
    """Who answered, and from whom it learnt: the lines of `makers.txt`."""
    card = getattr(predictor, "card", None)
    learnt = f"which learnt from: {card.data.get('simulator', 'unknown')}\n" if card is not None else ""
    return f"{doing} by: {predictor.identity}\n{learnt}"


def caution_of(makers: str) -> str:
    """What must be said before all else of energies that these made."""
    told = caution_about(line.partition(": ")[2] for line in makers.splitlines())
    return sentence(told) if told else ""
