"""From quantum chemistry to a screened and designed alloy surface, on one page.

    python examples/demo_materials.py [--out runs/demo-materials] [--judge gpaw | labels]

Labels that ship with the package train a surrogate; it screens 98,441 near-surface alloys for hydrogen evolution and
designs others by gradient. Where GPAW is installed it judges the best of both, and the surrogate learns from the
verdicts. Where it is not, labels that were kept out of the training judge: the surrogate screens their stacks alone,
and is told the labels of those that it likes best. Killed at any moment, the same command goes on.
"""

import argparse
import os
import time
from dataclasses import replace
from html import escape
from pathlib import Path

from understudy.asking import CHECKPOINT
from understudy.cli.config import made, read_table, to_toml
from understudy.cli.progress import stages, training_bar
from understudy.datasets.reader import load as load_data
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.splits import Shares
from understudy.datasets.stored_answers import StoredAnswers
from understudy.datasets.whole_files import write_bytes
from understudy.datasets.workers import keep_to_one_thread
from understudy.design.materials.learning import relearning
from understudy.design.materials.run import Verification, run_screen
from understudy.design.materials.scoring import Scoring
from understudy.design.materials.screen_tables import write_structures
from understudy.design.materials.screening import Screening, ScreenProblem
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.design.materials.surface_run import run_surface_design
from understudy.design.materials.verification import Verdict
from understudy.design.page import page, section
from understudy.learning import PICTURES, TrainConfig, test_rows, train_surrogate, usual_settings
from understudy.memory import keep_freed_memory
from understudy.simulators.interface import Simulator
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.gpaw_process import GpawNotInstalledError
from understudy.simulators.registry import simulator
from understudy.stopping import stop_on_signals
from understudy.surrogate.atoms.relearning import RelearningConfig
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.checkpoint import load

EXAMPLES = Path(__file__).parent
COMMAND = "python examples/demo_materials.py"
CORES = min(2, os.cpu_count() or 1)
#: Networks, share of the usual epochs that each learns, and candidates that labels judge in each round.
MEMBERS, SHARE, JUDGED = 6, 0.2, 3
#: Candidates that GPAW judges, one to two minutes each, two at a time: in each of two rounds of the screening, and of
#: the design.
LIVE_SCREENED, LIVE_DESIGNED = 2, 2


def main() -> int:
    """All steps; 0 if a judge has answered."""
    arguments = argparse.ArgumentParser(description="From quantum chemistry to a screened and designed surface.")
    arguments.add_argument("--out", type=Path, default=Path("runs") / "demo-materials", help="folder for everything")
    arguments.add_argument("--judge", choices=("gpaw", "labels"), help="gpaw if it is installed, otherwise labels")
    given = arguments.parse_args()
    stop_on_signals()
    keep_freed_memory()
    keep_to_one_thread()
    began = time.monotonic()
    surrogate = trained(given.out / "surrogate")
    gpaw = None if given.judge == "labels" else gpaw_here(required=given.judge == "gpaw")
    folder = given.out / ("gpaw" if gpaw else "labels")
    screened(surrogate, gpaw, folder / "screening")
    judged = designed(surrogate, gpaw, folder / "design")
    reports = [folder / name / "report.html" for name in ("screening", "design")]
    who = "GPAW live"
    if gpaw is None:
        known = folder / "kept-out"
        who, judged = judged_by_labels(surrogate, known)
        reports.append(known / "report.html")
    told = f"Judged by {who}." if judged else f"Not judged: {who} gave no answer."
    if gpaw is None:
        told += " What was screened and designed beyond the stacks of these labels are promises alone."
    written = overview(folder / "report.html", told, reports)
    print(f"\n{written}   the report, with links to the others")
    print(f"{folder / 'screening' / 'best.extxyz'}\n{folder / 'design' / 'best.extxyz'}   the structures")
    print(f"judged by {who}" if judged else f"not judged: {who} gave no answer")
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if judged else 1


def overview(path: Path, judged: str, reports: list[Path]) -> Path:
    """A page that leads to all others."""
    links = {Path("..") / "surrogate" / PICTURES: "how far to trust the surrogate, and what more labels would bring"}
    links |= {report.relative_to(path.parent): f"{report.parent.name}: candidates, verdicts" for report in reports}
    lines = "".join(f'<p><a href="{link.as_posix()}">{escape(told)}</a></p>' for link, told in links.items())
    told = "Hydrogen on alloys of seven metals: a surrogate of quantum chemistry, what it found, and who judged."
    sections = ["<h1>Surfaces for hydrogen evolution</h1>", f"<p>{told}</p><p><b>{escape(judged)}</b></p>"]
    write_bytes(path, page("Surfaces for hydrogen evolution", [*sections, section("Reports", lines)]).encode())
    return path


