"""What the rows of a data set are about, each thing stored once: shapes of airfoils, or structures of atoms."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.datasets.ragged import Ragged
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Case, Subject
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.elements import SYMBOLS

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class SubjectTable(ABC):
    """Things that rows of a data set share.

    name, kind: what to call each and how it was made.
    families: for each the things that it is a variant of, at least one; a blend has several. Splits go by them.

    about: what they are. group, pointer: names in the file of the table, and of the column of inputs/ that points into
    it.
    inputs: conditions that a row has besides.
    """

    about: ClassVar[Subject]
    group: ClassVar[str]
    pointer: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]

    name: tuple[str, ...]
    kind: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for word, column in (("name", self.name), ("kind", self.kind), ("families", self.families)):
            if len(column) != len(self):
                raise ValueError(f"expected one {word} for each of {len(self)} {self.group}; got {len(column)}")
        if not all(self.families):
            raise ValueError(f"every {self.pointer} needs at least one family; without it a split could leak")

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def content(self) -> Mapping[str, Array | Ragged]:
        """Columns of the table besides name, kind and families: name in the file -> values."""

    @abstractmethod
    def case(self, rows: Array, inputs: Mapping[str, Array]) -> Case:
        """The question of rows: which things, in which conditions."""

    def columns(self) -> Iterator[tuple[str, Array | Ragged]]:
        """All columns of the table, name in its group and values."""
        yield from self.content().items()
        yield "name", texts(self.name)
        yield "kind", texts(self.kind)
        yield "families", texts([json.dumps(list(families)) for families in self.families])


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeTable(SubjectTable):
    """Airfoil shapes: coordinates (shapes, nodes, 2) [chord]."""

    about = Subject.AIRFOIL
    group = "shapes"
    pointer = "shape"
    inputs = ("alpha", "cl", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")

    coordinates: Array

    def __post_init__(self) -> None:
        if self.coordinates.ndim != 3 or self.coordinates.shape[-1] != 2:
            raise ValueError(f"coordinates must be (shapes, nodes, 2); got {self.coordinates.shape}")
        super().__post_init__()

    def __len__(self) -> int:
        return len(self.coordinates)

    def content(self) -> Mapping[str, Array | Ragged]:
        return {"coordinates": self.coordinates.astype(np.float64)}

    def case(self, rows: Array, inputs: Mapping[str, Array]) -> AirfoilCase:
        return AirfoilCase(
            coordinates=torch.from_numpy(self.coordinates[rows]),
            **{name: torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.inputs},
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class StructureTable(SubjectTable):
    """Slabs of atoms, with their adsorbate where it starts; columns as in `SlabCase`, atoms by their atomic numbers.

    cell, periodic: (structures, 3, 3) [Å] and (structures, 3).
    numbers, positions, fixed, role: one entry, or one row, an atom.
    """

    about = Subject.SLAB
    group = "structures"
    pointer = "structure"
    inputs = ()

    cell: Array
    periodic: Array
    numbers: Ragged
    positions: Ragged
    fixed: Ragged
    role: Ragged

    def __post_init__(self) -> None:
        for name in ("periodic", "numbers", "positions", "fixed", "role"):
            if len(getattr(self, name)) != len(self):
                raise ValueError(f"{name} must have one entry for each of {len(self)} structures")
        super().__post_init__()

    def __len__(self) -> int:
        return len(self.cell)

    @classmethod
    def of(
        cls, case: SlabCase, *, name: Sequence[str], kind: Sequence[str], families: Sequence[tuple[str, ...]]
    ) -> "StructureTable":
        """The structures of a case.

        Raises:
            ValueError: a mixture of elements, or names of another number.
        """
        if not case.real:
            raise ValueError("a data set holds atoms, not mixtures of elements; round the occupations first")
        offsets = case.offsets.cpu().numpy()
        symbols = np.array([SYMBOLS.index(symbol) for symbol in case.elements])
        numbers = symbols[case.occupation.detach().cpu().argmax(1).numpy()]

        def ragged(values: Any) -> Ragged:
            return Ragged(np.asarray(values), offsets)

        return cls(
            name=tuple(name),
            kind=tuple(kind),
            families=tuple(families),
            cell=case.cell.detach().cpu().numpy(),
            periodic=case.periodic.cpu().numpy(),
            numbers=ragged(numbers),
            positions=ragged(case.positions.detach().cpu().numpy()),
            fixed=ragged(case.fixed.cpu().numpy()),
            role=ragged(case.role.cpu().numpy()),
        )

    def content(self) -> Mapping[str, Array | Ragged]:
        small = {
            name: Ragged(ragged.values.astype(np.uint8), ragged.offsets)
            for name, ragged in (("numbers", self.numbers), ("fixed", self.fixed), ("role", self.role))
        }
        places = Ragged(self.positions.values.astype(np.float64), self.positions.offsets)
        return {
            "cell": self.cell.astype(np.float64),
            "periodic": self.periodic.astype(np.uint8),
            "positions": places,
            **small,
        }

    def case(self, rows: Array, inputs: Mapping[str, Array]) -> SlabCase:
        counts = np.diff(self.numbers.offsets)[rows]

        def joined(ragged: Ragged) -> Array:
            return np.concatenate([ragged[row] for row in rows.tolist()])

        numbers = joined(self.numbers)
        present = np.unique(numbers)
        columns = torch.from_numpy(np.searchsorted(present, numbers))
        return SlabCase(
            elements=tuple(SYMBOLS[number] for number in present),
            occupation=torch.nn.functional.one_hot(columns, len(present)).double(),
            positions=torch.from_numpy(joined(self.positions).astype(np.float64)),
            cell=torch.from_numpy(self.cell[rows].astype(np.float64)),
            periodic=torch.from_numpy(self.periodic[rows].astype(bool)),
            fixed=torch.from_numpy(joined(self.fixed).astype(bool)),
            role=torch.from_numpy(joined(self.role).astype(np.int64)),
            offsets=torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])),
        )


#: Tables that a data set may hold, by their group in the file.
TABLES: dict[str, type[SubjectTable]] = {table.group: table for table in (ShapeTable, StructureTable)}


def texts(words: Sequence[str]) -> Array:
    """Words as a column of a file."""
    return np.array(list(words), dtype=object)
