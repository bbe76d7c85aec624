"""Airfoil coordinate files (.dat): Selig and Lednicer order, read with repairs and written.

Selig order runs from the upper trailing edge around the nose to the lower one. Lednicer order gives the number of
points of either surface and then upper and lower surface, each from the leading edge aft. Files in circulation deviate
in many ways; what can be repaired without guessing is repaired and each repair leaves a sentence in `Airfoil.notes`.
The chord is brought to 1 and the leading edge to the origin where either is off by more than 0.5 % of the chord; a
small incidence is part of the section and is kept, one above 10 degrees is taken out.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.simulators.shapes.airfoil import FEWEST_POINTS, Airfoil, ShapeError, signed_area
from understudy.simulators.shapes.chord import chord_line
from understudy.simulators.shapes.spline import Spline

Points = NDArray[np.float64]

_OFF_UNIT = 5e-3  # chord; nearer to the unit chord a file is taken as it stands
_LARGEST_INCIDENCE = 10.0  # deg
_ROUNDING = 1e-9  # chord; nearer to each other the ends of a contour are one
_DECIMAL_COMMAS = re.compile(r"^\s*[-+]?\d*,\d+\s+[-+]?\d*,\d+\s*$")


@dataclass(frozen=True)
class _Draft:
    """A contour under repair."""

    name: str
    points: Points
    notes: tuple[str, ...] = ()

    def repaired(self, points: Points, note: str) -> "_Draft":
        return replace(self, points=points, notes=(*self.notes, note))


def read(path: str | Path) -> Airfoil:
    """The airfoil in a coordinate file, its repairs told in `notes`.

    Raises:
        FileNotFoundError: no such file.
        ShapeError: no text, no coordinates, fewer than 20 points, NaN, several bodies, or a contour crossing itself.
    """
    path = Path(path)
    raw = path.read_bytes()
    if b"\0" in raw:
        raise ShapeError(f"{path.name} is not a text file; expected lines with x and y")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    try:
        return parse(text, path.stem)
    except ShapeError as error:
        raise ShapeError(f"{path.name}: {str(error).removeprefix(f'{path.stem}: ')}") from None


def parse(text: str, fallback_name: str) -> Airfoil:
    """The airfoil described by the text of a coordinate file; `fallback_name` where the file gives no name."""
    draft = _numbers(text, fallback_name)
    steps: tuple[Callable[[_Draft], _Draft], ...] = (
        _selig_order,
        _without_duplicates,
        _from_trailing_edge,
        _counter_clockwise,
        _without_base,
        _welded,
        _unit_chord,
    )
    for step in steps:
        draft = step(draft)
    return Airfoil(draft.name, torch.from_numpy(np.ascontiguousarray(draft.points)), draft.notes)


def write_selig(airfoil: Airfoil, path: str | Path) -> None:
    """Write the name and the points from the upper trailing edge around the nose to the lower one."""
    Path(path).write_text("\n".join([airfoil.name, *_lines(airfoil.coordinates.numpy())]) + "\n", encoding="utf-8")


def write_lednicer(airfoil: Airfoil, path: str | Path) -> None:
    """Write name, point counts, then upper and lower surface from the foremost point aft, which both begin with."""
    points = airfoil.coordinates.numpy()
    nose = int(points[:, 0].argmin())
    upper, lower = points[nose::-1], points[nose:]
    counts = f"{len(upper):10.1f} {len(lower):10.1f}"
    lines = [airfoil.name, counts, "", *_lines(upper), "", *_lines(lower)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(points: Points) -> list[str]:
    return [f"{x:12.9f} {y:12.9f}" for x, y in points]


def _numbers(text: str, fallback_name: str) -> _Draft:
    """Name, rows of two numbers, and notes on lines that are neither."""
    notes: list[str] = []
    lines = [re.split(r"[#!]", line)[0] for line in text.splitlines()]
    if sum(bool(_DECIMAL_COMMAS.match(line)) for line in lines) >= FEWEST_POINTS:
        lines = [line.replace(",", ".") for line in lines]
        notes.append("read decimal commas as points")
    numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ShapeError(f"{fallback_name}: the file is empty")
    rows = [_row(line) for line in lines]
    name = fallback_name if rows[0] is not None else " ".join(lines[0].split())
    if rows[0] is not None:
        notes.append(f"no name in the first line: called {name} after the file")
    found = [row for row in rows if row is not None]
    spoilt = next((place for place, row in enumerate(rows) if row is not None and not np.isfinite(row).all()), None)
    if spoilt is not None:
        raise ShapeError(
            f"{fallback_name}: every coordinate must be a finite number; got {lines[spoilt].strip()!r} in line "
            f"{numbers[spoilt]}"
        )
    if not found:
        raise ShapeError(f"{fallback_name}: no line holds two numbers; expected x and y on each line")
    ignored = len(rows) - len(found) - (rows[0] is None)
    if ignored:
        notes.append(f"ignored {ignored} {'line' if ignored == 1 else 'lines'} without a pair of numbers")
    points = np.array(found)
    return _Draft(name, points, tuple(notes))


def _row(line: str) -> tuple[float, float] | None:
    """The two numbers of a line (a third that is 0, as CAD programs write it, is dropped), or None."""
    words = re.split(r"[,;\s]+", line.strip().strip(",;"))
    try:
        values = [float(re.sub(r"(?<=[\d.])[dD](?=[-+\d])", "e", word)) for word in words]
    except ValueError:
        return None
    if len(values) == 2 or (len(values) == 3 and values[2] == 0):
        return values[0], values[1]
    return None


def _selig_order(draft: _Draft) -> _Draft:
    """Two surfaces that start at the leading edge become one contour."""
    points = draft.points
    if (np.abs(points) > 900).all(axis=1).any():
        raise ShapeError(f"{draft.name}: the file holds several bodies; give each its own file")
    counts = points[0]
    announced = bool(
        (counts > 1.5).all() and (counts == counts.round()).all() and (np.abs(points[1:]) < counts.min()).all()
    )
    if announced:
        return _joined(draft, points[1:], int(counts[0]), int(counts.sum()) == len(points) - 1)
    x = points[:, 0]
    span = np.ptp(x)
    back = int(np.diff(x).argmin()) if len(x) > 1 else 0
    if x[0] < x.min() + 0.1 * span and x[-1] > x.max() - 0.1 * span and x[back] - x[back + 1] > 0.8 * span:
        joined = _joined(draft, points, back + 1, True)
        return joined.repaired(
            joined.points, "two surfaces from the leading edge aft without point counts: joined them"
        )
    return draft


def _joined(draft: _Draft, points: Points, upper_count: int, counts_right: bool) -> _Draft:
    if not counts_right:
        upper_count = int(np.diff(points[:, 0]).argmin()) + 1
        draft = draft.repaired(
            points, "the point counts of the surfaces do not match the file: split where x jumps back"
        )
    if not 2 <= upper_count <= len(points) - 2:
        raise ShapeError(f"{draft.name}: cannot tell the upper from the lower surface")
    first, second = points[:upper_count], points[upper_count:]
    if first[:, 1].mean() < second[:, 1].mean():
        first, second = second, first
        draft = draft.repaired(points, "the lower surface came first: swapped the surfaces")
    shared = 1 if (first[0] == second[0]).all() else 0
    return replace(draft, points=np.concatenate([first[::-1], second[shared:]]))


def _without_duplicates(draft: _Draft) -> _Draft:
    new = np.concatenate([[True], (np.diff(draft.points, axis=0) != 0).any(axis=1)])
    removed = int((~new).sum())
    if len(draft.points) - removed < FEWEST_POINTS:
        count = len(draft.points) - removed
        raise ShapeError(f"{draft.name}: an airfoil needs at least {FEWEST_POINTS} points; got {count}")
    if removed == 0:
        return draft
    return draft.repaired(draft.points[new], f"removed {removed} repeated {'point' if removed == 1 else 'points'}")


def _from_trailing_edge(draft: _Draft) -> _Draft:
    """A closed contour that starts elsewhere is turned to start at its trailing edge."""
    x = draft.points[:, 0]
    near = x.max() - 0.05 * np.ptp(x)
    if x[0] >= near and x[-1] >= near:
        return draft
    closed = bool((draft.points[0] == draft.points[-1]).all())
    if not closed:
        raise ShapeError(f"{draft.name}: the contour neither starts and ends at the trailing edge nor is closed")
    aft = int(x.argmax())
    points = np.concatenate([draft.points[aft:-1], draft.points[: aft + 1]])
    return draft.repaired(points, "started away from the trailing edge: turned to start there")


def _counter_clockwise(draft: _Draft) -> _Draft:
    if signed_area(torch.from_numpy(draft.points)) >= 0:
        return draft
    return draft.repaired(draft.points[::-1].copy(), "started on the lower surface: reversed the order")


def _without_base(draft: _Draft) -> _Draft:
    """Points on the base of a blunt trailing edge are no surface: the contour starts and ends at its corners.

    Only a base within 11 degrees of the vertical is taken away; a rounded trailing edge belongs to the section.
    """
    points = draft.points
    size = np.ptp(points[:, 0])

    def on_base(first: Points, second: Points) -> bool:
        step = second - first
        return bool(abs(step[0]) < 0.2 * abs(step[1]) and abs(step[1]) < 0.1 * size)

    start, end = 0, len(points)
    while end - start > FEWEST_POINTS and on_base(points[start], points[start + 1]):
        start += 1
    while end - start > FEWEST_POINTS and on_base(points[end - 1], points[end - 2]):
        end -= 1
    removed = len(points) - (end - start)
    if removed == 0:
        return draft
    counted = f"{removed} {'point' if removed == 1 else 'points'}"
    return draft.repaired(points[start:end], f"removed {counted} on the base of the blunt trailing edge")


def _welded(draft: _Draft) -> _Draft:
    """Ends of a closed contour that differ by rounding, and may cross by it, are one point."""
    points = draft.points
    if np.abs(points[0] - points[-1]).max() > _ROUNDING * np.ptp(points[:, 0]):
        return draft
    middle = 0.5 * (points[:1] + points[-1:])
    return replace(draft, points=np.concatenate([middle, points[1:-1], middle]))


def _unit_chord(draft: _Draft) -> _Draft:
    line = chord_line(Spline.through(torch.from_numpy(np.ascontiguousarray(draft.points))[None]))
    chord, incidence = line.chord.item(), line.incidence.item()
    leading_edge = line.leading_edge[0].numpy()
    if abs(incidence) > 90:
        raise ShapeError(f"{draft.name}: the nose points aft; expected the leading edge at the smallest x")
    if abs(incidence) > _LARGEST_INCIDENCE:
        points = line.to_unit(torch.from_numpy(draft.points)[None])[0].numpy()
        note = f"chord {chord:.6g} at an incidence of {incidence:.2f} deg: turned to 0 and scaled to a chord of 1"
        return draft.repaired(points, note)
    if abs(chord - 1) <= _OFF_UNIT and np.abs(leading_edge).max() <= _OFF_UNIT:
        return draft
    x, y = leading_edge
    note = (
        f"chord {chord:.6g} with the leading edge at ({x:.4g}, {y:.4g}): scaled to a chord of 1 and moved to the origin"
    )
    return draft.repaired((draft.points - leading_edge) / chord, note)
