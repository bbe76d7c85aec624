import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from understudy.design.compare import compare
from understudy.design.design import Design
from understudy.design.optimise import Step, optimise
from understudy.design.parameters import Parameters
from understudy.design.problem import Problem, Search
from understudy.design.problem_file import read_problem
from understudy.design.run import NEIGHBOURS, neighbours, run_design
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import NotDifferentiableError, Predictor, Solution
from understudy.simulators.shapes import airfoil
from understudy.simulators.shapes.coordinates_file import read


@pytest.fixture
def problem(one_point: Problem) -> Problem:
    return replace(one_point, search=Search(starts=1, iterations=25))


class Killed(RuntimeError):
    """Stands for a signal in the middle of a search."""


def test_a_run_leaves_the_files_that_were_promised(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    design = run_design(problem, understudy(), judge(), tmp_path, command="repeat me")
    assert design.success
    assert read_problem(tmp_path / "problem.toml") == problem
    stored = json.loads((tmp_path / "design.json").read_text())
    assert set(stored) >= {"parameters", "promise", "verdict", "gap", "outcome", "constraints"}
    assert torch.allclose(read(tmp_path / "design.dat").coordinates, design.coordinates, atol=1e-8)
    assert "repeat me" in (tmp_path / "report.html").read_text()


def test_the_polar_has_as_many_angles_as_are_asked_for(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    for count in (0, 4):
        predictor, simulator = understudy(), judge()
        design = run_design(problem, predictor, simulator, tmp_path / str(count), polar=count)
        assert simulator.calls == [1 + count]
        assert (design.polar is None) == (count == 0)
    with pytest.raises(ValueError, match="polar must be at least 0 angles; got -1"):
        run_design(problem, understudy(), judge(), tmp_path / "none", polar=-1)


def test_a_simulator_that_judges_itself_flies_the_polar_once(problem: Problem, judge: type, tmp_path: Path) -> None:
    both = judge(differentiable=True)
    design = run_design(problem, both, both, tmp_path, polar=4)
    assert design.polar is not None
    assert design.polar[0].values == design.polar[1].values
    assert [calls for calls in both.calls if calls > 1] == [1 + 4]


def test_a_run_killed_at_its_verdict_does_not_search_again(
    problem: Problem, understudy: type, judge: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: object, case: AirfoilCase) -> Solution:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(judge, "predict", killed)
        with pytest.raises(Killed):
            run_design(problem, understudy(), judge(), tmp_path)
    predictor = understudy()
    assert run_design(problem, predictor, judge(), tmp_path, polar=0).success
    assert predictor.calls == []


def test_a_finished_run_is_not_computed_again(problem: Problem, understudy: type, judge: type, tmp_path: Path) -> None:
    first = run_design(problem, understudy(), judge(), tmp_path)
    predictor, simulator = understudy(), judge()
    again = run_design(problem, predictor, simulator, tmp_path)
    assert predictor.calls == simulator.calls == []
    assert again.to_json() == first.to_json()


def test_a_killed_search_goes_on_from_the_best_it_had_reached(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    seen: list[Step] = []

    def killed_at_the_third(step: Step) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise Killed

    with pytest.raises(Killed):
        run_design(problem, understudy(), judge(), tmp_path, progress=killed_at_the_third)
    history = tmp_path / "history-0.jsonl"
    with history.open("a") as lines:
        lines.write('{"start": 0, "iter')  # the line that the kill cut off
    best = min(step.objective for step in seen if step.violation <= 1)
    resumed: list[Step] = []
    design = run_design(problem, understudy(), judge(), tmp_path, progress=resumed.append)
    assert resumed[0].objective <= best * (1 + 1e-3)
    assert design.success
    told = [(step.start, step.iteration, step.objective, step.violation) for step in (*seen, *resumed)]
    assert list(design.history) == told
    assert [row[1] for row in told] == list(range(len(told)))
    assert len(history.read_text().splitlines()) == len(told)


def test_steps_before_a_kill_count(problem: Problem, understudy: type) -> None:
    """A search that is killed again and again does not go on for ever."""
    short = replace(problem, search=replace(problem.search, iterations=8))
    start = airfoil(problem.shape.start).coordinates
    whole = optimise(short, understudy(), start)
    assert [step.calls for step in whole.history] == sorted(step.calls for step in whole.history)
    late = replace(whole.history[0], calls=7)
    cut = optimise(short, understudy(), start, earlier=[late])
    assert cut.calls < whole.calls


def test_a_folder_with_another_problem_is_refused(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    run_design(problem, understudy(), judge(), tmp_path)
    with pytest.raises(ValueError, match="holds a run of another problem; choose an empty folder, or delete it"):
        run_design(replace(problem, name="another"), understudy(), judge(), tmp_path)


def test_a_folder_with_the_run_of_others_is_refused(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    """A verdict must not be passed off as that of a simulator which has never seen the design."""
    run_design(problem, understudy(), judge(), tmp_path)
    refused = "holds a run of another predictor or simulator, or of one that has changed since; choose an empty folder"
    for predictor, simulator in (
        (understudy(), judge(name="xfoil")),
        (understudy(), judge(extra_drag=0.001)),
        (understudy(name="graph"), judge()),
        (understudy(width=0.02), judge()),
    ):
        with pytest.raises(ValueError, match=refused):
            run_design(problem, predictor, simulator, tmp_path)


def test_rounds_need_someone_who_learns(problem: Problem, understudy: type, judge: type, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rounds need a function that refines the predictor; got none"):
        run_design(problem, understudy(), judge(), tmp_path, rounds=1)


def test_a_simulator_without_gradients_cannot_be_followed(problem: Problem, judge: type, tmp_path: Path) -> None:
    with pytest.raises(NotDifferentiableError, match="judge gives no gradients; follow a surrogate"):
        run_design(problem, judge(), judge(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_rounds_close_a_gap_and_then_end(problem: Problem, understudy: type, judge: type, tmp_path: Path) -> None:
    """The simulator finds 5 counts more drag than promised; whoever learns from it promises rightly afterwards."""
    learnt: list[int] = []

    def refine(predictor: Predictor, case: AirfoilCase, solution: Solution) -> Predictor:
        error = solution["cd"] - predictor.predict(case).values["cd"]
        learnt.append(len(case))
        return understudy(extra_drag=float(error.mean()))

    simulator = judge(extra_drag=0.0005)
    design = run_design(problem, understudy(), simulator, tmp_path, rounds=3, refine=refine)
    assert learnt == [1 + NEIGHBOURS]  # one round of learning was enough
    assert design.gap_inside
    assert [bool(verified and verified / promised > 1.02) for promised, verified in design.rounds] == [True, False]

    flown = len(simulator.calls)
    (tmp_path / "round-1.json").unlink()  # killed in the second round: labels are kept, learning is repeated
    again = run_design(problem, understudy(), simulator, tmp_path, rounds=3, refine=refine)
    assert simulator.calls[flown:] == [1 + 15]  # verification and polar, no labels
    assert again.objective[1] == pytest.approx(design.objective[1], rel=1e-4)


def test_every_round_learns_from_all_that_was_flown(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    """Whoever learns nothing keeps the gap open; he is asked again with the cases of all rounds, from the beginning."""
    first, learnt = understudy(), []

    def refine(predictor: Predictor, case: AirfoilCase, solution: Solution) -> Predictor:
        assert predictor is first
        assert len(solution) == len(case)
        learnt.append(len(case))
        return understudy()

    run_design(problem, first, judge(extra_drag=0.0005), tmp_path, rounds=2, refine=refine)
    assert learnt == [1 + NEIGHBOURS, 2 * (1 + NEIGHBOURS)]


def test_a_promise_that_was_kept_is_improved_once(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    """The first round learns in any case; the second was no better than the first, and the third is not begun."""
    learnt: list[int] = []

    def refine(predictor: Predictor, case: AirfoilCase, solution: Solution) -> Predictor:
        learnt.append(len(case))
        return predictor

    design = run_design(problem, understudy(), judge(), tmp_path, rounds=3, refine=refine)
    assert learnt == [1 + NEIGHBOURS]
    assert len(design.rounds) == 2


def test_neighbours_are_near_and_not_the_same(problem: Problem) -> None:
    parameters = Parameters.of(problem)
    x = torch.tensor([0.2] * 8 + [-0.1] * 8 + [0.0, 3.0], dtype=torch.float64)
    shapes = neighbours(x, parameters, 5, seed=1)
    moved = (shapes[1:] - shapes[0]).abs().amax((1, 2))
    assert torch.equal(shapes[0], parameters.nodes(x[None])[0])
    assert moved.min() > 1e-3
    assert moved.max() < 0.03
    assert torch.equal(shapes, neighbours(x, parameters, 5, seed=1))


def test_comparison_judges_all_by_the_same_simulator(
    problem: Problem, understudy: type, judge: type, tmp_path: Path
) -> None:
    whom = {"honest": understudy(), "optimist": understudy(extra_drag=-0.002)}
    honest, optimist = compare(problem, whom, judge(), tmp_path)
    assert honest.verified == pytest.approx(honest.promised, rel=1e-3)
    assert optimist.verified is not None
    assert optimist.verified - optimist.promised == pytest.approx(0.002, rel=1e-2)
    assert Design.from_json((tmp_path / "honest" / "design.json").read_text()).success


def test_comparison_refuses_before_it_begins(problem: Problem, understudy: type, judge: type, tmp_path: Path) -> None:
    with pytest.raises(NotDifferentiableError):
        compare(problem, {"one": understudy(), "two": judge()}, judge(), tmp_path)
    assert list(tmp_path.iterdir()) == []
