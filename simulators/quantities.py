"""The physical quantities of the project: each name, symbol, unit and place declared once.

Every simulator, surrogate, data file, table and plot takes its units and descriptions from here.

Sign conventions: alpha is nose up positive; lift is normal to the free stream, up positive; drag is along the free
stream; the pitching moment is about the quarter chord, nose up positive. Coefficients are per unit span, made with the
free-stream dynamic pressure and the chord. Skin friction is made with the free-stream dynamic pressure and is positive
along the local edge velocity. Lengths are in chords, speeds in free-stream speeds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a quantity lives: one value per case, or one per surface node."""

    CASE = "case"
    NODE = "node"


@dataclass(frozen=True)
class Quantity:
    """A named physical quantity with its symbol, unit ("-" if dimensionless), place and one-line meaning."""

    name: str
    symbol: str
    unit: str
    place: Place
    description: str


_DECLARED = (
    Quantity("alpha", "α", "deg", Place.CASE, "angle of attack, nose up positive"),
    Quantity("reynolds", "Re", "-", Place.CASE, "Reynolds number on chord and free-stream speed"),
    Quantity("mach", "M", "-", Place.CASE, "free-stream Mach number"),
    Quantity("n_crit", "N_crit", "-", Place.CASE, "critical amplification exponent of the e^N transition criterion"),
    Quantity("trip_top", "x_trip,t", "chord", Place.CASE, "forced transition, upper surface; 1 leaves it free"),
    Quantity("trip_bottom", "x_trip,b", "chord", Place.CASE, "forced transition, lower surface; 1 leaves it free"),
    Quantity("cl", "C_L", "-", Place.CASE, "lift coefficient"),
    Quantity("cd", "C_D", "-", Place.CASE, "drag coefficient"),
    Quantity("cd_friction", "C_Df", "-", Place.CASE, "friction part of the drag coefficient"),
    Quantity("cd_pressure", "C_Dp", "-", Place.CASE, "pressure part of the drag coefficient"),
    Quantity("cm", "C_M", "-", Place.CASE, "moment coefficient about the quarter chord, nose up positive"),
    Quantity("xtr_top", "x_tr,t", "chord", Place.CASE, "transition on the upper surface"),
    Quantity("xtr_bottom", "x_tr,b", "chord", Place.CASE, "transition on the lower surface"),
    Quantity("xsep_top", "x_sep,t", "chord", Place.CASE, "first turbulent separation, upper surface; 1 if attached"),
    Quantity("xsep_bottom", "x_sep,b", "chord", Place.CASE, "first turbulent separation, lower surface; 1 if attached"),
    Quantity("cp", "C_p", "-", Place.NODE, "pressure coefficient"),
    Quantity("cf", "C_f", "-", Place.NODE, "skin friction over free-stream dynamic pressure, along the edge velocity"),
    Quantity("theta", "θ", "chord", Place.NODE, "momentum thickness"),
    Quantity("delta_star", "δ*", "chord", Place.NODE, "displacement thickness"),
    Quantity("shape_factor", "H", "-", Place.NODE, "shape factor, displacement over momentum thickness"),
    Quantity("edge_speed", "u_e", "-", Place.NODE, "speed at the edge of the boundary layer over free-stream speed"),
)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for quantity in _DECLARED}


def quantity(name: str) -> Quantity:
    """The declared quantity of that name.

    Raises:
        ValueError: no quantity has that name.
    """
    if name not in QUANTITIES:
        raise ValueError(f"expected one of the quantities {', '.join(QUANTITIES)}; got {name!r}")
    return QUANTITIES[name]
