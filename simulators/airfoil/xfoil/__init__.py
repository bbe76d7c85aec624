from understudy.simulators.airfoil.xfoil.program import XfoilNotInstalledError
from understudy.simulators.airfoil.xfoil.simulator import Xfoil

__all__ = ["Xfoil", "XfoilNotInstalledError"]
