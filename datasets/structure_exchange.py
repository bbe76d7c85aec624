"""Data sets of structures to extended XYZ and ASE's databases, and from any file that ASE reads.

A structure is written as it was asked, with its places at rest as the array `relaxed`, and one plain number or word for
each answer: nested tables do not survive these formats. Its roles and held atoms are the arrays `role` and `fixed`.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import ase.db
import ase.io
import numpy as np
from ase import Atoms

from understudy.datasets.format import DataFileError, opened
from understudy.datasets.provenance import IMPORTED, SETTINGS, Provenance
from understudy.datasets.ragged import Ragged
from understudy.datasets.reader import DataSet, RowIndex
from understudy.datasets.records import Array, Rows
from understudy.datasets.structure_file import slab_names, table_of
from understudy.datasets.whole_files import replacing
from understudy.datasets.writer import write
from understudy.simulators.interface import Status, Subject
from understudy.simulators.materials.adsorbates import reaction_of
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.atoms import DATABASES, HELD, StructureError, atoms_of, case_of, read_atoms
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.solution import QUANTITIES, REFERENCES

#: Ends of the names of files that keep answers, besides `DATABASES`; all are extended XYZ.
EXTENDED_XYZ = (".extxyz", ".xyz")
REACTION = "reaction"
RELAXED = "relaxed"


def export_structures(data: DataSet, path: str | Path, rows: RowIndex = slice(None)) -> int:
    """Write the rows as structures, failed ones too; give their number. The name of the file says its format.

    Raises:
        ValueError: a data set about something else, or a format that does not keep answers.
        DiskFullError: no room.
    """
    suffix = Path(path).suffix
    if suffix not in (*EXTENDED_XYZ, *DATABASES):
        known = ", ".join((*EXTENDED_XYZ, *DATABASES))
        raise ValueError(f"expected a file of atoms that keeps answers ({known}); got {Path(path).name}")
    if data.about is not Subject.SLAB:
        raise ValueError("expected slabs for a file of atoms; got airfoils: export these with --csv or --vtk")
    numbers = data.row_numbers(rows).reshape(-1)
    case = data.slab_case(numbers)
    structures = [_structure(case, place, data, row) for place, row in enumerate(numbers.tolist())]
    with replacing(Path(path)) as temporary:
        named = temporary.with_name(f"{temporary.name}{suffix}")  # databases are told by their suffix
        try:
            if suffix in DATABASES:
                _write_database(named, structures)
            else:
                ase.io.write(named, structures, format="extxyz")
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)
    return len(structures)


def import_structures(path: str | Path, out: str | Path, *, simulator: str, settings: str = "") -> int:
    """Make a data set of structures that were answered elsewhere; give their number.

    Args:
        path: a file that ASE reads; each structure holds `adsorption_energy` [eV] and whatever else of the quantities
            of slabs is known among its `info`, a clean slab `formation_energy`, and may hold `status`, `message`,
            `settings` and `reaction`.
        out: the data file. simulator: who answered. settings: all that decides its energies, where the structures do
            not say it.

    Raises:
        ValueError: a file at `out` that was not made by the same import.
        StructureError: an answered structure without its energy, with one that is no number or by another reaction than
            ours, or structures of different settings.
    """
    structures = read_atoms(path)
    case = case_of(structures)
    table = table_of(case, slab_names(structures), Path(path).name)
    status = tuple(Status(str(atoms.info.get("status", Status.OK))) for atoms in structures)
    told = [name for name in REFERENCES if any(name in atoms.info for atoms in structures)]
    outputs = {name: _answers(structures, name) for name in (*QUANTITIES, *told)}
    unanswered = np.array([one is not Status.OK for one in status])
    for row in np.flatnonzero(~unanswered).tolist():
        _require_energy(structures[row], case.adsorbates[row], row)
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
    provenance = _provenance(Path(path), structures, simulator, settings)
    _require_same(Path(out), provenance)
    write(Path(out), rows, provenance)
    return len(structures)


def _require_same(out: Path, provenance: Provenance) -> None:
    """Refuse a file that is there and was not made by the same import."""
    if not out.exists():
        return
    try:
        with opened(out) as file:
            same = file.attrs["identity"] == provenance.identity
    except DataFileError:
        same = False
    if not same:
        raise ValueError(
            f"expected a new file, or one made by the same import; {out} holds something else: "
            "choose another name, or delete it"
        )


def _require_energy(atoms: Atoms, adsorbate: str, row: int) -> None:
    """Refuse an answered structure that lacks its energy, or whose energy means something else than ours."""
    there = {name: np.isfinite(_answer(atoms, name)) for name in ("adsorption_energy", "formation_energy")}
    if adsorbate and not there["adsorption_energy"]:
        raise StructureError(f"structure {row}: expected adsorption_energy [eV] among its info; got none")
    if not adsorbate and there["adsorption_energy"]:
        raise StructureError(
            f"structure {row}: expected an adsorbate, having an adsorption_energy; got a clean slab: say which atoms "
            "are the adsorbate by the array role (0 inside the slab, 1 on its surface, 2 in the adsorbate)"
        )
    if not adsorbate and not there["formation_energy"]:
        raise StructureError(f"structure {row}: expected formation_energy [eV/atom] of a clean slab; got none")
    asked, told = reaction_of(adsorbate), " ".join(str(atoms.info.get(REACTION, "")).split())
    if told and told != asked:
        raise StructureError(
            f"structure {row}: expected an energy by {asked or 'the reaction of a known adsorbate'}; got one by "
            f"{told}: convert it with the energies of the molecules, and name the reaction anew"
        )


def _write_database(path: Path, structures: Sequence[Atoms]) -> None:
    """With what these files only keep if they are told."""
    with ase.db.connect(path) as database:
        for atoms in structures:
            arrays = {name: atoms.arrays[name] for name in ("role", HELD, RELAXED) if name in atoms.arrays}
            database.write(atoms, key_value_pairs=atoms.info, data=arrays)


def _structure(case: SlabCase, place: int, data: DataSet, row: int) -> Atoms:
    """With its answers: plain numbers and words only."""
    atoms = atoms_of(case, place)
    start, stop = case.offsets[place : place + 2].tolist()
    atoms.set_array(HELD, case.fixed[start:stop].numpy(), dtype=int)
    if reaction := reaction_of(case.adsorbates[place]):
        atoms.info[REACTION] = reaction
    atoms.info["case"] = int(data.case_numbers[row])
    atoms.info["slab"] = data.subject_families[int(data.subject[row])][0]
    atoms.info["status"] = str(data.status[row])
    if data.message[row]:  # an empty word does not survive extended XYZ
        atoms.info["message"] = data.message[row]
    atoms.info[SETTINGS] = data.settings(row)
    for name, column in data.outputs.items():
        if np.isfinite(value := float(column[row])):
            atoms.info[name] = value
    if RELAXED in data.field_names and len(places := data.ragged(RELAXED, row)):
        atoms.set_array(RELAXED, places.double().numpy().reshape(-1, 3))
    return atoms


def _answers(structures: Sequence[Atoms], name: str) -> Array:
    """What each structure says of a quantity.

    Raises:
        StructureError: something that is no number; the sentence says in which.
    """
    found = []
    for row, atoms in enumerate(structures):
        try:
            found.append(_answer(atoms, name))
        except (TypeError, ValueError):
            raise StructureError(f"structure {row}: expected a number as {name}; got {atoms.info[name]!r}") from None
    return np.array(found)


def _answer(atoms: Atoms, name: str) -> float:
    usual = 0.0 if name in tuple(Anomaly) else float("nan")
    return float(atoms.info.get(name, usual))


def _at_rest(atoms: Atoms) -> Array:
    return np.asarray(atoms.arrays.get(RELAXED, np.empty((0, 3))), dtype=np.float64)


def _provenance(path: Path, structures: Sequence[Atoms], simulator: str, settings: str) -> Provenance:
    told = {str(atoms.info[SETTINGS]) for atoms in structures if SETTINGS in atoms.info} or {settings}
    if len(told) > 1:
        raise StructureError(
            f"expected structures of one setting of the calculator; got {', '.join(sorted(told))}: "
            "import those of each into a file of its own"
        )
    return Provenance(
        simulator=simulator,
        simulator_version=IMPORTED,
        simulator_configuration={SETTINGS: told.pop()},
        planned=len(structures),
        design={"imported": sha256(path.read_bytes()).hexdigest()},
    )
