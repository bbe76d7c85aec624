"""Where the commands speak: results on standard output, remarks on standard error."""

import sys
from collections.abc import Iterable


def say(text: str) -> None:
    """A result."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def remark(text: str) -> None:
    """Something to know about the result."""
    sys.stderr.write(f"{text}\n")


def units_told(names: Iterable[str]) -> str:
    """A line with the units of those quantities that have one; nothing where none has."""
    from understudy.simulators.quantities import quantity

    told = [f"{name} [{unit}]" for name in names if (unit := quantity(name).unit) != "-"]
    return f"units of errors and widths: {', '.join(told)}\n" if told else ""
