"""Flags that are options of the simulators a command names, or that do not suit what is asked."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter

Model = Annotated[str | None, Parameter(help="of rans: sa (turbulent, the default), laminar or euler")]
Grid = Annotated[
    str | None,
    Parameter(help="of rans and openfoam: nodes along and away from the body; 385x97 and 193x49 are their defaults"),
]


def require_unused(of_what: str, flags: Mapping[str, object]) -> None:
    """Refuse flags that would change nothing.

    Args:
        of_what: what is asked, as the end of the sentence. flags: name -> value, None where it was not given.

    Raises:
        ValueError: one of them was given.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if given:
        raise ValueError(f"{', '.join(given)} cannot be chosen {of_what}")


def chosen(value: int | float | str | None, usual: int | float | str) -> int | float | str | None:
    """The value of a flag, None where it is the usual one."""
    return None if value == usual else value


def with_flags(words: Sequence[str], flags: Mapping[str, str | None], *, from_file: bool = False) -> list[str]:
    """The simulators that a command names, each with those flags among its options that it has.

    Args:
        words: a simulator with or without options, or whoever else answers, who is left as they are.
        flags: option -> value, None where it was not given.

    Rarely needed:
        from_file: the words are from a file, before which flags go.

    Raises:
        ValueError: a flag that is an option of none of them, or that one of them is given in its words as well.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if not given:
        return list(words)
    from understudy.simulators.registry import option_names
    from understudy.simulators.specification import Specification

    known = {word: option_names(word) for word in words}
    for name, value in given.items():
        if not any(name in names for names in known.values()):
            raise ValueError(f"--{name} {value} is an option of none of {', '.join(known)}; leave it out")
    result = []
    for word in words:
        asked = Specification.of(word)
        own = {name: value for name, value in given.items() if name in known[word]}
        twice = [name for name in own if name in asked.options and not from_file]
        if twice:
            raise ValueError(f"{twice[0]} is given twice, in {word} and by --{twice[0]}; give it once")
        result.append(str(asked.having(own)) if own else word)
    return result
