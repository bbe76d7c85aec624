"""Which alloy surface is found with so many calls of a simulator: by our loop, a genetic algorithm, or at random.

    python benchmarks/surface_search.py              # 20 minutes on two cores; goes on if killed; docs/benchmarks.md
    python benchmarks/surface_search.py --repeats 1  # writes nothing

Four layers of 2 x 2 sites, fcc (111), one of six metals on each site, strained by within 3 %, a hydrogen in one hollow:
6^16 layouts at 41 strains. Effective-medium theory answers; its energies are toys, so this compares searches, not
surfaces. All three begin with the same random slabs; one that lost its hydrogen counts as a call and as nothing else.
Verdicts are lines of `verdicts.jsonl` in runs/surface_search/SEARCH-REPEAT; what searches that ended found is kept in
benchmarks/data/surface_search.

The genetic algorithm is ASE's (package ase-ga): its population with its fitness and history, cutting and splicing of
slabs, exchange of an element, exchange of two sites; strain is one gene more. Among five settings of population and
operators that were the best of three other repeats was taken, for forces below 0.05 eV/Å.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cyclopts
import matplotlib
import numpy as np
import torch
from ase import Atoms
from ase_ga import set_raw_score
from ase_ga.element_mutations import RandomElementMutation
from ase_ga.offspring_creator import OffspringCreator, OperationSelector
from ase_ga.population import Population
from ase_ga.slab_operators import CutSpliceSlabCrossover, RandomSlabPermutation
from ase_ga.standard_comparators import RawScoreComparator
from support.record import Figure, record
from support.tasks import finished

from understudy.design.materials.acquisition import Acquisition
from understudy.design.materials.descent import Descent
from understudy.design.materials.run import Verification
from understudy.design.materials.space import Slab, SlabSpace, Stacks
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.design.materials.surface_run import run_surface_design
from understudy.design.materials.verification import FILE, Verdict, labels_of, scores_of, verdicts_in, verify
from understudy.design.page import sentence
from understudy.simulators.interface import Predictor, Solution
from understudy.simulators.materials.atoms import atoms_of
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.emt import EMT_LATTICE_CONSTANTS, Emt
from understudy.simulators.materials.relaxation import RelaxOptions
from understudy.simulators.materials.simulator import CAUTION
from understudy.stopping import stop_on_signals
from understudy.surrogate.atoms.building import build_slabs
from understudy.surrogate.atoms.relearning import RelearningConfig, relearn
from understudy.surrogate.atoms.rows import slab_rows_of
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.training import TrainingConfig

matplotlib.use("agg")
from matplotlib.figure import Figure as Picture

#: Searches under way, and what is kept of those that ended.
FOLDER, RESULTS = Path("runs/surface_search"), Path(__file__).parent / "data" / "surface_search"
PICTURE = Path("docs/images/surface_search.png")
SPACE = SlabSpace(metals=("Pt", "Pd", "Cu", "Ag", "Au", "Ni"), size=(2, 2), free=2)
PROBLEM = SurfaceProblem(space=SPACE, by_site=True, descent=Descent(starts=16, steps=50), repaired=8)
BUDGET, REPEATS = 300, 5
NEAR = 0.05  # of the objective: what a difference of 0.001 eV in the free energy makes
TOLD = (150, 200, 250, 300)  # calls after which the best is told
#: Of our loop: answers that intervals need, how many random calls are made at once until these are there, rounds of
#: design, members, steps of the first training and of each later one, rows of a step.
ANSWERS, AT_ONCE, ROUNDS, MEMBERS, STEPS, LATER, BATCH = 80, 10, 5, 6, 1000, 300, 24
NETWORK = AtomsConfig(cutoff=4.5)


@dataclass(frozen=True)
class Genes:
    """Settings of the genetic algorithm.

    population: slabs that live. splice, exchange, permute, stretch: how often children come from each operator.
    step: deviation of a change of strain.
    """

    population: int = 20
    splice: float = 0.2
    exchange: float = 0.5
    permute: float = 0.1
    stretch: float = 0.2
    step: float = 0.005


def judge() -> Emt:
    """The simulator. With its usual limit of 0.05 eV/Å hydrogen that is about to leave its hollow stops half-way."""
    return Emt(options=RelaxOptions(force=0.01, steps=500), folder=FOLDER / "energies")


def scores(verdicts: list[Verdict]) -> list[float]:
    """Objectives by the simulator, infinite where a slab has none."""
    return scores_of(SPACE, PROBLEM.scoring, verdicts)


@dataclass(eq=False)
class Ask:
    """The simulator, its calls kept in a folder."""

    folder: Path
    simulator: Emt = field(default_factory=judge)
    _known: dict[Slab, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep(verdicts_in(self.folder / FILE))

    def __call__(self, candidates: Stacks) -> list[float]:
        """Objective of each, infinite where it has none."""
        told = candidates.told()
        if any(slab not in self._known for slab in told):
            constants = self.simulator.constants
            self._keep(
                verify(candidates, [{}] * len(told), self.simulator, constants, self.folder, scoring=PROBLEM.scoring)
            )
        return [self._known[slab] for slab in told]

    def _keep(self, verdicts: list[Verdict]) -> None:
        fresh = [verdict for verdict in verdicts if verdict.slab not in self._known]
        self._known |= dict(zip((verdict.slab for verdict in fresh), scores(fresh), strict=True))


def random_slabs(seed: int, count: int) -> Stacks:
    """Uniform in metals and strains; a larger count begins with the same ones."""
    random = np.random.default_rng([11, seed])
    metals, steps = [], []
    for _ in range(count):
        metals.append(random.integers(len(SPACE.metals), size=(SPACE.depth, PROBLEM.columns)))
        steps.append(int(random.integers(SPACE.strains[2])))
    strain = SPACE.grid(SPACE.strains[2])[torch.tensor(steps)]
    return Stacks.first(SPACE, torch.from_numpy(np.stack(metals)), strain)


def at_random(seed: int, folder: Path) -> None:
    """Random search."""
    Ask(folder)(random_slabs(seed, BUDGET))


def designed(seed: int, folder: Path) -> None:
    """Our loop: a surrogate of random slabs, then rounds of design, verdicts, and learning from all of these."""
    ask, count, answered = Ask(folder / "first"), 0, 0
    while answered < ANSWERS:
        count += AT_ONCE
        answered = int(np.isfinite(ask(random_slabs(seed, count))).sum())
    told = verdicts_in(ask.folder / FILE)
    rows = slab_rows_of(*labels_of(SPACE, told, EMT_LATTICE_CONSTANTS), NETWORK.cutoff)
    training = TrainingConfig(network=NETWORK, epochs=math.ceil(STEPS * BATCH / len(rows)), batch=BATCH, average=0.99)
    config = SurrogateConfig(training=training, members=MEMBERS)
    surrogate = build_slabs(rows, config, folder / "training", identity={"constants": EMT_LATTICE_CONSTANTS})

    def learnt(before: Predictor[SlabCase], case: SlabCase, solution: Solution) -> SlabSurrogate:
        assert isinstance(before, SlabSurrogate)
        new = slab_rows_of(case, solution, NETWORK.cutoff)
        passes = math.ceil(LATER * BATCH / (len(rows) + len(new)))
        return relearn(before, rows, new, RelearningConfig(passes=passes, batch=BATCH))

    run_surface_design(
        PROBLEM,
        surrogate,
        folder,
        settings=repr(PROBLEM),
        verification=Verification(
            judge=judge(),
            count=(BUDGET - count) // ROUNDS,
            rounds=ROUNDS - 1,
            relearn=learnt,
            acquisition=Acquisition.IMPROVEMENT,
        ),
    )


class Living:
    """What `Population` asks of its data base: all slabs that were judged, and who had children with whom."""

    def __init__(self) -> None:
        self.judged: list[Atoms] = []
        self.pairs: list[tuple[int, int]] = []
        self._told = 0

    def add(self, atoms: Atoms, score: float) -> None:
        atoms.info["confid"] = len(self.judged)
        set_raw_score(atoms, -score)
        self.judged.append(atoms)

    def get_all_relaxed_candidates(self, only_new: bool = False, use_extinct: bool = False) -> list[Atoms]:
        found = self.judged[self._told if only_new else 0 :]
        self._told = len(self.judged)
        return list(found)

    def get_participation_in_pairing(self) -> tuple[dict[int, int], list[tuple[int, int]]]:
        counts: dict[int, int] = {}
        for pair in self.pairs:
            for parent in pair:
                counts[parent] = counts.get(parent, 0) + 1
        return counts, self.pairs


class Stretch(OffspringCreator):
    """A child as its parent, but for its strain."""

    def get_new_individual(self, parents: list[Atoms]) -> tuple[Atoms, str]:
        return self.initialize_individual(parents[0], parents[0]), "stretch"


def genetic(seed: int, folder: Path, genes: Genes = Genes()) -> None:
    """ASE's genetic algorithm, one child after the other; the same seed and answers give the same children."""
    ask, random = Ask(folder), np.random.RandomState(seed)
    living, first = Living(), random_slabs(seed, genes.population)
    seen = set(first.told())
    for atoms, score in zip(_as_atoms(first), ask(first), strict=True):
        if math.isfinite(score):
            living.add(atoms, score)
    population = Population(living, genes.population, comparator=RawScoreComparator(1e-6), rng=random)
    splice, stretch = CutSpliceSlabCrossover(rng=random), Stretch()
    exchange, permute = RandomElementMutation(list(SPACE.metals), rng=random), RandomSlabPermutation(rng=random)
    chances = [genes.splice, genes.stretch, genes.exchange, genes.permute]
    selector = OperationSelector(chances, [splice, stretch, exchange, permute], rng=random)
    while len(seen) < BUDGET:
        parents, operator = population.get_two_candidates(), selector.get_operator()
        child, _ = operator.get_new_individual(parents)
        if child is None:
            continue
        strain = parents[random.randint(2) if operator is splice else 0].info["strain"]
        if operator in (splice, stretch):
            strain = float(np.clip(strain + genes.step * random.normal(), *SPACE.strains[:2]))
        candidate = _as_candidate(child, strain)
        if candidate.told()[0] in seen:
            continue
        seen |= set(candidate.told())
        if operator is splice:
            living.pairs.append(tuple(sorted(one.info["confid"] for one in parents)))
        child.info["strain"] = float(candidate.strain[0])
        (score,) = ask(candidate)
        if math.isfinite(score):
            living.add(child, score)
            population.update()


