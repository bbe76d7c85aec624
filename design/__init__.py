"""Design: problems, optimisers that follow the gradient of whoever answers, verification by a simulator, the report."""

from understudy.design.compare import Comparison, compare
from understudy.design.design import Design, Flight, Outcome
from understudy.design.optimise import Optimum, Step, optimise
from understudy.design.problem import (
    Angles,
    DragOverLift,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    Search,
    ShapeConstraint,
    ShapeSpace,
    WeightedMean,
)
from understudy.design.problem_file import read_problem, write_problem
from understudy.design.report import write_report
from understudy.design.run import run_design
from understudy.design.verify import verify

__all__ = [
    "Angles",
    "Comparison",
    "Design",
    "DragOverLift",
    "Flight",
    "OperatingPoint",
    "Optimum",
    "Outcome",
    "Problem",
    "QuantityConstraint",
    "Search",
    "ShapeConstraint",
    "ShapeSpace",
    "Step",
    "WeightedMean",
    "compare",
    "optimise",
    "read_problem",
    "run_design",
    "verify",
    "write_problem",
    "write_report",
]
