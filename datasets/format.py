"""The data file: its version, the layout of its groups, the attributes of its root, and how one is opened.

`docs/data_format.md` describes the same for readers in any language. This file, that page, the writer and the checker
change together with `FORMAT_VERSION`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from understudy.simulators.interface import Status
from understudy.simulators.quantities import quantity

FORMAT_NAME = "understudy-dataset"
FORMAT_VERSION = 1

ROOT_ATTRIBUTES = {
    "format": "name of the format, always 'understudy-dataset'",
    "format_version": "version of the format, an integer",
    "simulator": "name of the simulator that answered",
    "simulator_version": "its version",
    "simulator_configuration": "JSON: everything in the simulator that changes an answer",
    "design": "JSON: how the cases were chosen, or which file was imported; an empty object if picked one by one",
    "sampler": "'sobol', 'latin-hypercube', or 'chosen'",
    "seed": "seed of the design of experiments, -1 where the cases were chosen",
    "planned": "cases in the finished data set; a shard holds fewer",
    "forces": "how forces are made from the fields",
    "commit": "commit of the code, or its version where it was installed without a repository",
    "created": "date and time (UTC, ISO 8601) of writing",
    "identity": "SHA-256 of all of the above that decides the content: simulator, configuration, design, cases",
}

INPUTS = ("alpha", "cl", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
PRESCRIBED = {
    "alpha": "angle of attack, nose up positive; NaN where the lift is prescribed",
    "cl": "prescribed lift coefficient; NaN where the angle is prescribed",
}

# What is no physical quantity: name in the file -> what it means. All are without unit.
BOOKKEEPING = {
    "case": "number of the case in its design of experiments",
    "status": "how the case ended",
    "message": "empty if the status is ok, otherwise one sentence with cause and remedy",
    "inputs/shape": "row of the shape in shapes/",
    "inputs/structure": "row of the structure in structures/",
    "grid/cells_along": "cells of the grid around and behind the airfoil, clockwise; 0 where no flow is stored",
    "grid/cells_away": "cells of the grid from the airfoil outwards; 0 where no flow is stored",
    "grid/wake": "cells along each half of the wake cut; 0 for a grid that closes around the airfoil",
    "shapes/kind": "how the shape was made",
    "shapes/name": "name of the shape",
    "shapes/families": "JSON list: the airfoils that the shape is made of; splits never part them",
    "structures/kind": "how the structure was made",
    "structures/name": "name of the structure",
    "structures/families": "JSON list: what the structure is a variant of; splits never part them",
    "structures/periodic": "along which cell vectors it repeats, 1 or 0",
    "structures/numbers": "atomic number of each atom",
    "structures/fixed": "atoms that are held while the others relax, 1 or 0",
    "structures/role": "0 inside the slab, 1 on its surface, 2 in the adsorbate",
}
#: Of atoms: name in the file -> unit and meaning.
PLACES = {
    "structures/cell": ("Å", "vectors of the cell, one a row"),
    "structures/positions": ("Å", "place of each atom where it starts, the surface looking along +z"),
}
#: Columns of the group grid/, there where flows are stored.
GRID = ("cells_along", "cells_away", "wake")
#: Fields in double precision: cells at the wall are a millionth of a chord thick.
PRECISE = ("node_x", "node_y", "wall_normal_x", "wall_normal_y", "wall_height")
COORDINATES = "surface nodes (x, y) from the upper trailing edge around the nose to the lower trailing edge"

STATUS_CODES = {status.value: code for code, status in enumerate(Status)}
STATUS_TYPE = h5py.enum_dtype(STATUS_CODES, basetype=np.uint8)
TEXT_TYPE = h5py.string_dtype("utf-8")

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
SCALARS_PER_CHUNK = 4096
VALUES_PER_CHUNK = 1 << 16  # of ragged fields
FIELD_ROWS_PER_CHUNK = 64  # about 40 kB: one row out of many is read without unpacking a megabyte


class DataFileError(ValueError):
    """A file that cannot be read as a data set: cut short, damaged, foreign, or from another format version."""


def meaning(name: str) -> tuple[str, str]:
    """Unit and description of the dataset at `name` in the file ("outputs/cd", "shapes/coordinates").

    Raises:
        ValueError: the name is no part of the format and names no declared quantity.
    """
    table, _, part = name.rpartition("/")
    if part == "offsets":
        return "-", f"row r of {table.rpartition('/')[2]} is values[offsets[r]:offsets[r + 1]]"
    name = table if part == "values" else name
    if name in BOOKKEEPING:
        return "-", BOOKKEEPING[name]
    if name in PLACES:
        return PLACES[name]
    if name == "shapes/coordinates":
        return "chord", COORDINATES
    group, _, word = name.partition("/")
    declared = quantity(word)
    description = PRESCRIBED.get(word, declared.description) if group == "inputs" else declared.description
    return declared.unit, description


def field_type(name: str) -> "type[np.float32] | type[np.float64]":
    """Precision in which a field is stored."""
    return np.float64 if name in PRECISE else np.float32


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The data file at `path`, open for reading, its format checked; the block should do nothing but read.

    Raises:
        DataFileError: no data file of this version, or one that is cut short or damaged.
        FileNotFoundError: nothing at `path`.
    """
    file = open_file(path)
    try:
        with explained(path):
            yield file
    finally:
        file.close()


def open_file(path: Path) -> h5py.File:
    """As `opened`, for a file that stays open; the caller closes it."""
    if not path.is_file():
        raise FileNotFoundError(f"no data file at {path}")
    with explained(path):
        file = h5py.File(path, "r")
    try:
        with explained(path):
            _check_version(path, file)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what HDF5 says about a file that is cut short or damaged into one sentence."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        raise DataFileError(
            f"{path} is cut short, damaged or no HDF5 file ({_first_clause(error)}); copy it again from its source, "
            "or delete it and simulate again"
        ) from error


def _check_version(path: Path, file: h5py.File) -> None:
    name, version = file.attrs.get("format"), file.attrs.get("format_version")
    if name != FORMAT_NAME or version is None:
        raise DataFileError(f"{path} is no data set: its root attribute 'format' must be {FORMAT_NAME!r}; got {name!r}")
    if version != FORMAT_VERSION:
        raise DataFileError(
            f"{path} has format_version {version}, and this code reads version {FORMAT_VERSION}; "
            "simulate again or use the release that wrote it"
        )


def _first_clause(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
