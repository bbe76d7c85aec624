"""Stations and intervals of the two-equation integral boundary layer.

A station is one surface or wake node; an interval joins a station to the next one downstream. The equations of an
interval, in logarithmic differences so that they stay accurate next to the stagnation point, are

    momentum  d ln(theta) + (2 + H + H_gap - M^2) d ln(u) - (x cf / 2 theta) d ln(x) = 0
    energy    d ln(H*) + (2 H** / H* + 1 - H - H_gap) d ln(u) + (x cf / 2 theta - x di / theta) d ln(x) = 0
    laminar   d n - (dn/dx) dx = 0
    turbulent K (ct_eq - ct) dx / (2 delta) - d ln(ct) + (1/u du/dx)_eq dx - d ln(u) = 0

with the mean values that each term needs: at the middle for friction, upwinded where the shape factor changes
    quickly. In the interval of transition the laminar equations hold up to the point where the amplification reaches
    its critical value (or the trip), the turbulent ones from there on; the sum is the residual.

Lengths are in chords, speeds in free-stream speeds. `u` is the incompressible edge speed that mass conservation uses,
`uk` the Karman-Tsien corrected one that the boundary layer feels.

Reference: M. Drela and M. Giles, AIAA J. 25 (1987); M. Drela, XFOIL, 1989, sections 3 to 5; K. Fidkowski, AIAA J. 60
(2022).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.airfoil.viscous import closures
from understudy.simulators.airfoil.viscous.fusion import fused
from understudy.simulators.airfoil.viscous.jet import Jet, Number, at_least, exp, larger, log, sqrt, value_of, where

GAMMA_AIR = 1.4
#: Sutherland's constant over the free-stream temperature.
SUTHERLAND = 0.35
#: The smallest kinematic shape factors that the closures are asked for, on the surface and in the wake.
SURFACE_SHAPE_FLOOR, WAKE_SHAPE_FLOOR = 1.05, 1.00005


@dataclass(frozen=True, eq=False)
class Stream:
    """The free stream of each station in a list: mach is None where all are incompressible."""

    reynolds: Tensor
    mach: Tensor | None
    n_crit: Tensor

    def select(self, rows: Tensor) -> "Stream":
        return Stream(self.reynolds[rows], None if self.mach is None else self.mach[rows], self.n_crit[rows])


@dataclass(frozen=True, eq=False)
class Primary:
    """Unknowns of a list of stations, and what is known there.

    s is the amplification exponent n where the layer is laminar and the root of the shear stress coefficient where it
    is turbulent. gap is the dead-air thickness that the base of a blunt trailing edge leaves in the wake, part of
    `displacement`.
    """

    theta: Any
    displacement: Any
    s: Any
    u: Any
    gap: Tensor
    wake: Tensor

    def select(self, rows: Tensor) -> "Primary":
        theta, displacement, s, u = (_pick(number, rows) for number in (self.theta, self.displacement, self.s, self.u))
        return Primary(theta, displacement, s, u, self.gap[rows], self.wake[rows])


@dataclass(frozen=True, eq=False)
class Station:
    """What an interval needs of one end; `rate` only where it is laminar, what follows only where turbulent."""

    theta: Any
    thickness: Any
    s: Any
    uk: Any
    m2: Any
    h: Any
    gap_shape: Any
    hk: Any
    rt: Any
    hs: Any
    hd: Any
    cf: Any
    di: Any
    rate: Any = None
    us: Any = None
    equilibrium: Any = None
    layer: Any = None
    wake: Any = None

    def select(self, rows: Tensor, block: str) -> "Station":
        """The stations at these indices, their own variables renamed: an end of each interval."""
        changed: dict[str, Any] = {}
        for name, number in self.__dict__.items():
            if isinstance(number, Jet):
                changed[name] = number.select(rows).renamed(block)
            elif isinstance(number, Tensor):
                changed[name] = number[rows]
            else:
                changed[name] = number
        return Station(**changed)


def edge_state(u: Number, stream: Stream) -> tuple[Any, Any, Any]:
    """Compressible edge speed uk, squared edge Mach number, and rho uk / mu over its free-stream value."""
    if stream.mach is None:
        return u, 0.0, u
    mach2 = stream.mach**2
    beta = torch.sqrt(1.0 - mach2)
    factor = mach2 / (1.0 + beta) ** 2
    uk = u * (1.0 - factor) / (1.0 - factor * (u * u))
    temperature = 1.0 + 0.5 * (GAMMA_AIR - 1.0) * mach2 * (1.0 - uk * uk)
    m2 = mach2 * (uk * uk) / temperature
    density = temperature ** (1.0 / (GAMMA_AIR - 1.0))
    viscosity = temperature**1.5 * (1.0 + SUTHERLAND) / (temperature + SUTHERLAND)
    return uk, m2, uk * density / viscosity


@fused
def laminar_stations(primary: Primary, stream: Stream) -> Station:
    """Closures of laminar stations."""
    common = _common(primary, stream)
    hk, rt, m2 = common["hk"], common["rt"], common["m2"]

    def relations(hk: Any, rt: Any, m2: Any, h: Any) -> list[Any]:
        return [
            closures.laminar_energy_shape(hk),
            closures.laminar_friction(hk, rt),
            closures.laminar_dissipation(hk, rt),
            closures.amplification_rate(hk, 1.0, rt),
        ]

    hs, cf, di, rate = _evaluate(relations, hk, rt, m2, common["h"])
    return Station(**common, hs=hs, hd=_density_shape(hk, m2), cf=cf, di=di, rate=rate / primary.theta)


@fused
def turbulent_stations(primary: Primary, stream: Stream) -> Station:
    """Closures of turbulent stations, on the surface and in the wake."""
    common = _common(primary, stream)
    hk, rt, m2, h = (common[name] for name in ("hk", "rt", "m2", "h"))
    wake = primary.wake

    def relations(hk: Any, rt: Any, m2: Any, h: Any) -> list[Any]:
        hs = closures.turbulent_energy_shape(hk, rt, m2)
        us = closures.slip_speed(hs, hk, h)
        us = where(
            value_of(us) > where(wake, 0.99995, 0.95).to(value_of(us)), where(wake, 0.99995, 0.98).to(value_of(us)), us
        )
        turbulent_cf = closures.turbulent_friction(hk, rt, m2)
        laminar_di = where(wake, closures.laminar_wake_dissipation(hk, hs, rt), closures.laminar_dissipation(hk, rt))
        wall = closures.wall_dissipation(cf=turbulent_cf, us=us, hs=hs, hk=hk, rt=rt)
        deficit = 0.995 - us
        viscous = 0.3 * deficit * deficit / (hs * rt) + where(wake, 0.0, wall)
        stress = 2.0 * deficit / hs
        cf = where(wake, 0.0, larger(turbulent_cf, closures.laminar_friction(hk, rt)))
        shape = where(wake, hk - 1.0, closures.wall_shape(hk, rt))
        equilibrium = closures.equilibrium_stress_root(hs=hs, hk=hk, h=h, us=us, wall_shape=shape)
        return [hs, us, cf, laminar_di, viscous, stress, equilibrium]

    hs, us, cf, laminar_di, viscous, stress, equilibrium = _evaluate(relations, hk, rt, m2, h)
    di = larger(viscous + primary.s * primary.s * stress, laminar_di)
    di = di * (1.0 + wake.to(value_of(di)))
    layer = closures.layer_thickness(hk, primary.theta, common["thickness"])
    return Station(
        **common, hs=hs, hd=_density_shape(hk, m2), cf=cf, di=di, us=us, equilibrium=equilibrium, layer=layer, wake=wake
    )


@fused
def laminar_interval(first: Station, second: Station, x: tuple[Number, Number], stream: Stream) -> tuple[Any, Any, Any]:
    """Residuals of momentum, energy and amplification between two laminar stations."""
    momentum, energy = _balances(first, second, x, closure_friction=_laminar_middle_friction)
    rate = _mean_rate(first, second, stream)
    return momentum, energy, second.s - first.s - rate * (x[1] - x[0])


@fused
def similar_station(station: Station, x: Number) -> tuple[Any, Any, Any]:
    """Residuals of the first station behind stagnation: a self-similar layer with u proportional to x."""
    cfx, dix = station.cf * x / station.theta, station.di * x / station.theta
    momentum = 2.0 + station.h - station.m2 - 0.5 * cfx
    energy = 2.0 * station.hd / station.hs + 1.0 - station.h + 0.5 * cfx - dix
    return momentum, energy, station.s


@fused
def turbulent_interval(first: Station, second: Station, x: tuple[Number, Number]) -> tuple[Any, Any, Any]:
    """Residuals of momentum, energy and shear lag between two turbulent stations."""
    momentum, energy = _balances(first, second, x, closure_friction=_turbulent_middle_friction)
    return momentum, energy, _lag(first, second, x)


@fused
def wake_start(upper: Primary, lower: Primary, first: Primary, roots: tuple[Number, Number]) -> tuple[Any, Any, Any]:
    """Residuals of the first wake station: thicknesses add up, shear stress is weighted by momentum.

    roots: the roots of the shear stress coefficients at the two trailing edges.
    """
    theta = upper.theta + lower.theta
    displacement = upper.displacement + lower.displacement + first.gap
    stress = (upper.theta * roots[0] + lower.theta * roots[1]) / theta
    return log(first.theta / theta), log(first.displacement / displacement), log(first.s / stress)


@dataclass(frozen=True, eq=False)
class TransitionPoint:
    """Where the layer turns turbulent in an interval, as seen from its two ends.

    position: run length of transition, inside the interval or at its end. tripped: a trip causes it. beyond: neither
        trip nor amplification turn the layer inside the interval, so that transition belongs downstream. n_end:
        amplification at the end.
    """

    position: Tensor
    tripped: Tensor
    beyond: Tensor
    n_end: Tensor


def transition_point(
    first: Primary, second: Primary, x: tuple[Tensor, Tensor], *, trip: Tensor, stream: Stream
) -> TransitionPoint:
    """Solve n_1 + mean rate (x_t - x_1) = n_crit for x_t by a safeguarded Newton iteration; values only.

    The rate at x_t comes from the state interpolated linearly inside the interval.
    """
    x1, x2 = x
    station = laminar_stations(first, stream)
    n_end = stream.n_crit + _amplification_gap(station, first, second, x=x, point=x2, stream=stream)[0]
    beyond = n_end < stream.n_crit
    low, high, width = x1, x2, x2 - x1
    share = ((stream.n_crit - first.s) / (n_end - first.s)).clamp(0.01, 0.99)  # were n linear in x
    point = torch.where(beyond, x2, x1 + share * width)
    for _ in range(40):
        value, slope = _amplification_gap(station, first, second, x=x, point=point, stream=stream)
        low, high = torch.where(value < 0, point, low), torch.where(value < 0, high, point)
        newton = point - value / slope
        safe = (newton >= low) & (newton <= high)
        updated = torch.where(beyond, x2, torch.where(safe, newton, 0.5 * (low + high)))
        # Newton's error is squared in a step, a bisection's only halved.
        change = (updated - point).abs()
        unsettled = change > torch.where(safe, 1e-7 * width, 1e-13 * x2)
        point = updated
        if not bool(unsettled.any()):
            break
    tripped = trip < torch.where(beyond, torch.full_like(x2, torch.inf), point)
    tripped = tripped & (trip <= x2)
    return TransitionPoint(torch.where(tripped, torch.maximum(trip, x1), point), tripped, beyond & ~tripped, n_end)


@fused
def transition_interval(
    first_primary: Primary, second_primary: Primary, x: tuple[Number, Number], *, point: Number, stream: Stream
) -> tuple[Any, Any, Any]:
    """Residuals of the interval of transition: laminar up to `point`, turbulent behind it."""
    middle = _interpolated(first_primary, second_primary, x, point)
    first = laminar_stations(first_primary, stream)
    before = laminar_stations(middle, stream)
    laminar = _balances(first, before, (x[0], point), closure_friction=_laminar_middle_friction)
    root = transition_root(middle, stream)
    behind = turbulent_stations(replace(middle, s=root), stream)
    second = turbulent_stations(second_primary, stream)
    momentum, energy, lag = turbulent_interval(behind, second, (point, x[1]))
    return momentum + laminar[0], energy + laminar[1], lag


@fused
def transition_gap(
    first_primary: Primary, second_primary: Primary, x: tuple[Number, Number], *, point: Number, stream: Stream
) -> Any:
    """n_1 + mean rate (x_t - x_1) - n_crit, whose zero in x_t is the transition point."""
    middle = _interpolated(first_primary, second_primary, x, point)
    first = laminar_stations(first_primary, stream)
    before = laminar_stations(middle, stream)
    before = replace(before, s=0.0 * before.theta + stream.n_crit)
    return first.s + _mean_rate(first, before, stream) * (point - x[0]) - stream.n_crit


@fused
def transition_root(primary: Primary, stream: Stream) -> Any:
    """Root of the shear stress coefficient just behind transition at a station whose `s` does not matter."""
    blank = replace(primary, s=0.0 * primary.theta + 0.03)
    station = turbulent_stations(blank, stream)
    return closures.transition_stress_root(station.hk, station.equilibrium)


@fused
def _amplification_gap(
    first: Station,
    first_primary: Primary,
    second_primary: Primary,
    *,
    x: tuple[Tensor, Tensor],
    point: Tensor,
    stream: Stream,
) -> tuple[Tensor, Tensor]:
    at = Jet(point, {"point": torch.ones_like(point)[None]})
    middle = _interpolated(first_primary, second_primary, x, at)
    before = laminar_stations(middle, stream)
    before = replace(before, s=stream.n_crit)
    gap = first.s + _mean_rate(first, before, stream) * (at - x[0]) - stream.n_crit
    return gap.value, gap.partials["point"][0]


def _interpolated(first: Primary, second: Primary, x: tuple[Number, Number], point: Number) -> Primary:
    share = (point - x[0]) / (x[1] - x[0])
    rest = 1.0 - share
    theta, displacement, u = (
        getattr(first, name) * rest + getattr(second, name) * share for name in ("theta", "displacement", "u")
    )
    return Primary(theta, displacement, 0.0 * theta, u, first.gap, first.wake)


def _common(primary: Primary, stream: Stream) -> dict[str, Any]:
    """The part of a station that laminar and turbulent layers share."""
    uk, m2, reynolds_rate = edge_state(primary.u, stream)
    thickness = primary.displacement - primary.gap
    h = thickness / primary.theta
    hk = h if stream.mach is None else closures.kinematic_shape(h, m2)
    floor = torch.where(primary.wake, WAKE_SHAPE_FLOOR, SURFACE_SHAPE_FLOOR).to(value_of(hk))
    hk = at_least(hk, floor)
    return {
        "theta": primary.theta,
        "thickness": thickness,
        "s": primary.s,
        "uk": uk,
        "m2": m2,
        "h": h,
        "gap_shape": primary.gap / primary.theta,
        "hk": hk,
        "rt": stream.reynolds * primary.theta * reynolds_rate,
    }


def _evaluate(relations: Callable[..., list[Any]], hk: Any, rt: Any, m2: Any, h: Any) -> list[Any]:
    """Evaluate closures; jets differentiate to the closures' own few variables first, chained on once."""
    if not isinstance(hk, Jet):
        return relations(hk, rt, m2, h)
    variables = [hk, rt, m2] if isinstance(m2, Jet) else [hk, rt]
    identity = torch.eye(len(variables), dtype=hk.value.dtype, device=hk.value.device)
    own = [
        Jet(variable.value, {"closure": row[:, None].expand(-1, hk.value.shape[0])})
        for variable, row in zip(variables, identity, strict=True)
    ]
    own_m2 = own[2] if isinstance(m2, Jet) else 0.0
    own_h = Jet(h.value, closures.shape_of_kinematic(own[0], own_m2).partials)
    results = relations(own[0], own[1], own_m2, own_h)
    return [result.chain(variables) for result in results]


