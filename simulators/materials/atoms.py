"""From ASE's atoms to cases and back: any slab that ASE can read is a question."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.constraints import FixAtoms
from ase.neighborlist import neighbor_list

from understudy.simulators.materials.adsorbates import ADSORBATES
from understudy.simulators.materials.anomaly import INSIDE
from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.elements import COVALENT_RADII
from understudy.simulators.materials.layers import LAYER, layers_of

#: Atoms that are an adsorbate where nothing else says so: what stands on metals.
ADSORBED = ("H", "C", "N", "O")
#: Other elements that no slab of metal is made of: what they are part of must be said.
NO_METALS = ("F", "P", "S", "Cl", "Se", "Br", "I", "He", "Ne", "Ar", "Kr", "Xe", "Rn")
#: Empty space along the normal below which a slab sees its image [Å].
LEAST_VACUUM = 5.0
#: Distance of two atoms, over the sum of their covalent radii, below which no calculator should be asked: bonds of
#: molecules are 0.8, metals strained by 15 % 0.85, hydrogen deep in a hollow 0.9.
OVERLAP = 0.6
#: Files that are databases of ASE: they keep neither `info` nor arrays of one's own unless they are told.
DATABASES = (".db", ".json")
#: Place [Å] to which positions must agree for two structures to be one.
DIGITS = 5
#: Array that says which atoms are held where no constraint does: files drop one that holds nothing.
HELD = "fixed"


class StructureError(ValueError):
    """Atoms that are no slab with something on it, or a file that holds none."""


def read_atoms(path: str | Path) -> list[Atoms]:
    """All structures of a file of any format that ASE knows.

    Raises:
        FileNotFoundError: no such file.
        StructureError: a file that cannot be read to its end.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of structures at {path}")
    try:
        found = _database(path) if path.suffix in DATABASES else ase.io.read(path, index=":")
    except Exception as error:  # each of ASE's readers raises its own kind
        raise StructureError(f"{path} is cut short or no file of structures ({_one_line(error)})") from error
    return found if isinstance(found, list) else [found]


def case_of(structures: Sequence[Atoms]) -> SlabCase:
    """A batch of ASE's atoms.

    The adsorbate is what the array `role` says, or all H, C, N and O; atoms that a `FixAtoms` holds are held, or those
    that the array `fixed` names, and otherwise all below the two upper layers. Cells are turned so that the surface
    looks along +z.

    Raises:
        StructureError: a structure that is no slab; the sentence says which and why.
    """
    if not structures:
        raise StructureError("expected at least one structure; got none")
    rows = []
    for number, atoms in enumerate(structures):
        try:
            rows.append(_row(atoms))
        except StructureError as error:
            raise StructureError(f"structure {number}: {error}") from None
    return SlabCase.concatenate(rows)


def asked(atoms: Atoms) -> SlabCase | str:
    """The case of one structure, or the sentence that says why it is none."""
    try:
        return _row(atoms)
    except ValueError as error:
        return " ".join(str(error).split())


def atoms_of(case: SlabCase, row: int) -> Atoms:
    """A row as ASE's atoms, its roles in the array `role`, its held atoms under a constraint.

    Raises:
        ValueError: a mixture, which no simulator can be asked.
    """
    if not case[row : row + 1].real:
        raise ValueError("a site that holds a mixture of elements is no atom; round the occupations first")
    start, stop = case.offsets[row : row + 2].tolist()
    atoms = Atoms(
        symbols=list(case.symbols(row)),
        positions=case.positions[start:stop].detach().cpu().double().numpy(),
        cell=case.cell[row].detach().cpu().double().numpy(),
        pbc=case.periodic[row].tolist(),
    )
    atoms.set_array("role", case.role[start:stop].cpu().numpy(), dtype=int)
    atoms.set_constraint(FixAtoms(mask=case.fixed[start:stop].cpu().numpy()))
    return atoms


