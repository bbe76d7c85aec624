"""How many calls of the simulator it takes until the five best of the labelled stacks are found.

    python benchmarks/slab_acquisition.py      # half an hour; goes on if killed; docs/benchmarks.md, a picture

The simulator is played by the labels of near-surface alloys: the best are those whose free energy of adsorption is
nearest to zero. Everyone begins with the same 50 random labels and asks about ten more at a time: a network of atoms
that learns on from what it knew, ridge regression on what a chemist would tell it, each asking about what it holds for
the best, and chance.
"""

from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

import cyclopts
import matplotlib
import numpy as np
import torch
from slab_learning import by_ridge, features
from support.near_surface import Labels, labels
from support.record import Figure, record
from support.tasks import finished
from torch import Tensor

from understudy.design.materials.scoring import CORRECTIONS
from understudy.learning import slab_settings
from understudy.surrogate.atoms.member import SlabMember
from understudy.surrogate.atoms.rows import SlabRows, slab_rows_of
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.training import TrainingConfig, train

matplotlib.use("agg")
from matplotlib.figure import Figure as Picture

#: What is kept of the searches that ended.
RESULTS = Path(__file__).parent / "data" / "slab_acquisition"
PICTURE = Path("docs/images/slab_acquisition.png")
REPEATS, FIRST, MORE, SOUGHT = 20, 50, 10, 5
#: Networks that answer together, and what each learns at first and from each ten labels more.
MEMBERS, STEPS, STEPS_MORE, RATE_MORE, BATCH = 4, 1500, 300, 2e-3, 16
WHO = ("network of atoms", "ridge", "chance")


class Networks:
    """A few networks that learn on from what they knew."""

    def __init__(self, data: Labels) -> None:
        self.rows: SlabRows = slab_rows_of(data.case, data.answer, AtomsConfig().cutoff).for_all(MEMBERS)
        self.members: SlabMember | None = None

    def energies(self, known: Tensor) -> np.ndarray:
        """Adsorption energies of all slabs, after learning those that are known [eV]."""
        first = slab_settings(len(known)).training.learning_rate
        steps, rate = (STEPS, first) if self.members is None else (STEPS_MORE, RATE_MORE)
        self.members = train(self.rows[known], None, _training(len(known), steps, rate), start=self.members).member
        with torch.no_grad():
            return self.members(self.rows.graph).energy["adsorption_energy"].mean(1).numpy()


def _training(rows: int, steps: int, rate: float) -> TrainingConfig:
    epochs = max(1, round(steps * BATCH / rows))
    return replace(slab_settings(rows).training, epochs=epochs, batch=BATCH, learning_rate=rate)


def found_after(task: tuple[str, int]) -> list[int]:
    """Calls after which each of the best was found, in order; the task is who searches, and which repeat it is."""
    who, repeat = task
    torch.set_num_threads(1)
    data = labels()
    truth = np.abs(data.answer["adsorption_energy"].numpy() + CORRECTIONS["H"])
    best = set(np.argsort(truth)[:SOUGHT].tolist())
    random = np.random.default_rng([11, repeat])
    order: list[int] = random.permutation(len(data)).tolist()
    asked, waiting = order[:FIRST], order[FIRST:]
    networks, inputs = Networks(data), features(data)
    while not best <= set(asked):
        if who != "chance":
            known = torch.tensor(asked)
            if who == "ridge":
                energy = by_ridge(inputs[asked], data.answer["adsorption_energy"].numpy()[asked], inputs)
            else:
                energy = networks.energies(known)
            promise = np.abs(energy + CORRECTIONS["H"])
            waiting.sort(key=lambda row: float(promise[row]))
        asked, waiting = asked + waiting[:MORE], waiting[MORE:]
    return sorted(place + 1 for place, row in enumerate(asked) if row in best)


def main(*, repeats: int = REPEATS, workers: int = 2) -> None:
    """Search, and write the figures down.

    Args:
        repeats: searches of each. workers: searches at once.
    """
    size = len(labels())
    tasks = {
        (who, repeat): RESULTS / f"of-{size}-{who.replace(' ', '-')}-{repeat}.json"
        for repeat in range(repeats)
        for who in WHO
    }
    told = finished(tasks, found_after, workers)
    found = {who: [told[who, repeat] for repeat in range(repeats)] for who in WHO}
    if repeats < REPEATS:
        print({who: fmean(calls[-1] for calls in runs) for who, runs in found.items()})
        return
    last = {who: [calls[-1] for calls in runs] for who, runs in found.items()}
    ours, chance = fmean(last["network of atoms"]), fmean(last["chance"])
    figures = [
        Figure(
            f"{who}: calls until the {SOUGHT} best of {size} are found, {FIRST} random ones included",
            f"{fmean(calls):.0f} on average, {median(calls):.0f} in the middle, {max(calls)} at most",
        )
        for who, calls in last.items()
    ]
    figures += [
        Figure("network of atoms over chance", f"{ours / chance:.2f}", "0.25"),
        Figure("network of atoms over ridge", f"{ours / fmean(last['ridge']):.2f}", "1"),
    ]
    print(record("slab_acquisition", "Finding the best surfaces with few calls", figures))
    _draw(found, size)


def _draw(found: dict[str, list[list[int]]], size: int) -> None:
    picture = Picture(figsize=(7.2, 4.2), layout="constrained")
    axes = picture.add_subplot()
    calls = np.arange(size + 1)
    for who, runs in found.items():
        shares = np.mean([np.searchsorted(run, calls, side="right") for run in runs], axis=0)
        axes.plot(calls, shares, label=who)
    axes.axvline(FIRST, color="0.6", linewidth=0.8)
    axes.annotate("random until here", (FIRST, 0.1), xytext=(4, 0), textcoords="offset points", color="0.4")
    axes.set(xlabel="calls of the simulator", ylabel=f"of the {SOUGHT} best found, mean of {REPEATS}")
    axes.legend()
    axes.grid(alpha=0.3)
    picture.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    cyclopts.run(main)
