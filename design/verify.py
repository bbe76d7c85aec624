"""The simulator flies the design at every operating point; the only file of this room that knows one by name."""

from dataclasses import replace

import torch
from torch import Tensor

from understudy.design.design import Design, Flight, Outcome, constraint_table, gap_table, judge, objective_of
from understudy.design.evaluate import case_at_points
from understudy.design.problem import Problem
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Simulator, Solution
from understudy.simulators.registry import simulator as simulator_called


def verify(design: Design, problem: Problem, simulator: Simulator | str) -> Design:
    """The design with the verdict of a simulator, its gap and its outcome.

    Points that prescribe the lift are flown at that lift, the others at their angle, on the coordinates of the design.
    A point that the simulator cannot fly, or a constraint missed by more than its tolerance, makes the outcome no
    success; so does a search that met no feasible shape.

    Args:
        simulator: the simulator, or its name with options as in "rans:model=euler,grid=193x49".
    """
    judge_ = simulator_called(simulator) if isinstance(simulator, str) else simulator
    return with_verdict(design, problem, Flight.of(judge_.name, flown(design, problem, judge_)))


def flown(design: Design, problem: Problem, simulator: Simulator) -> Solution:
    """What a simulator answers for the design at all operating points."""
    with torch.no_grad():
        return simulator.predict(verification_case(design.coordinates, problem))


def verification_case(coordinates: Tensor, problem: Problem) -> AirfoilCase:
    """One shape at all operating points, at the wanted lift where there is one."""
    angles = [torch.nan if point.alpha is None else point.alpha for point in problem.points]
    nodes = coordinates.expand(len(problem.points), -1, -1)
    return case_at_points(problem, nodes, torch.tensor(angles, dtype=coordinates.dtype))


def with_verdict(design: Design, problem: Problem, verdict: Flight) -> Design:
    """The design judged by a flight that is already there."""
    constraints = constraint_table(problem, design.parameters, design.promise, verdict)
    infeasible = design.search if design.outcome is Outcome.INFEASIBLE else None
    outcome, sentence = judge(constraints, verdict, infeasible=infeasible)
    return replace(
        design,
        verdict=verdict,
        constraints=constraints,
        gap=gap_table(problem, design.promise, verdict),
        outcome=outcome,
        sentence=sentence,
        objective=(design.objective[0], objective_of(problem, verdict)),
    )
