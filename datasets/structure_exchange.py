"""Data sets of structures from and to the files of other programs: extended XYZ, ASE's databases, whatever ASE knows.

A structure is written as it was asked, with its places at rest as the array `relaxed`, and one plain number or word for
each answer: nested tables do not survive these formats.
"""

from collections.abc import Sequence
from pathlib import Path

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.io.formats import filetype

from understudy.datasets.provenance import Provenance
from understudy.datasets.ragged import Ragged
from understudy.datasets.reader import DataSet, RowIndex
from understudy.datasets.records import Array, Rows
from understudy.datasets.structure_file import slab_names, table_of
from understudy.datasets.whole_files import replacing
from understudy.datasets.writer import write
from understudy.simulators.interface import Status
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.atoms import StructureError, atoms_of, case_of, read_atoms
from understudy.simulators.materials.solution import QUANTITIES

SETTINGS = "settings"  # of the calculator, as a word: rows of different ones are not comparable
RELAXED = "relaxed"


def export_structures(data: DataSet, path: str | Path, rows: RowIndex = slice(None)) -> int:
    """Write the rows as structures, failed ones too; give their number. The name of the file says its format.

    Raises:
        TypeError: a data set about something else. DiskFullError: no room.
    """
    numbers = data.row_numbers(rows).reshape(-1)
    case = data.slab_case(numbers)
    structures = [_structure(atoms_of(case, place), data, row) for place, row in enumerate(numbers.tolist())]
    with replacing(Path(path)) as temporary:
        named = temporary.with_name(f"{temporary.name}{Path(path).suffix}")  # databases are told by their suffix
        try:
            if named.suffix == ".db":
                _write_database(named, structures)
            else:
                ase.io.write(named, structures, format=filetype(str(path), read=False))
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)
    return len(structures)


def import_structures(path: str | Path, out: str | Path, *, simulator: str, settings: str = "") -> int:
    """Make a data set of structures that were answered elsewhere; give their number.

    Args:
        path: a file that ASE reads; each structure holds `adsorption_energy` [eV] and whatever else of the quantities
            of slabs is known among its `info`, and may hold `status`, `message` and `settings`.
        out: the data file. simulator: who answered. settings: all that decides its energies, where the structures do
            not say it.

    Raises:
        StructureError: no adsorption energy on an answered structure, or structures of different settings.
    """
    structures = read_atoms(path)
    table = table_of(case_of(structures), slab_names(structures), Path(path).name)
    status = tuple(Status(str(atoms.info.get("status", Status.OK))) for atoms in structures)
    outputs = {name: np.array([_answer(atoms, name) for atoms in structures]) for name in QUANTITIES}
    unanswered = np.array([one is not Status.OK for one in status])
    missing = np.flatnonzero(np.isnan(outputs["adsorption_energy"]) & ~unanswered)
    if len(missing):
        raise StructureError(f"structure {missing[0]}: expected adsorption_energy [eV] among its info; got none")
    for values in outputs.values():
        values[unanswered] = np.nan
    rows = Rows(
        table=table,
        case=np.arange(len(structures)),
        subject=np.arange(len(structures)),
        inputs={},
        outputs=outputs,
        fields={RELAXED: Ragged.of([_at_rest(atoms) for atoms in structures])},
        status=status,
        message=tuple(str(atoms.info.get("message", "")) for atoms in structures),
    )
    write(Path(out), rows, _provenance(structures, simulator, settings))
    return len(structures)


def _write_database(path: Path, structures: Sequence[Atoms]) -> None:
    """ASE's databases keep neither `info` nor arrays of one's own unless they are told."""
    with ase.db.connect(path) as database:
        for atoms in structures:
            arrays = {name: atoms.arrays[name] for name in ("role", RELAXED) if name in atoms.arrays}
            database.write(atoms, key_value_pairs=atoms.info, data=arrays)


def _structure(atoms: Atoms, data: DataSet, row: int) -> Atoms:
    """With its answers: plain numbers and words only."""
    atoms.info["case"] = int(data.case_numbers[row])
    atoms.info["slab"] = data.subject_families[int(data.subject[row])][0]
    atoms.info["status"] = str(data.status[row])
    if data.message[row]:  # an empty word does not survive extended XYZ
        atoms.info["message"] = data.message[row]
    atoms.info[SETTINGS] = data.provenance.settings
    for name, column in data.outputs.items():
        if np.isfinite(value := float(column[row])):
            atoms.info[name] = value
    if RELAXED in data.field_names and len(places := data.ragged(RELAXED, row)):
        atoms.set_array(RELAXED, places.double().numpy().reshape(-1, 3))
    return atoms


def _answer(atoms: Atoms, name: str) -> float:
    usual = 0.0 if name in tuple(Anomaly) else float("nan")
    return float(atoms.info.get(name, usual))


def _at_rest(atoms: Atoms) -> Array:
    return np.asarray(atoms.arrays.get(RELAXED, np.empty((0, 3))), dtype=np.float64)


def _provenance(structures: Sequence[Atoms], simulator: str, settings: str) -> Provenance:
    told = {str(atoms.info[SETTINGS]) for atoms in structures if SETTINGS in atoms.info} or {settings}
    if len(told) > 1:
        raise StructureError(
            f"expected structures of one setting of the calculator; got {', '.join(sorted(told))}: "
            "import those of each into a file of its own"
        )
    return Provenance(
        simulator=simulator,
        simulator_version="imported",
        simulator_configuration={SETTINGS: told.pop()},
        planned=len(structures),
    )
