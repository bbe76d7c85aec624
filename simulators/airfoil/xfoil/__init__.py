from understudy.simulators.airfoil.xfoil.program import XfoilNotInstalledError
from understudy.simulators.airfoil.xfoil.simulator import March, Xfoil

__all__ = ["March", "Xfoil", "XfoilNotInstalledError"]
