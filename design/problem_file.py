"""Problems as TOML files: every key is a field of the dataclasses in `problem`; an unknown key is refused by name."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from understudy.datasets.toml_text import toml_value
from understudy.datasets.whole_files import write_bytes
from understudy.design.problem import (
    OBJECTIVES,
    AngleMode,
    Angles,
    Constraint,
    Method,
    Objective,
    OperatingPoint,
    Problem,
    QuantityConstraint,
    Search,
    ShapeConstraint,
    ShapeSpace,
)

Part = TypeVar("Part")
_TABLES = ("name", "shape", "angles", "objective", "points", "constraints", "search")
_CHOICES: dict[str, type[AngleMode] | type[Method]] = {"mode": AngleMode, "method": Method}
_KINDS: dict[str, tuple[Any, str]] = {
    "float": ((int, float), "a number"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
}
_CUSTOM = "custom"


def read_problem(path: Path, *, objective: Objective | None = None) -> Problem:
    """The problem in a TOML file; a .dat file named as the start is looked for beside it.

    Rarely needed:
        objective: takes the place of the one in the file, for example a Python function, which no file can hold.

    Raises:
        ValueError: not TOML, an unknown or missing key, or a value that the problem refuses; the sentence names the
            file.
    """
    try:
        with path.open("rb") as file:
            problem = problem_from_table(tomllib.load(file), objective=objective)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return _start_beside(problem, path.parent)


def write_problem(problem: Problem, path: Path) -> None:
    """Write the problem so that `read_problem` gives it back; an objective that is a Python function is only named."""
    write_bytes(path, problem_to_toml(problem).encode())


def problem_from_table(table: Mapping[str, Any], *, objective: Objective | None = None) -> Problem:
    """The problem in a parsed TOML table. Raises ValueError as `read_problem` does."""
    _refuse_unknown("the file", table, _TABLES)
    if "points" not in table:
        raise ValueError("expected at least one operating point, a table [[points]]; got none")
    return Problem(
        name=str(table.get("name", "design")),
        points=tuple(_part(f"[[points]] {n}", row, OperatingPoint) for n, row in enumerate(table["points"], 1)),
        shape=_part("[shape]", table.get("shape", {}), ShapeSpace),
        angles=_part("[angles]", table.get("angles", {}), Angles),
        objective=objective or _objective(table.get("objective", {})),
        constraints=tuple(_constraint(n, row) for n, row in enumerate(table.get("constraints", ()), 1)),
        search=_part("[search]", table.get("search", {}), Search),
    )


def problem_to_toml(problem: Problem) -> str:
    """The text of the TOML file of a problem."""
    lines = [f"name = {toml_value(problem.name)}"]
    for title, part in (("shape", problem.shape), ("angles", problem.angles), ("search", problem.search)):
        lines += ["", f"[{title}]", *_rows(part)]
    lines += ["", "[objective]", *_objective_rows(problem.objective)]
    for title, parts in (("points", problem.points), ("constraints", problem.constraints)):
        for item in parts:
            lines += ["", f"[[{title}]]", *_rows(item)]
    return "\n".join(lines) + "\n"


def _objective(table: Mapping[str, Any]) -> Objective:
    rest = dict(table)
    name = rest.pop("name", "weighted_mean")
    if name == _CUSTOM:
        raise ValueError(
            f"the objective was a Python function, {rest.get('function')}; hand it to read_problem(objective=...)"
        )
    if name not in OBJECTIVES:
        raise ValueError(f"expected an objective out of {', '.join(OBJECTIVES)}; got {name!r}")
    objective: Objective = _part("[objective]", rest, OBJECTIVES[name])
    return objective


def _objective_rows(objective: Objective) -> list[str]:
    for name, kind in OBJECTIVES.items():
        if type(objective) is kind:
            return [f"name = {toml_value(name)}", *_rows(objective)]
    function = getattr(objective, "__qualname__", type(objective).__qualname__)
    return [f"name = {toml_value(_CUSTOM)}", f"function = {toml_value(function)}"]


def _constraint(number: int, table: Mapping[str, Any]) -> Constraint:
    where = f"[[constraints]] {number}"
    if ("quantity" in table) == ("measure" in table):
        raise ValueError(f"{where} needs exactly one of quantity and measure; got {', '.join(table) or 'nothing'}")
    if "quantity" in table:
        return _part(where, table, QuantityConstraint)
    return _part(where, table, ShapeConstraint)


def _part(where: str, table: Mapping[str, Any], kind: type[Part]) -> Part:
    """One dataclass out of one table."""
    if not isinstance(table, Mapping):
        raise ValueError(f"expected {where} to be a table; got {table!r}")
    _refuse_unknown(where, table, tuple(item.name for item in fields(kind)))  # type: ignore[arg-type]
    declared = {item.name: str(item.type) for item in fields(kind)}  # type: ignore[arg-type]
    values = {key: _value(f"{where}: {key}", declared[key], value) for key, value in table.items()}
    for key, choices in _CHOICES.items():
        if key in values:
            values[key] = _choice(f"{where}: {key}", values[key], choices)
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def _value(where: str, declared: str, value: Any) -> Any:
    """A value of the declared kind; lists become tuples, and whole numbers become real ones where these are meant."""
    if isinstance(value, list) and "tuple" in declared:
        return tuple(_value(where, declared, item) for item in value)
    word = next((word for word in _KINDS if word in declared), "str")
    kind, called = _KINDS.get(word, (str, "a word in quotes"))
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"expected {where} to be {called}; got {value!r}")
    return float(value) if word == "float" else value


def _refuse_unknown(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key {key!r} in {where}; expected one of {', '.join(known)}")


def _choice(where: str, value: Any, kind: type[AngleMode] | type[Method]) -> Any:
    if value not in list(kind):
        raise ValueError(f"expected {where} to be one of {', '.join(kind)}; got {value!r}")
    return kind(value)


def _rows(part: Any) -> list[str]:
    values = ((item.name, getattr(part, item.name)) for item in fields(part))
    return [f"{name} = {toml_value(value)}" for name, value in values if value is not None]


def _start_beside(problem: Problem, folder: Path) -> Problem:
    beside = folder / problem.shape.start
    if problem.shape.start.lower().endswith(".dat") and beside.is_file():
        return replace(problem, shape=replace(problem.shape, start=str(beside)))
    return problem
