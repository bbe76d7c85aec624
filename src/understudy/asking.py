"""Who answers and what is asked, by name: the two words that change when a simulation is swapped for its understudy."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Subject
from understudy.simulators.registry import SIMULATORS, names_about, near_match, own_words, require_about, simulator
from understudy.simulators.shapes import airfoil as airfoil_called
from understudy.simulators.shapes import panel
from understudy.surrogate.checkpoint import PRETRAINED, PRETRAINED_SLAB, SUFFIX, load

if TYPE_CHECKING:
    from ase import Atoms

    from understudy.simulators.materials.case import SlabCase

NODES = 160  # surface nodes of a case made here
CHECKPOINT = f"surrogate{SUFFIX}"  # what a training leaves in its folder

#: Ends of names of files, in small letters: of atoms, and of airfoils.
OF_ATOMS = (".xyz", ".extxyz", ".cif", ".vasp", ".poscar", ".traj", ".db", ".json", ".gpw", ".pdb", ".xsf", ".cell")
OF_AIRFOILS = (".dat", ".txt", "")
#: Names of files of atoms that have no such end.
ATOMS_CALLED = ("POSCAR", "CONTCAR", "OUTCAR")

Number = int | float | Sequence[float] | Sequence[int] | Tensor


def predictor(name: str | Path = "surrogate", about: Subject | str | None = None) -> Predictor:
    """Whoever answers to that name.

    Args:
        name: "surrogate" (the pretrained one), a simulator ("viscous", "rans:model=euler,grid=193x49", "emt", or
            "module:Class"; see `simulators.specification`), or the path of a checkpoint or of the folder of a training.
        about: what it is to be asked about, "airfoil" or "slab". Of two that are called "surrogate" it says which, that
            of airfoils if not given; whoever answers something else is refused.

    Raises:
        ValueError: no such name, option or file, no surrogate has been trained yet, or one that answers something else.
        CheckpointError: a file that holds no surrogate this version can use.
        XfoilNotInstalledError: XFOIL is asked for and not there.
    """
    if about is None:
        return _called(str(name), None)
    subject = _subject(about)
    found = _called(str(name), subject)
    require_about(found, subject, name)
    return found


def _subject(word: Subject | str) -> Subject:
    if word not in tuple(Subject):
        raise ValueError(f"expected one of {', '.join(Subject)} as what is asked about; got {word!r}")
    return Subject(word)


def _called(word: str, about: Subject | None) -> Predictor:
    if word == "surrogate":
        place = PRETRAINED_SLAB if about is Subject.SLAB else PRETRAINED
        if not place.is_file():
            raise ValueError(
                "no pretrained surrogate is installed; train one (understudy train) and give the path of its "
                f"checkpoint, or let a simulator answer, such as {'emt' if about is Subject.SLAB else 'viscous'}"
            )
        return load(place)
    if word in SIMULATORS or ":" in word:
        return simulator(word, about)
    path = Path(word)
    if path.is_dir():
        if not (path / CHECKPOINT).is_file():
            raise ValueError(f"the folder {word} holds no {CHECKPOINT}; finish its training (understudy train)")
        return load(path / CHECKPOINT)
    if not path.is_file():
        names = ("surrogate", *names_about(about))
        raise ValueError(
            f"expected one of {', '.join(names)}, {own_words(about)}, or the path of a checkpoint or of the folder of "
            f"a training; got {word!r}, and no such file is there{near_match(word, names)}"
        )
    return load(path)


def case(
    airfoil: str | Path,
    alpha: Number | None = None,
    reynolds: Number = 1e6,
    *,
    cl: Number | None = None,
    mach: Number = 0.0,
    n_crit: Number = 9.0,
    trip_top: Number = 1.0,
    trip_bottom: Number = 1.0,
) -> AirfoilCase:
    """One airfoil in one or many conditions.

    Args:
        airfoil: a NACA section, a name of the airfoil library, or the path of a .dat file.
        alpha: angle of attack [deg], a number or many; or cl: the lift coefficient that is wanted [-].
        reynolds: on the chord [-].

    Rarely needed:
        mach, n_crit, trip_top, trip_bottom: as in `AirfoilCase`.

    Raises:
        ValueError: no such airfoil, a contour that cannot be repaired, or a condition out of its range.
        TypeError: no name; atoms are asked by `slab_case`.
    """
    if not isinstance(airfoil, str | Path):
        raise TypeError(
            f"expected an airfoil by name or file; got {_told(airfoil)}: slabs are asked by understudy.slab_case"
        )
    if _named_as_atoms(Path(airfoil)):
        raise ValueError(
            f"expected an airfoil; got {airfoil}, a file of atoms by its name: slabs are asked by understudy.slab_case"
        )
    nodes = panel(airfoil_called(airfoil).coordinates[None], NODES)[0]
    return AirfoilCase.of(
        nodes,
        None if alpha is None else _values(alpha),
        _values(reynolds),
        cl=None if cl is None else _values(cl),
        mach=_values(mach),
        n_crit=_values(n_crit),
        trip_top=_values(trip_top),
        trip_bottom=_values(trip_bottom),
    )


def slab_case(slabs: "str | Path | Atoms | Sequence[Atoms]") -> "SlabCase":
    """Slabs with what stands on them, as they are to be relaxed.

    Args:
        slabs: the path of a file that ASE reads, which may hold many, or ASE's `Atoms`, one or a list of them.

    Raises:
        StructureError: a structure that is no slab, or a file that cannot be read to its end.
        FileNotFoundError: no such file. TypeError: something else.
    """
    from ase import Atoms  # an extra

    from understudy.simulators.materials.atoms import case_of, read_atoms

    if isinstance(slabs, str | Path):
        return case_of(read_atoms(slabs))
    if isinstance(slabs, Atoms):
        return case_of([slabs])
    strange = [one for one in slabs if not isinstance(one, Atoms)] if isinstance(slabs, Sequence) else [slabs]
    if strange:
        raise TypeError(f"expected the path of a file, ASE's Atoms or a list of them; got {_told(strange[0])}")
    return case_of(slabs)


def is_structures(name: str) -> bool:
    """Whether that is the name of a file of atoms, not of an airfoil."""
    path = Path(name)
    return _named_as_atoms(path) or (path.is_file() and path.suffix.lower() not in OF_AIRFOILS)


def _named_as_atoms(path: Path) -> bool:
    return path.suffix.lower() in OF_ATOMS or path.name in ATOMS_CALLED


def _told(thing: object) -> str:
    return f"something of the kind {type(thing).__name__}"


def _values(number: Number) -> Tensor:
    return torch.as_tensor(number, dtype=torch.float64)