def trained(folder: Path) -> SlabSurrogate:
    """An ensemble of networks of atoms, and how far it can be trusted."""
    settings = usual_settings([NEAR_SURFACE_ALLOYS])
    print(f"1. Training {MEMBERS} networks on {NEAR_SURFACE_ALLOYS.name}: hydrogen on stacks of seven metals, by GPAW")
    if not (folder / CHECKPOINT).is_file():
        epochs = round(SHARE * settings.training.epochs)
        training = replace(settings.training, epochs=epochs)
        config = TrainConfig(
            data=(NEAR_SURFACE_ALLOYS,),
            out=folder,
            surrogate=replace(settings, training=training, members=MEMBERS, processes=CORES),
            shares=Shares(test=0.1),
            learning_curve=True,
        )
        with training_bar(config.networks) as note:
            _, report = train_surrogate(config, progress=note)
        print(report.text())
    found = load(folder / CHECKPOINT)
    assert isinstance(found, SlabSurrogate)
    return found


def gpaw_here(*, required: bool) -> Simulator[SlabCase] | None:
    """GPAW, if it is installed."""
    try:
        return simulator("gpaw")
    except GpawNotInstalledError as error:
        if required:
            raise
        print(f"   {error}\n   Labels that were kept out of the training judge in its place.")
        return None


def screened(surrogate: SlabSurrogate, judge: Simulator[SlabCase] | None, folder: Path) -> None:
    """Every stack at every strain; the best are judged, and learnt from."""
    problem = made(ScreenProblem, read_table(EXAMPLES / "hydrogen_evolution.toml"))
    print(f"2. Screening {len(problem.slabs)} candidates")
    live = None if judge is None else verification(judge, surrogate, LIVE_SCREENED, rounds=1)
    found, verdicts = screened_for(problem, surrogate, live, folder, command=COMMAND)
    print(f"   {len(found.order)} slabs keep the limits, {len(verdicts)} were judged")


def screened_for(
    problem: ScreenProblem, surrogate: SlabSurrogate, judged: Verification | None, folder: Path, *, command: str
) -> tuple[Screening, list[Verdict]]:
    """A screening, with verdicts where there is a judge."""
    with stages("screening", folder) as note:
        return run_screen(
            problem,
            surrogate,
            folder,
            settings=to_toml(problem),
            verification=judged,
            workers=CORES,
            command=command,
            progress=note,
        )


def judged_by_labels(surrogate: SlabSurrogate, folder: Path) -> tuple[str, bool]:
    """Screen the stacks that were kept out of training, and let their labels judge; who judged, and whether."""
    with load_data(NEAR_SURFACE_ALLOYS) as data:
        rows = test_rows(surrogate, data)
        names = [data.subject_families[int(data.subject[row])][0] for row in rows]
        folder.mkdir(parents=True, exist_ok=True)
        write_structures(data.slab_case(rows), [{"name": name} for name in names], folder / "kept-out.extxyz")
    title = f"labels of {NEAR_SURFACE_ALLOYS.name} that were kept out of training"
    judge = StoredAnswers([NEAR_SURFACE_ALLOYS], rows, title=title)
    problem = ScreenProblem(
        name="Stacks that were kept out of training", structures=folder / "kept-out.extxyz", scoring=Scoring()
    )
    print(f"4. Screening the {len(rows)} stacks that were kept out of training; their labels judge the best")
    judged = verification(judge, surrogate, JUDGED, rounds=1)
    _, verdicts = screened_for(problem, surrogate, judged, folder, command=f"{COMMAND} --judge labels")
    answered = [verdict for verdict in verdicts if verdict.ok]
    gaps = [abs(verdict.promise["adsorption_energy"] - verdict.values["adsorption_energy"]) for verdict in answered]
    if gaps:
        print(f"   {len(gaps)} were judged; adsorption energy promised within {max(gaps):.3f} eV of the label")
    return title, bool(gaps)


def designed(surrogate: SlabSurrogate, judge: Simulator[SlabCase] | None, folder: Path) -> bool:
    """Along the gradient in composition and strain."""
    problem = made(SurfaceProblem, read_table(EXAMPLES / "surface.toml"))
    print("3. Designing a surface by gradient")
    with stages("designing", folder) as note:
        design = run_surface_design(
            problem,
            surrogate,
            folder,
            settings=to_toml(problem),
            verification=None if judge is None else verification(judge, surrogate, LIVE_DESIGNED, rounds=0),
            command=COMMAND,
            progress=note,
        )
    verified = "not judged" if design.verified is None else f"verified {design.verified:.4g}"
    print(f"   {design.best.name} at {100 * design.best.strain:+.2f} % strain")
    print(f"   objective: promised {design.promised:.4g}, {verified}")
    return design.verified is not None


def verification(judge: Simulator[SlabCase], surrogate: SlabSurrogate, count: int, rounds: int) -> Verification:
    """Whom to ask about how many in each round, and who learns from it."""
    relearn = relearning(surrogate, [NEAR_SURFACE_ALLOYS], RelearningConfig(passes=15))
    return Verification(judge=judge, count=count, rounds=rounds, relearn=relearn, processes=CORES)


if __name__ == "__main__":
    raise SystemExit(main())
