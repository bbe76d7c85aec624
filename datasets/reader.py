"""Reading data sets: lazily, per process, one file or many, finished or still growing.

with load("airfoils.h5") as data:
    rows = data.ok_rows
    cp = data.field("cp", rows[:64])          # (64, nodes) float32
    answer = simulator.predict(data.case(rows[:64]))
"""

import json
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.datasets.format import FIELD_ROWS_PER_CHUNK, GRID, DataFileError, explained, open_file, opened
from understudy.datasets.provenance import Provenance
from understudy.datasets.ragged import Array, Ragged
from understudy.datasets.tables import TABLES, ShapeTable, StructureTable, SubjectTable
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status, Subject
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import REFERENCES

PARTS = ".parts"  # suffix of the folder in which a data set grows
_OPEN_FILES = 16  # of the shards of one data set, at a time
_STATUSES = tuple(Status)

RowIndex = int | slice | Sequence[int] | Tensor


def load(*paths: str | Path) -> "DataSet":
    """The data set in these files, one after the other; nothing but the sizes is read yet.

    Args:
        paths: data files, folders of numbered shards, or names of data sets that are still being simulated (their
            finished rows are there to read).

    Raises:
        FileNotFoundError: nothing there.
        DataFileError: a file that cannot be read.
        ValueError: no paths, or shapes with different node counts.
    """
    if not paths:
        raise ValueError("expected the path of at least one data set; got none")
    return DataSet([file for path in paths for file in files_of(Path(path))])


def files_of(path: Path) -> list[Path]:
    """The data files that make up the data set called `path`: itself, its shards, or its parts while it grows.

    Raises:
        FileNotFoundError: none of them.
    """
    parts = path.with_name(path.name + PARTS)
    if path.is_dir():
        found = sorted(path.glob("*.h5"))
    else:
        found = [path] * path.is_file()
        covered = _rows_in(path) if found else 0
        found += [part for part in sorted(parts.glob("*.h5")) if first_row_of(part) >= covered]
    if not found:
        raise FileNotFoundError(
            f"no data set at {path}: neither a file, nor a folder of shards, nor {parts.name} beside it"
        )
    return found


def part_name(first_row: int) -> str:
    """File name of the part that begins with this case."""
    return f"part-{first_row:010d}.h5"


