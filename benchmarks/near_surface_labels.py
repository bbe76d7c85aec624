"""Labels of near-surface alloys by GPAW: what hydrogen gains on random stacks of seven metals, and what slabs cost.

    nice -n 19 python benchmarks/near_surface_labels.py --worker 0 --workers 2   # and 1: hours; goes on if killed

Stack number k is the same on every machine: the seven pure metals first, then any metal in any layer, strained by
within 3 %. Each answer is a line of benchmarks/data/near_surface/labels-WORKER.jsonl, with the digest of the settings.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import cyclopts
import numpy as np
from support.near_surface import FOLDER, METALS, rows, with_hydrogen

from understudy.simulators.line_file import append_line
from understudy.simulators.materials.gpaw_simulator import GpawSimulator
from understudy.simulators.materials.slabs import SlabPlan

#: Labels are kept with the code, energies of clean and pure slabs with other runs.
ENERGIES = Path("runs/energies")
SEED, COUNT, STRAIN = 2026, 800, 0.03
#: Seconds that one structure may take, while other work holds the cores.
LIMIT = 20000.0


def stack_number(number: int) -> tuple[tuple[str, ...], float]:
    """Layers, surface first, and strain: the pure metals, then random stacks."""
    layers = SlabPlan().layers
    if number < len(METALS):
        return (METALS[number],) * layers, 0.0
    random = np.random.default_rng([SEED, number])
    drawn = tuple(METALS[k] for k in random.integers(len(METALS), size=layers))
    return drawn, round(float(random.uniform(-STRAIN, STRAIN)), 5)


def label(number: int, simulator: GpawSimulator) -> dict[str, object]:
    """One line of the file."""
    layers, strain = stack_number(number)
    started = time.monotonic()
    answer = simulator.predict(with_hydrogen([layers], [strain]))
    found = {name: float(values[0]) for name, values in answer.values.items()}
    return {
        "number": number,
        "layers": "/".join(layers),
        "strain": strain,
        "settings": simulator.digest,
        "status": str(answer.status[0]),
        "message": answer.message[0],
        **{name: None if value != value else value for name, value in found.items()},
        "seconds": round(time.monotonic() - started, 1),
    }


def main(*, worker: int = 0, workers: int = 1, count: int = COUNT) -> None:
    """Compute what is not there yet of this worker's share.

    Args:
        worker, workers: which share of how many. count: stacks in all.
    """
    done = {row["number"] for row in rows()}
    numbers = [number for number in range(worker, count, workers) if number not in done]
    keep(numbers, GpawSimulator(folder=ENERGIES, limit=LIMIT), FOLDER / f"labels-{worker}.jsonl")


def keep(numbers: Iterable[int], simulator: GpawSimulator, path: Path) -> None:
    """Label stacks, each a line of a file as soon as it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        found = label(number, simulator)
        append_line(path, json.dumps(found))
        print(number, found["layers"], found["status"], found["adsorption_energy"], found["seconds"], flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
