"""Rows of a data set in memory: shapes, what was asked, what was answered, and how each case ended."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.datasets.format import INPUTS
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Answer, Status
from understudy.simulators.quantities import Place, quantity

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, such as the nodes of different meshes: row r is values[offsets[r]:offsets[r + 1]]."""

    values: Array
    offsets: Array

    def __post_init__(self) -> None:
        if (
            self.offsets.ndim != 1
            or len(self.offsets) == 0
            or self.offsets[0] != 0
            or (np.diff(self.offsets) < 0).any()
        ):
            raise ValueError("offsets must start at 0 and never fall, one more than there are rows")
        if self.offsets[-1] != len(self.values):
            raise ValueError(
                f"the last offset must be the number of values, {len(self.values)}; got {self.offsets[-1]}"
            )

    @classmethod
    def of(cls, rows: Sequence[Array]) -> "Ragged":
        """Rows laid end to end."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return cls(np.concatenate(list(rows)) if rows else np.empty(0), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Array:
        return self.values[self.offsets[row] : self.offsets[row + 1]]


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeTable:
    """Airfoil shapes shared by the rows of a data set.

    coordinates: (shapes, nodes, 2) [chord].
    name, kind: what to call each shape and how it was made.
    families: for each shape the airfoils it is made of, at least one; a blend has several. Splits go by them.
    """

    coordinates: Array
    name: tuple[str, ...]
    kind: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if self.coordinates.ndim != 3 or self.coordinates.shape[-1] != 2:
            raise ValueError(f"coordinates must be (shapes, nodes, 2); got {self.coordinates.shape}")
        for word, column in (("name", self.name), ("kind", self.kind), ("families", self.families)):
            if len(column) != len(self.coordinates):
                raise ValueError(f"expected one {word} for each of {len(self.coordinates)} shapes; got {len(column)}")
        if not all(self.families):
            raise ValueError("every shape needs at least one family; without it a split could leak")

    def __len__(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Cases with their answers, as one file holds them; checked at birth.

    case: number of each case in its design of experiments (rows,).
    shape: row of each case's shape in `shapes` (rows,).
    inputs, outputs: quantity -> values (rows,); outputs are NaN where the status is not ok.
    fields: quantity -> values (rows, nodes), or `Ragged`.
    grid: columns `format.GRID` -> numbers (rows,), where flows are among the fields.
    status, message: how each case ended.
    """

    shapes: ShapeTable
    case: Array
    shape: Array
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    status: tuple[Status, ...]
    message: tuple[str, ...]
    fields: Mapping[str, Array | Ragged] = field(default_factory=dict)
    grid: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.inputs) != set(INPUTS):
            raise ValueError(f"inputs must be {', '.join(INPUTS)}; got {', '.join(self.inputs)}")
        columns: dict[str, Sized] = {"shape": self.shape, "message": self.message, "status": self.status}
        for name, column in (columns | {**self.inputs, **self.outputs, **self.fields, **self.grid}).items():
            if len(column) != len(self):
                raise ValueError(f"{name} must have one value for each of {len(self)} cases; got {len(column)}")
        if len(self) and not (self.shape.min() >= 0 and self.shape.max() < len(self.shapes)):
            raise ValueError(f"shape must point into the {len(self.shapes)} shapes; got {self.shape.max()}")

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
    shapes = ShapeTable(
        coordinates=case.coordinates.detach().cpu().numpy().astype(np.float64),
        name=tuple(f"{family}-{number}" for number in numbers),
        kind=(kind,) * count,
        families=((family,),) * count,
    )
    return Rows(
        shapes=shapes,
        case=numbers,
        shape=np.arange(count),
        inputs={name: getattr(case, name).detach().cpu().numpy().astype(np.float64) for name in INPUTS},
        outputs=answered(answer, Place.CASE, np.float64),
        fields=answered(answer, Place.NODE, np.float32),
        status=answer.status,
        message=answer.message,
    )


def answered(answer: Answer, place: Place, dtype: type[np.floating[Any]]) -> dict[str, Array]:
    """The quantities of an answer that live at `place`."""
    names = [name for name in answer.values if quantity(name).place is place]
    return {name: answer.values[name].detach().cpu().numpy().astype(dtype) for name in names}
