"""A screening as files for other programs: all of it as CSV and HDF5, its best structures as extended XYZ."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from understudy.datasets.whole_files import replacing
from understudy.design.materials.screening import Screening, rows_of
from understudy.simulators.materials.adsorbates import reaction_of
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.quantities import QUANTITIES

ROWS_AT_ONCE = 4096
NAMES = ("slab", "adsorbate", "site")  # what people call a candidate


def write_csv(screening: Screening, path: Path) -> None:
    """Every candidate, one line each: listed ones first, in their order, then the others."""
    rows, rest = _every_row(screening), [name for name in screening.columns if name != "number"]
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["number", *NAMES, *rest])
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            number, *others = (_texts(screening.columns[name][some]) for name in ("number", *rest))
            table.writerows(zip(number, *_names(screening, some).values(), *others, strict=True))


def write_hdf5(screening: Screening, path: Path) -> None:
    """Every candidate, in the order of the CSV, one data set a column; each says its unit."""
    rows = _every_row(screening)
    names = {**_names(screening, rows), "message": screening.columns["message"][rows].tolist()}
    numbers = {name: column for name, column in screening.columns.items() if name != "message"}
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["listed"] = len(screening.order)
        for name, words in names.items():
            file.create_dataset(name, data=np.array(words, dtype=object), dtype=h5py.string_dtype())
        for name, column in numbers.items():
            made = file.create_dataset(name, data=column[rows], compression="gzip", compression_opts=1, shuffle=True)
            made.attrs["unit"] = unit_of(name)


def write_best(screening: Screening, constants: Mapping[str, float], path: Path) -> None:
    """The structures at the head of the list, if there are any, with what was promised of them."""
    rows = screening.order[: screening.problem.top]
    if len(rows):
        write_structures(screening.candidates(rows).case(constants), list(rows_of(screening, rows.tolist())), path)


def write_structures(case: SlabCase, told: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Slabs as extended XYZ, with what is told of each."""
    import ase.io  # an extra, which a screening does without

    from understudy.simulators.materials.atoms import atoms_of

    structures = []
    for row, words in enumerate(told):
        atoms = atoms_of(case, row)
        atoms.info |= {name: value for name, value in words.items() if _survives(value)}
        if reaction := reaction_of(case.adsorbates[row]):
            atoms.info["reaction"] = reaction
        structures.append(atoms)
    with replacing(path) as temporary:
        ase.io.write(temporary, structures, format="extxyz")


def _survives(value: object) -> bool:
    """Whether extended XYZ can hold it: neither what is not finite nor an empty word."""
    return bool(np.isfinite(value)) if isinstance(value, float) else value != ""


def unit_of(name: str) -> str:
    """Unit of a column."""
    plain = name.removesuffix("_low").removesuffix("_high")
    return QUANTITIES[plain].unit if plain in QUANTITIES else "-"


def _every_row(screening: Screening) -> np.ndarray:
    rest = np.setdiff1d(np.arange(len(screening)), screening.order)
    return np.concatenate((screening.order, rest))


def _names(screening: Screening, rows: np.ndarray) -> dict[str, list[str]]:
    """`NAMES` of some rows."""
    candidates = screening.candidates(rows)
    standing = candidates.standing()
    texts = (candidates.names(), [adsorbate for adsorbate, _ in standing], [site for _, site in standing])
    return dict(zip(NAMES, texts, strict=True))


def _texts(column: np.ndarray) -> list[Any]:
    values = column.tolist()
    if column.dtype.kind == "f":
        return [f"{value:.7g}" if math.isfinite(value) else "" for value in values]
    return [str(value).lower() for value in values] if column.dtype.kind == "b" else values
