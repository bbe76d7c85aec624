"""The files of a case of OpenFOAM: fields with their conditions at the boundary, fluid, model, schemes, solvers.

Speeds are in free-stream speeds and lengths in chords, so that the viscosity is 1 / Re and the kinematic pressure half
the pressure coefficient.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.openfoam.mesh import header
from understudy.simulators.airfoil.openfoam.options import OpenFoamOptions
from understudy.simulators.flow.spalart_allmaras import CV1
from understudy.simulators.flow.stream import FAR_WORKING

#: Eddy viscosity far away, over the viscosity, for layers that are turbulent from their start.
FAR_EDDY = FAR_WORKING**4 / (FAR_WORKING**3 + CV1**3)
#: Digits of the fields that OpenFOAM writes.
DIGITS = 12


@dataclass(frozen=True, eq=False)
class Fields:
    """Values of the cells: velocity, kinematic pressure, working variable over the viscosity."""

    velocity: Float64[ndarray, "cells 2"]
    pressure: Float64[ndarray, " cells"]
    working: Float64[ndarray, " cells"]

    @staticmethod
    def uniform(cells: int, alpha: float) -> "Fields":
        """The free stream at an angle [deg]."""
        wind = np.array([np.cos(np.radians(alpha)), np.sin(np.radians(alpha))])
        return Fields(np.tile(wind, (cells, 1)), np.zeros(cells), np.full(cells, FAR_WORKING))

    def finer(self, columns: int) -> "Fields":
        """On the grid with cells half as long and half as high; `columns` is the number of these along i."""

        def split(values: Float64[ndarray, "cells *more"]) -> Float64[ndarray, "finer *more"]:
            table = values.reshape(columns, -1, *values.shape[1:])
            return table.repeat(2, axis=0).repeat(2, axis=1).reshape(-1, *values.shape[1:])

        return Fields(split(self.velocity), split(self.pressure), split(self.working))


@dataclass(frozen=True, eq=False)
class Far:
    """Velocity and kinematic pressure that the faces of the outer boundary see."""

    velocity: Float64[ndarray, "faces 2"]
    pressure: Float64[ndarray, " faces"]

    @staticmethod
    def around(places: Float64[ndarray, "faces 2"], alpha: float, lift: float) -> "Far":
        """The free stream at an angle [deg] and the vortex of a lift coefficient, which turns around the quarter point.

        Without it the drag at high lift is more than one per cent too high at 100 chords. Circulation is lift / 2.
        """
        x, y = (places - np.array([0.25, 0.0])).T
        turn = 0.5 * lift / (2 * np.pi * (x * x + y * y))
        radians = np.radians(alpha)
        velocity = np.column_stack([np.cos(radians) + turn * y, np.sin(radians) - turn * x])
        return Far(velocity, 0.5 * (1 - (velocity**2).sum(axis=1)))


def write_setup(folder: Path, reynolds: float, options: OpenFoamOptions) -> None:
    """What stays the same while a case is solved."""
    (folder / "system").mkdir(exist_ok=True)
    (folder / "constant").mkdir(exist_ok=True)
    fluid = f"transportModel Newtonian;\nnu {1 / reynolds!r};\n"
    model = "simulationType RAS;\nRAS\n{\n    RASModel SpalartAllmaras;\n    turbulence on;\n    printCoeffs off;\n}\n"
    relaxation = _RELAXATION % {
        "speed": options.relax_speed,
        "pressure": options.relax_pressure,
        "working": options.relax_working,
    }
    for place, content in (
        ("constant/transportProperties", fluid),
        ("constant/turbulenceProperties", model),
        ("system/fvSchemes", _SCHEMES),
        ("system/fvSolution", _SOLVERS + relaxation),
    ):
        (folder / place).write_text(header("dictionary", Path(place).name) + content)


def write_control(folder: Path, *, last: int, stretch: int) -> None:
    """From the latest fields to iteration `last`, `stretch` away."""
    (folder / "system").mkdir(exist_ok=True)
    content = _CONTROL % {"last": last, "stretch": stretch, "digits": DIGITS}
    (folder / "system" / "controlDict").write_text(header("dictionary", "controlDict") + content)


def write_fields(folder: Path, time: int, fields: Fields, far: Far, viscosity: float) -> None:
    """The fields at an iteration; fluxes that OpenFOAM left there are kept."""
    place = folder / str(time)
    place.mkdir(exist_ok=True)
    working, eddy = FAR_WORKING * viscosity, FAR_EDDY * viscosity
    for name, kind, dimensions, inside, outer, wall in (
        (
            "U",
            "volVectorField",
            "[0 1 -1 0 0 0 0]",
            _list(fields.velocity),
            f"type freestreamVelocity; freestreamValue {_list(far.velocity)};",
            "type noSlip;",
        ),
        (
            "p",
            "volScalarField",
            "[0 2 -2 0 0 0 0]",
            _list(fields.pressure),
            f"type freestreamPressure; freestreamValue {_list(far.pressure)};",
            "type zeroGradient;",
        ),
        (
            "nuTilda",
            "volScalarField",
            "[0 2 -1 0 0 0 0]",
            _list(viscosity * fields.working),
            f"type freestream; freestreamValue uniform {working!r};",
            "type fixedValue; value uniform 0;",
        ),
        (
            "nut",
            "volScalarField",
            "[0 2 -1 0 0 0 0]",
            f"uniform {eddy!r}",
            f"type calculated; value uniform {eddy!r};",
            "type fixedValue; value uniform 0;",
        ),
    ):
        (place / name).write_text(
            f"{header(kind, name)}dimensions {dimensions};\ninternalField {inside};\nboundaryField\n{{\n"
            f"    wall {{ {wall} }}\n    far {{ {outer} }}\n    sides {{ type empty; }}\n}}\n"
        )


def _list(values: Float64[ndarray, "*shape"]) -> str:
    """In OpenFOAM's words."""
    if values.ndim == 1:
        return f"nonuniform List<scalar> {len(values)}\n(\n" + "\n".join(map(repr, values.tolist())) + "\n)\n"
    lines = "\n".join(f"({x!r} {y!r} 0)" for x, y in values.tolist())
    return f"nonuniform List<vector> {len(values)}\n(\n{lines}\n)\n"


