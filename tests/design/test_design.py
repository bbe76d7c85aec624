import json
from dataclasses import replace

import pytest
import torch

from understudy.design.design import Design, Flight, Outcome, constraint_table, judge
from understudy.design.optimise import optimise
from understudy.design.parameters import Parameters
from understudy.design.problem import (
    Angles,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    Search,
    ShapeConstraint,
    ShapeSpace,
    WeightedMean,
)
from understudy.design.run import made_design
from understudy.design.verify import verification_case, verify
from understudy.simulators.shapes.kulfan import fit
from understudy.simulators.shapes.naca import naca

PROBLEM = Problem(
    name="two points",
    points=(OperatingPoint(cl=0.4, weight=1.0), OperatingPoint(cl=0.6, weight=3.0)),
    angles=Angles(increase_with_cl=True),
    constraints=(
        QuantityConstraint(quantity="cm", at_least=-0.2, tolerance=0.001),
        ShapeConstraint(measure="area", at_least=0.09),
    ),
    search=Search(starts=1, iterations=20),
)


@pytest.fixture(scope="module")
def promised() -> list[Design]:
    return []


@pytest.fixture
def design(understudy: type, promised: list[Design]) -> Design:
    """A design that nobody has verified, made once."""
    if not promised:
        predictor = understudy()
        promised.append(made_design(PROBLEM, predictor, optimise(PROBLEM, predictor, naca("naca0012"))))
    return promised[0]


def test_before_verification_nothing_is_a_success(design: Design) -> None:
    assert design.outcome is Outcome.NOT_VERIFIED
    assert not design.success
    assert all(line.kept is None and line.verified is None for line in design.constraints)


def test_an_agreeing_simulator_makes_a_success_without_gap(design: Design, judge: type) -> None:
    simulator = judge()
    verified = verify(design, PROBLEM, simulator)
    assert verified.success
    assert verified.sentence == "judge flew the design at all 2 points and every constraint holds."
    assert simulator.calls == [2]
    assert verified.objective[1] == pytest.approx(design.objective[0], rel=1e-4)
    assert verified.gap_inside
    assert all(abs(line.ratio) < 1e-3 for line in verified.gap)


def test_a_point_that_cannot_be_flown_is_never_a_success(design: Design, judge: type) -> None:
    verified = verify(design, PROBLEM, judge(cannot_fly=True))
    assert verified.outcome is Outcome.NOT_FLOWN
    assert "could not fly the design at point 2: the flow separates, use a smaller angle" in verified.sentence
    assert verified.objective[1] is None


@pytest.mark.parametrize(("beyond", "success"), [(0.0009, True), (0.0011, False)])
def test_a_constraint_may_be_missed_by_the_tolerance_and_no_more(
    design: Design, judge: type, beyond: float, success: bool
) -> None:
    """The simulator's moment is shifted to just inside and just outside of the limit less the tolerance."""
    at_limit = -0.2 - min(design.promise.values["cm"])
    verified = verify(design, PROBLEM, judge(extra_moment=at_limit - beyond))
    assert verified.success is success
    if not success:
        assert verified.outcome is Outcome.CONSTRAINT_BROKEN
        assert "cm at point" in verified.sentence
        assert "must be ≥ -0.2 within 0.001, and judge finds -0.2011" in verified.sentence


@pytest.mark.parametrize("limits", [{"at_least": -0.2}, {"at_most": 0.2}, {"at_least": -0.2, "at_most": 0.2}])
def test_a_value_that_is_no_number_keeps_no_constraint(design: Design, judge: type, limits: dict[str, float]) -> None:
    """A simulator that calls such an answer a success is not believed, whichever side the limit is on."""
    problem = replace(PROBLEM, constraints=(QuantityConstraint(quantity="cm", **limits),))
    verified = verify(design, problem, judge(extra_moment=float("nan")))
    assert verified.outcome is Outcome.CONSTRAINT_BROKEN


