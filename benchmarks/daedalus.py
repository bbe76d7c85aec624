"""The designer on the Daedalus problem: from ten starts, with rounds, and with the simulator itself followed.

    python benchmarks/daedalus.py                      # about 15 minutes of processor time; writes docs/benchmarks.md
    python benchmarks/daedalus.py --also runs/graph    # one more predictor in the comparison: a checkpoint
    python benchmarks/daedalus.py --quick              # two starts and one round; writes nothing

Every design is made by the command `understudy design` in a process of its own, whose whole processor time counts,
imports included. Our simulator gives the verdict, XFOIL the second one. What is finished lies in the folder and is not
done again; each surrogate has its own part of it, and `--folder` elsewhere, or deleting it, begins anew.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

import cyclopts
import torch
from support.command import processor_seconds
from support.daedalus import breaches, daedalus_case, judge_daedalus, opened
from support.record import Figure, record

from understudy.asking import CHECKPOINT, predictor
from understudy.datasets.shape_sampling import ShapeMix, draw_shapes
from understudy.design.design import Design
from understudy.design.problem import Problem
from understudy.design.problem_file import read_problem, write_problem
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.registry import SIMULATORS, simulator
from understudy.simulators.shapes.airfoil import Airfoil
from understudy.simulators.shapes.coordinates_file import read, write_selig
from understudy.surrogate.checkpoint import PRETRAINED
from understudy.surrogate.surrogate import Surrogate

PROBLEM = Path(__file__).parents[1] / "examples" / "daedalus.toml"
LIBRARY_STARTS = ("naca0012", "e387", "clarky", "s1223", "dae11")
RANDOM_STARTS, SEED = 5, 20250925
ROUNDS = 3
SAME = 0.01  # relative distance from the best objective that counts as found


@dataclass(frozen=True, eq=False)
class Flown:
    """One design with both verdicts.

    seconds: processor time of the command. xfoil: weighted drag by panels, "160" and "280", and "opened" with a base.
    broken: what the design file breaks of the problem, flown once more by our simulator.
    """

    design: Design
    seconds: float
    xfoil: Mapping[str, float]
    broken: Sequence[str]

    @property
    def promised(self) -> float:
        return self.design.objective[0]

    @property
    def verified(self) -> float:
        found = self.design.objective[1]
        return float("nan") if found is None else found

    @property
    def inside(self) -> str:
        """Verified drags inside their promised intervals."""
        drag = [line.inside for line in self.design.gap if line.quantity == "cd"]
        return "no intervals" if None in drag else f"{sum(map(bool, drag))} of {len(drag)} inside"

    def judged(self, panels: str) -> str:
        """XFOIL's weighted drag, or that it has none: it may fail to converge at one of the points."""
        return "not converged everywhere" if isnan(self.xfoil[panels]) else f"{self.xfoil[panels]:.6f}"

    @property
    def words(self) -> str:
        judged = ", ".join(f"{self.judged(panels)} ({panels})" for panels in ("160", "280", "opened"))
        rounds = f"{len(self.design.rounds) - 1} rounds, " if len(self.design.rounds) > 1 else ""
        gap = f"{self.verified / self.promised - 1:+.2%}, {self.inside}"
        return (
            f"{self.design.outcome}; promised {self.promised:.6f}, ours {self.verified:.6f} ({gap}); "
            f"XFOIL {judged}; {rounds}{self.seconds:.1f} CPU s"
        )


def designed(problem: Problem, by: str, folder: Path, *, rounds: int = 0) -> Flown:
    """Design by the command line and judge, or read what was done before."""
    cost, judged = folder / "seconds.json", folder / "judged.json"
    if not cost.is_file():
        for file in folder.glob("*"):
            if file.name != "start.dat":  # half a run would cost less than a whole one
                file.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        write_problem(problem, folder / "posed.toml")
        words = ["design", str(folder / "posed.toml"), "--out", str(folder), "--by", by, "--rounds", str(rounds)]
        cost.write_text(json.dumps(processor_seconds(words, folder / "design.json")))
    design = Design.from_json((folder / "design.json").read_text(encoding="utf-8"))
    if not judged.is_file():
        judged.write_text(json.dumps(_judged(read(folder / "design.dat").coordinates)))
    verdicts = json.loads(judged.read_text())
    flown = Flown(design, json.loads(cost.read_text()), verdicts["xfoil"], verdicts["broken"])
    print(f"{folder.name}: {flown.words}", flush=True)
    return flown


