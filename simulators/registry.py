"""Simulators by name; the code of one is imported when it is asked for, so that the others may lack their programs."""

from importlib import import_module

from understudy.simulators.interface import Simulator
from understudy.simulators.specification import Specification, made, options_of

SIMULATORS = {
    "viscous": "understudy.simulators.airfoil.viscous:ViscousSimulator",
    "xfoil": "understudy.simulators.airfoil.xfoil:Xfoil",
    "rans": "understudy.simulators.airfoil.rans:Rans",
    "openfoam": "understudy.simulators.airfoil.openfoam:OpenFoam",
    "emt": "understudy.simulators.materials.emt:Emt",
    "gpaw": "understudy.simulators.materials.gpaw_simulator:GpawSimulator",
}
#: Those that give the flow around the airfoil: `Simulator.fields`.
WITH_FIELDS = ("rans",)


def simulator(words: str) -> Simulator:
    """The simulator in words, with its standard options but for those that are named.

    Args:
        words: a key of `SIMULATORS`, or "module:Class" for one of your own or a calculator of ASE; options behind a
            colon, such as "rans:model=euler,grid=193x49" (`specification`). Worker processes make theirs from the same
            words.

    Raises:
        ValueError: no such name or option, a value that the simulator refuses, or a "module:Class" that is not there.
        TypeError: the class is not a `Simulator`.
    """
    asked = Specification.of(words)
    place = _place(asked.name)
    if place is None:
        raise ValueError(f"expected one of the simulators {', '.join(SIMULATORS)}, or 'module:Class'; got {words!r}")
    kind = _class_at(place)
    if is_calculator(kind):
        from understudy.simulators.materials.any_calculator import AnyCalculator  # ASE is an extra

        return AnyCalculator(kind, asked)
    found = made(kind, asked)
    if not isinstance(found, Simulator):
        raise TypeError(
            f"{place} is no simulator: it must derive from understudy.simulators.interface.Simulator or be a "
            "calculator of ASE"
        )
    return found


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
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, something that it imports is not: say that instead
        raise ValueError(
            f"the simulator {place!r} is not there: no module {error.name!r}; install the package that brings it "
            f"(pip install {error.name.partition('.')[0]}, if it is called so)"
        ) from error
    if not hasattr(module, class_name):
        raise ValueError(f"the simulator {place!r} is not there: {module_name} has no {class_name!r}")
    found: type = getattr(module, class_name)
    return found