def _density_shape(hk: Any, m2: Any) -> Any:
    return 0.0 if isinstance(m2, float) else closures.density_shape(hk, m2)


def _mean_rate(first: Station, second: Station, stream: Stream) -> Any:
    """Root mean square of both ends' rates, and a little growth near n_crit so that dn/dx is never zero there."""
    mean = 0.5 * (first.rate * first.rate + second.rate * second.rate)
    rate = sqrt(at_least(mean, 1e-30))
    short_of = at_least(stream.n_crit - 0.5 * (first.s + second.s), 0.0)
    return rate + 0.002 * exp(-20.0 * short_of) / (first.theta + second.theta)


def _laminar_middle_friction(hk: Any, rt: Any, m2: Any) -> Any:
    return closures.laminar_friction(hk, rt)


def _turbulent_middle_friction(hk: Any, rt: Any, m2: Any) -> Any:
    return larger(closures.turbulent_friction(hk, rt, m2), closures.laminar_friction(hk, rt))


def _balances(
    first: Station, second: Station, x: tuple[Number, Number], *, closure_friction: Callable[[Any, Any, Any], Any]
) -> tuple[Any, Any]:
    """Momentum and kinetic-energy balance of an interval."""
    x1, x2 = x
    log_x, log_u = log(x2 / x1), log(second.uk / first.uk)
    h = 0.5 * (first.h + second.h)
    gap = 0.5 * (first.gap_shape + second.gap_shape)
    m2 = 0.5 * (first.m2 + second.m2)
    middle = closure_friction(0.5 * (first.hk + second.hk), 0.5 * (first.rt + second.rt), m2)
    if first.wake is not None:
        middle = where(first.wake, 0.0, middle)
    ends = first.cf * x1 / first.theta, second.cf * x2 / second.theta
    friction = 0.5 * middle * (x1 + x2) / (first.theta + second.theta) + 0.25 * (ends[0] + ends[1])
    momentum = log(second.theta / first.theta) + (2.0 + h + gap - m2) * log_u - 0.5 * friction * log_x

    weight = _upwind_weight(first, second)
    cfx = ends[0] + weight * (ends[1] - ends[0])
    first_di = first.di * x1 / first.theta
    dix = first_di + weight * (second.di * x2 / second.theta - first_di)
    work = 1.0 - h - gap
    if not isinstance(first.hd, float):
        work = work + 2.0 * (first.hd + second.hd) / (first.hs + second.hs)
    energy = log(second.hs / first.hs) + work * log_u + (0.5 * cfx - dix) * log_x
    return momentum, energy


