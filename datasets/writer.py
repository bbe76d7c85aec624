"""Writing data files so that a kill, a full disk or a lost cable leaves either the whole file or none.

HDF5 is not safe in place: a process that dies while it writes leaves a file that cannot be opened. So nothing here is
ever changed in place. A file is made in memory, or beside its destination, and renamed when every byte is on the disk.
"""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from understudy.datasets.format import (
    COMPRESSION,
    FIELD_ROWS_PER_CHUNK,
    SCALARS_PER_CHUNK,
    STATUS_CODES,
    STATUS_TYPE,
    TEXT_TYPE,
    VALUES_PER_CHUNK,
    explained,
    field_type,
    meaning,
    open_file,
    opened,
)
from understudy.datasets.provenance import Provenance
from understudy.datasets.ragged import Ragged
from understudy.datasets.records import Array, Rows
from understudy.datasets.tables import TABLES, texts
from understudy.datasets.whole_files import replacing, write_bytes

_RESERVE = 1 << 20  # bytes of bookkeeping that joining adds at most


def write(path: Path, rows: Rows, provenance: Provenance) -> None:
    """Store `rows` as the data file `path`, all or nothing; an older file there is replaced.

    Raises:
        DiskFullError: no room; `path` is as it was.
    """
    write_bytes(path, encode(rows, provenance))


def encode(rows: Rows, provenance: Provenance) -> bytes:
    """The bytes of a data file with these rows."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs.update(provenance.attributes())
        for name, values in _columns(rows):
            _create(file, name, (len(values), *values.shape[1:]), _stored_type(name, values))
            file[name][...] = values
    return image.getvalue()


def join(
    sources: Sequence[Path], path: Path, provenance: Provenance, *, progress: Callable[[int], None] | None = None
) -> None:
    """Store the rows of several data files, one after the other, as the data file `path`, all or nothing.

    Memory holds a few thousand rows at a time. The sources must have the same quantities and node counts.

    Args:
        sources: at least one data file; not changed.
        path: may be one of the sources.
        provenance: of the whole.
        progress: called after each source with the number of those done.

    Raises:
        DataFileError: a source that cannot be read.
        ValueError: sources that do not fit together.
        DiskFullError: no room; `path` is as it was.
    """
    if not sources:
        raise ValueError("expected at least one data file to join; got none")
    layouts = [_layout(source) for source in sources]
    for source, layout in zip(sources, layouts, strict=True):
        _check_fit(sources[0], layouts[0], source, layout)
    with replacing(path) as temporary:
        _require_room(temporary, sum(source.stat().st_size for source in sources) + _RESERVE)
        with h5py.File(temporary, "w") as file:
            file.attrs.update(provenance.attributes())
            for name, (_, tail, dtype) in layouts[0].items():
                _create(
                    file, name, (sum(layout[name][0] for layout in layouts) - _overlap(name, sources), *tail), dtype
                )
            filled: dict[str, int] = {}
            for done, source in enumerate(sources, start=1):
                _append(source, file, filled)
                if progress is not None:
                    progress(done)


Layout = dict[str, tuple[int, tuple[int, ...], Any]]


def _layout(path: Path) -> Layout:
    """Name -> length, further dimensions and type of every dataset."""
    with opened(path) as file:
        return {
            name: (len(dataset), tuple(dataset.shape[1:]), dataset.dtype) for name, dataset in _datasets(file).items()
        }


def _check_fit(first: Path, expected: Layout, other: Path, layout: Layout) -> None:
    for name in dict.fromkeys([*expected, *layout]):
        here, there = expected.get(name, (0, None))[1:2], layout.get(name, (0, None))[1:2]
        if here != there:
            raise ValueError(
                f"{other} and {first} cannot be joined: {name} is {_kind(there[0])} in the one, "
                f"{_kind(here[0])} in the other"
            )


def _kind(tail: tuple[int, ...] | None) -> str:
    return "absent" if tail is None else "x".join(map(str, ("rows", *tail)))


def _overlap(name: str, sources: Sequence[Path]) -> int:
    """Offsets have one entry more than rows, in each source: the joints are shared."""
    return len(sources) - 1 if name.endswith("/offsets") else 0


def _append(source: Path, file: h5py.File, filled: dict[str, int]) -> None:
    """Copy a source behind what is `filled`; what points into a growing table is shifted with it."""
    first = {f"inputs/{table.pointer}": filled.get(f"{table.group}/name", 0) for table in TABLES.values()}
    with closing(open_file(source)) as part:
        with explained(source):
            datasets = _datasets(part)
        for name, dataset in datasets.items():
            start, shift = filled.get(name, 0), first.get(name, 0)
            if name.endswith("/offsets") and start:
                start -= 1
                shift = int(file[name][start])
            for block in _blocks(len(dataset), _entries(name)):
                with explained(source):  # reading only: what goes wrong in writing is not the source's fault
                    values = dataset[block]
                file[name][start + block.start : start + block.stop] = values + shift if shift else values
            filled[name] = start + len(dataset)


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def _blocks(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _columns(rows: Rows) -> Iterator[tuple[str, Array]]:
    """Every dataset of a file, name and values."""
    yield "case", rows.case.astype(np.int64)
    yield "status", np.array([STATUS_CODES[status] for status in rows.status], dtype=np.uint8)
    yield "message", texts(rows.message)
    yield f"inputs/{rows.table.pointer}", rows.subject.astype(np.int64)
    for name, values in rows.inputs.items():
        yield f"inputs/{name}", values.astype(np.float64)
    for name, values in rows.outputs.items():
        yield f"outputs/{name}", values.astype(np.float64)
    for name, field in rows.fields.items():
        kind = field_type(name) if isinstance(field, Ragged) else np.float32
        yield from _stored(f"fields/{name}", field, kind)
    for name, values in rows.grid.items():
        yield f"grid/{name}", values.astype(np.int64)
    for name, column in rows.table.columns():
        yield from _stored(f"{rows.table.group}/{name}", column)


def _stored(name: str, column: Array | Ragged, kind: Any = None) -> Iterator[tuple[str, Array]]:
    """The datasets of a column, in its own precision if no other is asked for."""
    if isinstance(column, Ragged):
        yield f"{name}/values", column.values if kind is None else column.values.astype(kind)
        yield f"{name}/offsets", column.offsets.astype(np.int64)
    else:
        yield name, column if kind is None else column.astype(kind)


def _stored_type(name: str, values: Array) -> Any:
    if name == "status":
        return STATUS_TYPE
    return TEXT_TYPE if values.dtype == object else values.dtype


def _create(file: h5py.File, name: str, shape: tuple[int, ...], dtype: Any) -> None:
    unit, description = meaning(name)
    rows = FIELD_ROWS_PER_CHUNK if len(shape) > 1 else _entries(name)
    chunks = (max(1, min(rows, shape[0])), *shape[1:])
    storage = {"chunks": chunks, **COMPRESSION} if shape[0] else {}  # HDF5 cannot chunk what has no rows
    dataset = file.create_dataset(name, shape, dtype=dtype, **storage)
    dataset.attrs["unit"] = unit
    dataset.attrs["description"] = description


def _entries(name: str) -> int:
    """What is packed, and copied, at once of a dataset of one dimension."""
    return VALUES_PER_CHUNK if name.endswith("/values") else SCALARS_PER_CHUNK


def _require_room(path: Path, size: int) -> None:
    """Raise now if `size` bytes do not fit: HDF5 crashes on closing a file whose last bytes found no room."""
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