def _judged(nodes: torch.Tensor) -> dict[str, object]:
    xfoil = {str(panels): judge_daedalus(nodes, panels).weighted_cd for panels in (160, 280)}
    xfoil["opened"] = judge_daedalus(opened(nodes)).weighted_cd
    with torch.no_grad():
        answer = simulator("viscous").predict(daedalus_case(nodes))
    return {"xfoil": xfoil, "broken": breaches(nodes, answer)}


def from_starts(problem: Problem, by: str, folder: Path, count: int) -> dict[str, Flown]:
    """One design from each of the first so many starts: sections of the library, then random shapes."""
    random = draw_shapes(ShapeMix(), SEED, 0, RANDOM_STARTS)
    found = {}
    for number, name in enumerate((*LIBRARY_STARTS, *(f"random-{n + 1}" for n in range(RANDOM_STARTS)))[:count]):
        place, start = folder / name, name
        if name not in LIBRARY_STARTS:
            place.mkdir(parents=True, exist_ok=True)
            nodes = torch.from_numpy(random.coordinates[number - len(LIBRARY_STARTS)])
            write_selig(Airfoil(name, nodes), place / "start.dat")
            start = "start.dat"
        found[name] = designed(replace(problem, shape=replace(problem.shape, start=start)), by, place)
    return found


def coverage(flights: Sequence[Flown], surrogate: Surrogate) -> str:
    """Share of points inside the intervals: drag and moment at the wanted lift, lift at the angle that gives it."""
    shares = {}
    for name in ("cd", "cm"):
        lines = [bool(line.inside) for one in flights for line in one.design.gap if line.quantity == name]
        shares[name] = (sum(lines), len(lines))
    inside = torch.zeros(0, dtype=torch.bool)
    for one in flights:
        if one.design.verdict is None or not one.design.verdict.flown:
            continue
        angle = torch.tensor(one.design.verdict.values["alpha"], dtype=torch.float64)
        wanted = daedalus_case(one.design.coordinates)
        with torch.no_grad():
            answer = surrogate.predict(
                AirfoilCase.of(wanted.coordinates, alpha=angle, reynolds=wanted.reynolds, mach=wanted.mach)
            )
        inside = torch.cat([inside, (answer.low["cl"] <= wanted.cl) & (wanted.cl <= answer.high["cl"])])
    shares["cl"] = (int(inside.sum()), len(inside))
    return ", ".join(f"{name.upper()} {part / max(of, 1):.0%} of {of}" for name, (part, of) in sorted(shares.items()))


def figures_of_starts(found: Mapping[str, Flown], surrogate: Surrogate) -> list[Figure]:
    """How alike the designs from all starts are, and how honest."""
    flights = list(found.values())
    good = [one for one in flights if one.design.success]
    best = min((one.verified for one in good), default=float("nan"))
    alike = sum(one.verified <= best * (1 + SAME) for one in good)
    missed = [name for name, one in found.items() if not (one.design.success and one.verified <= best * (1 + SAME))]
    wrong = [f"{name}: {', '.join(one.broken)}" for name, one in found.items() if one.design.success and one.broken]
    seconds = sorted(one.seconds for one in flights)
    judged = sorted(one.xfoil["160"] for one in flights)
    return [
        Figure(
            f"{len(found)} starts: successes within 1 % of the best verified mean CD, {best:.6f}",
            f"{alike}" + (f"; not {', '.join(missed)}" if missed else ""),
            "9 of 10",
        ),
        Figure("the same: reported as a success and wrong", "; ".join(wrong) or "none", "none"),
        Figure("the same: mean CD by XFOIL, 160 panels", f"{judged[0]:.6f} to {judged[-1]:.6f}"),
        Figure("the same: CPU time", f"median {seconds[len(seconds) // 2]:.1f} s, most {seconds[-1]:.1f} s", "15 s"),
        Figure("the same, no rounds: points inside the 90 % intervals", coverage(flights, surrogate), "stated"),
    ]


