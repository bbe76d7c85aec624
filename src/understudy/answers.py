"""A table of cases in, a table of answers out: every row gets an answer or a sentence, whatever is wrong with it.

Rows are answered in batches, so that memory does not grow with the table, and each airfoil is read once.
"""

import csv
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.answer_file import AnswerFile, Row, question
from understudy.asking import NODES
from understudy.simulators.airfoil.case import USUAL, AirfoilCase
from understudy.simulators.interface import Answer, Predictor, Simulator, Status
from understudy.simulators.shapes import airfoil as airfoil_called
from understudy.simulators.shapes import panel_each

AT_ONCE = 512  # rows
SURPLUS = "\0surplus"  # key, which no column is called, of what is wrong with a row of too many values
KEPT_SHAPES = 4096  # 2.5 kB each
WITH_INTERVAL = ("cl", "cd", "cm")
ADDED = (
    "status", "message", "known",
    *(f"{name}{end}" for name in WITH_INTERVAL for end in ("", "_low", "_high")),
    "xtr_top", "xtr_bottom",
)  # fmt: skip
_CONDITIONS = ("alpha_deg", "cl", "reynolds", *USUAL)


class CasesError(ValueError):
    """A table that holds no cases."""


@dataclass(frozen=True, eq=False)
class Shape:
    """An airfoil as the table calls it: its nodes, or the sentence with which it is refused; notes on its repairs."""

    nodes: Float[Tensor, "nodes 2"] | None
    sentence: str


@dataclass
class ShapeShelf:
    """The airfoils met last, each read and panelled once."""

    shapes: "OrderedDict[str, Shape]" = field(default_factory=OrderedDict)

    def of(self, names: Sequence[str]) -> list[Shape]:
        """The shapes of these names, in their order."""
        missing = [name for name in dict.fromkeys(names) if name not in self.shapes]
        here = {name: self.shapes[name] for name in dict.fromkeys(names) if name not in missing}
        here |= dict(zip(missing, _shapes(missing), strict=True))
        for name, shape in here.items():
            self.shapes[name] = shape
            self.shapes.move_to_end(name)
        while len(self.shapes) > KEPT_SHAPES:
            self.shapes.popitem(last=False)
        return [here[name] for name in names]


