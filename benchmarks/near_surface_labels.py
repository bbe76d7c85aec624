"""Labels of near-surface alloys by GPAW: what hydrogen gains on random stacks of seven metals, and what slabs cost.

    nice -n 19 python benchmarks/near_surface_labels.py --worker 0 --workers 2   # and 1: hours; goes on if killed

Stack number k is the same on every machine: the seven pure metals first, then any metal in any layer, strained by
within 3 %. Each answer is a line of runs/catalysts/labels-WORKER.jsonl, with the digest of the settings.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import cyclopts
from ase.calculators.calculator import CalculatorError

from understudy.simulators.materials.adsorption import relaxed_hydrogen
from understudy.simulators.materials.gpaw_process import Gpaw, GpawSettings
from understudy.simulators.materials.stacks import LATTICE_CONSTANTS, LAYERS, Stack, drawn_stack

FOLDER = Path("runs/catalysts")
SEED, COUNT, STRAIN = 2026, 800, 0.03
PURE = tuple(Stack((metal,) * LAYERS) for metal in LATTICE_CONSTANTS)


def stack_number(number: int) -> Stack:
    """The pure metals, then random stacks."""
    return PURE[number] if number < len(PURE) else drawn_stack(SEED, number, strain=STRAIN)


def label(number: int, clean: Gpaw, covered: Gpaw) -> dict[str, object]:
    """One line of the file."""
    stack = stack_number(number)
    found: dict[str, object] = {"number": number, "layers": "/".join(stack.layers), "strain": stack.strain}
    found["settings"] = clean.settings.digest
    started = time.monotonic()

    def ask(atoms):
        atoms.calc = covered
        return atoms.get_potential_energy(), float(atoms.get_forces(apply_constraint=False)[-1, 2])

    try:
        slab = stack.slab()
        slab.calc = clean
        found["clean"] = slab.get_potential_energy()
        found |= {
            name if name != "energy" else "covered": value
            for name, value in asdict(relaxed_hydrogen(stack, ask)).items()
        }
    except CalculatorError as error:
        found["outcome"] = str(error)
    return found | {"seconds": round(time.monotonic() - started, 1)}


def main(*, worker: int = 0, workers: int = 1, count: int = COUNT) -> None:
    """Compute what is not there yet of this worker's share.

    Args:
        worker, workers: which share of how many. count: stacks in all.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = {
        json.loads(line)["number"] for path in FOLDER.glob("labels-*.jsonl") for line in path.read_text().splitlines()
    }
    settings = GpawSettings()
    clean, covered = Gpaw(settings), Gpaw(settings)
    with (FOLDER / f"labels-{worker}.jsonl").open("a") as file:
        for number in range(worker, count, workers):
            if number not in done:
                found = label(number, clean, covered)
                file.write(json.dumps(found) + "\n")
                file.flush()
                print(number, found["layers"], found["outcome"], found["seconds"], flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
