"""A batched, differentiable viscous-inviscid solver for airfoils."""

from understudy.simulators.airfoil.viscous.pool import PoolOptions
from understudy.simulators.airfoil.viscous.simulator import ViscousSimulator

__all__ = ["PoolOptions", "ViscousSimulator"]
