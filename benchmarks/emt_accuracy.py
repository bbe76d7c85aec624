"""What a surrogate learns of 21,600 relaxations by effective-medium theory, from structures that are not relaxed.

    python benchmarks/emt_accuracy.py      # an hour; goes on if killed; writes docs/benchmarks.md

Slabs of 2 x 2 sites and four layers, of which two relax, of one to three metals out of seven, with hydrogen, carbon,
nitrogen or oxygen on any site. Test slabs are never seen. Energies of EMT are no chemistry: the machinery is measured.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cyclopts
from support.record import Figure, record

from understudy.asking import CHECKPOINT
from understudy.cli.config import made, read_table
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import DataSet, load
from understudy.learning import TrainConfig, evaluation, test_rows, train_surrogate, usual_settings
from understudy.simulators.materials.anomaly import Anomaly
from understudy.surrogate import checkpoint
from understudy.surrogate.atoms.surrogate import SlabSurrogate

EXAMPLE = Path(__file__).parents[1] / "examples" / "emt_slabs.toml"
FOLDER = Path("runs/emt_accuracy")
MEMBERS = 6
TARGETS = {"H": 0.02, "C": 0.04, "N": 0.04, "O": 0.04}


def main(*, workers: int = 2) -> None:
    """Simulate, train, and write the figures down.

    Args:
        workers: processes.
    """
    settings = replace(made(SimulateConfig, read_table(EXAMPLE)), out=FOLDER / "slabs.h5", workers=workers)
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(generate(settings).text(), flush=True)
    surrogate = trained(settings.out, workers)
    with load(settings.out) as data:
        print(record("emt_accuracy", "Relaxations by effective-medium theory", list(figures(surrogate, data))))


def trained(file: Path, workers: int) -> SlabSurrogate:
    """The surrogate of the usual settings, with fewer members."""
    folder = FOLDER / "surrogate"
    if not (folder / CHECKPOINT).is_file():
        usual = replace(usual_settings([file]), members=MEMBERS, processes=workers)
        train_surrogate(TrainConfig(data=(file,), out=folder, surrogate=usual))
    found = checkpoint.load(folder / CHECKPOINT)
    assert isinstance(found, SlabSurrogate)
    return found


def figures(surrogate: SlabSurrogate, data: DataSet) -> Iterator[Figure]:
    """Errors on unseen slabs, by adsorbate."""
    rows = test_rows(surrogate, data)
    case, truth = data.slab_case(rows), data.solution(rows)
    yield Figure("slabs with adsorbate: answered of asked", f"{len(data.ok_rows)} of {len(data)}", "at least 20,000")
    report = evaluation(surrogate, data, rows)
    for name, target in TARGETS.items():
        here = f"{name} in its place"
        found = report.accuracy[here]["adsorption_energy"]
        yield Figure(
            f"adsorption energy of {name}, {report.cases[here]} unseen: mean and median error, 90 % intervals cover",
            f"{found.mean:.4f}, {found.median:.4f} eV; {100 * found.coverage:.1f} %",
            f"{target} eV",
        )
    formation = report.accuracy["everything in its place"]["formation_energy"]
    yield Figure("formation energy: mean error", f"{1e3 * formation.mean:.2f} meV/atom")
    predicted = surrogate.predict(case)
    for anomaly in Anomaly:
        happened, said = truth[str(anomaly)] > 0.5, predicted[str(anomaly)] > 0.5
        yield Figure(
            f"{anomaly}, counted and not averaged",
            f"{int(happened.sum())} of {len(rows)}; foreseen {int((happened & said).sum())}, "
            f"expected in vain {int((said & ~happened).sum())}",
        )


if __name__ == "__main__":
    cyclopts.run(main)
