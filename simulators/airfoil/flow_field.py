"""The flow in the cells of a grid around one airfoil, as it is stored, exported and drawn.

Lengths are in chords; velocities in free-stream speeds; density, pressure and temperature in those of the free stream,
whose perfect gas (`simulators.flow.gas`) leads from one to the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, sonic_cp

#: What is needed of every flow, and what a turbulent one has besides; the rest follows from these.
CELL_FIELDS = ("density", "velocity_x", "velocity_y", "pressure", "wall_distance")
TURBULENT_FIELDS = ("working_viscosity", "eddy_viscosity")
#: Values on the faces of the body; y+ where there is friction.
WALL_FIELDS = ("wall_cp", "wall_cf", "wall_normal_x", "wall_normal_y", "wall_height")
WALL_UNITS = "wall_y_plus"
FACTS = ("mach", "reynolds", "alpha")


@dataclass(frozen=True, eq=False, kw_only=True)
class FlowField:
    """One solved flow, checked at birth.

    nodes: of the grid [chord], in the order of `simulators.grids.Grid`: clockwise around the body, then outwards.
    wake: cells of each half of the wake cut, 0 for an O-grid.
    cells: quantity -> values in the cells: `CELL_FIELDS`, and `TURBULENT_FIELDS` of a turbulent flow.
    wall: quantity -> values on the faces of the body, from the lower to the upper trailing edge: `WALL_FIELDS`, and y+
        where there is friction.
    facts: quantity of the case -> value: `FACTS`, and the coefficients.
    airfoil, who: what the shape is called, and who solved it.

    Raises:
        ValueError: a quantity that is missing, or of another size than the grid.
    """

    nodes: Float[Tensor, "ni nj 2"]
    wake: int
    cells: Mapping[str, Float[Tensor, "cells_i cells_j"]]
    wall: Mapping[str, Float[Tensor, " wall"]]
    facts: Mapping[str, float]
    airfoil: str = ""
    who: str = ""

    def __post_init__(self) -> None:
        along, away = self.size
        for kind, known, needed, shape in (
            ("cell", self.cells, CELL_FIELDS, (along, away)),
            ("wall", self.wall, WALL_FIELDS, (along - 2 * self.wake,)),
        ):
            missing = [name for name in needed if name not in known]
            if missing:
                raise ValueError(f"a flow needs the {kind} values {', '.join(needed)}; {', '.join(missing)} missing")
            for name, values in known.items():
                if tuple(values.shape) != shape:
                    raise ValueError(f"{name} must be {shape} on this grid; got {tuple(values.shape)}")
        missing = [name for name in FACTS if name not in self.facts]
        if missing:
            raise ValueError(f"a flow needs the facts {', '.join(FACTS)}; {', '.join(missing)} missing")

    @property
    def size(self) -> tuple[int, int]:
        """Cells along and away from the body."""
        return self.nodes.shape[0] - 1, self.nodes.shape[1] - 1

    @property
    def turbulent(self) -> bool:
        """Whether there is eddy viscosity."""
        return all(name in self.cells for name in TURBULENT_FIELDS)

    @property
    def viscous(self) -> bool:
        """Whether there is friction."""
        return WALL_UNITS in self.wall

    @property
    def temperature(self) -> Float[Tensor, "cells_i cells_j"]:
        """Over that of the free stream."""
        return self.cells["pressure"] / self.cells["density"]

    @property
    def local_mach(self) -> Float[Tensor, "cells_i cells_j"]:
        """Speed over the local speed of sound."""
        speed = torch.hypot(self.cells["velocity_x"], self.cells["velocity_y"])
        return self.facts["mach"] * speed / self.temperature.sqrt()

    @property
    def cp(self) -> Float[Tensor, "cells_i cells_j"]:
        """Pressure coefficient."""
        return (self.cells["pressure"] - 1) * (2 / (GAMMA * self.facts["mach"] ** 2))

    @property
    def sonic_cp(self) -> float:
        """The pressure coefficient at which the local flow is sonic, if nothing was lost on the way there."""
        return sonic_cp(self.facts["mach"])

    @property
    def contour(self) -> Float[Tensor, "wall_nodes 2"]:
        """Nodes of the grid on the body, from the lower to the upper trailing edge."""
        return self.nodes[self.wake : len(self.nodes) - self.wake, 0]

    def at_nodes(self, values: Float[Tensor, "cells_i cells_j"]) -> Float[Tensor, "ni nj"]:
        """Values of cells as means over the cells around each node of the grid, across the cut or the joint too."""
        below = values[:, :1].clone()
        if self.wake:
            below[: self.wake] = values.flip(0)[: self.wake, :1]
            below[-self.wake :] = values.flip(0)[-self.wake :, :1]
        rows = torch.cat((below, values, values[:, -1:]), 1)
        first, last = (rows[:1], rows[-1:]) if self.wake else (rows[-1:], rows[:1])
        rows = torch.cat((first, rows, last), 0)
        return 0.25 * (rows[1:, 1:] + rows[:-1, 1:] + rows[1:, :-1] + rows[:-1, :-1])
