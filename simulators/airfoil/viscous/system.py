"""The coupled equations of all stations: boundary-layer residuals, their local Jacobian, and the edge-speed relation.

Stations are kept in contour order: surface nodes from the upper to the lower trailing edge, then the wake. The
station upstream of a node on the upper surface is therefore the next node, of one on the lower surface or in the wake
the previous node.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from understudy.simulators.airfoil.panel import speed_at
from understudy.simulators.airfoil.viscous import boundary_layer as layer
from understudy.simulators.airfoil.viscous.jet import Jet, value_of
from understudy.simulators.rows import detached


@dataclass(frozen=True, eq=False)
class Field:
    """What stays fixed while the boundary layer is found.

    arc: distance along the contour, continued along the wake (batch, stations) [chord].
    alpha: angle of attack (batch,) at which the wake was traced [deg].
    lift: lift coefficient that is prescribed in place of the angle (batch,), NaN where it is not.
    inviscid_basis: signed speed without boundary layer at 0 and 90 degrees (batch, stations, 2), clockwise positive on
        the surface, downstream in the wake.
    lift_basis: lift per unit of pressure coefficient at each node, at 0 and 90 degrees (batch, nodes, 2).
    mass_influence: change of signed speed per unit of signed mass defect at each station, (batch, stations, stations);
        empty where nothing is solved any more.
    gap: dead-air thickness (batch, stations), zero on the surface [chord].
    trips: arc positions (batch, 2) of the forced transition on the upper and the lower surface; at the trailing edge
        if free.
    nodes: number of surface nodes; the rest is wake.
    """

    arc: Float[Tensor, "batch stations"]
    alpha: Float[Tensor, " batch"]
    lift: Float[Tensor, " batch"]
    inviscid_basis: Float[Tensor, "batch stations 2"]
    lift_basis: Float[Tensor, "batch nodes 2"]
    mass_influence: Float[Tensor, "batch influenced influenced"]
    gap: Float[Tensor, "batch stations"]
    trips: Float[Tensor, "batch 2"]
    reynolds: Float[Tensor, " batch"]
    mach: Float[Tensor, " batch"] | None
    n_crit: Float[Tensor, " batch"]
    nodes: int

    def influence_of_others(self, dtype: torch.dtype) -> Float[Tensor, "batch stations stations"]:
        """`mass_influence` without what a station does to itself."""
        others = self.mass_influence.to(dtype, copy=True)
        torch.diagonal(others, dim1=1, dim2=2).zero_()
        return others


@dataclass(frozen=True, eq=False)
class State:
    """Unknowns in contour order, (batch, stations) unless said otherwise.

    theta, displacement: momentum and displacement thickness [chord], the latter with the wake's dead-air gap.
    s: amplification exponent where laminar, root of the shear stress coefficient where turbulent.
    u: edge speed, positive downstream.
    stagnation: the last node of the upper surface (batch,); the flow stagnates between it and the next one.
    turbulent: which stations are turbulent; always the wake and both trailing edges.
    alpha: angle of attack (batch,) [deg], an unknown only where the lift is prescribed.
    """

    theta: Float[Tensor, "batch stations"]
    displacement: Float[Tensor, "batch stations"]
    s: Float[Tensor, "batch stations"]
    u: Float[Tensor, "batch stations"]
    stagnation: Int[Tensor, " batch"]
    turbulent: Bool[Tensor, "batch stations"]
    alpha: Float[Tensor, " batch"]

    @property
    def mass(self) -> Tensor:
        """Mass defect u delta* of each station."""
        return self.u * self.displacement


@dataclass(frozen=True, eq=False)
class Topology:
    """Which station lies on which side, and what lies upstream of it, for given stagnation nodes.

    upper, lower: masks (batch, stations) of the surface nodes. first: the similarity station of each side.
    speed_sign: signed speed over u; mass_sign: signed mass defect over m. run_sign: d(xi)/d(arc position of
        stagnation).
    """

    upper: Tensor
    lower: Tensor
    first: Tensor
    upstream: Tensor
    speed_sign: Tensor
    mass_sign: Tensor
    run_sign: Tensor


@dataclass(frozen=True, eq=False)
class System:
    """Residuals and local Jacobian of a state.

    residual: (batch, stations, 3). own, up: derivatives to (theta, displacement, s, u) of the station and of the one
        upstream, (batch, stations, 3, 4); the first wake station's `up` is the lower trailing edge, `upper_edge`
        (batch, 3, 4) the upper one.
    moved: derivative (batch, stations, 3) to the arc position of the stagnation point.
    speed: residual of the edge-speed relation, inviscid + influence of mass - u, (batch, stations).
    """

    residual: Tensor
    own: Tensor
    up: Tensor
    upper_edge: Tensor
    moved: Tensor
    speed: Tensor


def topology(stagnation: Tensor, stations: int, nodes: int) -> Topology:
    """Sides and neighbours for the given stagnation nodes (batch,)."""
    index = torch.arange(stations, device=stagnation.device).expand(len(stagnation), -1)
    last = stagnation[:, None]
    upper, wake = index <= last, index >= nodes
    lower = ~upper & ~wake
    first = (index == last) | (index == last + 1)
    upstream = torch.where(upper, index + 1, index - 1)
    one = torch.ones(index.shape, dtype=torch.float64, device=index.device)
    return Topology(
        upper=upper,
        lower=lower,
        first=first,
        upstream=upstream,
        speed_sign=torch.where(lower, -one, one),
        mass_sign=torch.where(upper, -one, one),
        run_sign=torch.where(upper, one, -one),
    )


def flat_primary(field: Field, state: State, wake: Tensor) -> layer.Primary:
    """All stations of all cases as one list; `wake` is the mask of that list."""
    theta, displacement, s, u = (values.reshape(-1) for values in (state.theta, state.displacement, state.s, state.u))
    return layer.Primary(theta, displacement, s, u, field.gap.reshape(-1), wake)


def stagnation_arc(field: Field, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Arc position (batch,) where the speed vanishes, linear between nodes, and its slopes to both edge speeds."""
    return stagnation_between(field.arc, state.u, state.stagnation)


