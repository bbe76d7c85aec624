"""Each rule of the format, broken on purpose in a copy of a good file, is named in a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from understudy.datasets.checker import check


def replace_with(file: h5py.File, name: str, values: np.ndarray, **attributes: str) -> None:
    attributes = dict(file[name].attrs) | attributes
    del file[name]
    file[name] = values
    file[name].attrs.update(attributes)


def set_first(name: str, value: object, *, status: int) -> Callable[[h5py.File], None]:
    """Change the first row with this status."""

    def change(file: h5py.File) -> None:
        row = int(np.flatnonzero(file["status"][...] == status)[0])
        file[name][row] = value

    return change


DEPARTURES: list[tuple[Callable[[h5py.File], None], str]] = [
    (lambda f: f.attrs.__delitem__("seed"), "root attribute seed is missing (seed of the design of experiments"),
    (lambda f: f.attrs.modify("simulator_version", "2"), "identity does not agree with the settings"),
    (lambda f: f.attrs.modify("design", "{"), "a root attribute cannot be read"),
    (lambda f: f["outputs/cd"].attrs.modify("unit", "N"), "outputs/cd must have the unit '-'; got 'N'"),
    (lambda f: f["fields/cp"].attrs.__delitem__("description"), "fields/cp must have the description 'pressure"),
    (lambda f: f.move("outputs/cm", "outputs/torque"), "outputs/torque is no part of the format"),
    (lambda f: f.__delitem__("message"), "message is missing"),
    (lambda f: f.__delitem__("inputs/mach"), "inputs/mach is missing"),
    (lambda f: replace_with(f, "outputs/cd", f["outputs/cd"][:-1]), "outputs/cd must have 200 entries; got 199"),
    (lambda f: replace_with(f, "fields/cp", f["fields/cp"][:, 1:]), "fields/cp must have one value for each node"),
    (set_first("inputs/shape", 25, status=0), "inputs/shape must point into the 25 shapes; got 0 .. 25"),
    (set_first("case", 7, status=1), "case 7 is stored more than once (1 such cases)"),
    (set_first("outputs/cl", np.nan, status=0), "outputs/cl must be finite where the status is ok; 1 rows"),
    (set_first("outputs/cl", 0.5, status=1), "outputs/cl must be NaN where the status is not ok; 1 rows"),
    (set_first("fields/cp", 0.5, status=2), "fields/cp must be NaN where the status is not ok; 1 rows"),
    (set_first("message", "done", status=0), "message must be empty where the status is ok; 1 rows"),
    (set_first("message", "", status=1), "message must say why where the status is not ok; 1 rows"),
    (set_first("inputs/cl", 0.5, status=0), "exactly one of inputs/alpha and inputs/cl must be finite; 1 rows"),
    (lambda f: f["shapes/families"].__setitem__(3, "[]"), "must be a JSON list of one name or more; shape 3 (1 in"),
    (lambda f: f["shapes/families"].__setitem__(3, "naca4"), "must be a JSON list of one name or more; shape 3"),
    (lambda f: f["shapes/coordinates"].__setitem__((2, 0, 0), np.inf), "shapes/coordinates must be finite"),
    (lambda f: f.attrs.modify("planned", 300), "must hold the 300 cases that are planned; got 200"),
]


@pytest.mark.parametrize(("depart", "sentence"), DEPARTURES, ids=[sentence[:40] for _, sentence in DEPARTURES])
def test_a_departure_is_named(tmp_path: Path, data_file: Path, depart: Callable[[h5py.File], None], sentence: str):
    copy = tmp_path / "copy.h5"
    shutil.copy(data_file, copy)
    with h5py.File(copy, "r+") as file:
        depart(file)
    problems = check(copy)
    assert any(sentence in problem for problem in problems)
    assert all(problem.startswith(str(copy)) for problem in problems)


def test_a_good_file_has_no_problems(data_file: Path):
    assert check(data_file) == []


def test_a_file_that_cannot_be_opened_is_a_problem_not_an_error(tmp_path: Path, data_file: Path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(data_file.read_bytes()[:5000])
    (problem,) = check(cut)
    assert "is cut short, damaged or no HDF5 file" in problem
