"""A simulator in words: its name and, behind a colon, the options that differ from its standard ones.

    viscous
    rans:model=euler,grid=193x49
    my_solvers.panels:Solver:order=2

An option is a field of the simulator, or of the dataclass that its field `options` holds: a number, a word, true or
false, or a pair of numbers such as 193x49. Files and worker processes are told of a simulator in these words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

NESTED = "options"  # the field of a simulator that holds most of its options, where it has one


@dataclass(frozen=True)
class Specification:
    """A simulator in words, taken apart.

    name: as in `registry.SIMULATORS`, or "module:Class".
    options: name -> value, as they were written.
    """

    name: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, words: str) -> "Specification":
        """Take apart words such as "rans:model=euler,grid=193x49"; a name alone has no options.

        Raises:
            ValueError: options that are not name=value, or one that is given twice.
        """
        name, colon, behind = words.rpartition(":")
        if not colon or "=" not in behind:
            return cls(words, {})
        options: dict[str, str] = {}
        for part in behind.split(","):
            option, equals, value = (piece.strip() for piece in part.partition("="))
            if not (name and option and equals and value):
                raise ValueError(
                    "expected a simulator as NAME:option=value,option=value, such as rans:model=euler,grid=193x49; "
                    f"got {words!r}"
                )
            if option in options:
                raise ValueError(f"the option {option!r} is given twice in {words!r}; give it once")
            options[option] = value
        return cls(name, options)

    def having(self, options: Mapping[str, str]) -> "Specification":
        """The same simulator with these options, in the place of its own where it has them already."""
        return replace(self, options={**self.options, **options})

    def __str__(self) -> str:
        """The words again."""
        options = ",".join(f"{option}={value}" for option, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


def options_of(kind: type) -> tuple[str, ...]:
    """Names of the options of a class of simulators that can be told in words, its own after the nested ones."""
    return tuple(_readers(kind))


def made(kind: type, specification: Specification) -> Any:
    """An instance of that class with the options of the specification.

    Raises:
        ValueError: an unknown option, a value of the wrong kind, or one that the class refuses.
    """
    readers = _readers(kind)
    own: dict[str, Any] = {}
    nested: dict[str, Any] = {}
    for name, words in specification.options.items():
        if name not in readers:
            known = f"expected one of {', '.join(readers)}" if readers else "it has none"
            raise ValueError(f"{specification.name} has no option {name!r}; {known}")
        held, read = readers[name]
        try:
            (nested if held else own)[name] = read(words)
        except ValueError as error:
            raise ValueError(f"{name} of {specification.name} must be {error}; got {words!r}") from None
    if nested:
        own[NESTED] = get_type_hints(kind)[NESTED](**nested)
    return kind(**own)


#: Whether an option is of the nested dataclass, and what reads its value or raises ValueError with what it must be.
_Readers = dict[str, tuple[bool, Callable[[str], Any]]]


def _readers(kind: type) -> _Readers:
    if not is_dataclass(kind):
        return {}
    hints = get_type_hints(kind)
    found: _Readers = {}
    if is_dataclass(hints.get(NESTED)):
        found |= {name: (True, read) for name, (_, read) in _readers(hints[NESTED]).items()}
    for item in fields(kind):
        read = _reader(hints[item.name])
        if item.init and read is not None:
            found[item.name] = (False, read)
    return found


def _reader(kind: Any) -> Callable[[str], Any] | None:
    """What reads a value of that type; None for a type that words do not tell."""
    simple: dict[Any, Callable[[str], Any]] = {int: _integer, float: _real, bool: _truth, str: str}
    if kind in simple:
        return simple[kind]
    if kind == tuple[int, int]:
        return _pair
    if get_origin(kind) in (Union, UnionType):
        inner = [_reader(choice) for choice in get_args(kind) if choice is not NoneType]
        read = inner[0]
        return None if len(inner) != 1 or read is None else lambda words: None if words == "none" else read(words)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda words: _choice(kind, words)
    return None


def value_of(words: str) -> int | float | bool | str:
    """What words say where nothing tells the kind that is wanted: a number, true or false, or the words."""
    for read in (_integer, _real, _truth):
        try:
            return read(words)
        except ValueError:
            continue
    return words


def _integer(words: str) -> int:
    try:
        return int(words)
    except ValueError:
        raise ValueError("a whole number") from None


def _real(words: str) -> float:
    try:
        return float(words)
    except ValueError:
        raise ValueError("a number") from None


def _truth(words: str) -> bool:
    if words not in ("true", "false"):
        raise ValueError("true or false")
    return words == "true"


def _pair(words: str) -> tuple[int, int]:
    first, cross, second = words.lower().partition("x")
    if not (cross and first.isdigit() and second.isdigit()):
        raise ValueError("two numbers of nodes such as 385x97")
    return int(first), int(second)


def _choice(kind: type[Enum], words: str) -> Enum:
    names = [str(item.value) for item in kind]
    if words not in names:
        raise ValueError(f"one of {', '.join(names)}")
    return list(kind)[names.index(words)]
