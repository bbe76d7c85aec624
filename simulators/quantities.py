"""The physical quantities of the project: each name, symbol, unit and place declared once.

Every simulator, surrogate, data file, table and plot takes its units and descriptions from here.

Sign conventions: alpha is nose up positive; lift is normal to the free stream, up positive; drag is along the free
stream; the pitching moment is about the quarter chord, nose up positive. Coefficients are per unit span, made with the
free-stream dynamic pressure and the chord. Skin friction is made with the free-stream dynamic pressure and is positive
along the local edge velocity. Lengths are in chords, speeds in free-stream speeds; density, pressure and temperature of
a compressible flow in those of the free stream.
"""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a quantity lives: a case, a surface node, a node or cell of a grid, a face of it on the body, an atom."""

    CASE = "case"
    NODE = "node"
    GRID = "grid"
    CELL = "cell"
    WALL = "wall"
    ATOM = "atom"


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
    Quantity("node_x", "x", "chord", Place.GRID, "node of the grid, along the chord"),
    Quantity("node_y", "y", "chord", Place.GRID, "node of the grid, normal to the chord, up positive"),
    Quantity("density", "ρ", "-", Place.CELL, "density over that of the free stream"),
    Quantity("velocity_x", "u", "-", Place.CELL, "velocity along the chord over free-stream speed"),
    Quantity("velocity_y", "v", "-", Place.CELL, "velocity normal to the chord over free-stream speed, up positive"),
    Quantity("pressure", "p", "-", Place.CELL, "pressure over that of the free stream"),
    Quantity("temperature", "T", "-", Place.CELL, "temperature over that of the free stream"),
    Quantity("local_mach", "M", "-", Place.CELL, "speed over the local speed of sound"),
    Quantity("working_viscosity", "ν~", "-", Place.CELL, "variable of the turbulence model over free-stream viscosity"),
    Quantity("eddy_viscosity", "μ_t", "-", Place.CELL, "dynamic eddy viscosity over free-stream viscosity"),
    Quantity("wall_distance", "d", "chord", Place.CELL, "distance of the middle of the cell from the body"),
    Quantity("wall_cp", "C_p", "-", Place.WALL, "pressure coefficient on the body"),
    Quantity("wall_cf", "C_f", "-", Place.WALL, "skin friction over free-stream dynamic pressure, from nose to tail"),
    Quantity("wall_y_plus", "y+", "-", Place.WALL, "height of the middle of the first cell in wall units"),
    Quantity("wall_normal_x", "N_x", "chord", Place.WALL, "normal into the flow, as long as the face, along the chord"),
    Quantity("wall_normal_y", "N_y", "chord", Place.WALL, "normal into the flow, as long as the face, up positive"),
    Quantity("wall_height", "h", "chord", Place.WALL, "height of the middle of the first cell above the face"),
    Quantity(
        "adsorption_energy", "ΔE", "eV", Place.CASE, "of the slab with its adsorbate, less clean slab and molecules"
    ),
    Quantity("clean_energy", "E*", "eV", Place.CASE, "of the relaxed clean slab, from the calculator's zero"),
    Quantity("gas_energy", "E_gas", "eV", Place.CASE, "of the molecules of the reaction, from the calculator's zero"),
    Quantity("free_energy", "ΔG", "eV", Place.CASE, "adsorption energy and its vibrational and entropic correction"),
    Quantity("formation_energy", "E_f", "eV/atom", Place.CASE, "of the clean slab, less pure slabs of its metals"),
    Quantity("segregation_energy", "E_s", "eV", Place.CASE, "of swapping surface and second layer"),
    Quantity("height", "h", "Å", Place.CASE, "lowest atom of the adsorbate above the mean of the surface atoms"),
    Quantity("relaxed", "r", "Å", Place.ATOM, "place of each atom at rest; nothing where it found none"),
    Quantity("strain", "ε", "-", Place.CASE, "along the surface, over the mean of the lattice constants"),
    Quantity("desorbed", "desorbed", "-", Place.CASE, "1 where the adsorbate left the surface"),
    Quantity("dissociated", "dissociated", "-", Place.CASE, "1 where a bond of the adsorbate broke"),
    Quantity("migrated", "migrated", "-", Place.CASE, "1 where the adsorbate moved to another site"),
    Quantity("reconstructed", "reconstructed", "-", Place.CASE, "1 where a metal atom left its place"),
    Quantity("intercalated", "intercalated", "-", Place.CASE, "1 where the adsorbate went below the surface"),
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
