"""What is asked of OpenFOAM."""

from dataclasses import dataclass, replace

from understudy.simulators.airfoil.rans.options import RansOptions
from understudy.simulators.grids import GridOptions

#: Iterations of one run of the program; between two runs the far field follows the lift, and the angle a wanted lift.
STRETCH = 200
#: Iterations at the end of a run over which forces are watched; before, it forgets that it was interrupted.
WATCHED = 100


@dataclass(frozen=True)
class OpenFoamOptions:
    """Grid, end and relaxation of the iteration.

    grid: nodes along the body and wake, and away from it, as in `RansOptions`.
    far: distance of the outer boundary [chord].
    iterations: on the finest grid, at most.
    time_limit: for one row, all its grids together [s].

    Rarely needed:
        coarse_iterations: on each of the coarser grids that start the finest, at most.
        settled: range of the drag over the last `WATCHED` iterations, and since the run before, below which it is
            settled, over the drag; the same share of the lift, or of 0.2 where it is smaller.
        residual: at the end, at most; the largest of OpenFOAM's initial residuals of speed, pressure and model.
        relax_speed, relax_pressure, relax_working: of the equation of speed, of the pressure, of the equation of the
            working variable. The far wake of small angles is stable where the first two add up to 1. The third
            above 0.4 makes the friction alternate from one iteration to the next, by one per cent at 0.8. A row that
            diverges gets a second try with 0.7 times the first two.

    Raises:
        ValueError: a number out of its range.
    """

    grid: tuple[int, int] = (193, 49)
    far: float = 100.0
    iterations: int = 4000
    time_limit: float = 600.0
    coarse_iterations: int = 1000
    settled: float = 1e-3
    residual: float = 2e-4
    relax_speed: float = 0.7
    relax_pressure: float = 0.3
    relax_working: float = 0.3

    def __post_init__(self) -> None:
        self.wishes()  # refuses what cannot be a grid
        for name in ("iterations", "coarse_iterations"):
            if getattr(self, name) < STRETCH:
                raise ValueError(f"{name} must be at least {STRETCH}; got {getattr(self, name)}")
        if not self.time_limit > 0:
            raise ValueError(f"time_limit must be positive [s]; got {self.time_limit:.6g}")
        for name in ("settled", "residual", "relax_speed", "relax_pressure", "relax_working"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be above 0 and below 1; got {getattr(self, name):.6g}")

    def careful(self) -> "OpenFoamOptions":
        """For the second try of a row that diverged: smaller steps of speed and pressure."""
        return replace(self, relax_speed=0.7 * self.relax_speed, relax_pressure=0.7 * self.relax_pressure)

    def wishes(self) -> tuple[GridOptions, int]:
        """A grid to make and how often to take every second line of it: the same as for our own solver."""
        return RansOptions(grid=self.grid, far=self.far).wishes()
