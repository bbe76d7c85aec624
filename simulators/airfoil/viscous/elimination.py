"""Linear solution of the coupled equations: boundary layer eliminated station by station, edge speeds solved together.

With the edge speed split into what a station's own mass defect does and what all the others do, u = w + D_ii m, the
boundary layer can be eliminated downstream without the growth of errors that a prescribed speed or a prescribed mass
defect would bring: each station's x = (theta, s, m) becomes a linear function of the w of the stations upstream,

    x_k = r_k + S_k x_(k-1),    r_k = known_k - a_k w_k - b_k w_(k-1) + c_k shift.

What remains is one dense system for w and the shift of the stagnation point, of the size of the number of stations.
For its matrix the stations are taken in short blocks: inside all blocks at once, then from block to block.

The idea of the interaction law: A. Veldman, New, quasi-simultaneous method to calculate interacting boundary layers,
AIAA J. 19 (1981).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.airfoil.panel import factorised, nan_unless_solved
from understudy.simulators.airfoil.viscous.system import Field, State, System, stagnation_arc, topology

#: Stations of a block. Fewer make more steps from block to block, more make longer ones inside.
BLOCK = 8


@dataclass(frozen=True, eq=False)
class Update:
    """A change of the unknowns, each (batch, stations); of the angle (batch,) [deg], or none."""

    theta: Tensor
    displacement: Tensor
    s: Tensor
    u: Tensor
    alpha: Tensor | float = 0.0


def eliminate(field: Field, state: State, system: System, *, dense: torch.dtype = torch.float32) -> "Elimination":
    """Eliminate the boundary layer from the linearised equations, once for all right-hand sides.

    The dense system is made and kept in the precision `dense`; single precision costs half and Newton's iteration mends
    its rounding.
    """
    return Elimination(field, state, system, dense)


class Elimination:
    """The linearised equations of a state, ready to be solved for changes that cancel given residuals.

    Both sides are marched in step, aligned at the trailing edge: the upper side is turned round, and places of a side
    beyond its stagnation point stay empty.
    """

    def __init__(self, field: Field, state: State, system: System, dense: torch.dtype) -> None:
        self.state, self.dense, self.nodes = state, dense, field.nodes
        self.length = int(max(state.stagnation.max() + 1, self.nodes - 1 - state.stagnation.min()))
        self.sides = topology(state.stagnation, state.u.shape[1], self.nodes)
        own = torch.diagonal(field.mass_influence, dim1=1, dim2=2)
        self.own_influence = own * self.sides.speed_sign * self.sides.mass_sign
        self._divide_by_own(system)
        self.influence = field.influence_of_others(dense)
        self._factorise(field, self._mass_by_speed())

    def solve(self, residual: Tensor, speed: Tensor) -> Update:
        """The change that cancels residuals (batch, stations, 3) and (batch, stations); differentiable in them."""
        known = -_times(self.own_inverse, residual)
        mass = self._march(known)[..., 2]
        induced = (self.influence @ (self.sides.mass_sign * mass).to(self.dense)[..., None])[..., 0]
        right = (self.sides.speed_sign * speed).to(self.dense) + induced
        stagnation = (self.stagnation_own * mass.gather(1, self.stagnation_nodes)).sum(1, keepdim=True)
        right = torch.cat((right, stagnation.to(self.dense)), 1)[..., None]
        solution = torch.linalg.lu_solve(self.factors, self.pivots, right)
        solution = nan_unless_solved(self.matrix, solution, right)[..., 0].to(known.dtype)
        w, shift = solution[:, :-1], solution[:, -1:, None]
        behind = w.gather(1, self.behind)[..., None]
        moved = known - self.by_own * w[..., None] - self.by_behind * behind + self.by_shift * shift
        edge = torch.nn.functional.pad((self.by_edge * w[:, :1])[:, None], (0, 0, self.nodes, self.after))
        theta, s, mass = self._march(moved - edge).unbind(-1)
        u = w + self.own_influence * mass
        return Update(theta, (mass - self.state.displacement * u) / self.state.u, s, u)

    @property
    def after(self) -> int:
        """Wake stations behind the first one."""
        return self.state.u.shape[1] - self.nodes - 1

    def _divide_by_own(self, system: System) -> None:
        """Equations in (theta, s, m) and w, divided by each station's own 3 x 3 matrix: the letters of the recurrence.

        The first wake station also has the upper trailing edge behind it: `edge_step` and `by_edge`.
        """
        state, sides, own_influence = self.state, self.sides, self.own_influence
        own, own_w = _local(system.own, state.u, state.displacement, own_influence)
        self.behind = sides.upstream.clamp(0, state.u.shape[1] - 1)
        behind = (values.gather(1, self.behind) for values in (state.u, state.displacement, own_influence))
        up, up_w = _local(system.up, *behind)
        edge, edge_w = _local(system.upper_edge, state.u[:, 0], state.displacement[:, 0], own_influence[:, 0])
        self.own_inverse = _inverse3(own)
        passes = (~sides.first).to(own_w.dtype)[..., None]
        self.step = -_product(self.own_inverse, up) * passes[..., None]
        self.by_own, self.by_behind = _times(self.own_inverse, own_w), _times(self.own_inverse, up_w) * passes
        self.by_shift = -_times(self.own_inverse, system.moved)
        self.surface_step = self._sides(self.step)
        at = self.own_inverse[:, self.nodes]
        self.edge_step, self.by_edge = -(at @ edge), _times(at, edge_w)

    def _sides(self, values: Tensor) -> Tensor:
        """Values in contour order (batch, stations, ...) along both sides (2 batch, length, ...), zero where empty."""
        upper, lower = values[:, : self.length], values[:, self.nodes - self.length : self.nodes]
        mask = self.sides.upper[:, : self.length], self.sides.lower[:, self.nodes - self.length : self.nodes]
        shape = (*mask[0].shape, *[1] * (values.ndim - 2))
        return torch.cat(((upper * mask[0].view(shape)).flip(1), lower * mask[1].view(shape)))

    def _contour(self, surface: Tensor, wake: Tensor) -> Tensor:
        """The inverse of `_sides`, with the wake behind."""
        upper, lower = surface.chunk(2)
        blank = surface.new_zeros(len(upper), self.nodes - self.length, *surface.shape[2:])
        return torch.cat((torch.cat((upper.flip(1), blank), 1) + torch.cat((blank, lower), 1), wake), 1)

    def _march(self, given: Tensor) -> Tensor:
        """x_k = r_k + S_k x_(k-1) down both sides and the wake for given r (batch, stations, 3)."""
        surface = _followed(self._sides(given), self.surface_step)
        upper, lower = surface[:, -1].chunk(2)
        first = given[:, self.nodes] + _times(self.edge_step, upper) + _times(self.step[:, self.nodes], lower)
        wake = torch.cat((first[:, None], given[:, self.nodes + 1 :]), 1)
        return self._contour(surface, _followed(wake, self.step[:, self.nodes :]))

    def _mass_by_speed(self) -> Tensor:
        """Change of each station's mass defect per unit w of each station and, last column, per unit shift."""
        letters = [values.to(self.dense) for values in (self.step, self.by_own, self.by_behind, self.by_shift)]
        surface, ends = _responses(*(self._sides(values) for values in letters), block=BLOCK)
        step, by_own, by_behind, by_shift = (values[:, self.nodes :] for values in letters)
        # The first wake station has the trailing edges behind it, whose responses enter here and travel down the wake.
        upper, lower = ends.chunk(2)
        upper = self.edge_step.to(self.dense) @ upper
        upper[..., self.length - 1] -= self.by_edge.to(self.dense)
        lower = step[:, 0] @ lower
        lower[..., self.length - 1] -= by_behind[:, 0]
        step, by_behind = (torch.cat((torch.zeros_like(v[:, :1]), v[:, 1:]), 1) for v in (step, by_behind))
        wake, _ = _responses(step, by_own, by_behind, by_shift, block=step.shape[1])
        reach = _cumulative(step[:, None], first_is_one=True)[:, 0, :, 2]
        of_upper, of_lower = surface.chunk(2)
        return self._placed(of_upper, of_lower, wake, reach @ upper, reach @ lower)

    def _placed(self, upper: Tensor, lower: Tensor, wake: Tensor, wake_upper: Tensor, wake_lower: Tensor) -> Tensor:
        """Responses in contour order: of both sides, of the wake to itself, and of the wake to both sides."""
        length, nodes, stations = self.length, self.nodes, self.state.u.shape[1]
        left, right = slice(0, length), slice(nodes - length, nodes)
        result = upper.new_zeros(len(upper), stations, stations + 1)
        result[:, left, left] = upper[..., :-1].flip(1, 2)
        result[:, right, right] += lower[..., :-1]
        result[:, left, -1] = upper[..., -1].flip(1)
        result[:, right, -1] += lower[..., -1]
        result[:, nodes:, nodes:] = wake
        result[:, nodes:, left] += wake_upper[..., :-1].flip(2)
        result[:, nodes:, right] += wake_lower[..., :-1]
        result[:, nodes:, -1] += wake_upper[..., -1] + wake_lower[..., -1]
        return result

    def _factorise(self, field: Field, mass: Tensor) -> None:
        """The dense system for w and the shift of stagnation; each row is multiplied by its speed's sign."""
        signed = mass * self.sides.mass_sign.to(self.dense)[..., None]
        matrix = torch.nn.functional.pad(-(self.influence @ signed), (0, 0, 0, 1))
        torch.diagonal(matrix, dim1=1, dim2=2)[:, :-1] += self.sides.speed_sign
        _, *slopes = stagnation_arc(field, self.state)
        cases = torch.arange(len(matrix), device=matrix.device)
        self.stagnation_nodes = torch.stack((self.state.stagnation, self.state.stagnation + 1), 1)
        slope = torch.stack(slopes, 1)
        self.stagnation_own = slope * self.own_influence.gather(1, self.stagnation_nodes)
        for k, node in enumerate(self.stagnation_nodes.unbind(1)):
            matrix[:, -1] -= self.stagnation_own[:, k, None].to(self.dense) * mass[cases, node]
            matrix[cases, -1, node] -= slope[:, k].to(self.dense)
        matrix[:, -1, -1] += 1.0
        self.matrix = matrix
        self.factors, self.pivots = factorised(matrix)