def answer_table(
    cases: Path, out: Path, who: Predictor, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[Status, int]:
    """Answer every row of a table; the counts of how they ended, rows of an earlier broken run included.

    Args:
        cases: CSV with the columns airfoil, reynolds, alpha_deg or cl, and if wanted mach, n_crit, trip_top,
            trip_bottom; others are repeated.
        out: CSV with the same columns and those of `ADDED`.
        progress: called after each batch with the rows answered and their number.

    Raises:
        CasesError: no such columns, or not a table.
        OSError: a file that cannot be read or written. DiskFullError: no room left; what was answered is kept.
        KeyboardInterrupt: Ctrl-C; its text says how much is kept.
    """
    columns, total = _look_through(cases)
    kept = [name for name in columns if name not in ADDED]
    table = AnswerFile(out, (*kept, *ADDED), question(cases, who))
    shelf = ShapeShelf()
    at_once = min(AT_ONCE, who.at_once) if isinstance(who, Simulator) else AT_ONCE
    progress(table.done, total)
    with table.growing(total) as add, cases.open(encoding="utf-8-sig", newline="") as asked:
        rows = islice(_rows(asked), table.done, None)
        while batch := list(islice(rows, at_once)):
            add(answer_rows(batch, who, shelf))
            progress(table.done, total)
    return dict(table.ended)


def answer_rows(rows: Sequence[Row], who: Predictor, shelf: ShapeShelf) -> list[Row]:
    """The rows with the columns of `ADDED`; one that cannot be asked is refused with a sentence."""
    shapes = shelf.of([(row.get("airfoil") or "").strip() for row in rows])
    asked = [_asked(row, shape) for row, shape in zip(rows, shapes, strict=True)]
    answers = [_refused(row, one) if isinstance(one, str) else None for row, one in zip(rows, asked, strict=True)]
    places = [place for place, one in enumerate(asked) if not isinstance(one, str)]
    cases = [one for one in asked if not isinstance(one, str)]
    if cases:
        for place, told in zip(places, _told(AirfoilCase.concatenate(cases), who), strict=True):
            answers[place] = _repeated(rows[place], shapes[place], told)
    return [answer for answer in answers if answer is not None]


def _told(case: AirfoilCase, who: Predictor) -> list[Row]:
    """The added columns of every row; a predictor that breaks on a batch is asked row by row."""
    try:
        with torch.no_grad():
            return _columns(case, who.predict(case))
    except Exception as error:  # one row must not end the run: it is told apart and its row says what happened
        if len(case) == 1:
            return [{"status": str(Status.FAILED), "message": f"{type(error).__name__}: {_one_line(str(error))}"}]
        return [told for row in case.chunks(1) for told in _told(row, who)]


def _columns(case: AirfoilCase, answer: Answer) -> list[Row]:
    tables: dict[str, Mapping[str, Tensor]] = {"": answer.values}
    tables |= {f"_{end}": getattr(answer, end, {}) for end in ("low", "high")}
    numbers: dict[str, list[float]] = {}
    for name in ("cl", "cd", "cm", "xtr_top", "xtr_bottom"):
        for end, table in tables.items():
            if name in table and f"{name}{end}" in ADDED:
                numbers[f"{name}{end}"] = table[name].tolist()
    found = answer.values.get("alpha", case.alpha)
    numbers["alpha_deg"] = torch.where(case.lift_prescribed, found, torch.nan).tolist()
    known = getattr(answer, "known", None)
    rows = []
    for row, status in enumerate(answer.status):
        told = {"status": str(status), "message": answer.message[row]}
        if status is Status.OK:
            told |= {name: f"{values[row]:.7g}" for name, values in numbers.items() if math.isfinite(values[row])}
        if known is not None:
            told["known"] = str(bool(known[row])).lower()
        rows.append(told)
    return rows


def _asked(row: Row, shape: Shape) -> AirfoilCase | str:
    """The case of a row, or the sentence with which it is refused."""
    if SURPLUS in row:
        return f"expected one value for each column; got {row[SURPLUS]}: quote a value that holds a comma"
    if shape.nodes is None:
        return shape.sentence
    try:
        given = {name: _number(name, row.get(name) or "") for name in _CONDITIONS}
        if (given["alpha_deg"] is None) == (given["cl"] is None):
            which = "neither" if given["cl"] is None else "both"
            return f"expected exactly one of alpha_deg [deg] and cl; got {which}"
        if given["reynolds"] is None:
            return "expected a Reynolds number in the column reynolds; got nothing"
        rest = {name: default if (value := given[name]) is None else value for name, default in USUAL.items()}
        return AirfoilCase.of(shape.nodes, given["alpha_deg"], given["reynolds"], cl=given["cl"], **rest)
    except ValueError as error:
        return _one_line(str(error))


def _number(name: str, word: str) -> float | None:
    if not word.strip():
        return None
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{name} must be a number; got {word!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {word.strip()}")
    return value


def _refused(row: Row, sentence: str) -> Row:
    return {**row, "status": str(Status.REFUSED), "message": sentence}


def _repeated(row: Row, shape: Shape, told: Row) -> Row:
    """The row with what was told of it; the notes of its shape follow the message."""
    message = "; ".join(part for part in (told["message"], shape.sentence) if part)
    return {**row, **told, "message": message}


def _shapes(names: Sequence[str]) -> list[Shape]:
    contours: list[Tensor | None] = []
    sentences = []
    for name in names:
        try:
            found = airfoil_called(name) if name else None
        except (ValueError, OSError) as error:
            contours.append(None)
            sentences.append(_one_line(str(error)))
            continue
        contours.append(None if found is None else found.coordinates)
        sentences.append("expected an airfoil; got nothing" if found is None else _one_line("; ".join(found.notes)))
    good = [contour for contour in contours if contour is not None]
    nodes = iter(_panelled(good))
    shapes = []
    for contour, sentence in zip(contours, sentences, strict=True):
        made = None if contour is None else next(nodes)
        shapes.append(Shape(None, made) if isinstance(made, str) else Shape(made, sentence))
    return shapes


def _panelled(contours: list[Tensor]) -> list[Tensor | str]:
    """Nodes of each contour, all at once if none is in the way, or the sentence with which one is refused."""
    if not contours:
        return []
    try:
        return list(panel_each(contours, NODES))
    except ValueError as error:
        if len(contours) == 1:
            return [_one_line(str(error))]
        return [made for contour in contours for made in _panelled([contour])]


def _look_through(cases: Path) -> tuple[list[str], int]:
    """Columns and number of rows."""
    try:
        with cases.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = next(reader, [])
            total = sum(1 for row in reader if row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CasesError(f"{cases} is not a table of comma-separated values: {error}") from error
    columns = [name.strip() for name in columns]
    missing = [name for name in ("airfoil", "reynolds") if name not in columns]
    if "alpha_deg" not in columns and "cl" not in columns:
        missing.append("alpha_deg (or cl)")
    if missing:
        raise CasesError(f"{cases} lacks the column {', '.join(missing)}; its first line names the columns")
    if len(set(columns)) < len(columns):
        raise CasesError(f"{cases} names a column twice; got {', '.join(columns)}")
    return columns, total


def _rows(file: Iterable[str]) -> Iterator[Row]:
    reader = csv.reader(file)
    columns = [name.strip() for name in next(reader)]
    for values in reader:
        if values:  # a line that is empty is no row, one that is short lacks its last values
            row = dict(zip(columns, [*values, *[""] * len(columns)], strict=False))
            yield row if len(values) <= len(columns) else {**row, SURPLUS: f"{len(values)} for {len(columns)} columns"}


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split())
