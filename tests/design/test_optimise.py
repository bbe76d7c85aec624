from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from understudy.design.optimise import STRIDE, Optimum, Step, optimise
from understudy.design.parameters import Parameters
from understudy.design.problem import (
    AngleMode,
    Angles,
    Method,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    Search,
    ShapeConstraint,
)
from understudy.simulators.interface import Predictor
from understudy.simulators.shapes.naca import naca

LEAST_DRAG, BEST_AREA, BEST_ANGLE = 0.008, 0.08, 0.04  # of the stand-in


def solve(problem: Problem, predictor: Predictor, start: str = "naca0012") -> Optimum:
    return optimise(problem, predictor, naca(start))


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("start", ["naca0012", "naca0020", "naca6409"])
def test_the_known_best_drag_is_found(
    understudy: type, one_point: Problem, method: Method, start: str, prove: Callable[..., None]
) -> None:
    problem = replace(one_point, search=Search(starts=1, method=method))
    found = solve(problem, understudy(), start)
    assert found.feasible
    above = abs(found.evaluation.objective.item() / LEAST_DRAG - 1)
    prove("least drag of a problem in closed form, worst of six searches: relative", above, at_most=1e-3)
    assert found.evaluation.values["alpha"].item() == pytest.approx(
        torch.rad2deg(torch.tensor(BEST_ANGLE)).item(), abs=0.2
    )


def test_the_predictor_may_find_the_angle_itself(understudy: type, one_point: Problem) -> None:
    found = solve(replace(one_point, angles=Angles(mode=AngleMode.IMPLICIT)), understudy())
    assert found.evaluation.objective.item() == pytest.approx(LEAST_DRAG, rel=1e-3)
    assert found.evaluation.values["cl"].item() == pytest.approx(0.6, abs=1e-9)


def test_an_active_shape_constraint_costs_what_it_must(understudy: type, one_point: Problem) -> None:
    """At least 0.12 of area is 0.04 too much: 0.5 · 0.04² of drag."""
    problem = replace(one_point, constraints=(ShapeConstraint(measure="area", at_least=0.12),))
    found = solve(problem, understudy())
    assert found.feasible
    assert found.evaluation.objective.item() == pytest.approx(LEAST_DRAG + 0.5 * 0.04**2, rel=1e-3)


def test_an_active_moment_constraint_costs_what_it_must(understudy: type, one_point: Problem) -> None:
    """C_M ≥ -0.05 allows c = 0.05 / π, so α = C_L / 2π - 2 c, and the drag follows."""
    problem = replace(one_point, constraints=(QuantityConstraint(quantity="cm", at_least=-0.05),))
    found = solve(problem, understudy())
    angle = 0.6 / (2 * torch.pi) - 2 * 0.05 / torch.pi
    assert found.feasible
    assert found.evaluation.objective.item() == pytest.approx(LEAST_DRAG + 0.3 * (angle - BEST_ANGLE) ** 2, rel=1e-3)


def test_points_weigh_what_they_should(understudy: type) -> None:
    """Two angles 0.4 / 2π apart share one camber: the best is where their weighted mean is the best angle."""
    points = (OperatingPoint(cl=0.4, weight=1.0), OperatingPoint(cl=0.8, weight=3.0))
    found = solve(Problem(name="two", points=points, search=Search(starts=1)), understudy())
    apart = 0.4 / (2 * torch.pi)
    expected = LEAST_DRAG + 0.3 * apart**2 * (0.25 * 0.75)
    assert found.evaluation.objective.item() == pytest.approx(expected, rel=1e-3)


def test_screened_starts_do_not_lose_the_given_one(understudy: type, one_point: Problem) -> None:
    predictor = understudy()
    found = solve(replace(one_point, search=Search(starts=3, screened=10)), predictor)
    assert found.evaluation.objective.item() == pytest.approx(LEAST_DRAG, rel=1e-3)
    assert max(predictor.calls) == 10  # all that are screened in one call
    assert {step.start for step in found.history} == {0, 1, 2}


