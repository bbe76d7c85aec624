"""A flow written as VTK is the same when it is read back, by us and by PyVista."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch

from understudy.datasets import generation
from understudy.datasets.export import export_flows
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.sampling import ConditionRanges
from understudy.datasets.vtk_file import VtkFileError, read_vtk, write_vtk
from understudy.simulators.airfoil.flow_field import FlowField

Flows = tuple[FlowField, FlowField]


def test_a_flow_comes_back(tmp_path: Path, made_up_flows: Flows):
    for flow in made_up_flows:
        write_vtk(flow, tmp_path / "flow.vts")
        back = read_vtk(tmp_path / "flow.vts")
        assert (back.wake, back.who, back.facts) == (flow.wake, flow.who, flow.facts)
        torch.testing.assert_close(back.nodes, flow.nodes, rtol=0, atol=0)
        assert set(back.cells) == set(flow.cells)
        for name, values in flow.cells.items():
            torch.testing.assert_close(back.cells[name], values.float().double(), rtol=0, atol=0)
        assert set(back.wall) == set(flow.wall)
        for name, values in flow.wall.items():
            torch.testing.assert_close(back.wall[name], values, rtol=0, atol=0)


def test_paraview_finds_each_value_in_its_own_cell(tmp_path: Path, made_up_flows: Flows):
    """Velocities that are the place of the cell's middle are found there."""
    nodes = made_up_flows[1].nodes
    middles = 0.25 * (nodes[1:, 1:] + nodes[:-1, 1:] + nodes[1:, :-1] + nodes[:-1, :-1])
    flow = FlowField(
        nodes=nodes,
        wake=8,
        cells=made_up_flows[1].cells | {"velocity_x": middles[..., 0], "velocity_y": middles[..., 1]},
        wall=made_up_flows[1].wall,
        facts=made_up_flows[1].facts,
        airfoil="parabola",
    )
    write_vtk(flow, tmp_path / "flow.vts")
    grid = pyvista.read(tmp_path / "flow.vts")
    np.testing.assert_allclose(grid.cell_data["velocity"], grid.cell_centers().points, atol=1e-6)
    assert str(grid.field_data["airfoil"][0]) == "parabola"
    assert grid.field_data["cl"][0] == flow.facts["cl"]
    mach = 0.7 * np.hypot(*grid.cell_data["velocity"][:, :2].T) / np.sqrt(grid.cell_data["temperature"])
    np.testing.assert_allclose(grid.cell_data["local_mach"], mach, rtol=1e-6)
    np.testing.assert_allclose(grid.cell_data["cp"], (grid.cell_data["pressure"] - 1) / (0.7 * 0.7**2), atol=1e-6)


def test_flows_of_a_data_set_are_exported(tmp_path: Path, made_up_rans, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generation, "simulator_named", lambda name: made_up_rans(model="euler"))
    monkeypatch.setattr(generation, "_simulator_here", lambda name: made_up_rans(model="euler"))
    ranges = ConditionRanges(alpha=(0.0, 4.0), mach=(0.4, 0.8))
    generate(SimulateConfig(out=tmp_path / "d.h5", simulator="rans", cases=2, conditions=ranges, fields=True))
    with load(tmp_path / "d.h5") as data:
        files = export_flows(data, tmp_path / "vtk")
        assert [file.name for file in files] == ["case-0000000000.vts", "case-0000000001.vts"]
        flow = read_vtk(files[1])
        assert not flow.turbulent
        assert not flow.viscous
        assert flow.facts["cd"] == data.outputs["cd"][1]
        assert flow.airfoil == data.subject_names[0]


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no VTK file at"):
        read_vtk(tmp_path / "none.vts")
    (tmp_path / "notes.vts").write_text("mach 0.7")
    with pytest.raises(VtkFileError, match=r"notes\.vts is no VTK structured grid"):
        read_vtk(tmp_path / "notes.vts")
    x, y = np.meshgrid([0.0, 1.0, 2.0], [0.0, 1.0])
    pyvista.StructuredGrid(x, y, 0 * x).save(tmp_path / "other.vts")
    with pytest.raises(VtkFileError, match=r"other\.vts holds no flow of understudy \(.*density"):
        read_vtk(tmp_path / "other.vts")
