"""A first guess of the boundary layer: an explicit march along both surfaces and the wake, all cases at once.

The integral equations of momentum, kinetic energy, amplification and shear lag are stepped downstream from the
stagnation point under the inviscid edge speed. Where that speed would drive the layer beyond a shape factor that
marks separation, the shape factor is prescribed instead and the speed follows from the energy equation, so that the
march passes separation bubbles and separated trailing edges. The result needs to be near, not exact: Newton's method
takes it from there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.simulators.airfoil.panel import speed_at
from understudy.simulators.airfoil.viscous import boundary_layer as layer
from understudy.simulators.airfoil.viscous import closures
from understudy.simulators.airfoil.viscous.fusion import fused
from understudy.simulators.airfoil.viscous.system import Field, State, flat_primary, stagnation_between, topology


@dataclass(frozen=True)
class Caution:
    """How near to separation the first guess may come: the shape factors at which the speed is given up.

    Beyond `laminar` the shape factor may still rise slowly to `laminar_most`. Lower values give a smoother first
    guess, which is farther from the answer but safer to start from. One value for all cases, or one each (batch,).
    """

    laminar: float | Tensor
    laminar_most: float | Tensor
    turbulent: float | Tensor

    def of_sides(self, like: Tensor) -> "_Limits":
        """The same for each side of each case, upper ones first: of `like` (batch,) twice over."""
        both = (torch.as_tensor(value).to(like).expand_as(like).repeat(2) for value in self.__dict__.values())
        return _Limits(*both)


@dataclass(frozen=True, eq=False)
class _Limits:
    """`Caution` with a value for each side of each case."""

    laminar: Tensor
    laminar_most: Tensor
    turbulent: Tensor


#: Changes of a prescribed shape factor per momentum thickness travelled.
LAMINAR_RISE, TURBULENT_FALL = 0.03, 0.15
SUBSTEPS = 3
#: Similar stagnation flow of the laminar closures: shape factor, and theta^2 u / (nu x).
STAGNATION_SHAPE, STAGNATION_GROWTH = 2.2297, 0.0826


@dataclass(frozen=True, eq=False)
class _Layer:
    """The march's state, one row for each side of each case."""

    theta: Tensor
    hk: Tensor
    n: Tensor
    ct: Tensor
    u: Tensor
    turbulent: Tensor


def first_guess(field: Field, caution: Caution) -> State:
    """Boundary layer and wake under the inviscid edge speed."""
    inviscid = speed_at(field.inviscid_basis, field.alpha)
    nodes, (batch, stations) = field.nodes, inviscid.shape
    stagnation = find_stagnation(inviscid[:, :nodes])
    sides = topology(stagnation, stations, nodes)
    u_inviscid = (inviscid * sides.speed_sign).clamp(min=1e-3)
    position, _, _ = stagnation_between(field.arc, u_inviscid, stagnation)

    length = int(max(stagnation.max() + 1, nodes - 1 - stagnation.min()))
    place = torch.arange(length, device=stagnation.device)
    upper = stagnation[:, None] - place
    lower = stagnation[:, None] + 1 + place
    index = torch.cat((upper, lower))
    here = (index >= 0) & (index < nodes)
    index = index.clamp(0, nodes - 1)
    twice = torch.arange(batch, device=stagnation.device).repeat(2)
    arc = field.arc[twice[:, None], index]
    xi = (arc - position.repeat(2)[:, None]).abs()
    u_side = u_inviscid[twice[:, None], index]
    trip = torch.cat((position - field.trips[:, 0], field.trips[:, 1] - position))
    reynolds, n_crit = field.reynolds[twice], field.n_crit[twice]
    limits = caution.of_sides(field.reynolds)

    row = _stagnation_layer(xi[:, 0], u_side[:, 0], reynolds)
    rows = [row]
    for k in range(1, length):
        last = (index[:, k] == 0) | (index[:, k] == nodes - 1)
        row = _step(
            row,
            xi[:, k - 1],
            xi[:, k],
            u_side[:, k],
            reynolds=reynolds,
            n_crit=n_crit,
            trip=trip,
            force=last,
            limits=limits,
        )
        rows.append(row)

    surface = {
        name: _scatter(torch.stack([getattr(row, name) for row in rows], 1), index, here, batch, nodes)
        for name in ("theta", "hk", "n", "ct", "u", "turbulent")
    }
    wake = _march_wake(surface, u_inviscid, field)
    theta, hk, u = (torch.cat((surface[name], wake[name]), 1) for name in ("theta", "hk", "u"))
    n, ct = surface["n"], torch.cat((surface["ct"], wake["ct"]), 1)
    turbulent = torch.cat((surface["turbulent"] > 0.5, torch.ones_like(wake["u"], dtype=torch.bool)), 1)
    n = torch.nn.functional.pad(n, (0, stations - nodes))
    s = torch.where(turbulent, ct, torch.minimum(n, field.n_crit[:, None] - 0.01))
    shape = least_shape(field, u) + (hk - 1.0)
    return State(theta, shape * theta + field.gap, s, u, stagnation, turbulent, field.alpha)


