"""The flows around airfoils in a data set: laid end to end to be stored, and put together again."""

from collections.abc import Sequence

import numpy as np
import torch

from understudy.datasets.format import GRID, field_type
from understudy.datasets.ragged import Array, Ragged
from understudy.datasets.reader import DataSet
from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.interface import Status
from understudy.simulators.quantities import Place, quantity
from understudy.simulators.registry import WITH_FIELDS

NODES = ("node_x", "node_y")


class NoFieldsError(ValueError):
    """A flow is asked for that is not stored."""


def flow_columns(flows: Sequence[FlowField | None], names: Sequence[str]) -> tuple[dict[str, Array], dict[str, Ragged]]:
    """The columns `grid/` and the ragged fields of rows; a row without a flow has a grid without cells.

    names: quantities of the cells and of the faces of the body; the nodes of the grid come by themselves.
    """
    sizes = [(0, 0, 0) if flow is None else (*flow.size, flow.wake) for flow in flows]
    grid = dict(zip(GRID, np.array(sizes, dtype=np.int64).reshape(-1, 3).T, strict=True))
    return grid, {name: Ragged.of([_flat(flow, name) for flow in flows]) for name in (*NODES, *names)}


def _flat(flow: FlowField | None, name: str) -> Array:
    if flow is None:
        return np.empty(0, dtype=field_type(name))
    if name in NODES:
        values = flow.nodes[..., NODES.index(name)]
    else:
        values = (flow.cells if quantity(name).place is Place.CELL else flow.wall)[name]
    return values.detach().cpu().numpy().astype(field_type(name)).reshape(-1)


def stored_flow(data: DataSet, row: int) -> FlowField:
    """The flow of one row of a data set.

    Raises:
        NoFieldsError: the data set has no fields, or the case was not answered.
        IndexError: no such row.
    """
    if not data.grids:
        raise NoFieldsError(
            f"{data.files[0]} holds no flow fields; simulate it again with --fields, by a simulator that has them "
            f"({', '.join(WITH_FIELDS)})"
        )
    row = int(data.row_numbers(row))
    if data.status[row] is not Status.OK:
        raise NoFieldsError(f"row {row} has no flow, its status being {data.status[row]}: {data.message[row]}")
    along, away, wake = (int(data.grids[name][row]) for name in GRID)
    x, y = (data.ragged(name, row).reshape(along + 1, away + 1) for name in NODES)
    places = {name: quantity(name).place for name in data.ragged_names}
    return FlowField(
        nodes=torch.stack((x, y), -1),
        wake=wake,
        cells={
            name: data.ragged(name, row).double().reshape(along, away)
            for name, place in places.items()
            if place is Place.CELL
        },
        wall={name: data.ragged(name, row).double() for name, place in places.items() if place is Place.WALL},
        facts=_facts(data, row),
        airfoil=data.subject_names[int(data.subject[row])],
        who=data.provenance.simulator,
    )


def _facts(data: DataSet, row: int) -> dict[str, float]:
    columns = {name: data.inputs[name] for name in ("mach", "reynolds")} | dict(data.outputs)
    return {name: values[row].item() for name, values in columns.items()}