def key_of(atoms: Atoms) -> str:
    """A name that structures share which are the same to five digits: elements, places, cell, and what is held."""
    held = [constraint.index.tolist() for constraint in atoms.constraints if isinstance(constraint, FixAtoms)]
    digest = sha256(json.dumps([atoms.numbers.tolist(), atoms.pbc.tolist(), held]).encode())
    for values in (atoms.positions, atoms.cell.array):
        digest.update((np.round(values, DIGITS) + 0.0).tobytes())
    return digest.hexdigest()[:24]


def roles_of(atoms: Atoms) -> np.ndarray:
    """`Role` of each atom: what the array `role` says, or found from elements and heights.

    ASE's tags are not asked: its builders number layers by them, and other data sets mean bulk, surface and adsorbate.

    Raises:
        StructureError: a role that is none, or, where none is said, atoms that are neither metal nor in `ADSORBATES`.
    """
    if atoms.has("role"):
        return _told_roles(np.asarray(atoms.get_array("role")))
    symbols = atoms.get_chemical_symbols()
    foreign = [symbol for symbol in dict.fromkeys(symbols) if symbol in NO_METALS]
    if foreign:
        raise StructureError(
            f"no adsorbate that is known is made of {', '.join(foreign)} (they are {', '.join(ADSORBATES)}): remove it "
            "or say by the array role what its atoms are part of (0 inside the slab, 1 on its surface, 2 in the "
            "adsorbate)"
        )
    adsorbed = np.isin(symbols, ADSORBED)
    if adsorbed.all():
        raise StructureError("expected a slab of metal; got nothing but H, C, N and O")
    top = atoms.positions[~adsorbed, 2].max()
    surface = ~adsorbed & (atoms.positions[:, 2] > top - LAYER)
    return np.where(adsorbed, Role.ADSORBATE, np.where(surface, Role.SURFACE, Role.BULK))


def _told_roles(told: np.ndarray) -> np.ndarray:
    if not np.isin(told, list(Role)).all() or not (told == Role.SURFACE).any():
        found = ", ".join(str(one) for one in np.unique(told).tolist())
        raise StructureError(
            "expected role to be 0 inside the slab, 1 on its surface and 2 in the adsorbate, with a surface in each "
            f"structure; got {found}: leave the array out where it means something else"
        )
    return told.astype(int)


def _database(path: Path) -> list[Atoms]:
    """Structures of one of ASE's databases, with what it holds apart where other files have it."""
    structures = []
    with ase.db.connect(path) as database:
        for row in database.select():
            atoms = row.toatoms()
            atoms.info |= row.key_value_pairs
            for name, values in row.data.items():
                if np.shape(values)[:1] == (len(atoms),):
                    atoms.set_array(name, np.asarray(values))
            structures.append(atoms)
    return structures


def _row(atoms: Atoms) -> SlabCase:
    if not len(atoms):
        raise StructureError("expected atoms; got none")
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        raise StructureError("positions and cell must be finite; got NaN or infinity")
    if abs(atoms.cell.volume) < 1e-6:
        raise StructureError("the cell must span a volume; give all three vectors")
    foreign = [symbol for symbol in dict.fromkeys(atoms.get_chemical_symbols()) if symbol not in COVALENT_RADII]
    if foreign:
        raise StructureError(f"expected elements from hydrogen to radon; got {', '.join(foreign)}")
    atoms = _upright(atoms)
    role = roles_of(atoms)
    if not atoms.pbc[:2].all():
        raise StructureError(
            f"expected a slab that repeats along its first two vectors; got pbc = {tuple(atoms.pbc.tolist())}: "
            "set it to (True, True, False), in a cell that the slab fills from edge to edge"
        )
    metal = role != Role.ADSORBATE
    free = _vacuum(atoms.positions[metal, 2], atoms.cell[2, 2], bool(atoms.pbc[2]))
    if free < LEAST_VACUUM:
        raise StructureError(
            f"expected a slab with at least {LEAST_VACUUM:g} Å of vacuum along the third cell vector; got {free:.2f} Å"
        )
    _require_apart(atoms)
    _require_above(atoms.positions[:, 2], role)
    held = _held(atoms, metal)
    symbols = atoms.get_chemical_symbols()
    elements = tuple(dict.fromkeys(symbols))
    columns = torch.tensor([elements.index(symbol) for symbol in symbols])
    return SlabCase(
        elements=elements,
        occupation=torch.nn.functional.one_hot(columns, len(elements)).double(),
        positions=torch.from_numpy(atoms.positions.copy()),
        cell=torch.from_numpy(atoms.cell.array.copy())[None],
        periodic=torch.tensor(atoms.pbc.tolist())[None],
        fixed=torch.from_numpy(held),
        role=torch.from_numpy(role),
        offsets=torch.tensor([0, len(atoms)]),
    )


