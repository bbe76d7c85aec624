from dataclasses import replace
from pathlib import Path

import pytest
import torch

from understudy.design.problem import (
    AngleMode,
    Angles,
    DragOverLift,
    Method,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    Search,
    ShapeConstraint,
    ShapeSpace,
    WeightedMean,
)
from understudy.design.problem_file import problem_from_table, read_problem, write_problem

EXAMPLE = Path(__file__).parents[2] / "examples" / "daedalus.toml"
POINT = OperatingPoint(cl=0.5)

FULL = Problem(
    name='a "quoted" name\nof two lines, \x07, C:\\runs',
    points=(
        OperatingPoint(cl=0.5, reynolds=3e5, mach=0.1, n_crit=7.0, trip_top=0.1, weight=2.0),
        OperatingPoint(alpha=3.0),
    ),
    shape=ShapeSpace(start="e387", upper=(-0.1, 0.7), trailing_edge_thickness=(0.0, 0.004)),
    angles=Angles(mode=AngleMode.IMPLICIT, bounds=(-3.0, 9.0), increase_with_cl=True),
    objective=WeightedMean("cd", caution=0.5),
    constraints=(
        QuantityConstraint(quantity="cm_low", at_least=-0.1, points=(2,), tolerance=0.001),
        ShapeConstraint(measure="thickness", x=0.4, at_least=0.1, at_most=0.15),
    ),
    search=Search(starts=4, method=Method.TRUST_CONSTR),
)


def test_toml_round_trip_keeps_every_field(tmp_path: Path) -> None:
    write_problem(FULL, tmp_path / "problem.toml")
    assert read_problem(tmp_path / "problem.toml") == FULL


def test_the_example_is_the_six_point_problem_of_the_literature() -> None:
    problem = read_problem(EXAMPLE)
    assert [point.cl for point in problem.points] == [0.8, 1.0, 1.2, 1.4, 1.5, 1.6]
    assert [point.weight for point in problem.points] == [5, 6, 7, 8, 9, 10]
    for point in problem.points:
        assert point.cl is not None
        assert point.reynolds == pytest.approx(500e3 * (point.cl / 1.25) ** -0.5, rel=1e-8)
        assert (point.mach, point.n_crit, point.trip_top, point.trip_bottom) == (0.03, 9, 1, 1)
    limits = {held.subject: held.at_least for held in problem.constraints}
    assert limits == {
        "cm": -0.133,
        "thickness at x = 0.33": 0.128,
        "thickness at x = 0.9": 0.014,
        "trailing edge angle": 6.03,
    }
    assert problem.shape.trailing_edge_thickness == 0.0
    assert problem.shape.start == "naca0012"


def test_a_start_beside_the_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.dat").write_text("mine\n")
    write_problem(replace(FULL, shape=ShapeSpace(start="mine.dat")), tmp_path / "problem.toml")
    assert read_problem(tmp_path / "problem.toml").shape.start == str(tmp_path / "mine.dat")


def test_a_python_objective_is_named_in_the_file_and_must_be_given_again(tmp_path: Path) -> None:
    def lift(values: dict, weights: torch.Tensor) -> torch.Tensor:
        return -values["cl"].sum(-1)

    write_problem(replace(FULL, objective=lift), tmp_path / "problem.toml")
    with pytest.raises(ValueError, match=r"the objective was a Python function, .*lift; hand it to read_problem"):
        read_problem(tmp_path / "problem.toml")
    assert read_problem(tmp_path / "problem.toml", objective=lift).objective is lift


def test_caution_adds_half_widths() -> None:
    values = {"cd": torch.tensor([[0.01, 0.02]]), "cd_half_width": torch.tensor([[0.001, 0.003]])}
    weights = torch.tensor([1.0, 3.0])
    assert WeightedMean("cd", caution=2.0)(values, weights).item() == pytest.approx((0.012 + 3 * 0.026) / 4)


