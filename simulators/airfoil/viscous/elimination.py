"""Linear solution of the coupled equations: boundary layer eliminated station by station, edge speeds solved together.

With the edge speed split into what a station's own mass defect does and what all the others do, u = w + D_ii m, the boundary layer
can be eliminated downstream without the growth of errors that a prescribed speed or a prescribed mass defect would bring: each
station's (theta, s, m) becomes a linear function of the w of the stations upstream. What remains is one dense system for w and the
shift of the stagnation point, of the size of the number of stations.

The idea of the interaction law: A. Veldman, New, quasi-simultaneous method to calculate interacting boundary layers, AIAA J. 19
(1981).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous.system import Field, State, System, stagnation_arc, topology


@dataclass(frozen=True, eq=False)
class Update:
    """A change of the unknowns, each (batch, stations)."""

    theta: Tensor
    displacement: Tensor
    s: Tensor
    u: Tensor


@dataclass(frozen=True, eq=False)
class _Local:
    """Station equations in (theta, s, m) and w: own (…, 3, 3), own_w (…, 3), the same for the station upstream, already divided by
    the own matrix; the last two columns of `known` (…, 3, 2) are minus the residual and minus the shift of stagnation."""

    up: Tensor
    own_w: Tensor
    up_w: Tensor
    known: Tensor


def solve(field: Field, state: State, system: System) -> Update:
    """The Newton step: the change that cancels the linearised residuals."""
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    influence = field.mass_influence * sides.speed_sign[:, :, None] * sides.mass_sign[:, None, :]
    own_influence = torch.diagonal(influence, dim1=1, dim2=2)
    batch, stations = state.u.shape
    nodes = field.nodes
    length = int(max(state.stagnation.max() + 1, nodes - 1 - state.stagnation.min()))

    own3, own_w = _local_variables(system.own, state, own_influence)
    up_state = _upstream_values(state, own_influence, sides.upstream)
    up3, up_w = _local_variables(system.up, *up_state)
    edge = state.rows(slice(None))
    upper3, upper_w = _local_variables(
        system.upper_edge[:, None], _Slice(edge.u[:, :1], edge.displacement[:, :1]), own_influence[:, :1]
    )
    known = torch.stack((-system.residual, -system.moved), -1)
    present = (sides.upper | sides.lower | (torch.arange(stations, device=own3.device) >= nodes))
    factor = _inverse3(own3)
    up3, up_w, own_w, known = (
        factor @ up3,
        (factor @ up_w[..., None])[..., 0],
        (factor @ own_w[..., None])[..., 0],
        factor @ known,
    )
    upper3, upper_w = factor[:, nodes] @ upper3[:, 0], (factor[:, nodes] @ upper_w[:, 0, :, None])[..., 0]

    # Both sides in step, aligned at the trailing edge (last place), upper side turned round.
    def upper_places(values: Tensor) -> Tensor:
        return values[:, :length].flip(1)

    def lower_places(values: Tensor) -> Tensor:
        return values[:, nodes - length : nodes]

    def both(values: Tensor) -> Tensor:
        return torch.cat((upper_places(values), lower_places(values)))

    here = torch.cat((upper_places(sides.upper), lower_places(sides.lower)))
    start = torch.cat((upper_places(sides.first & sides.upper), lower_places(sides.first & sides.lower)))
    passes = (here & ~start).to(own_w.dtype)
    is_here = here.to(own_w.dtype)
    b_up, b_up_w = both(up3) * passes[..., None, None], both(up_w) * passes[..., None]
    b_own_w, b_known = both(own_w) * is_here[..., None], both(known) * is_here[..., None, None]
    surface = _march(b_up, b_own_w, b_up_w, b_known)

    # Columns of the wake: upper side, lower side, wake, residual, stagnation shift.
    count = stations - nodes
    width = 2 * length + count + 2
    upper_end, lower_end = surface[:batch, -1], surface[batch:, -1]
    row = own3.new_zeros(batch, 3, width)
    row[:, :, :length] = -upper3 @ upper_end[:, :, :length]
    row[:, :, length : 2 * length] = -up3[:, nodes] @ lower_end[:, :, :length]
    row[:, :, -2:] = known[:, nodes] - upper3 @ upper_end[:, :, -2:] - up3[:, nodes] @ lower_end[:, :, -2:]
    row[:, :, length - 1] -= upper_w
    row[:, :, 2 * length - 1] -= up_w[:, nodes]
    row[:, :, 2 * length] -= own_w[:, nodes]
    wake = [row]
    for k in range(1, count):
        at = nodes + k
        row = -up3[:, at] @ row
        row[:, :, -2:] += known[:, at]
        row[:, :, 2 * length + k - 1] -= up_w[:, at]
        row[:, :, 2 * length + k] -= own_w[:, at]
        wake.append(row)
    wake_rows = torch.stack(wake, 1)

    # Mass rows in contour order: dm = mass_w dw + mass_shift dshift + mass_known.
    mass_w = own3.new_zeros(batch, stations, stations)
    upper_mass, lower_mass = surface[:batch, :, 2], surface[batch:, :, 2]
    mass_w[:, :length, :length] += upper_mass[:, :, :length].flip(1, 2)
    mass_w[:, nodes - length : nodes, nodes - length : nodes] += lower_mass[:, :, :length]
    wake_mass = wake_rows[:, :, 2]
    mass_w[:, nodes:, :length] += wake_mass[:, :, :length].flip(2)
    mass_w[:, nodes:, nodes - length : nodes] += wake_mass[:, :, length : 2 * length]
    mass_w[:, nodes:, nodes:] += wake_mass[:, :, 2 * length : 2 * length + count]
    mass_rest = own3.new_zeros(batch, stations, 2)
    mass_rest[:, :length] += upper_mass[:, :, -2:].flip(1)
    mass_rest[:, nodes - length : nodes] += lower_mass[:, :, -2:]
    mass_rest[:, nodes:] += wake_mass[:, :, -2:]

    off_diagonal = influence - torch.diag_embed(own_influence)
    reduced = own3.new_zeros(batch, stations + 1, stations + 1)
    reduced[:, :-1, :-1] = torch.eye(stations, dtype=own3.dtype, device=own3.device) - off_diagonal @ mass_w
    rest = off_diagonal @ mass_rest
    reduced[:, :-1, -1] = -rest[:, :, 1]
    right = own3.new_zeros(batch, stations + 1)
    right[:, :-1] = system.speed + rest[:, :, 0]

    # Shift of the stagnation point from the two edge speeds next to it.
    _, slope_before, slope_after = stagnation_arc(field, state)
    cases = torch.arange(batch, device=own3.device)
    reduced[:, -1, -1] = 1.0
    for node, slope in ((state.stagnation, slope_before), (state.stagnation + 1, slope_after)):
        own = own_influence[cases, node]
        reduced[cases, -1, :-1] -= (slope * own)[:, None] * mass_w[cases, node]
        reduced[cases, -1, node] -= slope
        reduced[cases, -1, -1] -= slope * own * mass_rest[cases, node, 1]
        right[:, -1] += slope * own * mass_rest[cases, node, 0]

    solution = torch.linalg.solve(reduced, right)
    dw, shift = solution[:, :-1], solution[:, -1:]

    # Back to (theta, s, m) of each station.
    upper_w_change, lower_w_change = upper_places(dw), lower_places(dw)
    columns = torch.cat((upper_w_change, lower_w_change))
    rest_columns = torch.cat((torch.ones_like(shift), shift), 1)
    local = (surface[..., :length] @ columns[:, None, :, None])[..., 0]
    local = local + (surface[..., -2:] @ torch.cat((rest_columns, rest_columns))[:, None, :, None])[..., 0]
    wake_columns = torch.cat((upper_w_change, lower_w_change, dw[:, nodes:], rest_columns), 1)
    wake_local = (wake_rows @ wake_columns[:, None, :, None])[..., 0]
    change = own3.new_zeros(batch, stations, 3)
    change[:, :length] += local[:batch].flip(1)
    change[:, nodes - length : nodes] += local[batch:]
    change[:, nodes:] += wake_local
    theta, s, mass = change.unbind(-1)
    u = dw + own_influence * mass
    return Update(theta, (mass - state.displacement * u) / state.u, s, u)


@dataclass(frozen=True, eq=False)
class _Slice:
    u: Tensor
    displacement: Tensor


def _upstream_values(state: State, own_influence: Tensor, upstream: Tensor) -> tuple["_Slice", Tensor]:
    index = upstream.clamp(0, state.u.shape[1] - 1)
    return _Slice(state.u.gather(1, index), state.displacement.gather(1, index)), own_influence.gather(1, index)


def _local_variables(jacobian: Tensor, state: "State | _Slice", own_influence: Tensor) -> tuple[Tensor, Tensor]:
    """Turn derivatives to (theta, displacement, s, u) into those to (theta, s, m) at fixed w, and to w at fixed (theta, s, m)."""
    theta, displacement, s, u = jacobian.unbind(-1)
    to_w = u - displacement * (state.displacement / state.u)[..., None]
    to_mass = displacement / state.u[..., None] + to_w * own_influence[..., None]
    return torch.stack((theta, s, to_mass), -1), to_w


def _march(up: Tensor, own_w: Tensor, up_w: Tensor, known: Tensor) -> Tensor:
    """Rows of (theta, s, m) over the columns (w of each place, residual, stagnation shift), (sides, places, 3, places + 2)."""
    sides, places = up.shape[:2]
    result = up.new_zeros(sides, places, 3, places + 2)
    row = result[:, 0]
    row[:, :, 0] = -own_w[:, 0]
    row[:, :, -2:] = known[:, 0]
    for k in range(1, places):
        previous, row = row, result[:, k]
        row[:, :, :k] = -up[:, k] @ previous[:, :, :k]
        row[:, :, -2:] = torch.baddbmm(known[:, k], up[:, k], previous[:, :, -2:], alpha=-1)
        row[:, :, k - 1] -= up_w[:, k]
        row[:, :, k] = -own_w[:, k]
    return result


def _inverse3(matrix: Tensor) -> Tensor:
    """Inverse of 3 x 3 matrices by cofactors."""
    a, b, c = matrix.unbind(-1)
    rows = torch.stack((torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)), -2)
    return rows / (a * rows[..., 0, :]).sum(-1)[..., None, None]
