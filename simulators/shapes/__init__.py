"""Airfoil shapes: where they come from, how they are described, measured and prepared for a panel method."""

from understudy.simulators.shapes.naca import naca
from understudy.simulators.shapes.panelling import panel, panel_each

__all__ = ["naca", "panel", "panel_each"]