def _followed(given: Tensor, step: Tensor) -> Tensor:
    """x_k = r_k + S_k x_(k-1) from x_(-1) = 0: r (rows, stations, 3), S (rows, stations, 3, 3)."""
    states = [given[:, 0]]
    for k in range(1, given.shape[1]):
        states.append(torch.baddbmm(given[:, k, :, None], step[:, k], states[-1][..., None])[..., 0])
    return torch.stack(states, 1)


def _responses(
    step: Tensor, by_own: Tensor, by_behind: Tensor, by_shift: Tensor, *, block: int
) -> tuple[Tensor, Tensor]:
    """What w does downstream.

    Returns:
        Mass defect of each station per unit w of each and, last column, per unit shift (rows, stations, stations + 1);
        all three unknowns of the last station per unit of the same (rows, 3, stations + 1).
    """
    rows, stations = by_own.shape[:2]
    blocks = -(-stations // block)
    # Empty stations are put in front: they pass nothing on, and the last station is the last of a block.
    empty = blocks * block - stations
    step, by_own, by_behind, by_shift = (
        torch.cat((values.new_zeros(rows, empty, *values.shape[2:]), values), 1).unflatten(1, (blocks, block))
        for values in (step, by_own, by_behind, by_shift)
    )
    reach = _cumulative(step)
    inside = _responses_inside(step, by_own, by_behind, by_shift)
    mass = by_own.new_zeros(rows, blocks, block, blocks * block + 1)
    state = by_own.new_zeros(rows, 3, blocks * block + 1)  # of the last station of the block before
    for k in range(blocks):
        first = k * block
        if k:
            mass[:, k] = reach[:, k, :, 2] @ state
            state = reach[:, k, -1] @ state
        own = slice(max(first - 1, 0), first + block)
        here = inside[:, k, ..., (0 if k else 1) :]
        mass[:, k, :, own] += here[:, :, 2, :-1]
        state[:, :, own] += here[:, -1, :, :-1]
        mass[:, k, :, -1] += here[:, :, 2, -1]
        state[:, :, -1] += here[:, -1, :, -1]
    return mass.flatten(1, 2)[:, empty:, empty:], state[..., empty:]


def _responses_inside(step: Tensor, by_own: Tensor, by_behind: Tensor, by_shift: Tensor) -> Tensor:
    """Responses within each block (rows, blocks, block, 3, block + 2).

    Columns: w of the station before the block, w of each of its stations, shift.
    """
    block = by_own.shape[2]
    columns = by_own.new_zeros(*by_own.shape, block + 2)
    for j in range(block):
        here = columns[:, :, j]
        if j:
            here[..., : j + 1] = _product(step[:, :, j], columns[:, :, j - 1, :, : j + 1])
            here[..., -1] = _times(step[:, :, j], columns[:, :, j - 1, :, -1])
        here[..., j] -= by_behind[:, :, j]
        here[..., j + 1] -= by_own[:, :, j]
        here[..., -1] += by_shift[:, :, j]
    return columns


def _cumulative(step: Tensor, *, first_is_one: bool = False) -> Tensor:
    """Products S_j ... S_1 S_0 within each block (rows, blocks, block, 3, 3), S_0 replaced by one on request."""
    one = torch.eye(3, dtype=step.dtype, device=step.device).expand_as(step[:, :, 0])
    products = [one if first_is_one else step[:, :, 0]]
    for j in range(1, step.shape[2]):
        products.append(_product(step[:, :, j], products[-1]))
    return torch.stack(products, 2)


def _local(jacobian: Tensor, u: Tensor, displacement: Tensor, own_influence: Tensor) -> tuple[Tensor, Tensor]:
    """Turn derivatives to (theta, displacement, s, u) into those to (theta, s, m) and to w."""
    by_theta, by_displacement, by_s, by_u = jacobian.unbind(-1)
    by_w = by_u - by_displacement * (displacement / u)[..., None]
    by_mass = by_displacement / u[..., None] + by_w * own_influence[..., None]
    return torch.stack((by_theta, by_s, by_mass), -1), by_w


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """3 x 3 matrices times vectors."""
    return _summed(matrix, vector[..., None])[..., 0]


def _product(first: Tensor, second: Tensor) -> Tensor:
    """3 x 3 matrices times 3 x n ones, by whichever is quicker where they are."""
    return first @ second if first.device.type == "cpu" else _summed(first, second)


def _summed(first: Tensor, second: Tensor) -> Tensor:
    """Their product as a sum of three outer products; library calls for millions of tiny matrices are slow on a GPU."""
    result = first[..., :1] * second[..., :1, :]
    for k in (1, 2):
        result = torch.addcmul(result, first[..., k : k + 1], second[..., k : k + 1, :])
    return result


def _inverse3(matrix: Tensor) -> Tensor:
    """Inverse of 3 x 3 matrices by cofactors."""
    a, b, c = matrix.unbind(-1)
    rows = torch.stack((torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)), -2)
    return rows / (a * rows[..., 0, :]).sum(-1)[..., None, None]