def _upwind_weight(first: Station, second: Station) -> Any:
    strength = 5.0 if second.wake is None else torch.where(second.wake, 1.0, 5.0).to(value_of(second.hk))
    return closures.upwind_weight(first.hk, second.hk, strength)


def _lag(first: Station, second: Station, x: tuple[Number, Number]) -> Any:
    weight = _upwind_weight(first, second)
    dx = x[1] - x[0]
    ct = first.s + weight * (second.s - first.s)
    equilibrium = first.equilibrium + weight * (second.equilibrium - first.equilibrium)
    cf = first.cf + weight * (second.cf - first.cf)
    hk = first.hk + weight * (second.hk - first.hk)
    us, rt = 0.5 * (first.us + second.us), 0.5 * (first.rt + second.rt)
    layer = 0.5 * (first.layer + second.layer)
    wake = first.wake
    one = torch.ones_like(value_of(hk))
    share = torch.where(wake, closures.WAKE_DISSIPATION * one, one)
    shape = where(wake, hk - 1.0, closures.wall_shape(hk, rt))
    locus = shape / (closures.GA * share * hk)
    displacement = 0.5 * (first.thickness + second.thickness)
    gradient = (0.5 * cf - locus * locus) / (closures.GB * displacement)
    relaxation = closures.LAG / (closures.GB * (1.0 + us))
    approach = 0.5 * relaxation * (equilibrium - share * ct) * dx / layer
    return approach + gradient * dx - log(second.uk / first.uk) - log(second.s / first.s)


def _pick(number: Any, rows: Tensor) -> Any:
    return number.select(rows) if isinstance(number, Jet) else number[rows]
