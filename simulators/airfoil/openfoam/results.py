"""What simpleFoam leaves: forces after each iteration, residuals in its log, fields of the cells."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.openfoam.case_files import Fields
from understudy.simulators.airfoil.openfoam.program import OpenFoamRunError

_RESIDUAL = re.compile(r"Solving for (Ux|Uy|p|nuTilda), Initial residual = ([^,\s]+)")
_FIELD = re.compile(r"internalField\s+(?:uniform\s+([^;]+);|nonuniform\s+List<\w+>\s*(\d+)\s*\()")


def read_forces(folder: Path, start: int) -> Float64[ndarray, "iterations 5"]:
    """Pressure and friction along x and y, and the moment about z [half the units of coefficients], of a run."""
    place = folder / "postProcessing" / "forces" / str(start)
    forces, moments = (_table(place / name) for name in ("force.dat", "moment.dat"))
    if not len(forces) or forces.shape != moments.shape:
        raise OpenFoamRunError("OpenFOAM's answer cannot be read: it wrote no forces")
    return np.column_stack([forces[:, [4, 5, 7, 8]], moments[:, 3]])


def _table(path: Path) -> Float64[ndarray, "rows 10"]:
    """Time; total, by pressure and by friction, three components each."""
    if not path.exists():
        raise OpenFoamRunError(f"OpenFOAM's answer cannot be read: {path.name} is missing")
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        rows = [[float(text) for text in line.replace("(", " ").replace(")", " ").split()] for line in lines]
        return np.array(rows).reshape(len(rows), 10)
    except ValueError:
        raise OpenFoamRunError(f"OpenFOAM's answer cannot be read: {path.name} has other columns than 1 + 9") from None


def read_residuals(log: str) -> Float64[ndarray, " iterations"]:
    """The largest initial residual in each iteration."""
    largest: list[float] = []
    for name, text in _RESIDUAL.findall(log):
        if name == "Ux":
            largest.append(0.0)
        if largest:
            largest[-1] = max(largest[-1], float(text))
    return np.array(largest)


def read_fields(folder: Path, time: int, cells: int, viscosity: float) -> Fields:
    """The fields at an iteration."""
    place = folder / str(time)
    velocity = read_field(place / "U", cells, 3)[:, :2]
    pressure, working = (read_field(place / name, cells, 1)[:, 0] for name in ("p", "nuTilda"))
    return Fields(velocity, pressure, working / viscosity)


def read_field(path: Path, cells: int, components: int) -> Float64[ndarray, "cells components"]:
    """Values of the cells in one file.

    Raises:
        OpenFoamRunError: no such file, or not so many numbers in it.
    """
    if not path.exists():
        raise OpenFoamRunError(f"OpenFOAM's answer cannot be read: {path.name} is missing")
    content = path.read_text()
    found = _FIELD.search(content)
    if found is None:
        raise OpenFoamRunError(f"OpenFOAM's answer cannot be read: {path.name} has no field")
    count = cells if found[2] is None else int(found[2])
    text = found[1] if found[2] is None else content[found.end() : content.index(";", found.end())]
    numbers = np.array(text.replace("(", " ").replace(")", " ").split(), dtype=float)
    if found[2] is None:
        numbers = np.tile(numbers, cells)
    if count != cells or len(numbers) != cells * components:
        raise OpenFoamRunError(
            f"OpenFOAM's answer cannot be read: {path.name} has {len(numbers)} numbers, not {cells * components}"
        )
    return numbers.reshape(cells, components)