def first_row_of(part: Path) -> int:
    """The case with which a part begins; parts of a growing data set are named by it."""
    return int(part.stem.removeprefix("part-"))


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Some rows of a data set as tensors, ready for training.

    rows: their numbers in the data set (batch,).
    coordinates: (batch, nodes, 2) float64 [chord].
    inputs, outputs: quantity -> (batch,) float64.
    fields: quantity -> (batch, nodes) float32.
    ok: mask (batch,) of the rows that were answered.
    """

    rows: Int[Tensor, " batch"]
    coordinates: Float[Tensor, "batch nodes 2"]
    inputs: Mapping[str, Float[Tensor, " batch"]]
    outputs: Mapping[str, Float[Tensor, " batch"]]
    fields: Mapping[str, Float[Tensor, "batch nodes"]]
    ok: Bool[Tensor, " batch"]


class DataSet:
    """Rows of cases with their answers, read when asked for.

    Scalars are read once and kept; fields and coordinates are read by row. It may be pickled or forked into workers:
    each process opens the files for itself. `data[rows]` gives a `Batch`, so that it serves as a map-style torch data
    set with a batch sampler (`DataLoader(data, sampler=BatchSampler(...), batch_size=None)`).

    Raises, from any method: DataFileError, for a file that turns out to be damaged.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        sizes = [_sizes(file) for file in self.files]
        groups = {size.group for size in sizes}
        if len(groups) > 1:
            raise ValueError(f"files about different things cannot be one data set; got {', '.join(sorted(groups))}")
        self.group = groups.pop()
        self._first_row = np.cumsum([0, *(size.rows for size in sizes)])
        self._first_subject = np.cumsum([0, *(size.subjects for size in sizes)])
        node_counts = {size.nodes for size in sizes}
        if len(node_counts) > 1:
            raise ValueError(f"files with different node counts cannot be one data set; got {sorted(node_counts)}")
        self.nodes = node_counts.pop()
        self._open: OrderedDict[Path, h5py.File] = OrderedDict()
        self._process = os.getpid()

    def __len__(self) -> int:
        return int(self._first_row[-1])

    def __enter__(self) -> "DataSet":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def close(self) -> None:
        """Close the files; a later read opens them again."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    @cached_property
    def provenance(self) -> Provenance:
        """Where the first file comes from."""
        with opened(self.files[0]) as file:
            return Provenance.from_attributes(file.attrs)

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Which content all files hold, by `Provenance.identity`; files that belong together share one."""
        return tuple(dict.fromkeys(one.identity for one in self.provenances))

    @cached_property
    def provenances(self) -> tuple[Provenance, ...]:
        """Where each file comes from."""
        found = []
        for name in self.files:
            with opened(name) as file:
                found.append(Provenance.from_attributes(file.attrs))
        return tuple(found)

    @cached_property
    def inputs(self) -> Mapping[str, Float[Tensor, " rows"]]:
        """What was asked: name -> values of all rows, float64."""
        return {name: torch.from_numpy(self._column(f"inputs/{name}")) for name in self._table.inputs}

    @cached_property
    def outputs(self) -> Mapping[str, Float[Tensor, " rows"]]:
        """What was answered: quantity -> values of all rows, float64; NaN where the status is not ok.

        What adsorption energies were counted from is left out where one of the files, an older one, lacks it.
        """
        names = [name for name in self._names("outputs") if name not in REFERENCES or self._in_every_file(name)]
        return {name: torch.from_numpy(self._column(f"outputs/{name}")) for name in names}

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """Quantities of the surface nodes that are stored."""
        return self._names("fields")

    @cached_property
    def ragged_names(self) -> tuple[str, ...]:
        """Those of the fields that have a different length in each row."""
        handle = self._handle(self.files[0])
        return tuple(name for name in self.field_names if isinstance(handle[f"fields/{name}"], h5py.Group))

    @cached_property
    def grids(self) -> Mapping[str, Int[Tensor, " rows"]]:
        """Cells along and away from the body and along half the wake of each row; nothing where no flows are stored."""
        if not self._names("grid"):
            return {}
        return {name: torch.from_numpy(self._column(f"grid/{name}")) for name in GRID}

    @cached_property
    def case_numbers(self) -> Int[Tensor, " rows"]:
        """Number of each row in its design of experiments."""
        return torch.from_numpy(self._column("case"))

    @cached_property
    def status(self) -> tuple[Status, ...]:
        """How each case ended."""
        return tuple(_STATUSES[code] for code in self._column("status"))

    @cached_property
    def message(self) -> tuple[str, ...]:
        """One sentence for each case that was not answered, empty for the others."""
        return tuple(text.decode() for text in self._column("message"))

    @cached_property
    def ok(self) -> Bool[Tensor, " rows"]:
        """Mask of the rows that were answered."""
        return torch.from_numpy(self._column("status") == _STATUSES.index(Status.OK))

    @property
    def ok_rows(self) -> Int[Tensor, " ok"]:
        """Numbers of the rows that were answered."""
        return self.ok.nonzero().squeeze(1)

    @property
    def _table(self) -> type[SubjectTable]:
        return TABLES[self.group]

    @property
    def about(self) -> Subject:
        """What the rows are about."""
        return self._table.about

    @cached_property
    def subject(self) -> Int[Tensor, " rows"]:
        """Number of the shape or structure that each row is about."""
        name = f"inputs/{self._table.pointer}"
        columns = [self._read(file, name) + first for file, first in zip(self.files, self._first_subject, strict=False)]
        return torch.from_numpy(np.concatenate(columns))

    @cached_property
    def subject_names(self) -> tuple[str, ...]:
        """What each shape or structure is called."""
        return tuple(text.decode() for text in self._column(f"{self.group}/name"))

    @cached_property
    def subject_kinds(self) -> tuple[str, ...]:
        """How each shape or structure was made."""
        return tuple(text.decode() for text in self._column(f"{self.group}/kind"))

    @cached_property
    def subject_families(self) -> tuple[tuple[str, ...], ...]:
        """What each shape or structure is a variant of."""
        return tuple(tuple(json.loads(text)) for text in self._column(f"{self.group}/families"))

    @cached_property
    def structures(self) -> StructureTable:
        """All structures of a data set about slabs.

        Raises:
            TypeError: it is about something else.
        """
        if self.group != StructureTable.group:
            raise TypeError(f"expected a data set about structures; got one about {self.group}")
        ragged = {name: self._joined(f"{self.group}/{name}") for name in ("numbers", "positions", "fixed", "role")}
        return StructureTable(
            name=self.subject_names,
            kind=self.subject_kinds,
            families=self.subject_families,
            cell=self._column(f"{self.group}/cell"),
            periodic=self._column(f"{self.group}/periodic"),
            **ragged,
        )

    def coordinates(self, rows: RowIndex = slice(None)) -> Float[Tensor, "batch nodes 2"]:
        """Surface nodes of the rows' shapes [chord], float64."""
        shapes, place = np.unique(self.subject[self._listed(rows)].numpy(), return_inverse=True)
        return torch.from_numpy(self._gather("shapes/coordinates", shapes, self._first_subject)[place])

    def field(self, name: str, rows: RowIndex = slice(None)) -> Float[Tensor, "batch nodes"]:
        """Values of a quantity on the surface nodes of these rows, float32.

        Raises:
            KeyError: no such field.
            TypeError: a ragged one; read it with `ragged`.
        """
        self._require_field(name)
        numbers, place = np.unique(self._listed(rows).numpy(), return_inverse=True)
        return torch.from_numpy(self._gather(f"fields/{name}", numbers, self._first_row)[place])

    def ragged(self, name: str, row: int) -> Float[Tensor, "..."]:
        """Values of a ragged quantity in one row.

        Raises:
            KeyError: no such field.
        """
        self._require_field(name, ragged=True)
        row = int(self.row_numbers(row))
        which = self._file_number(row)
        file, local = self.files[which], row - self._first_row[which]
        with explained(file):
            group = self._handle(file)[f"fields/{name}"]
            start, stop = group["offsets"][local : local + 2]
            return torch.from_numpy(group["values"][start:stop])

    def settings(self, row: int) -> str:
        """Who answered a row, and a digest of all that decides the answers."""
        return self.provenances[self._file_number(row)].settings

    def case(self, rows: RowIndex = slice(None)) -> AirfoilCase:
        """The question of these rows, to ask another predictor; a shape that could not be made raises a ValueError.

        Raises:
            TypeError: a data set about structures; ask for `slab_case`.
        """
        numbers = self._listed(rows)
        if self.group != ShapeTable.group:
            raise TypeError(f"expected a data set about airfoils; got one about {self.group}: ask for slab_case")
        return AirfoilCase(
            coordinates=self.coordinates(numbers), **{name: values[numbers] for name, values in self.inputs.items()}
        )

    def slab_case(self, rows: RowIndex = slice(None)) -> SlabCase:
        """The question of these rows of a data set about structures."""
        return self.structures.case(self.subject[self._listed(rows)].numpy(), {})

    def solution(self, rows: RowIndex = slice(None)) -> Solution:
        """The stored answer to `case(rows)`; fields in float32."""
        numbers = self._listed(rows)
        values = {name: column[numbers] for name, column in self.outputs.items()}
        return Solution(
            values={**values, **{name: self.field(name, numbers) for name in self._even_names}},
            status=tuple(self.status[row] for row in numbers.tolist()),
            message=tuple(self.message[row] for row in numbers.tolist()),
        )

    def __getitem__(self, rows: RowIndex) -> Batch:
        """These rows as tensors; one number gives a batch of one."""
        numbers = self._listed(rows)
        return Batch(
            rows=numbers,
            coordinates=self.coordinates(numbers),
            inputs={name: values[numbers] for name, values in self.inputs.items()},
            outputs={name: values[numbers] for name, values in self.outputs.items()},
            fields={name: self.field(name, numbers) for name in self._even_names},
            ok=self.ok[numbers],
        )

    @property
    def _even_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.field_names if name not in self.ragged_names)

    def row_numbers(self, rows: RowIndex) -> Int[Tensor, "..."]:
        """The numbers of the rows selected by a number, a slice, a sequence, an index tensor or a mask.

        Raises:
            IndexError: a row that is not there, or a mask of another length.
        """
        if isinstance(rows, Tensor) and rows.dtype == torch.bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask must have one value for each of {len(self)} rows; got {tuple(rows.shape)}")
            return rows.nonzero().squeeze(1)
        if isinstance(rows, slice):
            return torch.arange(len(self))[rows]
        numbers = torch.as_tensor(rows, dtype=torch.int64)
        if numbers.numel() and not (-len(self) <= int(numbers.min()) and int(numbers.max()) < len(self)):
            raise IndexError(f"rows must be between 0 and {len(self) - 1}; got {numbers.min()} .. {numbers.max()}")
        return numbers % len(self) if len(self) else numbers

    def _listed(self, rows: RowIndex) -> Int[Tensor, " batch"]:
        return torch.atleast_1d(self.row_numbers(rows))

    def _names(self, group: str) -> tuple[str, ...]:
        file = self.files[0]
        with explained(file):
            return tuple(self._handle(file)[group]) if group in self._handle(file) else ()

    def _in_every_file(self, output: str) -> bool:
        return all(f"outputs/{output}" in self._handle(file) for file in self.files)

    def _file_number(self, row: int) -> int:
        return int(np.searchsorted(self._first_row, row, side="right")) - 1

    def _require_field(self, name: str, *, ragged: bool = False) -> None:
        if name not in self.field_names:
            raise KeyError(f"expected one of the fields {', '.join(self.field_names) or '(none stored)'}; got {name!r}")
        if not ragged and name in self.ragged_names:
            raise TypeError(f"the field {name!r} has a different length in each row; read it row by row with ragged()")

    def _column(self, name: str) -> Array:
        return np.concatenate([self._read(file, name) for file in self.files])

    def _joined(self, name: str) -> Ragged:
        """A ragged column that runs through all files."""
        values = self._column(f"{name}/values")
        counts = [np.diff(self._read(file, f"{name}/offsets")) for file in self.files]
        return Ragged(values, np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64))

    def _read(self, file: Path, name: str) -> Array:
        with explained(file):
            handle = self._handle(file)
            if name not in handle:
                raise DataFileError(f"{file} has no {name}, unlike {self.files[0]}; they are no parts of one data set")
            return handle[name][...]

    def _gather(self, name: str, numbers: Array, first: Array) -> Array:
        """The entries `numbers` (rising) of a dataset that runs through all files; each block is unpacked once."""
        pieces = []
        for which in np.unique(np.searchsorted(first, numbers, side="right") - 1) if len(numbers) else [0]:
            inside = numbers[(numbers >= first[which]) & (numbers < first[which + 1])] - first[which]
            pieces.append(self._gather_from(self.files[which], name, inside))
        return np.concatenate(pieces)

    def _gather_from(self, file: Path, name: str, numbers: Array) -> Array:
        with explained(file):
            dataset = self._handle(file)[name]
            if len(numbers) in (0, len(dataset)):
                return dataset[: len(numbers)]
            found = np.empty((len(numbers), *dataset.shape[1:]), dtype=dataset.dtype)
            block = numbers // FIELD_ROWS_PER_CHUNK
            starts = np.flatnonzero(np.diff(block, prepend=-1))
            for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
                lowest, highest = numbers[start], numbers[stop - 1]
                found[start:stop] = dataset[lowest : highest + 1][numbers[start:stop] - lowest]
            return found

    def _handle(self, path: Path) -> h5py.File:
        """The open file, opened by this very process: HDF5 handles do not survive a fork."""
        if self._process != os.getpid():
            self._open, self._process = OrderedDict(), os.getpid()
        if path in self._open:
            self._open.move_to_end(path)
        else:
            if len(self._open) >= _OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[path] = open_file(path)
        return self._open[path]


@dataclass(frozen=True)
class _Sizes:
    """Of a file: its rows, and how many things they are about, of which group; nodes of a shape, or 0."""

    rows: int
    subjects: int
    nodes: int
    group: str


def _sizes(path: Path) -> _Sizes:
    with opened(path) as file:
        group = next((name for name in TABLES if name in file), ShapeTable.group)
        needed = f"{group}/coordinates" if group == ShapeTable.group else f"{group}/cell"
        missing = [name for name in ("case", "status", "inputs", "outputs", needed) if name not in file]
        if missing:
            raise DataFileError(f"{path} lacks {', '.join(missing)}; look at it with the checker")
        subjects, nodes = file[needed].shape[:2]
        return _Sizes(len(file["case"]), subjects, nodes if group == ShapeTable.group else 0, group)


def _rows_in(path: Path) -> int:
    with opened(path) as file:
        return len(file["case"])
