"""Simulators by name; the code of one is imported when it is asked for, so that the others may lack their programs."""

from importlib import import_module

from understudy.simulators.interface import Simulator

SIMULATORS = {
    "viscous": "understudy.simulators.airfoil.viscous:ViscousSimulator",
    "xfoil": "understudy.simulators.airfoil.xfoil:Xfoil",
    "rans": "understudy.simulators.airfoil.rans:Rans",
    "openfoam": "understudy.simulators.airfoil.openfoam:OpenFoam",
}
#: Those that give the flow around the airfoil: `Simulator.fields`.
WITH_FIELDS = ("rans",)


def simulator(name: str) -> Simulator:
    """The simulator of that name, in its standard configuration.

    Args:
        name: a key of `SIMULATORS`, or "module:Class" for one of your own; the class is made without arguments. Worker
            processes make theirs from the same name.

    Raises:
        ValueError: no such name, or a "module:Class" that is not there.
        TypeError: the class is not a `Simulator`.
    """
    place = SIMULATORS.get(name, name)
    if ":" not in place:
        raise ValueError(f"expected one of the simulators {', '.join(SIMULATORS)}, or 'module:Class'; got {name!r}")
    made = _class_at(place)()
    if not isinstance(made, Simulator):
        raise TypeError(f"{place} is not a Simulator: it must derive from understudy.simulators.interface.Simulator")
    return made


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
        raise ValueError(f"the simulator {place!r} is not there: no module {error.name!r}") from error
    if not hasattr(module, class_name):
        raise ValueError(f"the simulator {place!r} is not there: {module_name} has no {class_name!r}")
    found: type = getattr(module, class_name)
    return found
