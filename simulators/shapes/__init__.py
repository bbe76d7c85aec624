"""Airfoil shapes: where they come from, how they are described, measured and prepared for a panel method."""

from understudy.simulators.shapes.airfoil import Airfoil, ShapeError
from understudy.simulators.shapes.kulfan import Kulfan, KulfanFit, fit
from understudy.simulators.shapes.library import UnknownAirfoilError, airfoil, family, names
from understudy.simulators.shapes.naca import naca
from understudy.simulators.shapes.panelling import panel, panel_each

__all__ = [
    "Airfoil",
    "Kulfan",
    "KulfanFit",
    "ShapeError",
    "UnknownAirfoilError",
    "airfoil",
    "family",
    "fit",
    "naca",
    "names",
    "panel",
    "panel_each",
]
