"""A design from a problem to a verified answer on disk, in rounds, so that a killed run goes on where it stopped.

Each round searches, saves `promise-K.json`, verifies, and saves `round-K.json`; while it searches, every step is a line
of `history-K.jsonl`.
While rounds are left and something is to be gained, the design and shapes near it are flown by the simulator, kept in
`labels-K.npz`, and handed with those of the rounds before to `refine`, which gives a predictor that has learnt from
them all.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from understudy.datasets.whole_files import replacing, room_for, write_bytes
from understudy.design.design import Design, Flight, Outcome, constraint_table, judge, objective_of
from understudy.design.flows import keep_flows, kept_flows
from understudy.design.optimise import Optimum, Step, optimise
from understudy.design.parameters import Parameters
from understudy.design.problem import Problem
from understudy.design.problem_file import problem_to_toml
from understudy.design.report import write_report
from understudy.design.run_folder import judged_by, keep_same
from understudy.design.verify import verification_case, with_verdict
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Simulator, Solution, Status
from understudy.simulators.shapes.airfoil import Airfoil
from understudy.simulators.shapes.coordinates_file import write_selig
from understudy.simulators.shapes.library import airfoil

Refine = Callable[[Predictor, AirfoilCase, Solution], Predictor]

NEIGHBOURS = 12  # shapes near the design that are flown with it, each at every point
NEIGHBOURHOOD = 0.01  # standard deviation of their CST weights around those of the design
CLOSE = 0.01  # verified over promised objective, less 1, of a promise that is kept
GAIN = 0.001  # of a round over those before, below which another one is not worth its while
SWEEP = 15  # angles of the polar in the report
BEYOND = 1.5  # [deg] by which the polar goes on beyond the operating points


def run_design(
    problem: Problem,
    predictor: Predictor,
    simulator: Simulator,
    folder: Path,
    *,
    rounds: int = 0,
    refine: Refine | None = None,
    polar: int = SWEEP,
    command: str = "",
    progress: Callable[[Step], None] = lambda step: None,
) -> Design:
    """Design, verify, retrain where the promise was wrong, and leave everything in a folder.

    The folder then holds `problem.toml`, `makers.txt` (who was followed and who judged), `design.dat`, `design.json`
    and `report.html`, and one file a round. A second run with the same problem, predictor, simulator and folder
    repeats nothing that was finished.

    Args:
        rounds: how often to learn from the verdict and design again, at most; ends earlier once a round that has
            learnt keeps its promise (every verified drag inside its interval, their mean within 1 %, no constraint
            broken) and gains less than 0.1 % on the rounds before.
        refine: gives a predictor that has learnt from labelled cases, in the order (predictor, case, solution); it
            always gets the predictor of the first round, and the cases of all rounds.

    Rarely needed:
        polar: angles of the polar in the report; 0 leaves it out, which saves as many calls of a slow simulator.
        command: what repeats the run, printed in the report.
        progress: called with every step of the search.

    Returns:
        The best round: success before failure, gap inside the interval before outside, then the lowest verified
        objective.

    Raises:
        ValueError: the folder holds another problem, or a run of others, or rounds without `refine`, or a polar of
            less than no angles.
        DiskFullError: no room left; finished rounds and the search so far are kept.
        NotDifferentiableError: the predictor gives no gradients.
    """
    if rounds > 0 and refine is None:
        raise ValueError("rounds need a function that refines the predictor; got none")
    if polar < 0:
        raise ValueError(f"polar must be at least 0 angles; got {polar}")
    predictor.require_gradient()
    folder.mkdir(parents=True, exist_ok=True)
    keep_same(folder / "problem.toml", problem_to_toml(problem), "another problem")
    makers = f"followed: {predictor.identity}\n{judged_by(simulator)}"
    keep_same(folder / "makers.txt", makers, "another predictor or simulator, or of one that has changed since")
    designs: list[Design] = []
    labels: list[tuple[AirfoilCase, Solution]] = []
    following = predictor
    for number in range(rounds + 1):
        design = _round(problem, following, simulator, folder, number, polar=polar, progress=progress)
        designs.append(replace(design, rounds=tuple(earlier.objective for earlier in designs)))
        if number == rounds or refine is None or _nothing_to_gain(designs):
            break
        labels.append(_labels(problem, design, simulator, folder / f"labels-{number}.npz"))
        following = refine(predictor, *_together(labels))
    chosen = min(range(len(designs)), key=lambda number: _rank(designs[number]))
    best = replace(designs[chosen], rounds=tuple(design.objective for design in designs))
    best.save(folder / "design.json")
    with replacing(folder / "design.dat") as temporary:
        write_selig(Airfoil(_file_name(problem.name), best.coordinates), temporary)
    flows = kept_flows(folder, f"flow-{chosen}", len(problem.points))
    write_report(best, problem, folder / "report.html", command=command, makers=makers, flows=flows)
    return best


def neighbours(
    x: Float[Tensor, " parameters"], parameters: Parameters, count: int, seed: int
) -> Float[Tensor, "shapes nodes 2"]:
    """The design itself and shapes near it, smooth random changes of its weights, as surface nodes."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.zeros(len(parameters), dtype=torch.float64)
    shape[: 2 * parameters.shape.weights + 1] = NEIGHBOURHOOD
    change = torch.randn(count, len(parameters), generator=generator, dtype=torch.float64) * shape
    return parameters.nodes(torch.cat([x[None], parameters.clip(x + change)]))