def _as_atoms(candidates: Stacks) -> list[Atoms]:
    case = candidates.clean(EMT_LATTICE_CONSTANTS)
    found = []
    for row, strain in enumerate(candidates.strain.tolist()):
        atoms = atoms_of(case, row)
        atoms.info = {"strain": strain, "key_value_pairs": {}, "data": {}}
        found.append(atoms)
    return found


def _as_candidate(atoms: Atoms, strain: float) -> Stacks:
    """The slab of some atoms, bottom layer first, at the nearest strain of the space."""
    metals = torch.tensor([SPACE.metals.index(symbol) for symbol in atoms.get_chemical_symbols()])
    grid = SPACE.grid(SPACE.strains[2])
    nearest = grid[(grid - strain).abs().argmin()]
    return Stacks.first(SPACE, metals.reshape(1, SPACE.depth, -1).flip(1), nearest[None])


SEARCHES: dict[str, Callable[[int, Path], None]] = {
    "ours": designed, "genetic algorithm": genetic, "random": at_random
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One search."""

    name: str
    repeat: int

    @property
    def label(self) -> str:
        return f"{self.name.split()[0]}-{self.repeat}"


def searched(task: Task) -> dict[str, Any]:
    """Lowest objective after each call, and seconds of the processor, of a search that goes on where it stopped."""
    torch.set_num_threads(1)
    folder = FOLDER / task.label
    folder.mkdir(parents=True, exist_ok=True)
    spent = folder / "seconds.jsonl"  # a line for each time that the search was started
    began = time.process_time()
    try:
        SEARCHES[task.name](task.repeat, folder)
    finally:
        with spent.open("a") as file:
            file.write(json.dumps(time.process_time() - began) + "\n")
    verdicts = [verdict for file in (folder / "first" / FILE, folder / FILE) for verdict in verdicts_in(file)]
    best = np.minimum.accumulate(scores(verdicts)).tolist()
    return {"best": best, "seconds": sum(map(json.loads, spent.read_text().splitlines()))}


def main(*, repeats: int = REPEATS, workers: int = 2) -> None:
    """Search, and write the figures down.

    Args:
        repeats: of each search; with fewer than usual nothing is written. workers: searches at once.
    """
    stop_on_signals()
    tasks = [Task(name, repeat) for repeat in range(repeats) for name in SEARCHES]
    told = finished(
        {task: RESULTS / f"{task.label}.json" for task in tasks},
        searched,
        workers,
        lambda task, found: print(task, f"{found['best'][-1]:.3f}", flush=True),
    )
    found = {name: [one for task, one in told.items() if task.name == name] for name in SEARCHES}
    best = {name: np.array([one["best"] for one in some]) for name, some in found.items()}
    spent = {name: median(one["seconds"] for one in some) for name, some in found.items()}
    figures = list(_figures(best, spent))
    print(*figures, sep="\n")
    if repeats >= REPEATS:
        record("surface_search", f"Searching a space of surfaces ({CAUTION})", figures)
        _draw(best)


def _figures(best: dict[str, np.ndarray], spent: dict[str, float]) -> Iterator[Figure]:
    for calls in TOLD:
        there = {name: found[:, calls - 1] for name, found in best.items()}
        told = [f"{name} {median(some):.2f} ({some.min():.2f} to {some.max():.2f})" for name, some in there.items()]
        yield Figure(f"best objective after {calls} calls: median (range)", ", ".join(told), "ours the lowest")
    floor = min(float(found.min()) for found in best.values()) + NEAR
    told = []
    for name, found in best.items():
        reached = [int((some <= floor).argmax()) + 1 if some[-1] <= floor else math.inf for some in found]
        told.append(f"{name} {median(reached):g} ({sum(map(math.isfinite, reached))} of {len(reached)} came there)")
    yield Figure(f"calls until within {NEAR} of the best that any found: median", ", ".join(told), "ours the fewest")
    ours, *others = best.values()
    for name, other in zip(list(best)[1:], others, strict=True):
        won = int((ours[:, -1] < other[:, -1]).sum())
        yield Figure(f"repeats in which ours ends below {name}", f"{won} of {len(ours)}", "all")
        middle = np.median(ours, 0) <= np.median(other, 0)[-1]
        calls = f"{int(middle.argmax()) + 1}" if middle.any() else "never"
        yield Figure(f"calls after which our median is that of {name} at the end", calls, f"below {BUDGET}")
    for name, seconds in spent.items():
        yield Figure(f"{name}: processor time of a search, simulator included: median", f"{seconds:.0f} s")


def _draw(best: dict[str, np.ndarray]) -> None:
    picture = Picture(figsize=(7.2, 4.4), layout="constrained")
    axes = picture.add_subplot()
    for name, found in best.items():
        calls = np.arange(1, found.shape[1] + 1)
        (line,) = axes.step(calls, np.median(found, 0), where="post", label=name)
        axes.fill_between(calls, found.min(0), found.max(0), step="post", alpha=0.2, color=line.get_color())
    axes.set(xlabel="calls of the simulator", ylabel="best objective so far [-]", xlim=(1, BUDGET), ylim=(4.5, 7))
    axes.set_title(sentence(CAUTION), fontsize=8)
    axes.legend(title=f"median and range of {REPEATS}")
    axes.grid(alpha=0.3)
    picture.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    cyclopts.run(main)
