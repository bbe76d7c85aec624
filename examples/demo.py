"""The whole loop on one page: simulate, train, say how far to trust it, design, verify, retrain where it was wrong.

    python examples/demo.py [--cases 4000] [--out runs/demo]

Killed at any moment, the same command goes on where it stopped.
"""

import argparse
import json
import os
import shutil
import sys
import time
from concurrent.futures import Future
from pathlib import Path

from understudy.asking import CHECKPOINT
from understudy.cli.progress import bar
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.progress import progress_bar
from understudy.datasets.reader import load as load_data
from understudy.datasets.sampling import ConditionRanges
from understudy.datasets.splits import Shares, part
from understudy.datasets.workers import keep_to_one_thread, stoppable_processes
from understudy.design.design import Design
from understudy.design.learning import fine_tuning
from understudy.design.optimise import Step
from understudy.design.problem_file import read_problem
from understudy.design.run import run_design
from understudy.design.verify import verify
from understudy.learning import EVALUATION, TrainConfig, train_surrogate
from understudy.memory import keep_freed_memory
from understudy.simulators.registry import simulator
from understudy.stopping import stop_on_signals
from understudy.surrogate import ConvolutionConfig, GraphConfig, SurrogateConfig, TrainingConfig, load, training_data
from understudy.surrogate.training import epochs_logged

CASES = int(os.environ.get("UNDERSTUDY_DEMO_CASES", "4000"))
PROBLEM = Path(__file__).with_name("demo.toml")
WORKERS = min(2, os.cpu_count() or 1)
MEMBERS, ROUNDS = 2, 2
RANGE = ConditionRanges(alpha=(-4.0, 10.0), reynolds=(3e5, 3e6), mach=(0.0, 0.0), n_crit=(9.0, 9.0), share_tripped=0.0)
NETWORKS = {  # kind -> network, epochs
    "convolution": (ConvolutionConfig(), 36),
    "graph": (GraphConfig(), 18),
}


def main() -> int:
    """All steps; 0 if the design is verified."""
    arguments = argparse.ArgumentParser(description="The whole loop, from a simulation to a verified design.")
    arguments.add_argument("--cases", type=int, default=CASES, help="cases to simulate")
    arguments.add_argument("--out", type=Path, help="folder for everything")
    given = arguments.parse_args()
    stop_on_signals()
    keep_freed_memory()
    folder = given.out or Path("runs") / ("demo" if given.cases == 4000 else f"demo-{given.cases}")
    began = time.monotonic()
    data = simulate(folder / "airfoils.h5", given.cases)
    train(data, folder, shares(given.cases))
    best = trust(folder)
    design = follow(best, data, folder, shares(given.cases))
    judge_independently(design)
    print(f"\n{folder / 'report.html'}   the report\n{folder / 'design.dat'}    the coordinates")
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if design.success else 1


def shares(cases: int) -> Shares:
    """Intervals need a hundred cases, of shapes that nobody trained on, however few there are in all."""
    return Shares(validation=0.05, calibration=0.1 if cases >= 2000 else 0.35, test=0.1)


def simulate(out: Path, cases: int) -> Path:
    """Real airfoils, their blends and random ones, flown by the embedded solver."""
    print(f"1. Simulating {cases} airfoil cases: alpha -4 to 10 deg, Re 3e5 to 3e6")
    config = SimulateConfig(out=out, cases=cases, cases_per_shape=4, conditions=RANGE, workers=WORKERS, chunk=250)
    with progress_bar() as progress:
        print(generate(config, progress=progress).text())
    return out


