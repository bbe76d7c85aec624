"""`understudy screen`: which of many surfaces are worth a simulation, and what the simulator says of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from understudy.cli.outputs import require_folder

if TYPE_CHECKING:
    from understudy.design.materials.run import Verification
    from understudy.simulators.interface import Predictor
    from understudy.simulators.materials.case import SlabCase


def screen(
    problem: Annotated[Path, Parameter(help="TOML file; examples/hydrogen_evolution.toml explains every key")],
    /,
    *,
    out: Annotated[Path, Parameter(help="folder for the tables, the best structures, the verdicts and report.html")],
    predictor: Annotated[
        str, Parameter(help="who answers for all candidates: surrogate, emt, or the path of a checkpoint")
    ] = "surrogate",
    verify: Annotated[int, Parameter(help="candidates that a simulator judges in each round")] = 0,
    by: Annotated[str, Parameter(help="who judges: gpaw, emt, or an ASE calculator, package.module:Class")] = "gpaw",
    rounds: Annotated[int, Parameter(help="how often to learn from the verdicts and screen again")] = 0,
    acquisition: Annotated[
        Literal["score", "improvement", "doubt"],
        Parameter(help="whom to judge: best score, largest expected improvement, or where it knows least"),
    ] = "score",
    data: Annotated[
        list[Path] | None, Parameter(help="data files that the surrogate was trained on, for --rounds")
    ] = None,
    workers: Annotated[int, Parameter(help="threads of the screening, and processes that judge at once")] = 2,
) -> int:
    """Screen a space of surfaces, or those of a file, let a simulator judge the best, and write tables and a report.

    Exits with 1 if the simulator was asked and answered none.

    understudy screen problem.toml --out runs/her
    understudy screen problem.toml --out runs/her --verify 10 --by gpaw --rounds 2 --acquisition improvement
    """
    import shlex

    from understudy import asking
    from understudy.cli.config import made, read_table, require_read_by, to_toml
    from understudy.cli.progress import stages
    from understudy.cli.report import remark, say
    from understudy.datasets.generation import SimulateConfig
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.design.materials.run import run_screen, theories_of, unasked
    from understudy.design.materials.screening import ScreenProblem
    from understudy.design.materials.surface_design import SurfaceProblem
    from understudy.design.materials.verification import unanswered
    from understudy.simulators.interface import Subject

    for name, count in (("verify", verify), ("rounds", rounds)):
        if count < 0:
            raise ValueError(f"--{name} must be at least 0; got {count}")
    if workers < 1:
        raise ValueError(f"--workers must be at least 1; got {workers}")
    require_folder(out)
    table = read_table(problem)
    require_read_by("screen", table, {"design": SurfaceProblem, "simulate": SimulateConfig}, ScreenProblem, problem)
    if "points" in table:
        raise ValueError(f"{problem} is a problem of an airfoil: such a file is read by understudy design")
    posed = made(ScreenProblem, table, str(problem))
    who = asking.predictor(predictor, Subject.SLAB)
    if rounds and not verify:
        raise ValueError("rounds learn from verdicts; say how many candidates are judged in each (--verify)")
    verification = verification_by(by, verify, rounds, who, data, acquisition, workers) if verify else None
    words = ["understudy", "screen", str(problem), "--out", str(out), "--predictor", predictor]
    if verify:
        words += ["--verify", str(verify), "--by", by, "--rounds", str(rounds), "--acquisition", acquisition]
        words += data_words(data)
    keep_to_one_thread()
    with stages("screening", out) as note:
        screening, verdicts = run_screen(
            posed,
            who,
            out,
            settings=to_toml(posed),
            verification=verification,
            workers=workers,
            command=shlex.join(words),
            progress=note,
        )
    judged = sum(verdict.answered for verdict in verdicts)
    say(f"{len(screening)} candidates, {len(screening.order)} slabs listed, {judged} judged")
    remarks = (screening.unlisted, unasked(screening, verification, verdicts), unanswered(verdicts))
    for told in filter(None, (*remarks, theories_of(who, verification))):
        remark(told)
    say(f"{out / 'table.csv'}\n{out / 'report.html'}")
    return 0 if judged or not verdicts else 1


def data_words(data: list[Path] | None) -> list[str]:
    """The flags that name these files again."""
    return [word for file in data or () for word in ("--data", str(file))]


def verification_by(
    judge: str,
    count: int,
    rounds: int,
    learner: "Predictor[SlabCase]",
    data: list[Path] | None,
    acquisition: str,
    workers: int,
) -> "Verification":
    """Whom to ask, in words, about how many candidates a round, who learns from it, and what is rehearsed besides."""
    from understudy.design.materials.acquisition import Acquisition
    from understudy.design.materials.learning import relearning
    from understudy.design.materials.run import Verification
    from understudy.simulators.interface import Subject
    from understudy.simulators.registry import simulator

    who = simulator(judge, Subject.SLAB)
    relearn = relearning(learner, data) if rounds and data else None
    return Verification(
        judge=who,
        count=count,
        rounds=rounds,
        relearn=relearn,
        acquisition=Acquisition(acquisition),
        processes=workers,
    )
