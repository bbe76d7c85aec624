"""The fields of a solved flow, and how its forces are made from them."""

import torch
from torch import Tensor

from understudy.simulators.airfoil.flow_field import (
    CELL_FIELDS,
    TURBULENT_FIELDS,
    WALL_FIELDS,
    WALL_UNITS,
    FlowField,
)
from understudy.simulators.airfoil.rans.setup import flow_around
from understudy.simulators.flow.forces import surface
from understudy.simulators.flow.gas import GAMMA, primitive, viscosity_law
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.spalart_allmaras import eddy_viscosity
from understudy.simulators.flow.stream import Stream
from understudy.simulators.grids import Grid

#: How forces are made from the stored fields; data files carry these words.
FORCES = """\
A row has grid/cells_along x grid/cells_away cells. Cell (i, j) is entry i * cells_away + j of a field of the cells, \
node (i, j) is entry i * (cells_away + 1) + j of node_x and node_y. Face f of the body lies below the cell (i, 0) with \
i = grid/wake + f, between the nodes (i, 0) and (i + 1, 0); X is the middle of these two. The gas has gamma = 1.4, \
M = inputs/mach, Re = inputs/reynolds; a = outputs/alpha.
(1) Pressure on face f: p_w = 1.5 p - 0.5 p2 with p = pressure of the cell (i, 0) and p2 that of (i, 1); \
cp = 2 (p_w - 1) / (gamma M^2).
(2) Friction on face f, none in a flow without friction: N = (wall_normal_x, wall_normal_y), h = wall_height, \
n = N / |N|, u = (velocity_x, velocity_y) and T = p / density of the cell (i, 0), mu = T^1.5 (1 + S) / (T + S) with \
S = 110.33 / 300; t = 2 mu / (Re h) (u + n (u . n) / 3).
(3) Force on face f: F = -cp N + |N| t. Over all faces, C = sum of F, cl = C_y cos a - C_x sin a, \
cd = C_x cos a + C_y sin a, of which cd_pressure is made of -cp N and cd_friction of |N| t, \
cm = sum of X_y F_x - (X_x - 0.25) F_y."""


def quantities_of(model: str) -> tuple[str, ...]:
    """What a flow of that model has in its cells and on the faces of the body."""
    turbulent = TURBULENT_FIELDS if model == "sa" else ()
    return (*CELL_FIELDS, *turbulent, *WALL_FIELDS, *((WALL_UNITS,) if model != "euler" else ()))


def field_of(grid: Grid, state: Tensor, facts: dict[str, float], model: str) -> FlowField:
    """The flow of one row: a batch of one grid and its conserved variables.

    facts: Mach and Reynolds number, angle [deg], coefficients.
    """
    mach, reynolds, alpha = (state.new_tensor([facts[name]]) for name in ("mach", "reynolds", "alpha"))
    flow = flow_around(grid, Stream(mach, alpha, reynolds), model)
    density, u, v, pressure, working = primitive(state)[0].unbind(0)
    pressure = GAMMA * pressure
    cells = {
        "density": density,
        "velocity_x": u / mach,
        "velocity_y": v / mach,
        "pressure": pressure,
        "wall_distance": flow.metrics.distance[0],
    }
    if model == "sa":
        laminar = viscosity_law(pressure / density)
        cells["working_viscosity"] = working
        cells["eddy_viscosity"] = eddy_viscosity(density, working, laminar)
    return FlowField(nodes=grid.nodes[0], wake=grid.wake, cells=cells, wall=_wall(flow, state), facts=facts, who="rans")


def _wall(flow: Flow, state: Tensor) -> dict[str, Tensor]:
    normal = flow.metrics.j_faces[0, :, flow.wall, 0]
    length = normal.square().sum(0).sqrt()
    above = flow.metrics.centres[0, :, 1:-1, 1][:, flow.wall] - flow.metrics.wall[0]
    height = (above * normal).sum(0) / length
    values = {f"wall_{name}": found[0] for name, found in surface(flow, state).items()}
    values |= {"wall_normal_x": normal[0], "wall_normal_y": normal[1], "wall_height": height}
    if flow.viscous:
        density, _, _, pressure, _ = primitive(state)[0, :, flow.wall, 0].unbind(0)
        viscosity = viscosity_law(GAMMA * pressure / density) * flow.stream.viscosity
        stress = 0.5 * flow.stream.mach.square() * values["wall_cf"].abs()
        values[WALL_UNITS] = height * torch.sqrt(density * stress) / viscosity
    return values
