"""Rows of a data set in memory: what they are about, what was asked, what was answered, and how each case ended."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.datasets.ragged import Ragged
from understudy.datasets.tables import ShapeTable, SubjectTable
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.quantities import Place, quantity

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Cases with their answers, as one file holds them; checked at birth.

    table: the things that rows share. subject: row of each case's thing in it (rows,).
    case: number of each case in its design of experiments (rows,).
    inputs, outputs: quantity -> values (rows,), inputs those of the table; outputs are NaN where the status is not ok.
    fields: quantity -> values (rows, nodes), or `Ragged`.
    grid: columns `format.GRID` -> numbers (rows,), where flows are among the fields.
    status, message: how each case ended.
    """

    table: SubjectTable
    case: Array
    subject: Array
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    status: tuple[Status, ...]
    message: tuple[str, ...]
    fields: Mapping[str, Array | Ragged] = field(default_factory=dict)
    grid: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.inputs) != set(self.table.inputs):
            wanted = ", ".join(self.table.inputs) or "none"
            raise ValueError(f"inputs must be {wanted}; got {', '.join(self.inputs) or 'none'}")
        columns: dict[str, Sized] = {"subject": self.subject, "message": self.message, "status": self.status}
        for name, column in (columns | {**self.inputs, **self.outputs, **self.fields, **self.grid}).items():
            if len(column) != len(self):
                raise ValueError(f"{name} must have one value for each of {len(self)} cases; got {len(column)}")
        if len(self) and not (self.subject.min() >= 0 and self.subject.max() < len(self.table)):
            known = f"{len(self.table)} {self.table.group}"
            raise ValueError(f"subject must point into the {known}; got {self.subject.max()}")

    def __len__(self) -> int:
        return len(self.case)


def rows_of(
    case: AirfoilCase,
    answer: Answer,
    *,
    family: str,
    kind: str = "chosen",
    first_case: int = 0,
) -> Rows:
    """Rows for cases picked one by one, such as designs that were verified; each brings its own shape.

    Args:
        case: what was asked.
        answer: what a simulator answered.
        family: the family of all these shapes, so that a split keeps them together.
        kind: how the shapes were made.
        first_case: number of the first case.
    """
    count = len(case)
    numbers = np.arange(first_case, first_case + count)
    table = ShapeTable(
        coordinates=case.coordinates.detach().cpu().numpy().astype(np.float64),
        name=tuple(f"{family}-{number}" for number in numbers),
        kind=(kind,) * count,
        families=((family,),) * count,
    )
    return Rows(
        table=table,
        case=numbers,
        subject=np.arange(count),
        inputs={name: getattr(case, name).detach().cpu().numpy().astype(np.float64) for name in table.inputs},
        outputs=answered(answer, Place.CASE, np.float64),
        fields=answered(answer, Place.NODE, np.float32),
        status=answer.status,
        message=answer.message,
    )


def answered(answer: Answer, place: Place, dtype: type[np.floating[Any]]) -> dict[str, Array]:
    """The quantities of an answer that live at `place`."""
    names = [name for name in answer.values if quantity(name).place is place]
    return {name: answer.values[name].detach().cpu().numpy().astype(dtype) for name in names}
