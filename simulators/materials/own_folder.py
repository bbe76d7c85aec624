"""A folder of its own for each calculator that works with files, so that no two processes read each other's output."""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase.calculators.calculator import Calculator


def made_in_own_folder(kind: type[Calculator], arguments: Mapping[str, Any]) -> Calculator:
    """A calculator whose `directory`, if it has one, is shared with no other one.

    A new folder in the `directory` that the arguments or the class name, which stays; where they name none, a temporary
    one, which goes with the calculator, at the latest when the process exits.

    Args:
        kind: class of the calculator. arguments: that it is made with.

    Raises:
        OSError: the folder cannot be made. What else the class raises.
    """
    calculator = kind(**arguments)
    place = getattr(calculator, "directory", None)
    if not isinstance(place, str | Path):
        return calculator
    named = "directory" in arguments or Path(place) != Path()
    if named:
        Path(place).mkdir(parents=True, exist_ok=True)
    own = tempfile.mkdtemp(prefix="understudy-", dir=Path(place).resolve() if named else None)
    if not named:
        weakref.finalize(calculator, shutil.rmtree, own, ignore_errors=True)
    calculator.directory = type(place)(own)
    return calculator