def test_drag_over_lift_is_the_inverse_of_the_glide_ratio() -> None:
    values = {"cd": torch.tensor([[0.01]]), "cl": torch.tensor([[0.8]])}
    assert 1 / DragOverLift()(values, torch.ones(1)).item() == pytest.approx(80)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "exactly one of cl and alpha .* got neither"),
        ({"cl": 0.5, "alpha": 2.0}, "exactly one of cl and alpha .* got both"),
        ({"cl": 0.5, "mach": 1.3}, r"mach must be at least 0 and below 1 \[-\]; got 1.3"),
        ({"cl": 0.5, "reynolds": -1e6}, r"reynolds must be positive \[-\]; got -1e\+06"),
        ({"cl": 0.5, "n_crit": 0.0}, "n_crit must be positive"),
        ({"cl": 0.5, "trip_top": 1.5}, "trip_top must be above 0 and at most 1"),
        ({"cl": 0.5, "weight": -1.0}, "weight must be at least 0"),
        ({"cl": float("nan")}, "cl must be finite; got nan"),
        ({"alpha": float("inf")}, "alpha must be finite; got inf"),
        ({"cl": "half"}, r"expected \[\[points\]\] 1: cl to be a number; got 'half'"),
        ({"cl": [0.5]}, r"cl to be a number; got \[0.5\]"),
        ({"cl": 0.5, "reynold": 1e6}, "unknown key 'reynold' in .*points.* 1; expected one of cl, alpha, reynolds"),
    ],
)
def test_a_point_that_cannot_be_is_refused(values: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        problem_from_table({"points": [values]})


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        ({"quantity": "cm"}, "needs at_least, at_most or both; got neither"),
        ({"quantity": "cm", "at_least": 0.1, "at_most": 0.0}, "contradicts itself: at least 0.1 and at most 0"),
        ({"quantity": "cm", "at_least": 0.1, "tolerance": -1.0}, "tolerance on cm must be at least 0"),
        ({"quantity": "cm", "at_least": float("nan")}, "at_least of the constraint on cm must be finite; got nan"),
        ({"quantity": "cm", "at_least": "a"}, "at_least to be a number; got 'a'"),
        ({"quantity": "cm", "at_least": 0.1, "points": 1.5}, "points to be a whole number; got 1.5"),
        ({"quantity": "drag", "at_least": 0.1}, "expected a quantity of the case out of .*; got 'drag'"),
        ({"quantity": "cp", "at_least": 0.1}, "expected a quantity of the case"),
        ({"quantity": "cm", "at_least": 0.1, "points": [2]}, "names point 2 of 1"),
        ({"measure": "thickness", "at_least": 0.1}, r"thickness needs a station x \[chord\]"),
        ({"measure": "area", "x": 0.2, "at_least": 0.1}, "no other measure takes one"),
        ({"measure": "thickness", "x": 1.2, "at_least": 0.1}, "x must be above 0 and below 1"),
        ({"measure": "beauty", "at_least": 0.1}, "expected a measure out of .*; got 'beauty'"),
        ({"measure": "area", "quantity": "cm", "at_least": 0.1}, "exactly one of quantity and measure"),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused(constraint: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        problem_from_table({"points": [{"cl": 0.5}], "constraints": [constraint]})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({}, r"at least one operating point, a table \[\[points\]\]; got none"),
        ({"points": []}, "at least one operating point; got none"),
        ({"points": [{"cl": 0.5, "weight": 0.0}]}, "at least one operating point must have a weight above 0"),
        ({"points": [{"cl": 0.5}], "goal": 1}, "unknown key 'goal' in the file"),
        ({"points": [{"cl": 0.5}], "shape": {"upper": [0.5, 0.1]}}, "upper must be two bounds, the lower one first"),
        (
            {"points": [{"cl": 0.5}], "shape": {"trailing_edge_thickness": -0.1}},
            "trailing_edge_thickness must be at least 0",
        ),
        (
            {"points": [{"cl": 0.5}], "angles": {"mode": "free-ish"}},
            r"\[angles\]: mode to be one of free, implicit; got 'free-ish'",
        ),
        (
            {"points": [{"cl": 0.5}], "search": {"method": "magic"}},
            r"\[search\]: method to be one of slsqp, trust-constr",
        ),
        ({"points": [{"cl": 0.5}], "search": {"starts": 0}}, "starts must be at least 1"),
        ({"points": [{"cl": 0.5}], "shape": {"start": 12}}, r"\[shape\]: start to be a word in quotes; got 12"),
        ({"points": [{"cl": 0.5}], "angles": {"increase_with_cl": 1}}, "increase_with_cl to be true or false; got 1"),
        ({"points": [{"cl": 0.5}], "shape": {"upper": [float("-inf"), 0.1]}}, "upper must be finite; got -inf"),
        (
            {"points": [{"cl": 0.5}], "objective": {"name": "best"}},
            "expected an objective out of weighted_mean, drag_over_lift",
        ),
        ({"points": [{"cl": 0.5}], "objective": {"caution": -1.0}}, "caution must be at least 0"),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_name(table: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        problem_from_table(table)


@pytest.mark.usefixtures("annotations_unchecked")
def test_a_value_where_a_table_belongs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[shape\] to be a table; got 3"):
        problem_from_table({"points": [{"cl": 0.5}], "shape": 3})


def test_limits_that_contradict_each_other_are_refused() -> None:
    thick = ShapeConstraint(measure="thickness", x=0.3, at_least=0.2)
    thin = ShapeConstraint(measure="thickness", x=0.3, at_most=0.1)
    with pytest.raises(ValueError, match=r"thickness at x = 0.3 contradict each other: at least 0.2 and at most 0.1"):
        Problem(name="both", points=(POINT,), constraints=(thick, thin))


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("points = [")
    with pytest.raises(ValueError, match=r"broken.toml is not a TOML file"):
        read_problem(tmp_path / "broken.toml")