def _round(
    problem: Problem,
    predictor: Predictor,
    simulator: Simulator,
    folder: Path,
    number: int,
    *,
    polar: int,
    progress: Callable[[Step], None],
) -> Design:
    done, promised = folder / f"round-{number}.json", folder / f"promise-{number}.json"
    if done.is_file():
        return Design.from_json(done.read_text(encoding="utf-8"))
    if promised.is_file():
        design = Design.from_json(promised.read_text(encoding="utf-8"))
    else:
        design = _promised(problem, predictor, folder / f"history-{number}.jsonl", progress)
        design.save(promised)
    design, answer = _verified(design, problem, predictor, simulator, _sweep(design, problem, polar))
    keep_flows(answer, folder, f"flow-{number}", len(problem.points), problem.name)
    design.save(done)
    return design


def _promised(problem: Problem, predictor: Predictor, history: Path, progress: Callable[[Step], None]) -> Design:
    """Search, from where an earlier search with this history was cut off; nobody has verified the design yet."""
    start = airfoil(problem.shape.start).coordinates
    earlier = _steps(history)
    write_bytes(history, "".join(map(_line, earlier)).encode())
    with room_for(history), history.open("a", encoding="utf-8") as lines:

        def keep(step: Step) -> None:
            lines.write(_line(step))
            lines.flush()
            progress(step)

        optimum = optimise(problem, predictor, start, earlier=earlier, progress=keep)
    return made_design(problem, predictor, optimum)


