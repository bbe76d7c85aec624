from dataclasses import replace

import pytest
import torch
from torch import Tensor

from understudy.design.evaluate import Evaluator
from understudy.design.parameters import zero_lift_angle
from understudy.design.problem import (
    AngleMode,
    Angles,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    ShapeConstraint,
    ShapeSpace,
    WeightedMean,
)
from understudy.simulators.interface import NotDifferentiableError
from understudy.simulators.shapes.naca import naca

EVERYTHING = Problem(
    name="everything",
    points=(
        OperatingPoint(cl=0.4, weight=1.0),
        OperatingPoint(cl=0.9, reynolds=5e5, weight=3.0),
        OperatingPoint(alpha=2.0),
    ),
    shape=ShapeSpace(trailing_edge_thickness=(0.0, 0.01)),
    angles=Angles(increase_with_cl=True),
    objective=WeightedMean("cd", caution=1.0),
    constraints=(
        QuantityConstraint(quantity="cm", at_least=-0.1, at_most=0.0),
        QuantityConstraint(quantity="cd_half_width", at_most=0.001, points=(2,)),
        QuantityConstraint(quantity="cl", at_least=0.3, points=(3,)),
        *(
            ShapeConstraint(measure=measure, at_least=0.01)
            for measure in ("max_thickness", "area", "leading_edge_radius", "trailing_edge_angle", "wiggliness")
        ),
        ShapeConstraint(measure="max_camber", at_most=0.1),
        ShapeConstraint(measure="thickness", x=0.33, at_least=0.1, at_most=0.1),
    ),
)


def start(evaluator: Evaluator, *names: str) -> Tensor:
    contours = torch.stack([naca(name) for name in names])
    return evaluator.parameters.from_contours(contours, evaluator.problem)


@pytest.mark.parametrize("mode", list(AngleMode))
def test_gradients_of_objective_and_constraints_are_finite_differences(understudy: type, mode: AngleMode) -> None:
    rising = mode is AngleMode.FREE
    evaluator = Evaluator(replace(EVERYTHING, angles=Angles(mode=mode, increase_with_cl=rising)), understudy())
    x = start(evaluator, "naca4412")
    x[:, 17] = 0.003  # a blunt trailing edge, off its bound
    at = evaluator(x)
    step = 1e-6
    for index in range(x.shape[1]):
        ahead, behind = x.clone(), x.clone()
        ahead[0, index] += step
        behind[0, index] -= step
        ahead_of, behind_of = evaluator(ahead, gradient=False), evaluator(behind, gradient=False)
        objective = (ahead_of.objective - behind_of.objective) / (2 * step)
        rows = (ahead_of.rows - behind_of.rows) / (2 * step)
        # Largest station values (thickness, camber, nose) carry second-order errors of the difference itself.
        assert at.gradients.objective[:, index] == pytest.approx(objective, rel=1e-5, abs=1e-9)
        assert torch.allclose(at.gradients.rows[..., index], rows, rtol=1e-4, atol=1e-5)


def test_designs_of_a_batch_do_not_see_each_other(understudy: type) -> None:
    evaluator = Evaluator(EVERYTHING, understudy())
    x = start(evaluator, "naca4412", "naca0012", "naca23015")
    together = evaluator(x)
    for row in range(3):
        alone = evaluator(x[row : row + 1])
        assert torch.allclose(alone.objective[0], together.objective[row], rtol=1e-12)
        assert torch.allclose(alone.rows[0], together.rows[row], atol=1e-10)
        assert torch.allclose(alone.gradients.rows[0], together.gradients.rows[row], atol=1e-8)


def test_all_points_and_designs_are_one_call(understudy: type) -> None:
    predictor = understudy()
    evaluator = Evaluator(EVERYTHING, predictor)
    evaluator(start(evaluator, "naca4412", "naca0012"))
    assert predictor.calls == [6]


def test_gradients_are_there_only_where_they_were_asked_for(understudy: type, one_point: Problem) -> None:
    evaluator = Evaluator(one_point, understudy())
    with pytest.raises(ValueError, match="gradients were not asked for; evaluate with gradient=True"):
        _ = evaluator(start(evaluator, "naca0012"), gradient=False).gradients


def test_thin_airfoil_theory_finds_the_angle_without_lift(understudy: type) -> None:
    """NACA 2412 in thin-airfoil theory: -2.08 deg; the middle between equal stations is not quite the mean line."""
    evaluator = Evaluator(EVERYTHING, understudy())
    airfoils = evaluator.parameters.airfoils(start(evaluator, "naca2412", "naca0012"))
    assert zero_lift_angle(airfoils).tolist() == pytest.approx([-2.08, 0.0], abs=0.06)


def test_a_predictor_without_gradients_is_refused(judge: type) -> None:
    with pytest.raises(NotDifferentiableError, match="judge gives no gradients"):
        Evaluator(EVERYTHING, judge())


def test_a_quantity_that_nobody_answers_is_refused(understudy: type, one_point: Problem) -> None:
    held = QuantityConstraint(quantity="xtr_top", at_least=0.3)
    evaluator = Evaluator(replace(one_point, constraints=(held,)), understudy())
    with pytest.raises(ValueError, match=r"expected one of cl, cd, .*; got 'xtr_top'"):
        evaluator(start(evaluator, "naca0012"))


def test_intervals_of_a_predictor_without_them_are_refused(understudy: type, judge: type, one_point: Problem) -> None:
    simulator = judge(differentiable=True)
    evaluator = Evaluator(replace(one_point, objective=WeightedMean("cd", caution=1.0)), simulator)
    with pytest.raises(ValueError, match="cd_half_width needs a predictor that gives intervals; judge gives none"):
        evaluator(start(evaluator, "naca0012"))
