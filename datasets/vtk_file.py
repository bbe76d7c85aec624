"""A flow as a VTK structured grid (.vts), which ParaView, VisIt and PyVista open, and back.

Cell data are the stored quantities and what follows from them (temperature, local Mach number, pressure coefficient),
named and scaled as in `simulators.quantities`; velocity is one vector. Field data are the facts of the case, the names
of airfoil and simulator, the cells of half the wake cut, and the values on the faces of the body. Points are in chords.
The file itself is written and read by VTK, which PyVista brings.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from understudy.datasets.records import Array
from understudy.datasets.whole_files import write_bytes
from understudy.simulators.airfoil.flow_field import CELL_FIELDS, FACTS, TURBULENT_FIELDS, WALL_FIELDS, FlowField
from understudy.simulators.quantities import QUANTITIES, Place

if TYPE_CHECKING:
    import pyvista

SUFFIX = ".vts"
_VELOCITY = ("velocity_x", "velocity_y")


class VtkFileError(ValueError):
    """A file that holds no flow as it is written here."""


def write_vtk(flow: FlowField, path: str | Path) -> None:
    """Store a flow, all or nothing; values of cells in single precision, points and the rest in double.

    Raises:
        DiskFullError: no room; `path` is as it was.
        ImportError: PyVista is not installed.
    """
    from vtkmodules.vtkIOXML import vtkXMLStructuredGridWriter

    written(structured_grid(flow), vtkXMLStructuredGridWriter(), Path(path))


def written(data: Any, writer: Any, path: Path) -> None:
    """Store what VTK holds by one of its XML writers, all or nothing.

    Raises:
        DiskFullError: no room; `path` is as it was.
    """
    writer.SetInputData(data)
    writer.WriteToOutputStringOn()  # of a full disk VTK would only print
    writer.Write()
    write_bytes(path, writer.GetOutputString().encode())


def structured_grid(flow: FlowField) -> "pyvista.StructuredGrid":
    """The flow as PyVista has it; a plane of points with z = 0."""
    import pyvista  # takes a second

    x, y = (flow.nodes[..., axis].detach().cpu().numpy().astype(np.float64)[:, :, None] for axis in (0, 1))
    grid = pyvista.StructuredGrid(x, y, np.zeros_like(x))
    shown = dict(flow.cells) | {"temperature": flow.temperature, "local_mach": flow.local_mach, "cp": flow.cp}
    for name, values in shown.items():
        if name not in _VELOCITY:
            grid.cell_data[name] = _in_order(values)
    u, v = (_in_order(flow.cells[name]) for name in _VELOCITY)
    grid.cell_data["velocity"] = np.column_stack([u, v, np.zeros_like(u)])
    for name, values in flow.wall.items():
        grid.field_data[name] = values.detach().cpu().numpy().astype(np.float64)
    for name, value in flow.facts.items():
        grid.field_data[name] = [value]
    grid.field_data["wake"] = [flow.wake]
    grid.field_data["airfoil"] = [flow.airfoil]
    grid.field_data["simulator"] = [flow.who]
    return grid


def read_vtk(path: str | Path) -> FlowField:
    """The flow in a file of `write_vtk`.

    Raises:
        FileNotFoundError: nothing at `path`.
        VtkFileError: no such file, or one from elsewhere.
    """
    import pyvista

    if not Path(path).is_file():
        raise FileNotFoundError(f"no VTK file at {path}")
    head = _head(path)
    if not head.lstrip().startswith(b"<") or b"StructuredGrid" not in head:
        raise VtkFileError(f"{path} is no VTK structured grid; understudy show and data export --vtk write such files")
    grid = pyvista.read(path)
    try:
        return _flow(grid)
    except (KeyError, ValueError) as error:
        raise VtkFileError(f"{path} holds no flow of understudy ({error}); export it again") from error


def _head(path: str | Path) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(512)


def _flow(grid: Any) -> FlowField:
    along, away = (nodes - 1 for nodes in grid.dimensions[:2])
    x, y = (torch.from_numpy(np.array(values[:, :, 0])) for values in (grid.x, grid.y))
    cells = {name: _laid_out(grid.cell_data[name], along, away) for name in CELL_FIELDS if name not in _VELOCITY}
    for axis, name in enumerate(_VELOCITY):
        cells[name] = _laid_out(grid.cell_data["velocity"][:, axis], along, away)
    cells |= {name: _laid_out(grid.cell_data[name], along, away) for name in TURBULENT_FIELDS if name in grid.cell_data}
    known = {name: item.place for name, item in QUANTITIES.items() if name in grid.field_data}
    missing = [name for name in (*FACTS, *WALL_FIELDS) if name not in known]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    return FlowField(
        nodes=torch.stack((x, y), -1),
        wake=int(grid.field_data["wake"][0]),
        cells=cells,
        wall={name: torch.from_numpy(np.array(grid.field_data[name])) for name in known if known[name] is Place.WALL},
        facts={name: float(grid.field_data[name][0]) for name in known if known[name] is Place.CASE},
        airfoil=str(grid.field_data["airfoil"][0]),
        who=str(grid.field_data["simulator"][0]),
    )


def _in_order(values: torch.Tensor) -> Array:
    """Values of cells as VTK counts them: i runs first."""
    return values.detach().cpu().numpy().astype(np.float32).ravel(order="F")


def _laid_out(values: Array, along: int, away: int) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float64).reshape((along, away), order="F").copy())