def train(data: Path, folder: Path, parts: Shares) -> None:
    """Both kinds of network at once, each in a process of its own; the bar reads their logs."""
    print(f"2. Training {MEMBERS} networks of each kind")
    configs = {
        kind: TrainConfig(
            data=(data,),
            out=folder / kind,
            shares=parts,
            surrogate=SurrogateConfig(TrainingConfig(network=network, epochs=epochs, batch=64), members=MEMBERS),
        )
        for kind, (network, epochs) in NETWORKS.items()
        if not (folder / kind / CHECKPOINT).is_file()
    }
    if not configs:
        return
    with stoppable_processes(WORKERS, threads=1) as pool:
        runs = {kind: pool.submit(train_surrogate, config) for kind, config in configs.items()}
        watch(runs, configs)
        for run in runs.values():
            run.result()


def watch(runs: "dict[str, Future]", configs: dict[str, TrainConfig]) -> None:
    """Show how many epochs are in the logs until all runs have ended."""
    total = sum(MEMBERS * config.surrogate.training.epochs for config in configs.values())
    with bar("training") as show:
        while not all(run.done() for run in runs.values()):
            lines = {kind: epochs_of_all(config.out) for kind, config in configs.items()}
            show(sum(lines.values()), total, ", ".join(f"{kind} {count}" for kind, count in lines.items()))
            time.sleep(0.5)
        show(total, total, "")


def epochs_of_all(folder: Path) -> int:
    """Epochs that are complete, over all members."""
    return sum(epochs_logged(folder / f"member-{number}")[0] for number in range(MEMBERS))


def trust(folder: Path) -> str:
    """Print the errors on shape families that no network has seen; the folder of the better kind."""
    print("3. Errors on shape families that were never trained on")
    print(f"{'':14}{'cases':>7}{'|d ln CD| median':>18}{'mean':>9}{'|d CL| mean':>13}{'90 % interval of CD holds':>28}")
    medians = {}
    for kind in NETWORKS:
        words = json.loads((folder / kind / EVALUATION).read_text())
        drag, lift = (words["accuracy"]["everything"][name] for name in ("cd", "cl"))
        medians[kind] = drag["median"]
        row = f"{drag['median']:>18.2%}{drag['mean']:>9.2%}{lift['mean']:>13.4f}{drag['coverage']:>28.0%}"
        print(f"{kind:14}{words['cases']['everything']:>7}{row}")
    return min(medians, key=lambda kind: medians[kind])


def follow(kind: str, data: Path, folder: Path, parts: Shares) -> Design:
    """Design along the gradient of the network, verify, and let it learn from the verdict, at most `ROUNDS` times."""
    print(f"4. Designing along the gradient of the {kind} surrogate; the solver verifies")
    problem = read_problem(PROBLEM)
    surrogate = load(folder / kind / CHECKPOINT)
    with load_data(data) as content:
        remembered = training_data(content, part(content, parts).training)
    keep_to_one_thread()
    with bar("designing") as show:

        def note(step: Step) -> None:
            show(step.iteration, problem.search.iterations, f"mean CD {step.objective:.5f}")

        design = run_design(
            problem,
            surrogate,
            simulator("viscous"),
            folder,
            rounds=ROUNDS,
            refine=fine_tuning(remembered),
            command="make demo",
            progress=note,
        )
    for number, (promised, verified) in enumerate(design.rounds, 1):
        says = "not flown" if verified is None else f"{verified:.5f}"
        print(f"round {number}: mean CD promised {promised:.5f}, verified {says}")
    print(f"{design.outcome}: {design.sentence}")
    return design


def judge_independently(design: Design) -> None:
    """XFOIL, where it is installed, did not take part in anything above."""
    if shutil.which("xfoil") is None:
        print("5. XFOIL is not installed: `sudo make system` brings the independent judge")
        return
    judged = verify(design, read_problem(PROBLEM), "xfoil")
    verdict = "could not fly every point" if judged.objective[1] is None else f"finds {judged.objective[1]:.5f}"
    print(f"5. XFOIL {verdict}, mean CD; promised {design.objective[0]:.5f}")


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt as stop:
        print(str(stop) or "stopped: what was finished is kept; run the same command again to go on", file=sys.stderr)
        raise SystemExit(130) from None
