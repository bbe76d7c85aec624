"""What a network of atoms learns from so many labels of near-surface alloys, beside ridge and a Gaussian process.

    python benchmarks/slab_learning.py             # two hours; goes on if killed; writes docs/benchmarks.md, a picture
    python benchmarks/slab_learning.py --quick     # one repeat; writes nothing

Test stacks are never seen; five repeats with the same parting for all. The rivals see what a chemist would tell them:
the metal of each layer, products of these for each pair of layers, strain, and strain times metal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean

import cyclopts
import matplotlib
import numpy as np
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from support.near_surface import METALS, Labels, labels, rows
from support.record import Figure, record
from support.tasks import finished
from torch import Tensor

from understudy.learning import slab_settings
from understudy.surrogate.atoms.building import build_slabs
from understudy.surrogate.atoms.rows import SlabRows, slab_rows_of
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.calibration import fewest_cases
from understudy.surrogate.evaluation import Comparison
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.training import train

matplotlib.use("agg")
from matplotlib.figure import Figure as Picture

#: Trainings under way, and what is kept of those that ended.
FOLDER, RESULTS = Path("runs/slab_learning"), Path(__file__).parent / "data" / "slab_learning"
PICTURE = Path("docs/images/slab_learning.png")
REPEATS, TEST = 5, 0.2
SIZES = (50, 100, 200, 400, 0)  # labels that train; 0 takes all
PAIRS = 5  # pairs of surface and second layer that are never seen together
QUANTITIES = ("adsorption_energy", "formation_energy")
COVERAGE = SurrogateConfig().coverage
FOR_INTERVALS = 2 * fewest_cases(COVERAGE)  # labels


@dataclass(frozen=True)
class Task:
    """One training and its test.

    kind: "size" for the learning curve, "pairs" for pairs never seen together. size: labels that train, 0 for all.
    """

    kind: str
    size: int
    repeat: int

    @property
    def name(self) -> str:
        return f"of-{len(rows())}-{self.kind}-{self.size}-{self.repeat}"

    @property
    def file(self) -> Path:
        return RESULTS / f"{self.name}.json"


def parted(data: Labels, task: Task) -> tuple[Tensor, Tensor]:
    """Rows that train and rows that test, of other stacks; those of one metal always train."""
    random = np.random.default_rng([7, task.repeat])
    stacks, stack = data.metals.unique(dim=0, return_inverse=True)
    place = torch.from_numpy(random.permutation(len(stacks)))[stack]
    pure = (data.metals == data.metals[:, :1]).all(1)
    rows = torch.arange(len(data))[~pure]
    rows = rows[place[rows].argsort(stable=True)]
    if task.kind == "pairs":
        mixed = np.array([one * len(METALS) + two for one, two in permutations(range(len(METALS)), 2)])
        pair = data.metals[rows, 0] * len(METALS) + data.metals[rows, 1]
        held = torch.isin(pair, torch.from_numpy(random.permutation(mixed)[:PAIRS]))
    else:
        held = place[rows] <= place[rows[round(TEST * len(data)) - 1]]
    train = torch.cat((torch.arange(len(data))[pure], rows[~held]))
    return train[: task.size or len(train)], rows[held]


def features(data: Labels) -> np.ndarray:
    """What the rivals see (rows, features)."""
    hot = torch.nn.functional.one_hot(data.metals, len(METALS)).double()
    strain = 100 * data.strain[:, None]
    layers = hot.shape[1]
    pairs = [
        (hot[:, one, :, None] * hot[:, two, None, :]).flatten(1)
        for one in range(layers)
        for two in range(one + 1, layers)
    ]
    columns = [hot.flatten(1), strain, strain**2, (strain[:, :, None] * hot).flatten(1), *pairs]
    return torch.cat(columns, 1).numpy()


def by_mean(inputs: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The mean of what was seen."""
    return np.full(len(asked), truth.mean())


