"""How the flow past an airfoil is solved."""

from dataclasses import dataclass

from understudy.simulators.flow.residual import MODELS
from understudy.simulators.grids import GridOptions

#: Reynolds number whose boundary layer the grid of a flow without friction would resolve.
EULER_REYNOLDS = 3e3
#: Cells away from the wall with which the usual spacings go.
STANDARD = GridOptions.size[1] - 1
#: GMRES steps at most on grids coarser than that, and on the others: there 20 leave too much of the error in the
#: circulation of the body, which settles last.
KRYLOV, KRYLOV_FINE = 20, 60
#: Of a grid: some 30 GB for one case.
MOST_NODES = 2**21


@dataclass(frozen=True)
class RansOptions:
    """Physics, grid and end of the iteration.

    model: "sa" (turbulent from the nose, Spalart and Allmaras), "laminar" or "euler" (no friction).
    grid: nodes along the body and wake, and away from it.
    far: distance of the outer boundary [chord].

    Rarely needed:
        drop: residual at the end, over that of the first field.
        steps: on the finest grid, at most; half as many again in a second, more careful try.
        rows: cases solved at once; 0 decides by the device.

    Raises:
        ValueError: an unknown model, or a number out of its range.
    """

    model: str = "sa"
    grid: tuple[int, int] = (385, 97)
    far: float = 100.0
    drop: float = 1e-6
    steps: int = 60
    rows: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}; got {self.model!r}")
        along, away = self.grid
        if along < 65 or (along - 1) % 8 or away < 25:
            raise ValueError(
                f"grid must have 8 k + 1 nodes along, at least 65, and at least 25 away; got {along}x{away}"
            )
        if along * away > MOST_NODES:
            raise ValueError(
                f"grid must have at most {MOST_NODES} nodes, which take some 30 GB of memory; got {along}x{away}"
            )
        if not 0 < self.drop < 1:
            raise ValueError(f"drop must be above 0 and below 1; got {self.drop:.6g}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1; got {self.steps}")
        if self.rows < 0:
            raise ValueError(f"rows must be at least 0; got {self.rows}")
        self.wishes()  # refuses what cannot be a grid

    @property
    def krylov(self) -> int:
        """GMRES steps at most in a step of the march."""
        return KRYLOV if self.grid[1] - 1 < STANDARD else KRYLOV_FINE

    def wishes(self) -> tuple[GridOptions, int]:
        """A grid to make and how often to take every second line of it.

        Grids coarser than `STANDARD` inherit its lines, so that their cells grow faster and their first cell is higher;
        finer ones have all spacings smaller in proportion.
        """
        halvings = 0
        along, away = (nodes - 1 for nodes in self.grid)
        while away < STANDARD:
            along, away, halvings = 2 * along, 2 * away, halvings + 1
        return GridOptions(far=self.far).on((along + 1, away + 1)), halvings