def test_value_and_gradient_at_one_place_are_one_call(understudy: type, one_point: Problem) -> None:
    predictor = understudy()
    found = solve(one_point, predictor)
    assert found.calls == len(predictor.calls)
    assert found.calls < 2.5 * len(found.history) + 20


def test_a_step_moves_no_parameter_by_more_than_the_stride(understudy: type, one_point: Problem) -> None:
    found = solve(one_point, understudy(), "naca0020")
    reached = torch.tensor([step.x for step in found.history]) / Parameters.of(one_point).unit
    steps = reached.diff(dim=0).abs().amax(1)
    assert steps.max() <= STRIDE * (1 + 1e-9)
    assert steps.max() > 0.5 * STRIDE  # it was tried to go further


def test_a_search_that_gains_a_trifle_ends(
    understudy: type, one_point: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here any gain is a trifle, everything is near, and one try is enough: the end comes before the optimum."""
    for name, value in (("NEGLIGIBLE", 1.0), ("PATIENCE", 1), ("STRIDE", 10.0)):
        monkeypatch.setattr(f"understudy.design.optimise.{name}", value)
    found = solve(one_point, understudy())
    assert found.feasible
    assert "1 tries around the best design gained less than 100.00%" in found.message
    assert found.message.startswith(f"the search ended after {found.history[-1].calls} calls of stand-in")


def test_the_search_stays_where_the_predictor_was_trained(understudy: type, one_point: Problem) -> None:
    """It knows areas up to 0.075; the best, 0.08, lies outside."""
    found = solve(one_point, understudy(largest_area=0.075), "naca0008")
    assert bool(found.evaluation.known.all())
    assert found.evaluation.objective.item() < LEAST_DRAG + 0.3 * BEST_ANGLE**2


def test_the_search_turns_back_from_what_is_not_answered(understudy: type, one_point: Problem) -> None:
    problem = replace(one_point, constraints=(ShapeConstraint(measure="area", at_least=0.09),))
    found = solve(problem, understudy(fails_above=0.095), "naca0013")
    assert found.feasible
    assert found.evaluation.objective.item() == pytest.approx(LEAST_DRAG + 0.5 * 0.01**2, rel=1e-2)


def test_a_search_that_finds_no_better_shape_says_so_and_why(understudy: type, one_point: Problem) -> None:
    """Every shape after the first is refused: the start, unchanged, must not pass for a design."""
    predictor = understudy()

    def refuse_from_now_on(step: Step) -> None:
        predictor.fails_above = 0.0

    found = optimise(one_point, predictor, naca("naca0012"), progress=refuse_from_now_on)
    assert found.feasible
    assert "nothing better than its start was found; trial shapes without an answer: " in found.message
    assert found.message.endswith("the last because: it is too thick")


def test_a_predictor_that_never_answers_is_told(understudy: type, one_point: Problem) -> None:
    found = solve(one_point, understudy(fails_above=0.0))
    assert not found.feasible
    assert "could not answer at any of the 3 starts: it is too thick" in found.message


def test_constraints_that_no_shape_meets_are_told_in_a_sentence(understudy: type, one_point: Problem) -> None:
    """0.3 and 0.2 thick at two stations, yet 0.02 of area: each alone can be had."""
    held = (
        ShapeConstraint(measure="thickness", x=0.33, at_least=0.3),
        ShapeConstraint(measure="thickness", x=0.66, at_least=0.2),
        ShapeConstraint(measure="area", at_most=0.02),
    )
    quick = replace(one_point, search=Search(starts=1, screened=0, iterations=15))
    for alone in held:
        assert solve(replace(quick, constraints=(alone,)), understudy()).feasible
    found = solve(replace(quick, constraints=held), understudy())
    assert not found.feasible
    assert "no shape within the bounds was found that meets all constraints together" in found.message
    assert "still misses" in found.message


def test_the_same_seed_gives_the_same_design(understudy: type, one_point: Problem) -> None:
    problem = replace(one_point, search=Search(starts=2, screened=6, iterations=10))
    assert torch.equal(solve(problem, understudy()).x, solve(problem, understudy()).x)
