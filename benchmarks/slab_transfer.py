"""Whether networks that have first learnt effective-medium theory learn quantum chemistry from fewer labels.

    python benchmarks/slab_transfer.py      # 20 minutes on two cores; goes on if killed; writes docs/benchmarks.md

Stacks of Pt, Pd, Cu, Ag and Au, all that both know, with hydrogen in the fcc hollow: thousands of answers of EMT, which
knows how metals differ in size and little of how they bind. Then labels by GPAW of all seven metals, once from these
weights and once from random ones, as many steps for both; test stacks are never seen, and the same for both.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import cyclopts
import torch
from slab_learning import Task as Parting
from slab_learning import parted
from support.near_surface import HEIGHT, METALS, labels, rows
from support.record import Figure, record
from support.tasks import finished

from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.slab_sampling import SlabMix
from understudy.learning import slab_settings
from understudy.surrogate.atoms.member import ENERGIES, SlabMember
from understudy.surrogate.atoms.rows import SlabRows, slab_rows, slab_rows_of
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.training import train

#: Simulations and first trainings, and what is kept of the comparisons that ended.
FOLDER, RESULTS = Path("runs/slab_transfer"), Path(__file__).parent / "data" / "slab_transfer"
SHARED = ("Pt", "Pd", "Cu", "Ag", "Au")
CASES, REPEATS, MEMBERS, SIZES = 4000, 5, 2, (50, 100, 200, 400)


@dataclass(frozen=True)
class Task:
    """One comparison: so many labels, and which parting."""

    size: int
    repeat: int

    @property
    def file(self) -> Path:
        return RESULTS / f"of-{len(rows())}-{self.size}-{self.repeat}.json"


def simulated() -> Path:
    """Answers of effective-medium theory to stacks such as those of the labels."""
    mix = SlabMix(metals=SHARED, height=HEIGHT)
    settings = SimulateConfig(
        out=FOLDER / "emt.h5", simulator="emt", cases=CASES, cases_per_shape=1, slabs=mix, workers=2
    )
    print(generate(settings).text(), flush=True)
    return settings.out


def first_learnt() -> SlabMember:
    """Networks that know effective-medium theory."""
    torch.set_num_threads(1)
    with load(FOLDER / "emt.h5") as data:
        rows = slab_rows(data, AtomsConfig().cutoff).for_all(MEMBERS)
    return train(rows, None, slab_settings(len(rows)).training, FOLDER / "first").member


def error(learnt: SlabRows, asked: SlabRows, start: SlabMember | None) -> dict[str, list[bool | float]]:
    """Absolute errors of the mean of a few networks."""
    fresh = None
    if start is not None:
        fresh = learnt.fresh(AtomsConfig())
        fresh.network.load_state_dict(start.network.state_dict())  # the scales are those of the new labels
    members = train(learnt, None, slab_settings(len(learnt)).training, start=fresh).member
    with torch.no_grad():
        told = members(asked.graph).energy
    return {name: (told[name].mean(1) - getattr(asked, name)).abs().tolist() for name in ENERGIES}


def measured(task: Task) -> dict[str, object]:
    """Errors with and without what was learnt first, and which test stacks hold metals of both simulators alone."""
    torch.set_num_threads(1)
    data = labels()
    rows = slab_rows_of(data.case, data.answer, AtomsConfig().cutoff)
    train_rows, test_rows = parted(data, Parting("size", task.size, task.repeat))
    learnt, asked = rows[train_rows].for_all(MEMBERS), rows[test_rows]
    shared = torch.isin(data.metals[test_rows], torch.tensor([METALS.index(metal) for metal in SHARED])).all(1)
    return {
        "labels": len(data),
        "shared": shared.tolist(),
        "random": error(learnt, asked, None),
        "first": error(learnt, asked, first_learnt()),
    }


def main(*, repeats: int = REPEATS, workers: int = 2) -> None:
    """Simulate, learn, compare, and write the figures down.

    Args:
        repeats: partings; fewer than usual write nothing. workers: trainings at once.
    """
    simulated()
    most = 0.8 * len(labels())
    tasks = [Task(size, repeat) for repeat in range(repeats) for size in SIZES if size < most]
    first_learnt()
    told = finished({task: task.file for task in tasks}, measured, workers, _say)
    found = {size: [one for task, one in told.items() if task.size == size] for size in SIZES}
    figures = [
        Figure(
            f"{name}, {size} labels, test stacks of {'the five metals' if shared else 'all seven metals'}",
            "from EMT {:.4f}, from random weights {:.4f} {}".format(*_means(told, name, shared=shared), unit),
            "whichever is better ships",
        )
        for name, unit in (("adsorption_energy", "eV"), ("formation_energy", "eV/atom"))
        for size, told in found.items()
        for shared in (False, True)
        if told
    ]
    if repeats == REPEATS:
        print(record("slab_transfer", "First effective-medium theory, then quantum chemistry", figures))


def _say(task: Task, told: dict[str, object]) -> None:
    print(task, _means([told], "adsorption_energy", shared=False), flush=True)


def _means(told: list[dict], name: str, *, shared: bool) -> tuple[float, float]:
    """Mean errors from what was learnt first and from random weights."""

    def mean(start: str) -> float:
        return fmean(
            gap for one in told for gap, here in zip(one[start][name], one["shared"], strict=True) if here or not shared
        )

    return mean("first"), mean("random")


if __name__ == "__main__":
    cyclopts.run(main)