def _upright(atoms: Atoms) -> Atoms:
    """A copy in a standard cell (a along x, b in the xy plane), whole: wrapped along the surface only."""
    atoms = atoms.copy()
    cell, rotation = atoms.cell.standard_form()
    atoms.set_cell(cell)
    atoms.positions = atoms.positions @ rotation.T
    if abs(atoms.cell[2, :2]).max() > 1e-6 * atoms.cell[2, 2]:
        atoms.set_cell([*atoms.cell[:2], [0, 0, atoms.cell[2, 2]]])  # the third vector is empty space
    atoms.wrap(pbc=(True, True, False))
    return atoms


def _vacuum(heights: np.ndarray, height: float, periodic: bool) -> float:
    """The widest gap along the normal, over the cell's edge where it repeats."""
    ordered = np.sort(heights)
    if not periodic:
        return np.inf
    gaps = np.append(np.diff(ordered), height - (ordered[-1] - ordered[0]))
    if gaps.max() >= LEAST_VACUUM and gaps.argmax() != len(gaps) - 1:
        raise StructureError("the slab crosses the edge of its cell; move it inside along the third vector")
    return float(gaps.max())


def _require_apart(atoms: Atoms) -> None:
    """Refuse atoms inside each other, images included."""
    symbols = atoms.get_chemical_symbols()
    radii = [COVALENT_RADII[symbol] for symbol in symbols]
    first, second, distance = neighbor_list("ijd", atoms, [OVERLAP * radius for radius in radii])
    if len(distance):
        nearest = distance.argmin()
        one, other = sorted((int(first[nearest]), int(second[nearest])))
        whose = "its own image" if one == other else f"atom {other} ({symbols[other]})"
        raise StructureError(
            f"expected atoms at least {OVERLAP:g} of the sum of their covalent radii apart "
            f"({OVERLAP * (radii[one] + radii[other]):.2f} Å); got {distance[nearest]:.2f} Å between atom {one} "
            f"({symbols[one]}) and {whose}: move them apart, or delete one"
        )


def _require_above(heights: np.ndarray, role: np.ndarray) -> None:
    """Refuse an adsorbate inside the slab, or below it."""
    adsorbed = role == Role.ADSORBATE
    if not adsorbed.any():
        return
    above = heights[adsorbed].min() - heights[role == Role.SURFACE].mean()
    if above < -INSIDE:
        raise StructureError(
            f"expected the adsorbate above the surface, which looks along +z; got its lowest atom {-above:.2f} Å below "
            "the surface atoms: move it above them, or turn the slab over"
        )


def _held(atoms: Atoms, metal: np.ndarray) -> np.ndarray:
    told = [constraint for constraint in atoms.constraints if isinstance(constraint, FixAtoms)]
    held = np.zeros(len(atoms), dtype=bool)
    for constraint in told:
        held[constraint.index] = True
    if held.any():
        return held
    if atoms.has(HELD):
        return np.asarray(atoms.get_array(HELD), dtype=bool)
    if told:
        return held
    held[metal] = layers_of(atoms.positions[metal, 2]) > 1
    return held


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