def figures_of_the_design(plain: Flown, learnt: Flown) -> list[Figure]:
    """What was promised of the designer, from NACA 0012: cost without rounds, everything else after them."""
    gap = learnt.verified / learnt.promised - 1
    between = learnt.xfoil["160"] / learnt.promised - 1
    return [
        Figure("mean CD by XFOIL, 160 panels", learnt.judged("160"), "0.0106, aim 0.0105"),
        Figure("the same, 280 panels", learnt.judged("280"), "stated"),
        Figure("the same without rounds, 280 panels", plain.judged("280"), "stated"),
        Figure(
            "the same, 160 panels, base opened to 2.5e-4 chord: XFOIL's own closing of a sharp edge left out",
            learnt.judged("opened"),
        ),
        Figure("promise against our simulator, after the rounds", f"{gap:+.2%}, {learnt.inside}", "1 %, 5 of 6"),
        Figure("promise against XFOIL, the gap between the models", f"{between:+.2%}", "2.5 %"),
        Figure("CPU time of a design without rounds, with verification and imports", f"{plain.seconds:.1f} s", "15 s"),
    ]


def compared(problem: Problem, names: Sequence[str], folder: Path) -> dict[str, Flown]:
    """Other predictors followed from the same start; a simulator's design does not depend on the surrogate."""
    return {name: designed(problem, name, folder / _place(name)) for name in names}


def _place(by: str) -> str:
    """Folder of a predictor: its name, or a mark of its checkpoint."""
    if by in SIMULATORS:
        return by
    file = PRETRAINED if by == "surrogate" else Path(by)
    file = file / CHECKPOINT if file.is_dir() else file
    return f"surrogate-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"


def main(
    *,
    by: str = "surrogate",
    also: tuple[str, ...] = (),
    folder: Path = Path("runs/daedalus_benchmark"),
    quick: bool = False,
) -> None:
    """Design, judge, print, and record unless the run is a shortened or foreign one.

    Args:
        by: the surrogate: the shipped one or the path of a checkpoint.
        also: further predictors to compare, for example a graph surrogate.
        folder: of the runs.
        quick: two starts, one round, the simulator not followed; writes nothing but the runs.
    """
    torch.set_num_threads(1)
    surrogate = predictor(by)
    if not isinstance(surrogate, Surrogate):
        raise ValueError(f"by must be a surrogate; {surrogate.name} is compared in any case, others by --also")
    problem, own = read_problem(PROBLEM), folder / _place(by)
    found = from_starts(problem, by, own, 2 if quick else len(LIBRARY_STARTS) + RANDOM_STARTS)
    rounds = 1 if quick else ROUNDS
    plain, learnt = found["naca0012"], designed(problem, by, own / f"rounds-{rounds}", rounds=rounds)
    others = compared(problem, also if quick else ("viscous", *also), folder)
    figures = [
        Figure("surrogate", surrogate.card.sentence),
        *figures_of_the_design(plain, learnt),
        *figures_of_starts(found, surrogate),
        Figure("NACA 0012, the surrogate followed", plain.words),
        Figure(f"NACA 0012, the surrogate with at most {rounds} rounds", learnt.words),
        *(Figure(f"NACA 0012, {Path(name).name} followed", one.words) for name, one in others.items()),
    ]
    print(*(f"{one.what}: {one.measured} [{one.target}]" for one in figures), sep="\n")
    if by == "surrogate" and not also and not quick:
        record("daedalus", "Designer: the Daedalus problem", figures)


if __name__ == "__main__":
    cyclopts.run(main)
