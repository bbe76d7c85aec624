"""From quantum chemistry to a screened and designed alloy surface, on one page.

    python examples/demo_materials.py [--out runs/demo-materials]

Labels that ship with the package train a surrogate; it screens 98,441 near-surface alloys for hydrogen evolution and
designs others by gradient; where GPAW is installed it judges the best, and the surrogate learns from the verdicts.
Killed at any moment, the same command goes on.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

from understudy.asking import CHECKPOINT
from understudy.cli.config import made, read_table, to_toml
from understudy.cli.progress import bar, stages
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.workers import keep_to_one_thread
from understudy.design.materials.learning import relearning
from understudy.design.materials.run import Verification, run_screen
from understudy.design.materials.screening import ScreenProblem
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.design.materials.surface_run import run_surface_design
from understudy.learning import Shares, TrainConfig, train_surrogate, usual_settings
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
CORES = min(2, os.cpu_count() or 1)
MEMBERS, STEPS, JUDGED = 6, 2500, 3


def main() -> int:
    """All steps; 0 if the best slab was judged."""
    arguments = argparse.ArgumentParser(description="From quantum chemistry to a screened and designed surface.")
    arguments.add_argument("--out", type=Path, default=Path("runs") / "demo-materials", help="folder for everything")
    folder = arguments.parse_args().out
    stop_on_signals()
    keep_freed_memory()
    keep_to_one_thread()
    began = time.monotonic()
    surrogate = trained(folder / "surrogate")
    judge = judge_here()
    screened(surrogate, judge, folder / "screening")
    success = designed(surrogate, judge, folder / "design")
    print(f"\n{folder / 'screening' / 'report.html'}\n{folder / 'design' / 'report.html'}   the reports")
    print(f"{folder / 'screening' / 'best.extxyz'}\n{folder / 'design' / 'best.extxyz'}   the structures")
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if success else 1


def trained(folder: Path) -> SlabSurrogate:
    """An ensemble of networks of atoms, and how far it can be trusted."""
    settings = usual_settings([NEAR_SURFACE_ALLOYS])
    print(f"1. Training {MEMBERS} networks on {NEAR_SURFACE_ALLOYS.name}: hydrogen on stacks of seven metals, by GPAW")
    if not (folder / CHECKPOINT).is_file():
        epochs = max(1, settings.training.epochs * STEPS // 6000)
        training = replace(settings.training, epochs=epochs)
        config = TrainConfig(
            data=(NEAR_SURFACE_ALLOYS,),
            out=folder,
            surrogate=replace(settings, training=training, members=MEMBERS, processes=CORES),
            shares=Shares(test=0.1),
        )
        with bar("training") as show:
            show(0, 1, "a few minutes")
            _, report = train_surrogate(config)
        print(report.text())
    found = load(folder / CHECKPOINT)
    assert isinstance(found, SlabSurrogate)
    return found


def judge_here() -> Simulator[SlabCase] | None:
    """GPAW, if it is installed."""
    try:
        return simulator("gpaw")
    except GpawNotInstalledError as error:
        print(f"   no judge: {error}")
        return None


def screened(surrogate: SlabSurrogate, judge: Simulator[SlabCase] | None, folder: Path) -> None:
    """Every stack at every strain; the best are judged, and learnt from."""
    problem = made(ScreenProblem, read_table(EXAMPLES / "hydrogen_evolution.toml"))
    print(f"2. Screening {len(problem.space)} candidates")
    with stages("screening", folder) as note:
        found, verdicts = run_screen(
            problem,
            surrogate,
            folder,
            settings=to_toml(problem),
            verification=None if judge is None else verification(judge, rounds=1),
            workers=CORES,
            command="python examples/demo_materials.py",
            progress=note,
        )
    print(f"   {len(found.order)} slabs keep the limits, {len(verdicts)} were judged")


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
            verification=None if judge is None else verification(judge, rounds=0),
            command="python examples/demo_materials.py",
            progress=note,
        )
    verified = "not judged" if design.verified is None else f"verified {design.verified:.4g}"
    print(f"   {design.best.name} at {100 * design.best.strain:+.2f} % strain")
    print(f"   objective: promised {design.promised:.4g}, {verified}")
    return design.verified is not None


def verification(judge: Simulator[SlabCase], rounds: int) -> Verification:
    """Whom to ask about how many."""
    return Verification(
        judge=judge, count=JUDGED, rounds=rounds, relearn=relearning([NEAR_SURFACE_ALLOYS], RelearningConfig(passes=15))
    )


if __name__ == "__main__":
    raise SystemExit(main())
