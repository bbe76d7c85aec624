"""Structures of a file as the rows of a data set."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.datasets.tables import StructureTable
from understudy.simulators.materials.case import Role, SlabCase

if TYPE_CHECKING:
    from ase import Atoms


def structures_of(path: Path, start: int, stop: int) -> StructureTable:
    """The structures start .. stop - 1 of a file that ASE can read.

    Those that say so by the same word `slab` are of one family, or else those of one composition.

    Raises:
        FileNotFoundError, StructureError: no such file, or one with a structure that is no slab.
        ImportError: ASE is not installed.
    """
    case, told = _read(path, path.stat().st_mtime_ns)
    return table_of(case[start:stop], told[start:stop], path.name)


def table_of(case: SlabCase, slabs: Sequence[str], kind: str) -> StructureTable:
    """Structures as a table; `slabs` says what the slab of each is called, nothing for its composition."""
    named_rows = [named(case, row) for row in range(len(case))]
    names = [(word or slab, what) for word, (slab, what) in zip(slabs, named_rows, strict=True)]
    return StructureTable.of(
        case,
        name=[f"{slab}, {what or 'clean'}" for slab, what in names],
        kind=[kind] * len(case),
        families=[(slab,) for slab, _ in names],
    )


def slab_names(structures: "Sequence[Atoms]") -> list[str]:
    """What each structure calls its slab."""
    return [str(atoms.info.get("slab", "")) for atoms in structures]


def count_of(path: Path) -> int:
    """Structures in a file."""
    return len(_read(path, path.stat().st_mtime_ns)[1])


def named(case: SlabCase, row: int) -> tuple[str, str]:
    """Composition of the slab of a row, such as "Cu12Pt4", and its adsorbate."""
    start, stop = case.offsets[row : row + 2].tolist()
    metal = case.role[start:stop] != Role.ADSORBATE
    symbols = [symbol for symbol, kept in zip(case.symbols(row), metal.tolist(), strict=True) if kept]
    counts = {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}
    return "".join(f"{symbol}{count}" for symbol, count in counts.items()), case.adsorbates[row]


@lru_cache(maxsize=1)
def _read(path: Path, _: int) -> tuple[SlabCase, list[str]]:
    """All of a file, and what each structure calls its slab; read again when it has changed."""
    from understudy.simulators.materials.atoms import case_of, read_atoms  # ASE is an extra

    found = read_atoms(path)
    return case_of(found), slab_names(found)