def least_shape(field: Field, u: Tensor) -> Tensor | float:
    """Shape factor H at which the kinematic one is one (batch, stations)."""
    if field.mach is None:
        return 1.0
    stream = layer.Stream(field.reynolds[:, None], field.mach[:, None], field.n_crit[:, None])
    _, m2, _ = layer.edge_state(u, stream)
    return 1.0 + (closures.WHITFIELD_SLOPE + closures.WHITFIELD_SHIFT) * m2


def find_stagnation(speed: Tensor) -> Tensor:
    """Last node of the upper surface (batch,): where the signed surface speed changes sign most steeply."""
    positive = speed > 0
    change = positive[:, :-1] & ~positive[:, 1:]
    steepness = torch.where(change, speed[:, :-1] - speed[:, 1:], -torch.inf)
    return steepness.argmax(1).clamp(2, speed.shape[1] - 4)


def equilibrium_root(field: Field, state: State) -> Tensor:
    """Equilibrium root of the shear stress coefficient at all stations, (batch, stations)."""
    shape = state.u.shape
    wake = (torch.arange(shape[1], device=state.u.device) >= field.nodes).expand(shape).reshape(-1)
    repeat = shape[1]
    stream = layer.Stream(field.reynolds.repeat_interleave(repeat), None, field.n_crit.repeat_interleave(repeat))
    station = layer.turbulent_stations(flat_primary(field, state, wake), stream)
    return station.equilibrium.clamp(0.01, 0.3).view(shape)


def _stagnation_layer(xi: Tensor, u: Tensor, reynolds: Tensor) -> _Layer:
    theta = torch.sqrt(STAGNATION_GROWTH * xi / (u * reynolds))
    zero = torch.zeros_like(u)
    return _Layer(theta, torch.full_like(u, STAGNATION_SHAPE), zero, torch.full_like(u, 0.03), u, zero)


def _step(
    row: _Layer,
    x1: Tensor,
    x2: Tensor,
    u2: Tensor,
    *,
    reynolds: Tensor,
    n_crit: Tensor,
    trip: Tensor,
    force: Tensor,
    limits: _Limits,
) -> _Layer:
    """One interval in geometric substeps, the speed's logarithm linear in them."""
    ratio = (x2 / x1).clamp(min=1.0 + 1e-9) ** (1.0 / SUBSTEPS)
    x = x1
    for substep in range(SUBSTEPS):
        x_next = x * ratio
        # The speed returns to the inviscid one over what is left of the interval.
        log_u = torch.log(u2 / row.u) / (SUBSTEPS - substep)
        row = _substep(row, x_next - x, log_u, reynolds, limits)
        turns = ((row.n >= n_crit) | (x_next >= trip)) & (row.turbulent < 0.5)
        x = x_next
        row = _turn(row, turns, reynolds)
    return _turn(row, force & (row.turbulent < 0.5), reynolds)


@fused
def _substep(row: _Layer, dx: Tensor, log_u: Tensor, reynolds: Tensor, limits: _Limits) -> _Layer:
    turbulent = row.turbulent > 0.5
    hk, theta = row.hk, row.theta
    rt = (reynolds * row.u * theta).clamp(min=1.0)
    hs, slope, cf, di, ct = _relations(hk, theta, rt, row.ct, turbulent, dx)
    travelled = dx / theta
    work = (0.5 * cf - di) * travelled
    # Direct: the shape factor under the prescribed speed; its change is bounded, since the relation steepens at
    # separation.
    change = hs * ((hk - 1.0) * log_u - work) / slope
    change = change / (1.0 + change.abs() / (0.5 * (hk - 1.0)))
    direct = (hk + change).clamp(min=1.06)
    limit = torch.where(turbulent, limits.turbulent, limits.laminar)
    prescribed = torch.where(
        turbulent,
        torch.maximum(hk - (TURBULENT_FALL * travelled).clamp(max=0.3), limit),
        torch.maximum(hk + (LAMINAR_RISE * travelled).clamp(max=0.3), limit).minimum(limits.laminar_most),
    )
    inverse = direct > limit
    inverse_log_u = ((prescribed - hk) * slope / hs + work) / (hk - 1.0)
    log_u = torch.where(inverse, inverse_log_u.clamp(-0.2, 0.2), log_u)
    hk_next = torch.where(inverse, prescribed, direct)
    growth = (-(2.0 + hk) * log_u + 0.5 * cf * travelled).clamp(-0.7, 0.7)
    rate = closures.amplification_rate(0.5 * (hk + hk_next), theta, rt)
    n = torch.where(turbulent, row.n, row.n + rate * dx)
    return _Layer(theta * torch.exp(growth), hk_next, n, ct, row.u * torch.exp(log_u), row.turbulent)


