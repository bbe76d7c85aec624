"""Who answers and what is asked, by name: the two words that change when a simulation is swapped for its understudy."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Predictor, Subject
from understudy.simulators.registry import SIMULATORS, names_about, near_match, own_words, require_about, simulator
from understudy.simulators.shapes import airfoil as airfoil_called
from understudy.simulators.shapes import panel
from understudy.surrogate.checkpoint import PRETRAINED, PRETRAINED_SLAB, SUFFIX, load

NODES = 160  # surface nodes of a case made here
CHECKPOINT = f"surrogate{SUFFIX}"  # what a training leaves in its folder

Number = int | float | Sequence[float] | Sequence[int] | Tensor


def predictor(name: str | Path = "surrogate", about: Subject = Subject.AIRFOIL) -> Predictor:
    """Whoever answers to that name.

    Args:
        name: "surrogate" (the pretrained one), a simulator ("viscous", "rans:model=euler,grid=193x49", or
            "module:Class"; see `simulators.specification`), or the path of a checkpoint or of the folder of a training.
        about: what it is to be asked about.

    Raises:
        ValueError: no such name, option or file, no surrogate has been trained yet, or one that answers something else.
        CheckpointError: a file that holds no surrogate this version can use.
        XfoilNotInstalledError: XFOIL is asked for and not there.
    """
    found = _called(str(name), about)
    require_about(found, about, name)
    return found


def _called(word: str, about: Subject) -> Predictor:
    if word == "surrogate":
        place = PRETRAINED if about is Subject.AIRFOIL else PRETRAINED_SLAB
        if not place.is_file():
            raise ValueError(
                "no pretrained surrogate is installed; train one (understudy train) and give the path of its "
                f"checkpoint, or let a simulator answer, such as {'viscous' if about is Subject.AIRFOIL else 'emt'}"
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
    """
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


def _values(number: Number) -> Tensor:
    return torch.as_tensor(number, dtype=torch.float64)
