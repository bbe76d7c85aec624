"""What decides the energies of a calculator that is named in words: its code, its arguments, the files they name."""

import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import file_digest, sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from ase.calculators.calculator import Calculator

#: Arguments that say where a calculator works and writes; they decide no energy.
PLACES = ("directory", "label", "txt", "logfile", "log_file")
#: Modules that say what a class or a calculator is and compute nothing.
INTERFACES = ("abc", "builtins", "typing", "ase.calculators.abc", "ase.calculators.calculator")


def settings_of(kind: type[Calculator], name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides the energies of a calculator, as far as it can be seen without asking it; JSON-ready.

    Keys: `name`; the arguments but `PLACES`, a file by its name alone; `contents of ARGUMENT`, a hash of that file;
    `source of MODULE`, a hash of the text of each module that defines the class or one that it derives from, where
    there is a text; `version of PACKAGE`, of each installed package among them. The same in every process.

    Not seen: what those modules import, and programs that they start.

    Args:
        kind: class of the calculator. name: "module:Class". arguments: that it is made with.

    Raises:
        OSError: a file that an argument names cannot be read.
    """
    told = {argument: value for argument, value in arguments.items() if argument not in PLACES}
    paths = {argument: Path(value) for argument, value in told.items() if isinstance(value, str)}
    files = {argument: path for argument, path in paths.items() if path.is_file()}
    modules = _modules_of(kind)
    sources = {module: text for module in modules if (text := _source(module))}
    packages = {package for module in modules for package in _packages().get(module.partition(".")[0], ())}
    return {
        "name": name,
        **told,
        **{argument: path.name for argument, path in files.items()},
        **{f"contents of {argument}": _contents(path) for argument, path in files.items()},
        **{f"source of {module}": sha256(text.encode()).hexdigest()[:12] for module, text in sources.items()},
        **{f"version of {package}": metadata.version(package) for package in sorted(packages)},
    }


def _modules_of(kind: type) -> Iterable[str]:
    """Where the class and those that it derives from are defined, each once, but for `INTERFACES`."""
    return dict.fromkeys(base.__module__ for base in kind.__mro__ if base.__module__ not in INTERFACES)


def _source(module: str) -> str:
    """The text of a module; empty where there is none, as of one that is compiled."""
    try:
        return inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):  # made by hand, without its file, built in
        return ""


@cache
def _packages() -> Mapping[str, list[str]]:
    """Module at the root -> installed packages that bring it."""
    return metadata.packages_distributions()


def _contents(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:12]