def made_design(problem: Problem, predictor: Predictor, optimum: Optimum) -> Design:
    """The design of an optimum, as promised: nobody has verified it yet."""
    parameters = Parameters.of(problem)
    nodes = parameters.nodes(torch.stack([optimum.x, optimum.start_x]))
    promise = Flight.of(predictor.name, optimum.evaluation.answer, optimum.evaluation.values["alpha"][0])
    found = dict(zip(parameters.names, optimum.x.tolist(), strict=True))
    constraints = constraint_table(problem, found, promise, None)
    outcome, sentence = judge(constraints, None, infeasible=None if optimum.feasible else optimum.message)
    return Design(
        name=problem.name,
        parameters=found,
        coordinates=nodes[0],
        start=nodes[1],
        promise=promise,
        verdict=None,
        objective=(_or_nan(objective_of(problem, promise)), None),
        constraints=constraints,
        gap=(),
        outcome=outcome,
        sentence=sentence,
        search=optimum.message,
        history=tuple((step.start, step.iteration, step.objective, step.violation) for step in optimum.history),
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _verified(
    design: Design, problem: Problem, predictor: Predictor, simulator: Simulator, sweep: AirfoilCase | None
) -> tuple[Design, Solution]:
    """The verdict, the polars of both, and the answer; flying operating points and polar in one batch is cheaper."""
    posed = verification_case(design.coordinates, problem)
    points = len(posed)
    with torch.no_grad():
        answer = simulator.predict(AirfoilCase.concatenate([posed, sweep]) if sweep else posed)
        flown = Flight.of(simulator.name, answer)
        design = with_verdict(design, problem, flown.part(slice(points)))
        if sweep is None:
            return design, answer
        verified = flown.part(slice(points, None))
        if predictor.identity == simulator.identity:
            promised = replace(verified, values={**verified.values, "alpha": tuple(sweep.alpha.tolist())})
        else:
            promised = Flight.of(predictor.name, predictor.predict(sweep), sweep.alpha)
    verified = replace(verified, cp=(), values={**verified.values, "alpha": promised.values["alpha"]})
    return replace(design, polar=(replace(promised, cp=()), verified)), answer


def _sweep(design: Design, problem: Problem, count: int) -> AirfoilCase | None:
    """Angles from below the lowest operating point to above the highest, the stream interpolated between them."""
    at = np.asarray(design.promise.values["alpha"])
    if count == 0 or not np.isfinite(at).all():
        return None
    order = np.argsort(at)
    angles = np.linspace(at.min() - BEYOND, at.max() + BEYOND, count)
    columns = {
        name: torch.tensor(np.interp(angles, at[order], np.array([getattr(p, name) for p in problem.points])[order]))
        for name in ("reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    }
    return AirfoilCase.of(design.coordinates, torch.tensor(angles), **columns)


def _nothing_to_gain(designs: list[Design]) -> bool:
    """Whether the last round kept its promise and was hardly better than the best before; the first has learnt none."""
    promised, verified = designs[-1].objective
    before = [design.objective[1] for design in designs[:-1] if design.success and design.objective[1] is not None]
    if not before or verified is None or not designs[-1].success or not designs[-1].gap_inside:
        return False
    best = min(before)
    return abs(verified - promised) <= CLOSE * abs(promised) and best - verified < GAIN * abs(best)


def _together(labels: list[tuple[AirfoilCase, Solution]]) -> tuple[AirfoilCase, Solution]:
    """The cases of all rounds."""
    solutions = [solution for _, solution in labels]
    return AirfoilCase.concatenate([case for case, _ in labels]), Solution(
        values={name: torch.cat([one.values[name] for one in solutions]) for name in solutions[0].values},
        status=tuple(status for one in solutions for status in one.status),
        message=tuple(message for one in solutions for message in one.message),
    )


def _labels(problem: Problem, design: Design, simulator: Simulator, file: Path) -> tuple[AirfoilCase, Solution]:
    """The design and its neighbours at all points, flown once and kept."""
    parameters = Parameters.of(problem)
    x = torch.tensor(list(design.parameters.values()), dtype=torch.float64)
    shapes = neighbours(x, parameters, NEIGHBOURS, problem.search.seed)
    case = AirfoilCase.concatenate([verification_case(nodes, problem) for nodes in shapes])
    inputs = {f"input_{item.name}": getattr(case, item.name).numpy() for item in fields(case)}
    if file.is_file():
        with np.load(file) as kept:
            if not all(np.array_equal(kept[name], value, equal_nan=True) for name, value in inputs.items()):
                raise ValueError(f"{file} holds labels of another design; delete {file.parent} and run again")
            status = tuple(Status(str(item)) for item in kept["status"])
            values = {
                name.removeprefix("value_"): torch.tensor(kept[name]) for name in kept if name.startswith("value_")
            }
            return case, Solution(values=values, status=status, message=tuple(str(item) for item in kept["message"]))
    with torch.no_grad():
        solution = simulator.predict(case)
    columns = {f"value_{name}": value.numpy() for name, value in solution.values.items()}
    ends = {"status": np.array([str(item) for item in solution.status]), "message": np.array(solution.message)}
    image = io.BytesIO()
    np.savez_compressed(image, **ends, **columns, **inputs)  # type: ignore[arg-type]
    write_bytes(file, image.getvalue())
    return case, solution


def _line(step: Step) -> str:
    return json.dumps(asdict(step)) + "\n"


def _steps(history: Path) -> list[Step]:
    """Those of a search that was cut off, none if it never began; a line that was cut off itself is left out."""
    steps = []
    for line in history.read_text(encoding="utf-8").splitlines() if history.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        steps.append(Step(**{**row, "x": tuple(row["x"])}))
    return steps


def _rank(design: Design) -> tuple[bool, bool, float]:
    verified = design.objective[1]
    return (
        design.outcome is not Outcome.SUCCESS,
        not design.gap_inside,
        float("inf") if verified is None else verified,
    )


def _file_name(name: str) -> str:
    return name.strip() or "design"
