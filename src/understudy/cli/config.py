"""Configurations as TOML tables: frozen dataclasses made from them and written back; an unknown key is refused."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from understudy.datasets.toml_text import toml_value

Made = TypeVar("Made")
Table = dict[str, Any]


def read_table(path: Path) -> Table:
    """The table in a TOML file.

    Raises:
        ValueError: not TOML. FileNotFoundError: no such file.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error


def overridden(table: Mapping[str, Any], changes: Mapping[str, Any]) -> Table:
    """The table with the values that were given; a key with dots leads into tables, None was not given."""
    result = dict(table)
    for key, value in changes.items():
        if value is None:
            continue
        first, _, rest = key.partition(".")
        inner = result.get(first, {})
        result[first] = overridden(inner if isinstance(inner, Mapping) else {}, {rest: value}) if rest else value
    return result


def merged(usual: Mapping[str, Any], table: Mapping[str, Any]) -> Table:
    """The table, with the usual values where it says nothing; one of another `kind` has nothing in common with it."""
    if usual.get("kind") != table.get("kind", usual.get("kind")):
        return dict(table)
    result = {**usual, **table}
    for key, value in usual.items():
        if isinstance(value, Mapping) and isinstance(table.get(key, {}), Mapping):
            result[key] = merged(value, table.get(key, {}))
    return result


def table_of(config: Any) -> Table:
    """A dataclass as the table that `made` reads."""
    return tomllib.loads(to_toml(config))


def made(kind: type[Made], table: Mapping[str, Any], where: str = "the configuration") -> Made:
    """The dataclass that a table describes; its own checks speak for its values.

    Raises:
        ValueError: an unknown or missing key, a value of the wrong kind, or one that the dataclass refuses.
    """
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key {key!r} in {where}; expected one of {', '.join(known)}")
    values = {key: _value(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return kind(**values)
    except TypeError as error:
        missing = [name for name in str(error).split("'") if name in known and name not in table]
        if missing:
            raise ValueError(f"{where} lacks {', '.join(missing)}") from error
        raise ValueError(f"{where}: {error}") from error


def require_read_by(command: str, table: Mapping[str, Any], others: Mapping[str, type], own: type, path: Path) -> None:
    """Refuse a table that another command reads.

    Args:
        command: that was called. others: further commands -> the dataclass that each makes of its file; own: ours.

    Raises:
        ValueError: a key that we have not, and another command has.
    """
    known = {item.name for item in fields(own)}
    for other, kind in others.items():
        theirs = [key for key in table if key not in known and key in {item.name for item in fields(kind)}]
        if theirs:
            raise ValueError(
                f"{path} has the key {theirs[0]!r}, which is none of {command}: "
                f"such a file is read by understudy {other}"
            )


def to_toml(config: Any) -> str:
    """The TOML text of a dataclass, such that `made` gives it back."""
    return "\n".join(_lines(_plain(config), ())) + "\n"


def _value(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return _one_of([choice for choice in get_args(kind) if choice is not NoneType], value, where)
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where} must be a table; got {value!r}")
        return made(kind, value, where)  # type: ignore[arg-type]
    if get_origin(kind) is dict:
        return _dictionary(get_args(kind)[1], value, where)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [item.value for item in kind]
        if value not in choices and str(value) in choices:
            raise ValueError(f'{where} must be text, in quotes: "{value}"; got the number {value}')
        if value not in choices:
            raise ValueError(f"{where} must be one of {', '.join(map(str, choices))}; got {value!r}")
        return kind(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where} must be of the kind {kind.__name__}; got {value!r}")
    return value


def _one_of(kinds: list[Any], value: Any, where: str) -> Any:
    """The network among several kinds says its kind; any other union is one kind or nothing."""
    if isinstance(value, Mapping) and len(kinds) > 1:
        from understudy.surrogate.model import network_from_words

        return network_from_words(value)
    return _value(kinds[0], value, where)


def _dictionary(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a table; got {value!r}")
    return {str(key): _value(kind, item, f"{where}: {key}") for key, item in value.items()}


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} must be a list; got {value!r}")
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], item, where) for item in value)
    if len(kinds) != len(value):
        raise ValueError(f"{where} must hold {len(kinds)} values; got {len(value)}")
    return tuple(_value(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def _plain(config: Any) -> Table:
    table: Table = {}
    for item in fields(config):
        value: Any = getattr(config, item.name)
        if is_dataclass(value):
            value = {**({"kind": _kind(value)} if _kind(value) else {}), **_plain(value)}
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            table[item.name] = [_plain(part) for part in value]
            continue
        if value is not None:
            table[item.name] = value
    return table


def _kind(config: Any) -> str | None:
    if not type(config).__module__.startswith("understudy.surrogate.networks"):
        return None
    from understudy.surrogate.model import network_words

    return str(network_words(config)["kind"])


def _lines(table: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    rows = {key: value for key, value in table.items() if isinstance(value, list) and value}
    lines = [f"{key} = {toml_value(value)}" for key, value in table.items() if key not in (*tables, *rows)]
    for key, value in tables.items():
        lines += ["", f"[{'.'.join((*above, key))}]", *_lines(value, (*above, key))]
    for key, every in rows.items():
        for row in every:
            lines += ["", f"[[{'.'.join((*above, key))}]]", *_lines(row, (*above, key))]
    return lines
