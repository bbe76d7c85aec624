"""Simulators by name; the code of one is imported when it is asked for, so that the others may lack their programs."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType

from understudy.simulators.interface import Predictor, Simulator, Subject
from understudy.simulators.specification import Specification, made, options_of

OF_AIRFOILS = {
    "viscous": "understudy.simulators.airfoil.viscous:ViscousSimulator",
    "xfoil": "understudy.simulators.airfoil.xfoil:Xfoil",
    "rans": "understudy.simulators.airfoil.rans:Rans",
    "openfoam": "understudy.simulators.airfoil.openfoam:OpenFoam",
}
OF_SLABS = {
    "emt": "understudy.simulators.materials.emt:Emt",
    "gpaw": "understudy.simulators.materials.gpaw_simulator:GpawSimulator",
}
SIMULATORS = OF_AIRFOILS | OF_SLABS
#: Those that give the flow around the airfoil: `Simulator.fields`.
WITH_FIELDS = ("rans",)


class NoSimulatorError(TypeError):
    """Something that answers no cases, in the place of a simulator."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"expected a calculator of ASE or a Simulator (understudy.simulators.interface); {place} is neither"
        )


def simulator(words: str, about: Subject | None = None) -> Simulator:
    """The simulator in words, with its standard options but for those that are named.

    Args:
        words: a key of `SIMULATORS`, or "module:Class" for one of your own or a calculator of ASE, installed or in the
            working folder; options behind a colon, such as "rans:model=euler,grid=193x49" (`specification`). Worker
            processes make theirs from the same words.

    Rarely needed:
        about: what it is to be asked about; anything if not given.

    Raises:
        ValueError: no such name or option, a value that the simulator refuses, a "module:Class" that is not there, or
            a simulator of something else.
        NoSimulatorError: the class is neither a `Simulator` nor a calculator of ASE.
    """
    asked = Specification.of(words)
    place = _place(asked.name)
    if place is None:
        names = names_about(about)
        raise ValueError(
            f"expected one of the simulators {', '.join(names)}, or {own_words(about)}; got {words!r}"
            f"{near_match(asked.name, names)}"
        )
    kind = _class_at(place)
    if is_calculator(kind):
        from understudy.simulators.materials.any_calculator import AnyCalculator  # ASE is an extra

        found: Simulator = AnyCalculator(kind, asked)
    elif issubclass(kind, Simulator):
        found = made(kind, asked)
    else:
        raise NoSimulatorError(place)
    if about is not None:
        require_about(found, about, words)
    return found


def require_about(found: Predictor, about: Subject, words: object) -> None:
    """Refuse who answers cases of another kind.

    Raises:
        ValueError: the sentence says who answers these.
    """
    if found.about is not about:
        raise ValueError(
            f"expected someone who answers cases of the kind {about}; {words} answers {found.about}: "
            f"ask {', '.join(names_about(about))} or a surrogate of these"
        )


def names_about(about: Subject | None) -> tuple[str, ...]:
    """Names of the simulators of something; of all where nothing is given."""
    return tuple({None: SIMULATORS, Subject.AIRFOIL: OF_AIRFOILS, Subject.SLAB: OF_SLABS}[about])


def own_words(about: Subject | None) -> str:
    """How a simulator that has no name here is told."""
    return "package.module:Class of a calculator of ASE" if about is Subject.SLAB else "package.module:Class"


def near_match(word: str, names: Sequence[str]) -> str:
    """The end of a sentence that names what was probably meant; empty if nothing is near."""
    found = get_close_matches(word, names, 1)
    return f": did you mean {found[0]}?" if found else ""


def is_calculator(kind: type) -> bool:
    """Whether a class is one of ASE's calculators; no question for ASE, which may not be there."""
    return any(base.__module__ == "ase.calculators.calculator" for base in kind.__mro__)


def option_names(words: str) -> tuple[str, ...]:
    """Options that the simulator in words has; none where the words name no simulator.

    Raises:
        ValueError: a "module:Class" that is not there.
    """
    place = _place(Specification.of(words).name)
    return () if place is None else options_of(_class_at(place))


def _place(name: str) -> str | None:
    """Module and class of the simulator of that name, if there may be one."""
    known, colon, _ = name.partition(":")
    if known in SIMULATORS and colon:
        raise ValueError(
            f"expected the options of a simulator as {known}:option=value,option=value; got {name!r}; it has "
            f"{', '.join(options_of(_class_at(SIMULATORS[known]))) or 'none'}"
        )
    return SIMULATORS.get(name, name if colon else None)


def require_fields(found: Simulator) -> None:
    """Refuse a simulator that gives no flow around the airfoil.

    Raises:
        ValueError: `fields` is empty; the sentence says who gives one.
    """
    if not found.fields:
        raise ValueError(f"{found.name} gives no flow fields; these simulators do: {', '.join(WITH_FIELDS)}")


def _class_at(place: str) -> type:
    module_name, _, class_name = place.partition(":")
    try:
        module = _module(module_name)
    except ModuleNotFoundError as error:
        if not _misses(error, module_name):
            raise  # the module is there, something that it imports is not: say that instead
        raise ValueError(
            f"the simulator {place!r} is not there: no module {error.name!r} in the working folder ({Path.cwd()}), nor "
            "is one installed; run where its file lies, or install it (a published package by pip install NAME)"
        ) from error
    if not hasattr(module, class_name):
        raise ValueError(f"the simulator {place!r} is not there: {module_name} has no {class_name!r}")
    found = getattr(module, class_name)
    if not isinstance(found, type):
        raise NoSimulatorError(place)
    return found


def _module(name: str) -> ModuleType:
    """The module of that name: one that is installed, or else one that lies in the working folder."""
    here = str(Path.cwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if here in sys.path or not _misses(error, name):
            raise
    sys.path.append(here)  # commands lack it; last, so that no file there stands for a package
    try:
        return import_module(name)
    except BaseException:
        sys.path.remove(here)  # otherwise it stays: processes that are started find the module there, too
        raise


def _misses(error: ModuleNotFoundError, name: str) -> bool:
    """Whether the module itself is not there, or a package that it lies in."""
    return error.name is not None and f"{name}.".startswith(f"{error.name}.")