def by_ridge(inputs: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Ridge regression, its strength by leaving one out."""
    return np.asarray(RidgeCV(np.logspace(-4, 3, 29)).fit(inputs, truth).predict(asked))


def by_gaussian_process(inputs: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A Gaussian process with a squared exponential kernel."""
    kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(3.0, (0.1, 100.0)) + WhiteKernel(1e-3, (1e-7, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)
    return np.asarray(process.fit(inputs, truth).predict(asked))


RIVALS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": by_mean, "ridge": by_ridge, "Gaussian process": by_gaussian_process
}  # fmt: skip


def measured(task: Task) -> dict[str, object]:
    """Errors of all on the test stacks, and what the intervals were worth."""
    torch.set_num_threads(1)
    data = labels()
    learnt, asked = parted(data, task)
    told: dict[str, object] = {"labels": len(data), "train": len(learnt), "test": len(asked)}
    inputs = features(data)
    for name, rival in RIVALS.items():
        for quantity in QUANTITIES:
            truth = data.answer[quantity].numpy()
            error = rival(inputs[learnt], truth[learnt], inputs[asked]) - truth[asked]
            told[f"{name} {quantity}"] = float(np.abs(error).mean())
    rows = slab_rows_of(data.case, data.answer, AtomsConfig().cutoff)
    if len(learnt) < FOR_INTERVALS:
        return told | bare_errors(rows[learnt], rows[asked], FOLDER / task.name)
    surrogate = build_slabs(rows[learnt], slab_settings(len(learnt)), FOLDER / task.name)
    with torch.no_grad():
        answer = surrogate.predict(data.case[asked])
    for quantity in QUANTITIES:
        columns = (data.answer[quantity][asked], answer[quantity], answer.low[quantity], answer.high[quantity])
        told[quantity] = [[round(number, 6) for number in column.double().tolist()] for column in columns]
        told[f"ours {quantity}"] = float((columns[0] - columns[1]).abs().mean())
    told["known"] = float(answer.known.double().mean())
    return told


def bare_errors(learnt: SlabRows, asked: SlabRows, folder: Path) -> dict[str, float]:
    """Errors of as many networks, each taught all labels, where these are too few for intervals."""
    settings = slab_settings(len(learnt))
    members = train(learnt.for_all(settings.members), None, settings.training, folder).member
    with torch.no_grad():
        energy = members(asked.graph).energy
    return {f"ours {name}": float((energy[name].mean(1) - getattr(asked, name)).abs().mean()) for name in QUANTITIES}


def main(*, quick: bool = False, workers: int = 2) -> None:
    """Train, test, and write the figures down.

    Args:
        quick: one repeat only; nothing is written. workers: trainings at once.
    """
    repeats = 1 if quick else REPEATS
    tasks = [Task("size", size, repeat) for repeat in range(repeats) for size in SIZES]
    tasks += [Task("pairs", 0, repeat) for repeat in range(repeats)]
    most = (1 - TEST) * len(labels())
    tasks = [task for task in tasks if task.size < most]
    tasks.sort(key=lambda task: task.size)  # the longest first: 0 takes all
    found = finished({task: task.file for task in tasks}, measured, workers, _say)
    if not quick:
        print(record("slab_learning", "Learning near-surface alloys", list(_figures(found))))
        _draw(found)


def _say(task: Task, told: dict[str, object]) -> None:
    print(task, {name: value for name, value in told.items() if isinstance(value, float)}, flush=True)


def _figures(found: dict[Task, dict]) -> Iterator[Figure]:
    names = ("ours", *RIVALS)
    for count, runs in _curve(found).items():
        errors = ", ".join(f"{name} {fmean(told[f'{name} adsorption_energy'] for told in runs):.4f}" for name in names)
        yield Figure(
            f"adsorption energy, {count} labels: mean error [eV]", errors, "ours the lowest" if count >= 100 else "-"
        )
    rows = [told for task, told in found.items() if (task.kind, task.size) == ("size", 0)]
    yield Figure(
        "adsorption energy, all labels: mean error",
        f"{fmean(told['ours adsorption_energy'] for told in rows):.4f} eV",
        "0.015 eV, aim 0.010",
    )
    formation = ", ".join(
        f"{name} {1e3 * fmean(told[f'{name} formation_energy'] for told in rows):.1f}" for name in names
    )
    yield Figure("formation energy, all labels: mean error [meV/atom]", formation, "5")
    for quantity in QUANTITIES:
        compared = [_compared(told[quantity]) for told in rows]
        every = _compared([[x for told in rows for x in told[quantity][column]] for column in range(4)])
        inside = 100 * every.accuracy().coverage
        rank = fmean(one.rank_correlation for one in compared)
        yield Figure(f"{quantity}: 90 % intervals cover", f"{inside:.1f} % of {len(every.truth)}", "86 to 94 %")
        yield Figure(f"{quantity}: miscalibration area", f"{every.miscalibration:.3f}", "0.05")
        yield Figure(f"{quantity}: Spearman of width and error", f"{rank:.2f}", "0.4")
    rows = [told for task, told in found.items() if task.kind == "pairs"]
    errors = ", ".join(f"{name} {fmean(told[f'{name} adsorption_energy'] for told in rows):.4f}" for name in names)
    yield Figure("pairs of surface and second layer never seen together: mean error [eV]", errors, "0.04")


def _compared(columns: list[list[float]]) -> Comparison:
    """Truths, values, and both ends of the intervals."""
    return Comparison(*(torch.tensor(column, dtype=torch.float64) for column in columns), coverage=COVERAGE)


def _curve(found: dict[Task, dict]) -> dict[int, list[dict]]:
    """What was told of each size, by its mean number of labels, rising."""
    runs: dict[int, list[dict]] = {}
    for task, told in found.items():
        if task.kind == "size":
            runs.setdefault(task.size, []).append(told)
    return dict(sorted((round(fmean(told["train"] for told in rows)), rows) for rows in runs.values()))


def _draw(found: dict[Task, dict]) -> None:
    picture = Picture(figsize=(7.2, 4.2), layout="constrained")
    axes = picture.add_subplot()
    curve = _curve(found)
    for name in ("ours", *RIVALS):
        means = [fmean(told[f"{name} adsorption_energy"] for told in rows) for rows in curve.values()]
        axes.plot(list(curve), means, "o-", label="network of atoms" if name == "ours" else name)
    axes.set(xscale="log", yscale="log", xlabel="labels", ylabel="mean error of the adsorption energy [eV]")
    axes.set_xticks(list(curve), [str(count) for count in curve])
    axes.set_xticks([], minor=True)
    axes.legend()
    axes.grid(alpha=0.3, which="both")
    picture.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    cyclopts.run(main)
