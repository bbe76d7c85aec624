"""Real airfoils by name: NACA sections, coordinate files, and the collection of the University of Illinois (UIUC).

The raw coordinates of the collection come with the AeroSandbox package, the extra `airfoils` of this one. Without it a
name gives the CST fit stored here, and the note says so with the largest deviation. The fits, their chord lines and
their families are made by `benchmarks/fit_airfoil_library.py`.

A family is a set of sections that must not be split between training and test data: sections whose CST fits differ by
less than 0.002 chord everywhere, directly or through others, and sections whose names have the same letters and first
number (`mid44a`, `mid44e`). All four-digit NACA sections are one family, `naca4`, and all five-digit ones `naca5`,
because their parameters vary continuously.
"""

import difflib
import importlib.util
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from understudy.simulators.shapes import coordinates_file
from understudy.simulators.shapes.airfoil import Airfoil
from understudy.simulators.shapes.chord import ChordLine
from understudy.simulators.shapes.kulfan import Kulfan
from understudy.simulators.shapes.naca import is_naca, naca

FITS = Path(__file__).parent / "data" / "uiuc_kulfan.npz"


class UnknownAirfoilError(ValueError):
    """No airfoil goes by that name."""


@dataclass(frozen=True, eq=False)
class Collection:
    """The stored CST fits of the collection, sorted by name.

    names: as the files are called, without ".dat".
    weights: rows of `Kulfan.vector`, 8 weights a side, in the unit chord of each section.
    deviation: largest distance between the fit and the raw contour, normal to the surface [chord].
    leading_edge, trailing_edge: ends of the chord line in the raw coordinates.
    families: name of the family of each section.
    """

    names: tuple[str, ...]
    weights: Float[Tensor, "airfoils parameters"]
    deviation: Float[Tensor, " airfoils"]
    leading_edge: Float[Tensor, "airfoils 2"]
    trailing_edge: Float[Tensor, "airfoils 2"]
    families: tuple[str, ...]

    @property
    def index(self) -> dict[str, int]:
        """Row of each section, by lower-case name."""
        return {name.lower(): row for row, name in enumerate(self.names)}


@cache
def collection() -> Collection:
    """The stored fits, read once."""
    with np.load(FITS) as stored:
        return Collection(
            names=tuple(stored["names"].tolist()),
            weights=_float64(stored["weights"]),
            deviation=_float64(stored["deviation"]),
            leading_edge=_float64(stored["leading_edge"]),
            trailing_edge=_float64(stored["trailing_edge"]),
            families=tuple(stored["families"].tolist()),
        )


def airfoil(name_or_path: str | Path, *, raw: bool = True) -> Airfoil:
    """The airfoil called so: "naca2412", "naca23012-sharp", a name of the collection, or the path of a .dat file.

    An existing file comes first, then NACA sections, computed from their equations, then the collection; case and a
    trailing ".dat" do not matter.

    Rarely needed:
        raw: False takes the CST fit of the collection even where the raw coordinates are installed.

    Raises:
        UnknownAirfoilError: no such name or file; the sentence names close matches.
        ShapeError: a file whose contour cannot be repaired.
    """
    path = Path(name_or_path)
    if path.is_file():
        return coordinates_file.read(path)
    key = str(name_or_path).strip().lower().removesuffix(".dat")
    installed = _installed_files()
    known = key in installed or key in collection().index
    if is_naca(key) or (re.fullmatch(r"(naca)?[\s_-]*\d{4,5}(-sharp)?", key) and not known):
        return Airfoil(re.sub(r"[\s_]", "", key), naca(key))
    if raw and key in installed:
        return replace(coordinates_file.read(installed[key]), name=installed[key].stem)
    if key in collection().index:
        return _fitted(collection().index[key])
    raise UnknownAirfoilError(_unknown(name_or_path, key, installed))


def names() -> tuple[str, ...]:
    """Every name of the collection that has a fit, sorted."""
    return collection().names


def has_raw_coordinates() -> bool:
    """Whether the raw coordinates of the collection are installed."""
    return bool(_installed_files())


def family(name: str) -> str:
    """The family of a NACA section or of a section of the collection; see the top of this file.

    Raises:
        UnknownAirfoilError: no such name.
    """
    key = name.strip().lower().removesuffix(".dat")
    if is_naca(key):
        return "naca4" if len(re.sub(r"\D", "", key)) == 4 else "naca5"
    if key not in collection().index:
        raise UnknownAirfoilError(_unknown(name, key, {}))
    return collection().families[collection().index[key]]


def _fitted(row: int) -> Airfoil:
    fits = collection()
    one = slice(row, row + 1)
    line = ChordLine(fits.leading_edge[one], fits.trailing_edge[one], arc=torch.zeros(1, dtype=torch.float64))
    coordinates = line.from_unit(Kulfan.from_vector(fits.weights[one]).coordinates())[0]
    note = (
        f"CST fit: differs from the coordinates of {fits.names[row]} by up to {fits.deviation[row]:.5f} chord; "
        "the extra 'airfoils' brings the coordinates themselves"
    )
    return Airfoil(fits.names[row], coordinates, (note,))


@cache
def _installed_files() -> dict[str, Path]:
    """Raw coordinate files by lower-case name; empty without the extra."""
    found = importlib.util.find_spec("aerosandbox")
    if found is None or found.origin is None:
        return {}
    folder = Path(found.origin).parent / "geometry" / "airfoil" / "airfoil_database"
    return {path.stem.lower(): path for path in sorted(folder.glob("*.dat"))}


def _unknown(given: str | Path, key: str, installed: dict[str, Path]) -> str:
    if isinstance(given, Path) or "/" in str(given) or str(given).lower().endswith(".dat"):
        return f"no airfoil file {str(given)!r}, and no airfoil of that name"
    close = difflib.get_close_matches(key, sorted({*collection().index, *installed}), n=4, cutoff=0.6)
    hint = f"; close names are {', '.join(close)}" if close else "; give a NACA section, a UIUC name or a .dat file"
    return f"no airfoil is called {str(given)!r}{hint}"


def _float64(values: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))