_CONTROL = """
application simpleFoam;
startFrom latestTime;
stopAt endTime;
endTime %(last)d;
deltaT 1;
writeControl timeStep;
writeInterval %(stretch)d;
purgeWrite 1;
writeFormat ascii;
writePrecision %(digits)d;
timeFormat general;
runTimeModifiable false;
functions
{
    forces
    {
        type forces;
        libs ("libforces.so");
        patches (wall);
        rho rhoInf;
        rhoInf 1;
        CofR (0.25 0 0);
        writeControl timeStep;
        writeInterval 1;
        log false;
    }
}
"""

_SCHEMES = """
ddtSchemes { default steadyState; }
gradSchemes { default Gauss linear; }
divSchemes
{
    default none;
    div(phi,U) bounded Gauss linearUpwind grad(U);
    div(phi,nuTilda) bounded Gauss linearUpwind grad(nuTilda);
    div((nuEff*dev2(T(grad(U))))) Gauss linear;
}
laplacianSchemes { default Gauss linear corrected; }
interpolationSchemes { default linear; }
snGradSchemes { default corrected; }
wallDist { method meshWave; }
"""

_SOLVERS = """
solvers
{
    p
    {
        solver GAMG;
        smoother DICGaussSeidel;
        tolerance 1e-10;
        relTol 0.05;
    }
    "(U|nuTilda)"
    {
        solver PBiCGStab;
        preconditioner DILU;
        tolerance 1e-12;
        relTol 0.1;
    }
}
SIMPLE
{
    consistent no;
    nNonOrthogonalCorrectors 0;
}
"""

_RELAXATION = """
relaxationFactors
{
    fields { p %(pressure)r; }
    equations
    {
        U %(speed)r;
        nuTilda %(working)r;
    }
}
"""
