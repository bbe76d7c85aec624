"""Is this file what `docs/data_format.md` says? Every departure is a sentence."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from understudy.datasets.format import (
    GRID,
    ROOT_ATTRIBUTES,
    STATUS_CODES,
    DataFileError,
    meaning,
    opened,
)
from understudy.datasets.provenance import Provenance
from understudy.datasets.reader import files_of
from understudy.datasets.tables import TABLES, ShapeTable, StructureTable, SubjectTable
from understudy.simulators.materials.case import Role
from understudy.simulators.materials.elements import SYMBOLS
from understudy.simulators.quantities import QUANTITIES, Place, quantity

_BY_ROW = ("case", "status", "message")
_LABELS = ("name", "kind", "families")
#: Columns of each table besides its labels; of ragged ones the group.
_CONTENT = {
    ShapeTable: ("coordinates",),
    StructureTable: ("cell", "periodic", "numbers", "positions", "fixed", "role"),
}
_ROWS_AT_ONCE = 4096
_OK = STATUS_CODES["ok"]


def check(path: str | Path) -> list[str]:
    """Every problem of the data set at `path`, one sentence each; an empty list if there is none.

    Reads everything once. A data set that is still growing is checked as far as it has come.

    Raises:
        FileNotFoundError: nothing there.
    """
    problems: list[str] = []
    numbers: list[np.ndarray] = []
    planned = 0
    try:
        files = files_of(Path(path))
    except DataFileError as error:
        return [str(error)]
    for file in files:
        try:
            with opened(file) as content:
                problems += [f"{file}: {problem}" for problem in _problems(content)]
                numbers += [content["case"][...]] if "case" in content else []
                planned = max(planned, int(content.attrs.get("planned", 0)))
        except DataFileError as error:
            problems.append(str(error))
    finished = files == [Path(path)]
    told = _numbering(np.concatenate([np.empty(0), *numbers]), planned if finished else None)
    return problems + [f"{path}: {problem}" for problem in told]


def _problems(file: h5py.File) -> Iterator[str]:
    yield from _root(file)
    table = _table(file)
    needed = [f"inputs/{name}" for name in (table.pointer, *table.inputs)]
    needed += [f"{table.group}/{name}" for name in (*_CONTENT[table], *_LABELS)]
    missing = [name for name in (*_BY_ROW, *needed) if name not in file]
    missing += [group for group in ("inputs", "outputs", table.group) if group not in file]
    yield from (f"{name} is missing" for name in missing)
    yield from _labels(file)
    if missing:
        return
    lengths = list(_lengths(file))
    yield from lengths
    if not lengths:
        yield from _subjects(file)
        yield from _answers(file)
        yield from _flows(file)


def _root(file: h5py.File) -> Iterator[str]:
    missing = [name for name in ROOT_ATTRIBUTES if name not in file.attrs]
    yield from (f"root attribute {name} is missing ({ROOT_ATTRIBUTES[name]})" for name in missing)
    if missing:
        return
    try:
        provenance = Provenance.from_attributes(file.attrs)
    except ValueError as error:
        yield f"a root attribute cannot be read: {error}"
        return
    if provenance.identity != file.attrs["identity"]:
        yield "root attribute identity does not agree with the settings it is made of: they were edited"


def _labels(file: h5py.File) -> Iterator[str]:
    for name, dataset in _datasets(file).items():
        try:
            expected = meaning(name)
        except ValueError:
            yield f"{name} is no part of the format and no declared quantity"
            continue
        for label, value in zip(("unit", "description"), expected, strict=True):
            if dataset.attrs.get(label) != value:
                yield f"{name} must have the {label} {value!r}; got {dataset.attrs.get(label)!r}"


def _lengths(file: h5py.File) -> Iterator[str]:
    table = _table(file)
    rows, subjects = len(file["case"]), len(file[f"{table.group}/name"])
    for name, dataset in _datasets(file).items():
        if name.endswith("/values"):
            continue
        expected = (subjects if name.startswith(f"{table.group}/") else rows) + name.endswith("/offsets")
        if len(dataset) != expected:
            yield f"{name} must have {expected} entries; got {len(dataset)}"
    columns = [*file.get("fields", {}).values(), *file[table.group].values()]
    for group in columns:
        if isinstance(group, h5py.Group):
            offsets = group["offsets"][...]
            if offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(group["values"]):
                yield f"{group.name[1:]}/offsets must rise from 0 to the number of values"
        elif group.parent.name == "/fields" and group.shape[1] != file["shapes/coordinates"].shape[1]:
            yield f"{group.name[1:]} must have one value for each node of a shape; got {group.shape[1]}"


def _table(file: h5py.File) -> type[SubjectTable]:
    """What the rows are about; airfoils if nothing says so."""
    return next((table for group, table in TABLES.items() if group in file), ShapeTable)


def _subjects(file: h5py.File) -> Iterator[str]:
    """Rows point into the table, whose numbers are finite and which names families."""
    table = _table(file)
    count = len(file[f"{table.group}/name"])
    index = file[f"inputs/{table.pointer}"][...]
    if len(index) and (index.min() < 0 or index.max() >= count):
        yield f"inputs/{table.pointer} must point into the {count} {table.group}; got {index.min()} .. {index.max()}"
    for name in _CONTENT[table]:
        column = file[f"{table.group}/{name}"]
        values = column["values"] if isinstance(column, h5py.Group) else column
        for start in range(0, len(values), _ROWS_AT_ONCE):
            if not np.isfinite(values[start : start + _ROWS_AT_ONCE]).all():
                yield (f"{table.group}/{name} must be finite; entries {start} .. {start + _ROWS_AT_ONCE} hold others")
    if table is StructureTable:
        yield from _structures(file)
    bad = [row for row, text in enumerate(file[f"{table.group}/families"][...]) if not _names_families(text)]
    if bad:
        yield (
            f"{table.group}/families must be a JSON list of one name or more; {table.pointer} {bad[0]} "
            f"({len(bad)} in all) has none"
        )


def _structures(file: h5py.File) -> Iterator[str]:
    """Atoms are of one number in every column, of known elements and roles, with a surface in each structure."""
    group = file[StructureTable.group]
    offsets = group["numbers/offsets"][...]
    for name in ("positions", "fixed", "role"):
        if not np.array_equal(group[f"{name}/offsets"][...], offsets):
            yield f"structures/{name} must have one entry for each atom of structures/numbers"
    numbers, role = group["numbers/values"][...], group["role/values"][...]
    if len(numbers) and (numbers.min() < 1 or numbers.max() >= len(SYMBOLS)):
        known = len(SYMBOLS) - 1
        yield f"structures/numbers must be atomic numbers 1 .. {known}; got {numbers.min()} .. {numbers.max()}"
    if len(role) and role.max() > max(Role):
        yield f"structures/role must be 0 .. {int(max(Role))}; got {role.max()}"


def _names_families(text: bytes) -> bool:
    try:
        families = json.loads(text)
    except ValueError:
        return False
    return isinstance(families, list) and bool(families) and all(isinstance(name, str) for name in families)


def _answers(file: h5py.File) -> Iterator[str]:
    """Status, message and values of a row must tell the same story."""
    wrong: Counter[str] = Counter()
    covered = _covered(file) if _table(file) is StructureTable else None
    for start in range(0, len(file["case"]), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        status = file["status"][block]
        spoken = np.array([len(text) > 0 for text in file["message"][block]], dtype=bool)
        ok = status == _OK
        wrong["status must be one of " + ", ".join(STATUS_CODES)] += int((status >= len(STATUS_CODES)).sum())
        wrong["message must be empty where the status is ok"] += int((spoken & ok).sum())
        wrong["message must say why where the status is not ok"] += int((~spoken & ~ok).sum())
        if "inputs/alpha" in file:
            prescribed = np.isfinite(file["inputs/alpha"][block]) == np.isfinite(file["inputs/cl"][block])
            wrong["exactly one of inputs/alpha and inputs/cl must be finite"] += int(prescribed.sum())
        for name, finite in _finiteness(file, block):
            wrong[f"{name} must be NaN where the status is not ok"] += int((finite[~ok] > 0).sum())
            due = ok if covered is None else ok & covered[block] & (name == "outputs/adsorption_energy")
            wrong[f"{name} must be finite where the status is ok"] += int((finite[due] < 1).sum())
    yield from (f"{rule}; {count} rows break this" for rule, count in wrong.items() if count)


def _covered(file: h5py.File) -> Any:
    """Rows of slabs with an adsorbate, which need an adsorption energy; all else may be unknown of an answered slab."""
    group = file[StructureTable.group]
    atoms = np.flatnonzero(group["role/values"][...] == Role.ADSORBATE)
    structures = np.searchsorted(group["role/offsets"][...], atoms, side="right") - 1
    return np.isin(file[f"inputs/{StructureTable.pointer}"][...], structures)


def _finiteness(file: h5py.File, block: slice) -> Iterator[tuple[str, Any]]:
    """Share of finite values in each row of each output and even field."""
    for name in file["outputs"]:
        yield f"outputs/{name}", np.isfinite(file[f"outputs/{name}"][block]).astype(float)
    for name, field in file.get("fields", {}).items():
        if isinstance(field, h5py.Dataset):
            yield f"fields/{name}", np.isfinite(field[block]).mean(axis=1)


def _flows(file: h5py.File) -> Iterator[str]:
    """Every answered row has a flow as large as its grid, where flows are stored; the others have none."""
    if "grid" not in file:
        return
    missing = [name for name in GRID if name not in file["grid"]]
    yield from (f"grid/{name} is missing" for name in missing)
    if missing:
        return
    along, away, wake = (file[f"grid/{name}"][...] for name in GRID)
    ok = file["status"][...] == _OK
    for rule, broken in (
        ("grid/ must be positive where the status is ok", ok & ((along < 1) | (away < 1) | (along <= 2 * wake))),
        ("grid/ must be 0 where the status is not ok", ~ok & (along + away + wake != 0)),
    ):
        if broken.any():
            yield f"{rule}; {int(broken.sum())} rows break this"
    sizes = {
        Place.GRID: ("node of the grid", (along + 1) * (away + 1) * ok),
        Place.CELL: ("cell of the grid", along * away),
        Place.WALL: ("face of the body", along - 2 * wake),
    }
    for name, group in file["fields"].items():
        if isinstance(group, h5py.Group) and name in QUANTITIES and quantity(name).place in sizes:
            what, wanted = sizes[quantity(name).place]
            wrong = int((np.diff(group["offsets"][...]) != wanted).sum())
            if wrong:
                yield f"fields/{name} must have one value for each {what}; {wrong} rows break this"
            elif not _all_finite(group["values"]):
                yield f"fields/{name} must be finite"


def _all_finite(values: h5py.Dataset) -> bool:
    step = 1 << 20
    return all(np.isfinite(values[start : start + step]).all() for start in range(0, len(values), step))


def _numbering(numbers: np.ndarray, planned: int | None) -> Iterator[str]:
    values, counts = np.unique(numbers, return_counts=True)
    if planned is not None and len(numbers) != planned:
        yield f"the file must hold the {planned} cases that are planned; got {len(numbers)}"
    if (counts > 1).any():
        yield f"case {int(values[counts > 1][0])} is stored more than once ({int((counts > 1).sum())} such cases)"


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return found
