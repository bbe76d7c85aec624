"""The embedded finite-volume solver as an airfoil simulator."""

from understudy.simulators.airfoil.rans.options import RansOptions
from understudy.simulators.airfoil.rans.simulator import Rans, RansSolution

__all__ = ["Rans", "RansOptions", "RansSolution"]
