import csv
from pathlib import Path

import pytest
import pyvista
import torch

from understudy.datasets.export import export_csv, export_vtk
from understudy.datasets.generation import SimulateConfig, generate
from understudy.datasets.reader import load
from understudy.datasets.sampling import ConditionRanges
from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.structure_exchange import export_structures
from understudy.datasets.synthetic import THIN_AIRFOIL


def test_csv_has_every_row_with_all_digits(tmp_path: Path, data_file: Path):
    with load(data_file) as data:
        assert export_csv(data, tmp_path / "table.csv") == 200
        with open(tmp_path / "table.csv", newline="") as file:
            table = list(csv.DictReader(file))
        assert [row["status"] for row in table] == [status.value for status in data.status]
        assert [row["message"] for row in table] == list(data.message)
        for name in ("cl", "cd", "xtr_top"):
            read = torch.tensor([float(row[name] or "nan") for row in table], dtype=torch.float64)
            torch.testing.assert_close(read, data.outputs[name], rtol=0, atol=0, equal_nan=True)
        assert [float(row["reynolds"]) for row in table] == data.inputs["reynolds"].tolist()
        assert {row["prescribed_cl"] for row in table} == {""}


def test_csv_gives_the_angle_that_was_found_for_a_prescribed_lift(tmp_path: Path):
    out = tmp_path / "data.h5"
    ranges = ConditionRanges(share_prescribed_cl=1.0, cl=(0.2, 0.6))
    generate(SimulateConfig(out=out, simulator=THIN_AIRFOIL, cases=32, conditions=ranges))
    with load(out) as data:
        export_csv(data, tmp_path / "table.csv", data.ok_rows)
        with open(tmp_path / "table.csv", newline="") as file:
            table = list(csv.DictReader(file))
        assert [float(row["alpha"]) for row in table] == data.outputs["alpha"][data.ok].tolist()
        for row in table:
            assert float(row["cl"]) == pytest.approx(float(row["prescribed_cl"]))


def test_vtk_surfaces_carry_coordinates_fields_and_conditions(tmp_path: Path, data_file: Path):
    with load(data_file) as data:
        rows = data.ok_rows[:3]
        files = export_vtk(data, tmp_path / "vtk", rows)
        assert len(files) == 3
        for row, file in zip(rows.tolist(), files, strict=True):
            surface = pyvista.read(file)
            torch.testing.assert_close(torch.tensor(surface.points[:, :2]).double(), data.coordinates([row])[0])
            torch.testing.assert_close(torch.tensor(surface.point_data["cp"]), data.field("cp", [row])[0])
            assert surface.n_lines == 1
            assert surface.field_data["cl"][0] == data.outputs["cl"][row]
            assert surface.field_data["reynolds"][0] == data.inputs["reynolds"][row]


def test_a_row_without_an_answer_has_no_surface_to_export(tmp_path: Path, data_file: Path):
    with load(data_file) as data:
        failed = (~data.ok).nonzero()[0]
        with pytest.raises(ValueError, match=f"row {failed.item()} has no surface data, its status being"):
            export_vtk(data, tmp_path, failed)


def test_slabs_and_airfoils_are_told_their_own_exports(tmp_path: Path, data_file: Path):
    """Slabs have no surface to draw, and that is no damage to their file."""
    with (
        load(NEAR_SURFACE_ALLOYS) as data,
        pytest.raises(ValueError, match=r"got slabs: .* --structures slabs\.extxyz"),
    ):
        export_vtk(data, tmp_path / "vtk")
    with load(data_file) as data, pytest.raises(ValueError, match="got airfoils: export these with --csv or --vtk"):
        export_structures(data, tmp_path / "slabs.extxyz")
    assert not list(tmp_path.iterdir())
