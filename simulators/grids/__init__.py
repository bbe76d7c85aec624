"""Body-fitted structured grids around airfoils, in batches."""

from understudy.simulators.grids.airfoil import airfoil_grid
from understudy.simulators.grids.deformation import deformed
from understudy.simulators.grids.grid import Grid
from understudy.simulators.grids.options import GridOptions
from understudy.simulators.grids.quality import GridQuality
from understudy.simulators.grids.spacing import wall_spacing
from understudy.simulators.grids.wall import closed

__all__ = ["Grid", "GridOptions", "GridQuality", "airfoil_grid", "closed", "deformed", "wall_spacing"]