def test_a_quantity_that_the_simulator_lacks_leaves_the_design_unverified(design: Design, judge: type) -> None:
    verified = verify(design, PROBLEM, judge(leaves_out=("cm",)))
    assert verified.outcome is Outcome.NOT_VERIFIED
    assert "judge does not answer cm at point 1, so the constraint on it is not verified" in verified.sentence


def test_a_design_that_met_no_constraints_stays_infeasible(understudy: type, judge: type) -> None:
    held = (ShapeConstraint(measure="area", at_most=0.01), ShapeConstraint(measure="thickness", x=0.3, at_least=0.3))
    problem = replace(PROBLEM, constraints=held, search=Search(screened=0, iterations=5))
    optimum = optimise(problem, understudy(), naca("naca0012"))
    verified = verify(made_design(problem, understudy(), optimum), problem, judge())
    assert verified.outcome is Outcome.INFEASIBLE
    assert "no shape within the bounds was found that meets all constraints together" in verified.sentence


def test_a_drag_outside_the_interval_is_seen_in_the_gap(design: Design, judge: type) -> None:
    verified = verify(design, PROBLEM, judge(extra_drag=0.0005))
    drag = [line for line in verified.gap if line.quantity == "cd"]
    assert [line.inside for line in drag] == [False, False]
    assert [line.verdict - line.promise for line in drag] == pytest.approx([0.0005, 0.0005], rel=1e-3)
    assert verified.success  # a gap is no broken constraint
    assert not verified.gap_inside


def test_an_angle_that_falls_with_lift_breaks_the_order(design: Design) -> None:
    falling = Flight(
        "judge", {"alpha": (5.0, 4.0), "cl": (0.4, 0.6), "cm": (0.0, 0.0)}, {}, {}, (True, True), ("ok", "ok"), ("", "")
    )
    lines = constraint_table(replace(PROBLEM, constraints=()), design.parameters, falling, falling)
    outcome, sentence = judge(lines, falling, infeasible=None)
    assert outcome is Outcome.CONSTRAINT_BROKEN
    assert "smallest rise of the angle from lift to lift must be ≥ 0 within 0.02, and judge finds -1" in sentence


def test_the_shape_that_is_judged_is_the_one_that_was_searched(understudy: type) -> None:
    """A shape of twelve weights has waves that eight, fitted to its contour, would smooth away."""
    held = ShapeConstraint(measure="wiggliness", at_most=1.0)
    problem = replace(PROBLEM, shape=ShapeSpace(weights=12), constraints=(held,), angles=Angles())
    parameters = Parameters.of(problem)
    x = parameters.from_contours(naca("naca2412")[None], problem)
    x[0, :12:2] += 0.03
    named = dict(zip(parameters.names, x[0].tolist(), strict=True))
    answer = understudy().predict(verification_case(parameters.nodes(x)[0], problem))
    (line, *_) = constraint_table(problem, named, Flight.of("stand-in", answer), None)
    assert line.promised == pytest.approx(parameters.airfoils(x).wiggliness().item(), rel=1e-12)
    assert line.promised > 1.5 * fit(parameters.nodes(x)).weights.wiggliness().item()


def test_caution_is_left_out_of_the_compared_objectives(design: Design, judge: type) -> None:
    cautious = verify(design, replace(PROBLEM, objective=WeightedMean("cd", caution=3.0)), judge())
    assert cautious.objective[1] == pytest.approx(design.objective[0], rel=1e-4)


def test_json_gives_the_design_back(design: Design, judge: type) -> None:
    verified = verify(design, PROBLEM, judge(extra_drag=0.0005))
    again = Design.from_json(verified.to_json())
    assert again.to_json() == verified.to_json()
    assert torch.equal(again.coordinates, verified.coordinates)
    assert again.gap == verified.gap
    assert again.constraints == verified.constraints
    assert again.outcome is verified.outcome


def test_numbers_that_are_none_are_null(design: Design, judge: type) -> None:
    holey = replace(design, objective=(float("nan"), None))
    assert json.loads(holey.to_json())["objective"] == [None, None]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}'])
def test_a_foreign_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not the JSON of a design|not a design of format 1"):
        Design.from_json(text)
