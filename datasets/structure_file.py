"""Structures of a file as the rows of a data set."""

from functools import lru_cache
from pathlib import Path

from understudy.datasets.tables import StructureTable
from understudy.simulators.materials.case import Role, SlabCase


def structures_of(path: Path, start: int, stop: int) -> StructureTable:
    """The structures start .. stop - 1 of a file that ASE can read.

    Those that say so by the same word `slab` are of one family, or else those of one composition.

    Raises:
        FileNotFoundError, StructureError: no such file, or one with a structure that is no slab.
        ImportError: ASE is not installed.
    """
    every, told = _read(path, path.stat().st_mtime_ns)
    case = every[start:stop]
    names = [(word or slab, what) for word, (slab, what) in zip(told[start:stop], named_rows(case), strict=True)]
    return StructureTable.of(
        case,
        name=[f"{slab}, {what or 'clean'}" for slab, what in names],
        kind=[path.name] * len(case),
        families=[(slab,) for slab, _ in names],
    )


def count_of(path: Path) -> int:
    """Structures in a file."""
    return len(_read(path, path.stat().st_mtime_ns)[1])


def named_rows(case: SlabCase) -> list[tuple[str, str]]:
    """`named` of every row."""
    return [named(case, row) for row in range(len(case))]


def named(case: SlabCase, row: int) -> tuple[str, str]:
    """Composition of the slab of a row, such as "Cu12Pt4", and its adsorbate."""
    start, stop = case.offsets[row : row + 2].tolist()
    metal = case.role[start:stop] != Role.ADSORBATE
    symbols = [symbol for symbol, kept in zip(case.symbols(row), metal.tolist(), strict=True) if kept]
    counts = {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}
    return "".join(f"{symbol}{count}" for symbol, count in counts.items()), case.adsorbate(row)


@lru_cache(maxsize=1)
def _read(path: Path, _: int) -> tuple[SlabCase, list[str]]:
    """All of a file, and what each structure calls its slab; read again when it has changed."""
    from understudy.simulators.materials.atoms import case_of, read_atoms  # ASE is an extra

    found = read_atoms(path)
    return case_of(found), [str(atoms.info.get("slab", "")) for atoms in found]
