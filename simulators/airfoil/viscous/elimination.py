"""Linear solution of the coupled equations: boundary layer eliminated station by station, edge speeds solved together.

With the edge speed split into what a station's own mass defect does and what all the others do, u = w + D_ii m, the
boundary layer
can be eliminated downstream without the growth of errors that a prescribed speed or a prescribed mass defect would
    bring: each station's (theta, s, m) becomes a linear function of the w of the stations upstream. What remains is
    one dense system for w and the shift of the stagnation point, of the size of the number of stations.

The idea of the interaction law: A. Veldman, New, quasi-simultaneous method to calculate interacting boundary layers,
AIAA J. 19 (1981).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.airfoil.panel import factorised, nan_unless_solved
from understudy.simulators.airfoil.viscous.system import Field, State, System, Topology, stagnation_arc, topology


@dataclass(frozen=True, eq=False)
class Update:
    """A change of the unknowns, each (batch, stations)."""

    theta: Tensor
    displacement: Tensor
    s: Tensor
    u: Tensor


def eliminate(field: Field, state: State, system: System, *, dense: torch.dtype = torch.float32) -> "Elimination":
    """Eliminate the boundary layer from the linearised equations, once for all right-hand sides.

    The dense system is kept in the precision `dense`; single precision costs half and Newton's iteration mends its
    rounding.
    """
    return Elimination(field, state, system, dense)


class Elimination:
    """The linearised equations of a state, ready to be solved for changes that cancel given residuals.

    Both sides are marched in step, aligned at the trailing edge: the upper side is turned round, and places of a side
    beyond its stagnation point stay empty.
    """

    def __init__(self, field: Field, state: State, system: System, dense: torch.dtype) -> None:
        self.state, self.dense = state, dense
        self.batch, self.stations = state.u.shape
        self.nodes = field.nodes
        self.length = int(max(state.stagnation.max() + 1, self.nodes - 1 - state.stagnation.min()))
        sides = topology(state.stagnation, self.stations, self.nodes)
        self.influence = field.mass_influence * sides.speed_sign[:, :, None] * sides.mass_sign[:, None, :]
        self.own_influence = torch.diagonal(self.influence, dim1=1, dim2=2).clone()
        self._divide_by_own(system, sides)
        shift = -(self.own_inverse @ system.moved[..., None])[..., 0]
        self._march_columns(sides, shift)
        self._build_dense(field)

    def solve(self, residual: Tensor, speed: Tensor) -> Update:
        """The change that cancels residuals (batch, stations, 3) and (batch, stations); differentiable in them."""
        known = -(self.own_inverse @ residual[..., None])[..., 0]
        surface, wake = self._march_known(known)
        mass = self._contour(surface, wake)[..., 2]
        right = (speed + (self.off_diagonal @ mass[..., None].to(self.dense))[..., 0]).to(self.dense)
        stagnation = (self.stagnation_own.to(mass.dtype) * mass.gather(1, self.stagnation_nodes)).sum(1, keepdim=True)
        right = torch.cat((right, stagnation.to(self.dense)), 1)
        solution = torch.linalg.lu_solve(self.factors, self.pivots, right[..., None])
        solution = nan_unless_solved(self.matrix, solution, right[..., None])[..., 0].to(known.dtype)
        dw, shift = solution[:, :-1], solution[:, -1:]

        sides = torch.cat((self._upper(dw), self._lower(dw)))
        columns = torch.cat((sides, shift.repeat(2, 1)), 1)
        surface = surface + (self.surface_columns @ columns[:, None, :, None])[..., 0]
        columns = torch.cat((self._upper(dw), self._lower(dw), dw[:, self.nodes :], shift), 1)
        wake = wake + (self.wake_columns @ columns[:, None, :, None])[..., 0]
        theta, s, mass = self._contour(surface, wake).unbind(-1)
        u = dw + self.own_influence * mass
        return Update(theta, (mass - self.state.displacement * u) / self.state.u, s, u)

    def _upper(self, values: Tensor) -> Tensor:
        return values[:, : self.length].flip(1)

    def _lower(self, values: Tensor) -> Tensor:
        return values[:, self.nodes - self.length : self.nodes]

    def _both(self, values: Tensor) -> Tensor:
        return torch.cat((self._upper(values), self._lower(values)))

    def _divide_by_own(self, system: System, sides: Topology) -> None:
        """Equations in (theta, s, m) and w, divided by each station's own 3 x 3 matrix, in marching order."""
        state, own_influence = self.state, self.own_influence
        own, own_w = _local(system.own, state.u, state.displacement, own_influence)
        index = sides.upstream.clamp(0, self.stations - 1)
        behind = (values.gather(1, index) for values in (state.u, state.displacement, own_influence))
        up, up_w = _local(system.up, *behind)
        edge, edge_w = _local(system.upper_edge, state.u[:, 0], state.displacement[:, 0], own_influence[:, 0])
        self.own_inverse = _inverse3(own)
        own_w = _times(self.own_inverse, own_w)
        up, up_w = self.own_inverse @ up, _times(self.own_inverse, up_w)
        at = self.own_inverse[:, self.nodes]
        self.edge, self.edge_w = at @ edge, _times(at, edge_w)
        here = torch.cat((self._upper(sides.upper), self._lower(sides.lower)))
        starts = torch.cat((self._upper(sides.first & sides.upper), self._lower(sides.first & sides.lower)))
        self.here = here.to(own_w.dtype)[..., None]
        passes = (here & ~starts).to(own_w.dtype)[..., None]
        self.surface_up, self.surface_up_w = self._both(up) * passes[..., None], self._both(up_w) * passes
        self.surface_own_w = self._both(own_w) * self.here
        self.wake_up, self.wake_up_w, self.wake_own_w = (values[:, self.nodes :] for values in (up, up_w, own_w))

    def _march_columns(self, sides: Topology, shift: Tensor) -> None:
        """Change of (theta, s, m) per unit w of each place and per unit shift of stagnation (last column)."""
        length = self.length
        along = self._both(shift) * self.here
        columns = shift.new_zeros(2 * self.batch, length, 3, length + 1)
        row = columns[:, 0]
        row[:, :, 0], row[:, :, -1] = -self.surface_own_w[:, 0], along[:, 0]
        minus_up = -self.surface_up
        for k in range(1, length):
            up, previous, row = minus_up[:, k], row, columns[:, k]
            row[:, :, :k] = up @ previous[:, :, :k]
            row[:, :, -1] = along[:, k] + _times(up, previous[:, :, -1])
            row[:, :, k - 1] -= self.surface_up_w[:, k]
            row[:, :, k] = -self.surface_own_w[:, k]
        self.surface_columns = columns

        # Columns of the wake: upper side, lower side, wake, shift.
        upper_end, lower_end = columns[: self.batch, -1], columns[self.batch :, -1]
        count = self.stations - self.nodes
        rows = shift.new_zeros(self.batch, count, 3, 2 * length + count + 1)
        row = rows[:, 0]
        row[:, :, :length] = -self.edge @ upper_end[:, :, :length]
        row[:, :, length : 2 * length] = -self.wake_up[:, 0] @ lower_end[:, :, :length]
        row[:, :, -1] = (
            shift[:, self.nodes]
            - _times(self.edge, upper_end[..., -1])
            - _times(self.wake_up[:, 0], lower_end[..., -1])
        )
        row[:, :, length - 1] -= self.edge_w
        row[:, :, 2 * length - 1] -= self.wake_up_w[:, 0]
        row[:, :, 2 * length] -= self.wake_own_w[:, 0]
        for k in range(1, count):
            previous, row = row, rows[:, k]
            torch.bmm(-self.wake_up[:, k], previous, out=row)
            row[:, :, -1] += shift[:, self.nodes + k]
            row[:, :, 2 * length + k - 1] -= self.wake_up_w[:, k]
            row[:, :, 2 * length + k] -= self.wake_own_w[:, k]
        self.wake_columns = rows

    def _march_known(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Change of (theta, s, m) on the surface (2 batch, length, 3) and in the wake (batch, wake, 3) at fixed w."""
        along = self._both(known) * self.here
        rows = [along[:, 0]]
        for k in range(1, self.length):
            rows.append(along[:, k] - _times(self.surface_up[:, k], rows[-1]))
        surface = torch.stack(rows, 1)
        upper_end, lower_end = surface[: self.batch, -1], surface[self.batch :, -1]
        rows = [known[:, self.nodes] - _times(self.edge, upper_end) - _times(self.wake_up[:, 0], lower_end)]
        for k in range(1, self.stations - self.nodes):
            rows.append(known[:, self.nodes + k] - _times(self.wake_up[:, k], rows[-1]))
        return surface, torch.stack(rows, 1)

    def _contour(self, surface: Tensor, wake: Tensor) -> Tensor:
        """Values of places, back in contour order (batch, stations, …)."""
        upper, lower = surface[: self.batch].flip(1), surface[self.batch :]
        rest = self.nodes - self.length
        blank = surface.new_zeros(self.batch, rest, *surface.shape[2:])
        return torch.cat((torch.cat((upper, blank), 1) + torch.cat((blank, lower), 1), wake), 1)

    def _build_dense(self, field: Field) -> None:
        """The dense system for w and the shift of stagnation, factorised."""
        length, nodes, stations = self.length, self.nodes, self.stations
        upper, lower, wake = (
            rows[:, :, 2].to(self.dense) for rows in (*self.surface_columns.chunk(2), self.wake_columns)
        )
        by_shift = self._contour(self.surface_columns[:, :, 2, -1], self.wake_columns[:, :, 2, -1])
        # Mass defect per unit w: each side's own block and the wake's rows, columns in contour order.
        sides = upper[:, :, :length].flip(1, 2), lower[:, :, :length]
        behind = torch.zeros(self.batch, stations - nodes, stations, dtype=self.dense, device=upper.device)
        behind[:, :, :length] = wake[:, :, :length].flip(2)
        behind[:, :, nodes - length : nodes] += wake[:, :, length : 2 * length]
        behind[:, :, nodes:] = wake[:, :, 2 * length : -1]

        self.off_diagonal = self.influence.to(self.dense)
        torch.diagonal(self.off_diagonal, dim1=1, dim2=2).zero_()
        matrix = torch.zeros(self.batch, stations + 1, stations + 1, dtype=self.dense, device=upper.device)
        places = slice(0, length), slice(nodes - length, nodes)
        matrix[:, :-1, :-1] = -(self.off_diagonal[:, :, nodes:] @ behind)
        for place, side in zip(places, sides, strict=True):
            matrix[:, :-1, place] -= self.off_diagonal[:, :, place] @ side
        matrix[:, :-1, -1] = -(self.off_diagonal @ by_shift[..., None].to(self.dense))[..., 0]
        torch.diagonal(matrix, dim1=1, dim2=2).add_(1.0)

        # Shift of the stagnation point from the two edge speeds next to it.
        _, *slopes = stagnation_arc(field, self.state)
        cases = torch.arange(self.batch, device=matrix.device)
        self.stagnation_nodes = torch.stack((self.state.stagnation, self.state.stagnation + 1), 1)
        slope = torch.stack(slopes, 1)
        self.stagnation_own = slope * self.own_influence.gather(1, self.stagnation_nodes)
        for k in range(2):
            node, own = self.stagnation_nodes[:, k], self.stagnation_own[:, k].to(self.dense)
            for place, side in zip(places, sides, strict=True):
                row = (node - place.start).clamp(0, length - 1)
                inside = own * ((node >= place.start) & (node < place.stop))
                matrix[:, -1, place] -= inside[:, None] * side[cases, row]
            matrix[cases, -1, node] -= slope[:, k].to(self.dense)
            matrix[cases, -1, -1] -= own * by_shift[cases, node].to(self.dense)
        self.matrix = matrix
        self.factors, self.pivots = factorised(matrix)


def _local(jacobian: Tensor, u: Tensor, displacement: Tensor, own_influence: Tensor) -> tuple[Tensor, Tensor]:
    """Turn derivatives to (theta, displacement, s, u) into those to (theta, s, m) and to w."""
    by_theta, by_displacement, by_s, by_u = jacobian.unbind(-1)
    by_w = by_u - by_displacement * (displacement / u)[..., None]
    by_mass = by_displacement / u[..., None] + by_w * own_influence[..., None]
    return torch.stack((by_theta, by_s, by_mass), -1), by_w


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector[..., None])[..., 0]


def _inverse3(matrix: Tensor) -> Tensor:
    """Inverse of 3 x 3 matrices by cofactors."""
    a, b, c = matrix.unbind(-1)
    rows = torch.stack((torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)), -2)
    return rows / (a * rows[..., 0, :]).sum(-1)[..., None, None]