def stagnation_between(arc: Tensor, u: Tensor, stagnation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same from arc positions and edge speeds (batch, stations) and the last upper nodes (batch,)."""
    before, after = stagnation[:, None], stagnation[:, None] + 1
    s1, s2 = arc.gather(1, before)[:, 0], arc.gather(1, after)[:, 0]
    u1, u2 = u.gather(1, before)[:, 0], u.gather(1, after)[:, 0]
    total = u1 + u2
    return (s1 * u2 + s2 * u1) / total, (s2 - s1) * u2 / total**2, (s1 - s2) * u1 / total**2


def run_length(field: Field, state: State, sides: Topology) -> Tensor:
    """Distance xi of each station from stagnation along its surface; the wake continues the lower side."""
    position, _, _ = stagnation_arc(field, state)
    return (position[:, None] - field.arc) * sides.run_sign


def assemble(field: Field, state: State, *, derivatives: bool = True) -> System:
    """Residuals of all equations, and the local Jacobian unless `derivatives` is False (then autograd can follow)."""
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    work = _Work(field, state, sides, derivatives)
    _add_similarity(work)
    _add_laminar(work)
    _add_turbulent(work)
    _add_transition(work)
    _add_wake_start(work)
    signed_mass = sides.mass_sign * state.mass
    induced = (field.mass_influence @ signed_mass[..., None])[..., 0]
    speed = sides.speed_sign * (speed_at(field.inviscid_basis, state.alpha) + induced) - state.u
    shape = (*state.u.shape, 3)
    return System(
        residual=work.residual.view(shape),
        own=work.own.view(*shape, 4),
        up=work.up.view(*shape, 4),
        upper_edge=work.upper_edge,
        moved=work.moved.view(shape),
        speed=speed,
    )


class _Work:
    """Flat lists of all stations of all cases, and the arrays that the kinds of interval are added to."""

    def __init__(self, field: Field, state: State, sides: Topology, derivatives: bool) -> None:
        batch, stations = state.u.shape
        self.field, self.state, self.sides, self.derivatives = field, state, sides, derivatives
        self.nodes, self.stations = field.nodes, stations
        offsets = torch.arange(batch, device=state.u.device)[:, None] * stations
        self.upstream = (sides.upstream + offsets).view(-1)
        self.xi = run_length(field, state, sides).reshape(-1)
        index = torch.arange(stations, device=state.u.device).expand(batch, -1)
        self.wake = (index >= field.nodes).reshape(-1)
        self.wake_first = (index == field.nodes).reshape(-1)
        self.turbulent = state.turbulent.reshape(-1)
        self.first = sides.first.reshape(-1)
        self.run_sign = sides.run_sign.view(-1)
        up_turbulent = self.turbulent[self.upstream.clamp(0, batch * stations - 1)]
        self.changes = self.turbulent & ~up_turbulent & ~self.first & ~self.wake
        total = batch * stations
        self.residual = state.u.new_zeros(total, 3)
        self.own = state.u.new_zeros(total, 3, 4)
        self.up = state.u.new_zeros(total, 3, 4)
        self.upper_edge = state.u.new_zeros(batch, 3, 4)
        self.moved = state.u.new_zeros(total, 3)
        self.case = torch.arange(batch, device=state.u.device).repeat_interleave(stations)

    def stream(self, rows: Tensor) -> layer.Stream:
        case = self.case[rows]
        mach = None if self.field.mach is None else self.field.mach[case]
        return layer.Stream(self.field.reynolds[case], mach, self.field.n_crit[case])

    def primary(self, rows: Tensor, block: str | None, *, first: int = 0, variables: int = 4) -> layer.Primary:
        """The unknowns of these stations, as jets of a named block of variables or, if None, as they are.

        They are the variables from `first` on of the block, which has so many.
        """
        values = flat_primary(self.field, self.state, self.wake).select(rows)
        if block is None or not self.derivatives:
            return values
        theta, displacement, s, u = (
            _variable(value, block, first + place, variables)
            for place, value in enumerate((values.theta, values.displacement, values.s, values.u))
        )
        return replace(values, theta=theta, displacement=displacement, s=s, u=u)

    def run(self, rows: Tensor, block: str = "run", *, variables: int = 1) -> Jet | Tensor:
        """Distance from stagnation; as a jet its one variable, the block's last, is a common shift of the run."""
        value = self.xi[rows]
        return _variable(value, block, variables - 1, variables) if self.derivatives else value

    def add(self, rows: Tensor, residuals: tuple, *, own: str, up: str | None = None) -> None:
        """Store the three residuals of these stations and what their blocks of derivatives belong to."""
        self.residual = self.residual.index_put((rows,), torch.stack([value_of(item) for item in residuals], 1))
        if not self.derivatives:
            return
        self.own[rows] = _block(residuals, own, 4)
        if up is not None:
            self.up[rows] = _block(residuals, up, 4)
        self.moved[rows] = _block(residuals, "run", 1)[..., 0] * self.run_sign[rows, None]


def _variable(value: Tensor, block: str, place: int, variables: int) -> Jet:
    """A list of values that are themselves one of the variables of a block."""
    unit = torch.eye(variables, dtype=value.dtype, device=value.device)[place]
    return Jet(value, {block: unit[:, None].expand(-1, value.shape[0])})


def _block(residuals: tuple, block: str, width: int) -> Tensor:
    """Derivatives (list, 3, width) of three residuals to one block of variables."""
    parts = []
    for item in residuals:
        partial = item.partials.get(block)
        parts.append(item.value.new_zeros(width, len(item.value)) if partial is None else partial)
    return torch.stack(parts).permute(2, 0, 1)


def _rows(mask: Tensor) -> Tensor:
    return mask.nonzero()[:, 0]


def _add_similarity(work: _Work) -> None:
    rows = _rows(work.first)
    stations = layer.laminar_stations(work.primary(rows, "own"), work.stream(rows))
    work.add(rows, layer.similar_station(stations, work.run(rows)), own="own")


def _add_laminar(work: _Work) -> None:
    laminar = ~work.turbulent
    stations, place = _listed(work, laminar, layer.laminar_stations)
    rows = _rows(laminar & ~work.first)
    upstream = work.upstream[rows]
    first, second = stations.select(place[upstream], "up"), stations.select(place[rows], "own")
    residuals = layer.laminar_interval(first, second, (work.run(upstream), work.run(rows)), work.stream(rows))
    work.add(rows, residuals, own="own", up="up")


def _add_turbulent(work: _Work) -> None:
    stations, place = _listed(work, work.turbulent, layer.turbulent_stations)
    rows = _rows(work.turbulent & ~work.changes & ~work.wake_first)
    upstream = work.upstream[rows]
    first, second = stations.select(place[upstream], "up"), stations.select(place[rows], "own")
    residuals = layer.turbulent_interval(first, second, (work.run(upstream), work.run(rows)))
    work.add(rows, residuals, own="own", up="up")


def _listed(
    work: _Work, mask: Tensor, kind: Callable[[layer.Primary, layer.Stream], layer.Station]
) -> tuple[layer.Station, Tensor]:
    """Closures of the masked stations, and where in that list each station of the batch stands."""
    rows = _rows(mask)
    place = torch.cumsum(mask, 0) - 1
    return kind(work.primary(rows, "own"), work.stream(rows)), place


def _add_transition(work: _Work) -> None:
    rows = _rows(work.changes)
    upstream = work.upstream[rows]
    stream = work.stream(rows)
    # Few stations and long formulas: all nine variables of an interval are one block, so that each step is one.
    x: tuple[Any, Any] = work.run(upstream, "interval", variables=9), work.run(rows, "interval", variables=9)
    values = _transition_values(work, rows)
    point: Any = values.position
    held = values.tripped | values.beyond
    first = work.primary(upstream, "interval", variables=9)
    second = work.primary(rows, "interval", first=4, variables=9)
    if work.derivatives:
        at = Jet(point, {"point": torch.ones_like(point)[None]})
        gap = layer.transition_gap(first, second, x, point=at, stream=stream)
        slide = -gap.partials["interval"] / gap.partials["point"]
        shift = x[0].partials["interval"]
        point = Jet(point, {"interval": torch.where(held, shift, slide)})
    residuals = layer.transition_interval(first, second, x, point=point, stream=stream)
    work.add(rows, tuple(_split(item) for item in residuals), own="own", up="up")


def _split(residual: Jet | Tensor) -> Jet | Tensor:
    """The block of an interval's nine variables as those of the upstream station, of its own, and of the run."""
    if not isinstance(residual, Jet):
        return residual
    up, own, run = residual.partials["interval"].split((4, 4, 1))
    return Jet(residual.value, {"up": up, "own": own, "run": run})


def transition_points(field: Field, state: State) -> tuple[Tensor, layer.TransitionPoint]:
    """Flat indices (case * stations + station) of the intervals of transition, and where it lies in them."""
    sides = topology(state.stagnation, state.u.shape[1], field.nodes)
    work = _Work(field, state, sides, derivatives=False)
    rows = _rows(work.changes)
    return rows, _transition_values(work, rows)


def _transition_values(work: _Work, rows: Tensor) -> layer.TransitionPoint:
    upstream = work.upstream[rows]
    case = work.case[rows]
    upper = work.sides.upper.reshape(-1)[rows]
    trip_arc = torch.where(upper, work.field.trips[case, 0], work.field.trips[case, 1])
    trip = work.xi[rows] - (trip_arc - work.field.arc.reshape(-1)[rows]) * work.run_sign[rows]
    x = work.xi[upstream].detach(), work.xi[rows].detach()
    first, second = (detached(work.primary(index, None)) for index in (upstream, rows))
    with torch.no_grad():
        found = layer.transition_point(first, second, x, trip=trip, stream=work.stream(rows))
    # A trip and the end of the interval move with the nodes; the point of free transition is differentiated by its
    # equation.
    moving = torch.where(found.tripped, torch.maximum(trip, work.xi[upstream]), work.xi[rows])
    held = found.tripped | found.beyond
    position = found.position
    if torch.is_grad_enabled() and not work.derivatives:
        position = _follow(work, rows, position)
    return replace(found, position=torch.where(held, moving, position))


def _follow(work: _Work, rows: Tensor, point: Tensor) -> Tensor:
    """The same transition point as a differentiable function of the ends of its interval."""
    upstream = work.upstream[rows]
    first, second = work.primary(upstream, None), work.primary(rows, None)
    x = work.xi[upstream], work.xi[rows]
    at = point.detach().requires_grad_()
    gap = layer.transition_gap(first, second, x, point=at, stream=work.stream(rows))
    (slope,) = torch.autograd.grad(gap.sum(), at, retain_graph=True)
    # The gap is zero at the point; its dependence on the ends moves the point, that on the point itself is the slope.
    fixed = layer.transition_gap(first, second, x, point=point, stream=work.stream(rows))
    return point - (fixed - fixed.detach()) / slope


def _add_wake_start(work: _Work) -> None:
    rows = _rows(work.wake_first)
    upper, lower = rows - work.nodes, rows - 1
    ends = work.primary(upper, "upper"), work.primary(lower, "up")
    residuals = layer.wake_start(*ends, work.primary(rows, "own"), (ends[0].s, ends[1].s))
    work.add(rows, residuals, own="own", up="up")
    if work.derivatives:
        work.upper_edge = _block(residuals, "upper", 4)