def _relations(
    hk: Tensor, theta: Tensor, rt: Tensor, ct: Tensor, turbulent: Tensor, dx: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """H*, dH*/dH, friction and dissipation of either kind of layer, and the shear stress root after dx."""
    small = 0.01
    twice = torch.stack((hk, hk + small))
    both_turbulent = closures.turbulent_energy_shape(twice, rt, 0.0)
    hs_turbulent = both_turbulent[0]
    hs, hs_ahead = torch.where(turbulent, both_turbulent, closures.laminar_energy_shape(twice))
    slope = ((hs_ahead - hs) / small).clamp(max=-0.005)
    us = closures.slip_speed(hs_turbulent, hk, hk).clamp(max=0.95)
    cf_turbulent = closures.turbulent_friction(hk, rt, 0.0)
    wall = closures.wall_dissipation(cf=cf_turbulent, us=us, hs=hs_turbulent, hk=hk, rt=rt.clamp(min=10.0))
    di_turbulent = wall + closures.outer_dissipation(ct=ct, us=us, hs=hs_turbulent, rt=rt)
    di_laminar = closures.laminar_dissipation(hk, rt)
    equilibrium = _equilibrium(hk, rt, hs_turbulent, us)
    thickness = closures.layer_thickness(hk, theta, hk * theta)
    relaxed = 1.0 - torch.exp(-closures.LAG / (closures.GB * (1.0 + us)) * ct * dx / (2.0 * thickness))
    cf = torch.where(turbulent, cf_turbulent, closures.laminar_friction(hk, rt))
    di = torch.where(turbulent, torch.maximum(di_turbulent, di_laminar), di_laminar)
    return hs, slope, cf, di, torch.where(turbulent, ct + (equilibrium - ct) * relaxed, ct)


def _equilibrium(hk: Tensor, rt: Tensor, hs: Tensor, us: Tensor) -> Tensor:
    return closures.equilibrium_stress_root(hs=hs, hk=hk, h=hk, us=us, wall_shape=closures.wall_shape(hk, rt))


def _turn(row: _Layer, turns: Tensor, reynolds: Tensor) -> _Layer:
    """Make the marked rows turbulent, with the shear stress that transition leaves."""
    return _turned(row, turns, reynolds) if bool(turns.any()) else row


@fused
def _turned(row: _Layer, turns: Tensor, reynolds: Tensor) -> _Layer:
    rt = (reynolds * row.u * row.theta).clamp(min=20.0)
    hs = closures.turbulent_energy_shape(row.hk, rt, 0.0)
    us = closures.slip_speed(hs, row.hk, row.hk).clamp(max=0.95)
    ct = closures.transition_stress_root(row.hk, _equilibrium(row.hk, rt, hs, us)).clamp(0.005, 0.3)
    return _Layer(
        row.theta,
        row.hk,
        row.n,
        torch.where(turns, ct, row.ct),
        row.u,
        torch.where(turns, torch.ones_like(ct), row.turbulent),
    )


def _scatter(values: Tensor, index: Tensor, here: Tensor, batch: int, nodes: int) -> Tensor:
    """Values in order of the march (2 batch, places), back in contour order (batch, nodes)."""
    target = torch.where(here, index, torch.full_like(index, nodes))
    result = values.new_zeros(batch, nodes + 1)
    result.scatter_(1, target[:batch], values[:batch])
    result.scatter_(1, target[batch:], values[batch:])
    return result[:, :nodes]


def _march_wake(surface: dict[str, Tensor], u_inviscid: Tensor, field: Field) -> dict[str, Tensor]:
    """The wake: the shape factor relaxes to one and the speed to the inviscid one."""
    nodes = field.nodes
    theta = surface["theta"][:, 0] + surface["theta"][:, -1]
    displacement = surface["theta"][:, 0] * surface["hk"][:, 0] + surface["theta"][:, -1] * surface["hk"][:, -1]
    ct = (surface["theta"][:, 0] * surface["ct"][:, 0] + surface["theta"][:, -1] * surface["ct"][:, -1]) / theta
    hk = displacement / theta
    u = 0.5 * (surface["u"][:, 0] + surface["u"][:, -1])
    far = u_inviscid[:, nodes:]
    rows = {"theta": [theta], "hk": [hk], "u": [u], "ct": [ct]}
    for k in range(nodes + 1, u_inviscid.shape[1]):
        dx = field.arc[:, k] - field.arc[:, k - 1]
        shape = 1.03 + (hk - 1.03) * torch.exp(-dx / (20.0 * theta * hk))
        back = 1.0 - torch.exp(-dx / (10.0 * theta * hk))
        u_next = u + (far[:, k - nodes] - u) * back
        theta = theta * (u / u_next).clamp(0.5, 2.0) ** (2.0 + 0.5 * (hk + shape))
        hk, u, ct = shape, u_next, 0.02 + (ct - 0.02) * torch.exp(-dx / (40.0 * theta))
        for name, value in (("theta", theta), ("hk", hk), ("u", u), ("ct", ct)):
            rows[name].append(value)
    return {name: torch.stack(values, 1) for name, values in rows.items()}
