"""The angle of a prescribed lift, sought while the flow becomes steady."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.residual import Flow

#: Lift is found within this.
LIFT_TOLERANCE = 1e-5
#: The angle is turned once the residual is below this share of the turn [1/deg]: a lift that still moves misleads.
SETTLED = 1e-3
#: Largest turn, and the smallest that tells a slope [deg].
LARGEST_TURN, TELLING_TURN = 1.0, 0.02
#: Slope of the lift, between these shares of a thin airfoil's.
FLATTEST, USUAL, STEEPEST = 0.2, 0.9, 2.0


@dataclass(frozen=True, eq=False)
class LiftSearch:
    """Secants for each row of a batch: wanted lift, slope of the lift [1/deg], lift missing and turn last time."""

    lift: Float[Tensor, " batch"]
    thin: Float[Tensor, " batch"]
    slope: Float[Tensor, " batch"]
    missed: Float[Tensor, " batch"]
    last: Float[Tensor, " batch"]

    @staticmethod
    def of(flow: Flow, lift: Float[Tensor, " batch"]) -> "LiftSearch":
        """lift: NaN where the angle is given."""
        thin = math.pi**2 / 90 / (1 - flow.stream.mach.square()).clamp(min=0.1).sqrt()
        return LiftSearch(lift, thin, USUAL * thin, torch.full_like(lift, torch.nan), torch.zeros_like(lift))

    def look(self, rows: Int[Tensor, " open"], flow: Flow, state: Tensor) -> tuple[Tensor, Tensor]:
        """What lift the open rows miss, and by how much they should turn [deg]."""
        wanted = self.lift[rows]
        missing = torch.where(torch.isfinite(wanted), wanted - forces(flow, state)["cl"], 0.0)
        return missing, (missing / self._secant(rows, missing)).clamp(-LARGEST_TURN, LARGEST_TURN)

    def turned(self, rows: Int[Tensor, " open"], missing: Tensor, turn: Tensor) -> Float[Tensor, " open"]:
        """Note what is turned, and give it back."""
        moved = turn != 0
        self.slope[rows] = torch.where(moved, self._secant(rows, missing), self.slope[rows])
        self.missed[rows] = torch.where(moved, missing, self.missed[rows])
        self.last[rows] = torch.where(moved, turn, self.last[rows])
        return turn

    def _secant(self, rows: Int[Tensor, " open"], missing: Tensor) -> Float[Tensor, " open"]:
        """Slope of the lift [1/deg] by the last turn, or as known before where that was small."""
        last, thin = self.last[rows], self.thin[rows]
        telling = last.abs() > TELLING_TURN
        gained = (self.missed[rows] - missing) / torch.where(telling, last, 1.0)
        return torch.where(telling, gained.clamp(FLATTEST * thin, STEEPEST * thin), self.slope[rows])
