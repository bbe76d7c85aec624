"""Flows of a verdict: kept beside the design, shown in its report, and found again by a run that goes on."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from understudy.datasets.pictures import flow_pictures
from understudy.datasets.vtk_file import read_vtk
from understudy.design.flows import keep_flows, kept_flows
from understudy.design.problem import Problem, Search
from understudy.design.run import run_design
from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.interface import Solution


@pytest.fixture
def flowing(made_up_flows: tuple[FlowField, FlowField]) -> type[Solution]:
    """An answer with a flow in every row but the second."""

    class Flowing(Solution):
        def flow_field(self, row: int) -> FlowField | None:
            return None if row == 1 else made_up_flows[row % 2]

    return Flowing


def flown(answer: Solution, kind: type[Solution]) -> Solution:
    return kind(**{item.name: getattr(answer, item.name) for item in fields(answer)})


@pytest.fixture(autouse=True)
def without_vtk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_pictures, "by_pyvista", flow_pictures.by_matplotlib)


def test_the_report_shows_the_flow_that_the_judge_found(
    one_point: Problem, understudy: type, judge: type, flowing: type[Solution], tmp_path: Path
):
    class FlowJudge(judge):
        def predict(self, case):
            return flown(super().predict(case), flowing)

    problem = replace(one_point, search=Search(starts=1, iterations=4))
    run_design(problem, understudy(), FlowJudge(), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "The flow at each operating point" in page
    assert page.count('<img alt="mach at point 1" src="data:image/png;base64,') == 1
    assert page.count("<img") == 2
    assert read_vtk(tmp_path / "flow-0-point-1.vts").airfoil == "one point"
    (tmp_path / "report.html").unlink()
    run_design(problem, understudy(), FlowJudge(), tmp_path)  # nothing left to fly
    assert (tmp_path / "report.html").read_text().count("<img") == 2


def test_a_report_without_flows_has_no_section_for_them(
    one_point: Problem, understudy: type, judge: type, tmp_path: Path
):
    run_design(replace(one_point, search=Search(starts=1, iterations=4)), understudy(), judge(), tmp_path)
    assert "The flow at each" not in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.glob("*.vts"))


def test_flows_are_kept_at_the_points_that_have_one(flowing: type[Solution], tmp_path: Path):
    answer = flowing(values={}, status=(), message=())
    (tmp_path / "flow-0-point-9.vts").write_text("of an earlier answer")
    kept = keep_flows(answer, tmp_path, "flow-0", 3, "wing")
    assert sorted(kept) == sorted(kept_flows(tmp_path, "flow-0", 9)) == [1, 3]
    assert {file.name for file in tmp_path.iterdir()} == {"flow-0-point-1.vts", "flow-0-point-3.vts"}
