"""OpenFOAM's incompressible solver behind the common interface."""

from understudy.simulators.airfoil.openfoam.options import OpenFoamOptions
from understudy.simulators.airfoil.openfoam.program import OpenFoamNotInstalledError
from understudy.simulators.airfoil.openfoam.simulator import OpenFoam

__all__ = ["OpenFoam", "OpenFoamNotInstalledError", "OpenFoamOptions"]
