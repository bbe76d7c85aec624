"""`understudy design`: a problem in, a verified shape out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from understudy.cli.options import Grid, Model, chosen, require_unused, with_flags
from understudy.cli.outputs import require_folder

if TYPE_CHECKING:
    from understudy.design.materials.run import Verification
    from understudy.design.optimise import Step
    from understudy.simulators.interface import Predictor
    from understudy.simulators.materials.case import SlabCase

USUAL_POLAR, USUAL_JUDGED, USUAL_WORKERS = 15, 3, 2


def design(
    problem: Annotated[
        Path,
        Parameter(help="TOML file; examples/daedalus.toml explains every key, examples/surface.toml those of surfaces"),
    ],
    /,
    *,
    out: Annotated[
        Path,
        Parameter(
            help="folder for design.dat (of a surface best.extxyz), design.json, report.html and the problem used"
        ),
    ],
    by: Annotated[
        str,
        Parameter(
            help="whose gradient is followed: surrogate, viscous, rans, or the path of a checkpoint; of surfaces "
            "surrogate or a path"
        ),
    ] = "surrogate",
    judge: Annotated[
        str | None,
        Parameter(
            help="the simulator that verifies: viscous (default), xfoil, rans, openfoam; of surfaces gpaw, emt or a "
            "calculator of ASE as package.module:Class"
        ),
    ] = None,
    model: Model = None,
    grid: Grid = None,
    polar: Annotated[
        int, Parameter(help="of an airfoil: angles of the polar in the report, or 0 for none")
    ] = USUAL_POLAR,
    rounds: Annotated[int, Parameter(help="how often to learn from the verdict and design again, at most")] = 0,
    judged: Annotated[int, Parameter(help="of a surface: slabs that are judged in each round")] = USUAL_JUDGED,
    acquisition: Annotated[
        Literal["score", "improvement", "doubt"],
        Parameter(help="of a surface: whom to judge, as in screen; improvement explores where it is in doubt"),
    ] = "score",
    data: Annotated[
        list[Path] | None, Parameter(help="of a surface: data files that the surrogate was trained on, for --rounds")
    ] = None,
    workers: Annotated[int, Parameter(help="of a surface: processes that judge at once")] = USUAL_WORKERS,
) -> int:
    """Design an airfoil, or a surface, along the gradient of a predictor, and let a simulator verify it.

    understudy design problem.toml --out runs/wing
    understudy design problem.toml --out runs/wing --by rans:grid=193x49 --judge rans:grid=385x97 --polar 0

    understudy design surface.toml --out runs/surface --judge gpaw

    --model and --grid hold for whom they suit among --by and --judge. A surface without --judge is not verified.
    Exits with 0 only if the simulator flew the design at every point and every constraint holds; of a surface, if the
    simulator judged a slab that stands and keeps the limits, and so with 1 without --judge.
    """
    import shlex

    from understudy.asking import predictor
    from understudy.cli.config import read_table, require_read_by
    from understudy.cli.screen import data_words, verification_by
    from understudy.datasets.generation import SimulateConfig
    from understudy.design.materials.screening import ScreenProblem
    from understudy.design.materials.surface_design import SurfaceProblem
    from understudy.simulators.interface import Subject

    if rounds < 0:
        raise ValueError(f"rounds must be at least 0; got {rounds}")
    require_folder(out)
    table = read_table(problem)
    if "points" not in table:
        others = {"screen": ScreenProblem, "simulate": SimulateConfig}
        require_read_by("design", table, others, SurfaceProblem, problem)
    if "space" in table:
        require_unused("of a surface", {"polar": chosen(polar, USUAL_POLAR), "model": model, "grid": grid})
        counts = {"judged": (judged, USUAL_JUDGED), "workers": (workers, USUAL_WORKERS)}
        if not judge:
            require_unused("without --judge", {name: chosen(*count) for name, count in counts.items()})
        for name, (count, _) in counts.items():
            if count < 1:
                raise ValueError(f"--{name} must be at least 1; got {count}")
        who = predictor(by, Subject.SLAB)
        verification = verification_by(judge, judged, rounds, who, data, acquisition, workers) if judge else None
        words = ["understudy", "design", str(problem), "--out", str(out), "--by", by]
        if judge:
            words += ["--judge", judge, "--rounds", str(rounds), "--judged", str(judged), "--acquisition", acquisition]
            words += data_words(data)
        return _surface(problem, out, who, verification, shlex.join(words))
    asked = {
        "judged": chosen(judged, USUAL_JUDGED),
        "acquisition": chosen(acquisition, "score"),
        "data": data or None,
        "workers": chosen(workers, USUAL_WORKERS),
    }
    require_unused("of an airfoil", asked)
    by, judge = with_flags([by, judge or "viscous"], {"model": model, "grid": grid})
    return _airfoil(problem, out, by, judge, rounds, polar)


def _airfoil(problem: Path, out: Path, by: str, judge: str, rounds: int, polar: int) -> int:
    import shlex

    from understudy.asking import predictor
    from understudy.cli.report import say
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.design.learning import fine_tuning
    from understudy.design.problem_file import read_problem
    from understudy.design.run import run_design
    from understudy.simulators.interface import Subject
    from understudy.simulators.registry import simulator
    from understudy.surrogate.surrogate import Surrogate

    posed = read_problem(problem)
    who, verifier = predictor(by, Subject.AIRFOIL), simulator(judge, Subject.AIRFOIL)
    if rounds and not isinstance(who, Surrogate):
        raise ValueError(f"rounds need a surrogate, which learns from the verdict; {who.name} does not")
    words = ["understudy", "design", str(problem), "--out", str(out), "--by", by, "--judge", judge]
    words += ["--polar", str(polar), "--rounds", str(rounds)]
    keep_to_one_thread()
    with _shown(f"designing by {who.name}", posed.search.iterations, out) as note:
        found = run_design(
            posed,
            who,
            verifier,
            out,
            rounds=rounds,
            refine=fine_tuning() if rounds else None,
            polar=polar,
            command=shlex.join(words),
            progress=note,
        )
    promised, verified = found.objective
    says = "not flown" if verified is None else f"{verified:.6g}"
    say(f"{found.outcome}: {found.sentence}")
    say(found.search)
    began = f"{found.history[0][2]:.6g} where the search began, " if found.history else ""
    say(f"objective: {began}promised {promised:.6g} by {found.promise.who}, verified {says} by {verifier.name}")
    say(f"{out / 'design.dat'}\n{out / 'report.html'}")
    return 0 if found.success else 1


def _surface(
    problem: Path, out: Path, who: "Predictor[SlabCase]", verification: "Verification | None", command: str
) -> int:
    from understudy.cli.config import made, read_table, to_toml
    from understudy.cli.progress import stages
    from understudy.cli.report import remark, say
    from understudy.datasets.workers import keep_to_one_thread
    from understudy.design.materials.run import theories_of
    from understudy.design.materials.surface_design import SurfaceProblem
    from understudy.design.materials.surface_run import run_surface_design
    from understudy.design.materials.verification import unanswered

    posed = made(SurfaceProblem, read_table(problem), str(problem))
    keep_to_one_thread()
    with stages(f"designing by {who.name}", out) as note:
        found = run_surface_design(
            posed,
            who,
            out,
            settings=to_toml(posed),
            verification=verification,
            command=command,
            progress=note,
        )
    says = "not verified" if found.verified is None else f"verified {found.verified:.6g}"
    say(f"{found.best.name} at {100 * found.best.strain:+.2f} % strain")
    say(f"objective: promised {found.promised:.6g} by {who.name}, {says}")
    for told in filter(None, (theories_of(who, verification), unanswered(found.verdicts))):
        remark(told)
    say(f"{out / 'best.extxyz'}\n{out / 'report.html'}")
    return 0 if found.verified is not None else 1


@contextmanager
def _shown(doing: str, iterations: int, out: Path) -> Iterator[Callable[["Step"], None]]:
    """A bar that moves with every step of a search; Ctrl-C says where the search so far is kept."""
    from understudy.cli.progress import bar

    try:
        with bar(doing) as show:

            def note(step: "Step") -> None:
                show(step.calls, iterations, f"start {step.start + 1}, objective {step.objective:.6g}")

            yield note
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped: the search so far is kept in {out}; run the same command again to go on"
        ) from None
