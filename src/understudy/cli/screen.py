"""`understudy screen`: which of many surfaces are worth a simulation, and what the simulator says of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from understudy.design.materials.run import Verification
    from understudy.simulators.interface import Predictor


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
    workers: Annotated[int, Parameter(help="threads of the screening")] = 2,
) -> int:
    """Screen a space of surfaces, let a simulator judge the best, and write tables and a report.

    understudy screen problem.toml --out runs/her
    understudy screen problem.toml --out runs/her --verify 10 --by gpaw --rounds 2 --acquisition improvement
    """
    import shlex

    from understudy import asking
    from understudy.cli.config import made, read_table, to_toml
    from understudy.cli.report import say
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.design.materials.run import run_screen
    from understudy.design.materials.screening import ScreenProblem
    from understudy.simulators.interface import Subject

    posed = made(ScreenProblem, read_table(problem), str(problem))
    who = asking.predictor(predictor, Subject.SLAB)
    if rounds and not verify:
        raise ValueError("rounds learn from verdicts; say how many candidates are judged in each (--verify)")
    verification = _verification(who, verify, by, rounds, acquisition, data) if verify else None
    words = ["understudy", "screen", str(problem), "--out", str(out), "--predictor", predictor]
    if verify:
        words += ["--verify", str(verify), "--by", by, "--rounds", str(rounds), "--acquisition", acquisition]
    keep_to_one_thread()
    with _Shown(out) as shown:
        screening, verdicts = run_screen(
            posed,
            who,
            out,
            settings=to_toml(posed),
            verification=verification,
            workers=workers,
            command=shlex.join(words),
            progress=shown.note,
        )
    say(f"{len(screening)} candidates, {len(screening.order)} slabs listed, {len(verdicts)} judged")
    say(f"{out / 'table.csv'}\n{out / 'report.html'}")
    return 0


def _verification(
    who: "Predictor", count: int, by: str, rounds: int, acquisition: str, data: list[Path] | None
) -> "Verification":
    from understudy.asking import predictor
    from understudy.design.materials.acquisition import Acquisition
    from understudy.design.materials.learning import relearning
    from understudy.design.materials.run import Verification
    from understudy.simulators.interface import Simulator, Subject

    judge = predictor(by, Subject.SLAB)
    if not isinstance(judge, Simulator):
        raise ValueError(f"only a simulator judges; {judge.name} is a surrogate")
    relearn = relearning(data) if rounds and data else None
    return Verification(judge=judge, count=count, rounds=rounds, relearn=relearn, acquisition=Acquisition(acquisition))


class _Shown:
    """A bar for whatever the run is doing; Ctrl-C says where what is finished is kept."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def __enter__(self) -> "_Shown":
        from understudy.cli.progress import bar

        self._bar = bar("screening")
        self._show = self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._bar.__exit__(kind, error, trace)  # type: ignore[arg-type]
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            raise KeyboardInterrupt(
                f"stopped: what is finished is kept in {self.out}; run the same command again to go on"
            ) from None

    def note(self, doing: str, done: int, total: int) -> None:
        self._show(done, total, doing)
