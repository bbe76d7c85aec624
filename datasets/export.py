"""Data sets for other programs: scalars as CSV, surfaces and flows as VTK files for ParaView."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from understudy.datasets.flow_fields import stored_flow
from understudy.datasets.format import INPUTS
from understudy.datasets.reader import DataSet, RowIndex
from understudy.datasets.records import Array
from understudy.datasets.tables import TABLES
from understudy.datasets.vtk_file import SUFFIX, write_vtk, written
from understudy.datasets.whole_files import replacing
from understudy.simulators.interface import Subject
from understudy.simulators.materials.adsorbates import reaction_of

_ROWS_AT_ONCE = 256


def export_csv(data: DataSet, path: str | Path, rows: RowIndex = slice(None)) -> int:
    """Write one line for each row, failed ones too; give their number.

    Columns are the case, its shape or structure, inputs, outputs, status and message. Input columns are named as in the
    file; `prescribed_cl` is the lift that was asked for. An angle that was found and the given one are one column,
    `alpha`. Energies of slabs have the `reaction` that they belong to and the `settings` of the calculator beside
    them. What is not known is empty. Numbers have all their digits.
    """
    outputs = [name for name in data.outputs if name != "alpha"]
    asked = _asked_of_airfoils if data.about is Subject.AIRFOIL else _nothing
    meant = _reactions(data) if data.about is Subject.SLAB else _nothing
    numbers = data.row_numbers(rows).tolist()
    with replacing(Path(path)) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file)
        pointer = TABLES[data.group].pointer
        table.writerow(["case", pointer, "kind", *asked(data, 0), *outputs, *meant(data, 0), "status", "message"])
        for row in numbers:
            subject = int(data.subject[row])
            values = [*asked(data, row).values(), *(data.outputs[name][row] for name in outputs)]
            table.writerow(
                [
                    int(data.case_numbers[row]),
                    data.subject_names[subject],
                    data.subject_kinds[subject],
                    *(_text(value) for value in values),
                    *meant(data, row).values(),
                    data.status[row].value,
                    data.message[row],
                ]
            )
    return len(numbers)


def _asked_of_airfoils(data: DataSet, row: int) -> dict[str, Tensor]:
    """Conditions of a row."""
    rest = {name: data.inputs[name][row] for name in INPUTS if name not in ("alpha", "cl")}
    return {"alpha": _angle(data, row), "prescribed_cl": data.inputs["cl"][row], **rest}


def _reactions(data: DataSet) -> Callable[[DataSet, int], dict[str, str]]:
    """A function that tells what the adsorption energy of a row is counted from, and by whom."""
    adsorbates = data.slab_case().adsorbates

    def told(data: DataSet, row: int) -> dict[str, str]:
        return {"reaction": reaction_of(adsorbates[row]), "settings": data.settings(row)}

    return told


def _nothing(data: DataSet, row: int) -> dict[str, Any]:
    """A structure has no conditions, and the numbers of an airfoil need no words."""
    return {}


def export_vtk(data: DataSet, folder: str | Path, rows: RowIndex | None = None) -> list[Path]:
    """Write the surface of each row as a VTK poly-line (`case-0000000012.vtp`); give the files.

    Point data are the fields; field data are inputs and outputs (a prescribed lift as `prescribed_cl`) and the name of
    the shape. Lengths are in chords.

    Args:
        data: the data set.
        folder: is made if it is not there.
        rows: which rows; all answered ones if not given. A row without an answer has no fields and is refused.

    Raises:
        ValueError: a data set of slabs, or a row whose case was not answered. DiskFullError: no room.
    """
    require_airfoils(data, "VTK")
    numbers = _answered(data, rows, "surface data")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return [path for part in numbers.split(_ROWS_AT_ONCE) for path in _surfaces(data, Path(folder), part)]


def require_airfoils(data: DataSet, what: str) -> None:
    """Refuse a data set about slabs, of which there is no such thing.

    Raises:
        ValueError: it is about slabs.
    """
    if data.about is Subject.SLAB:
        raise ValueError(f"expected airfoils for {what}; got slabs: export these with --structures slabs.extxyz")


def export_flows(data: DataSet, folder: str | Path, rows: RowIndex | None = None) -> list[Path]:
    """Write the flow of each row as a VTK structured grid (`case-0000000012.vts`, see `vtk_file`); give the files.

    Args:
        data: the data set.
        folder: is made if it is not there.
        rows: which rows; all answered ones if not given.

    Raises:
        ValueError: a data set without flows, or a row whose case was not answered. DiskFullError: no room.
    """
    numbers = _answered(data, rows, "flow")
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for row in numbers.tolist():
        paths.append(Path(folder) / f"{_stem(data, row)}{SUFFIX}")
        write_vtk(stored_flow(data, row), paths[-1])
    return paths


def _answered(data: DataSet, rows: RowIndex | None, what: str) -> Tensor:
    """The numbers of the rows, all of them answered."""
    numbers = data.ok_rows if rows is None else data.row_numbers(rows).reshape(-1)
    unanswered = numbers[~data.ok[numbers]].tolist()
    if unanswered:
        row = unanswered[0]
        raise ValueError(f"row {row} has no {what}, its status being {data.status[row]}: {data.message[row]}")
    return numbers


def _stem(data: DataSet, row: int) -> str:
    return f"case-{int(data.case_numbers[row]):010d}"


def _surfaces(data: DataSet, folder: Path, rows: Tensor) -> list[Path]:
    import pyvista  # takes a second; reading and writing data sets does not need it
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    batch = data[rows]
    paths = []
    for place, row in enumerate(rows.tolist()):
        surface = pyvista.PolyData(_flat(batch.coordinates[place].numpy()), lines=[data.nodes, *range(data.nodes)])
        for name, values in batch.fields.items():
            surface.point_data[name] = values[place].numpy()
        scalars = {("prescribed_cl" if name == "cl" else name): values for name, values in batch.inputs.items()}
        for name, values in (scalars | dict(batch.outputs)).items():
            surface.field_data[name] = [float(values[place])]
        surface.field_data["shape"] = [data.subject_names[int(data.subject[row])]]
        path = folder / f"{_stem(data, row)}.vtp"
        written(surface, vtkXMLPolyDataWriter(), path)
        paths.append(path)
    return paths


def _flat(coordinates: Array) -> Array:
    """The plane z = 0."""
    return np.column_stack([coordinates, np.zeros(len(coordinates))])


def _angle(data: DataSet, row: int) -> Tensor:
    """The given angle, or else the one that was found."""
    given = data.inputs["alpha"][row]
    found = data.outputs.get("alpha")
    return found[row] if found is not None and bool(given.isnan()) else given


def _text(value: Tensor) -> str:
    return "" if bool(value.isnan()) else repr(float(value))
