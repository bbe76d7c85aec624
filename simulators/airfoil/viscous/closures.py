"""Closure relations of the two-equation integral boundary layer.

Each relation is a function of the kinematic shape factor, the momentum-thickness Reynolds number and the edge Mach
number, and takes tensors or jets. All describe similarity families of velocity profiles fitted to Falkner-Skan
(laminar) and to Swafford's profiles with the G-beta locus (turbulent).

| symbol | variable | meaning |
|---|---|---|
| H | h | shape factor, displacement over momentum thickness |
| H_k | hk | the same from the velocity profile alone |
| H* | hs | kinetic-energy over momentum thickness |
| H** | hd | density thickness over momentum thickness |
| Re_theta | rt | Reynolds number on momentum thickness and edge conditions |
| M_e^2 | m2 | squared edge Mach number |
| c_f | cf | skin friction over the edge dynamic pressure |
| 2 c_D / H* | di | dissipation over half the kinetic-energy shape factor |
| U_s | us | normalised slip speed |
| c_tau^1/2 | ct | root of the maximum shear stress coefficient |

References: M. Drela and M. Giles, Viscous-inviscid analysis of transonic and low Reynolds number airfoils, AIAA J. 25
(1987); M. Drela, XFOIL, 1989, section 3; K. Fidkowski, A coupled inviscid-viscous airfoil analysis solver, revisited,
AIAA J. 60 (2022).
"""

import math
from typing import Any

from understudy.simulators.airfoil.viscous.jet import (
    Number,
    at_least,
    at_most,
    exp,
    log,
    sqrt,
    tanh,
    value_of,
    where,
)

#: G-beta locus of equilibrium turbulent layers: G = A sqrt(1 + B beta), with the wall term C / Re_theta.
GA, GB, GC = 6.7, 0.75, 18.0
#: Rate at which the shear stress relaxes to equilibrium.
LAG = 5.6
#: Share of the wall's dissipation length that is left in the wake.
WAKE_DISSIPATION = 0.9
#: Whitfield's relation of shape factor and Mach number: H = H_k (1 + slope M^2) + shift M^2.
WHITFIELD_SLOPE, WHITFIELD_SHIFT = 0.113, 0.290
#: Shear stress behind transition, as a share of its equilibrium value: C exp(-E / (H_k - 1)).
TRANSITION_C, TRANSITION_E = 1.8, 3.3


def kinematic_shape(h: Number, m2: Number) -> Any:
    """H_k of Whitfield's relation, for adiabatic flow in air."""
    return (h - WHITFIELD_SHIFT * m2) / (1.0 + WHITFIELD_SLOPE * m2)


def shape_of_kinematic(hk: Number, m2: Number) -> Any:
    """H of H_k: the inverse of `kinematic_shape`."""
    return hk if _is_zero(m2) else hk * (1.0 + WHITFIELD_SLOPE * m2) + WHITFIELD_SHIFT * m2


def density_shape(hk: Number, m2: Number) -> Any:
    """H**: density thickness over momentum thickness."""
    return m2 * (0.064 / (hk - 0.8) + 0.251)


def laminar_energy_shape(hk: Number) -> Any:
    """H* of Falkner-Skan profiles."""
    away = hk - 4.35
    square = away * away
    shared = 1.528
    attached = (0.0111 * square - 0.0278 * square * away) / (hk + 1.0) + shared - 0.0002 * square * hk * hk
    separated = 0.015 * square / hk + shared
    return where(value_of(hk) < 4.35, attached, separated)


def laminar_friction(hk: Number, rt: Number) -> Any:
    """c_f of Falkner-Skan profiles."""
    away = 5.5 - hk
    attached = 0.0727 * away * away * away / (hk + 1.0) - 0.07
    beyond = 1.0 - 1.0 / (at_least(hk, 5.0) - 4.5)
    separated = 0.015 * beyond * beyond - 0.07
    return where(value_of(hk) < 5.5, attached, separated) / rt


def laminar_dissipation(hk: Number, rt: Number) -> Any:
    """2 c_D / H* of Falkner-Skan profiles."""
    below = at_least(4.0 - hk, 0.0)
    above = at_least(hk - 4.0, 0.0)
    square = above * above
    return (0.00205 * below**5.5 + 0.207 - 0.0016 * square / (1.0 + 0.02 * square)) / rt


def amplification_rate(hk: Number, theta: Number, rt: Number) -> Any:
    """Growth dn/dx of the envelope of Tollmien-Schlichting waves; zero below the critical Reynolds number."""
    inverse = 1.0 / (hk - 1.0)
    critical = 2.492 * inverse**0.43 + 0.7 * (tanh(14.0 * inverse - 9.24) + 1.0)
    ramp = (log(rt) / math.log(10.0) - critical + 0.08) / 0.16
    ramp = at_most(at_least(ramp, 0.0), 1.0)
    onset = ramp * ramp * (3.0 - 2.0 * ramp)
    argument = 3.87 * inverse - 2.52
    per_theta_re = 0.028 * (hk - 1.0) - 0.0345 * exp(-(argument * argument))
    per_length = -0.05 + inverse * (2.7 + inverse * (-5.5 + 3.0 * inverse)) + 0.1 * exp(-20.0 * inverse)
    return onset * per_length * per_theta_re / theta


def turbulent_energy_shape(hk: Number, rt: Number, m2: Number) -> Any:
    """H* of Swafford's profiles."""
    smallest, far = 1.5, 0.015
    onset = where(value_of(rt) > 400.0, 3.0 + 400.0 / rt, 4.0 + 0.0 * rt)
    bounded = at_least(rt, 200.0)
    base = smallest + 4.0 / bounded
    ratio = (onset - hk) / (onset - 1.0)
    attached = base + (2.0 - base) * ratio * ratio * 1.5 / (hk + 0.5)
    beyond = at_least(hk - onset, 0.0)
    log_rt = log(bounded)
    spread = beyond + 4.0 / log_rt
    separated = base + beyond * beyond * (0.007 * log_rt / (spread * spread) + far / hk)
    incompressible = where(value_of(hk) < value_of(onset), attached, separated)
    return (incompressible + 0.028 * m2) / (1.0 + 0.014 * m2)


def turbulent_friction(hk: Number, rt: Number, m2: Number) -> Any:
    """c_f of Swafford's profiles; negative behind separation."""
    compress = sqrt(1.0 + 0.2 * m2) if not _is_zero(m2) else 1.0
    exponent = -1.33 * hk
    exponent = where(value_of(exponent) < -17.0, -20.0 + 3.0 * exp((at_most(exponent, -17.0) + 17.0) / 3.0), exponent)
    log_rt = at_least(log(rt / compress), 3.0) / math.log(10.0)
    power = exp((-1.74 - 0.31 * hk) * log(log_rt))
    return (0.3 * exp(exponent) * power + 1.1e-4 * (tanh(4.0 - hk / 0.875) - 1.0)) / compress


def slip_speed(hs: Number, hk: Number, h: Number) -> Any:
    """U_s: speed at which the shear layer slips over the wall layer."""
    return 0.5 * hs * (1.0 - (hk - 1.0) / (GB * h))


def equilibrium_stress_root(*, hs: Number, hk: Number, h: Number, us: Number, wall_shape: Number) -> Any:
    """Root of the shear stress coefficient in equilibrium; `wall_shape` is H_k - 1 less the wall term."""
    factor = 0.5 / (GA**2 * GB)
    return sqrt(factor * hs * (hk - 1.0) * wall_shape * wall_shape / ((1.0 - us) * h * hk * hk))


def wall_shape(hk: Number, rt: Number) -> Any:
    """H_k - 1 - C / Re_theta, bounded away from zero."""
    return at_least(hk - 1.0 - GC / rt, 0.01)


def wall_dissipation(*, cf: Number, us: Number, hs: Number, hk: Number, rt: Number) -> Any:
    """The wall layer's share of 2 c_D / H*, reduced for the fullest profiles at low Reynolds number."""
    fullest = 2.1 / log(rt)
    share = 0.5 + 0.5 * tanh((hk - 1.0) / fullest)
    return cf * us / hs * share


def outer_dissipation(*, ct: Number, us: Number, hs: Number, rt: Number) -> Any:
    """The shear layer's share of 2 c_D / H*: Reynolds stress and mean viscous stress."""
    deficit = 0.995 - us
    return 2.0 / hs * (ct * ct * deficit + 0.15 * deficit * deficit / rt)


def laminar_wake_dissipation(hk: Number, hs: Number, rt: Number) -> Any:
    """2 c_D / H* of a laminar wake."""
    inverse = 1.0 / hk
    deficit = 1.0 - inverse
    return 2.2 * deficit * deficit * inverse / (hs * rt)


def layer_thickness(hk: Number, theta: Number, displacement: Number) -> Any:
    """Nominal thickness of the layer, at most twelve momentum thicknesses."""
    full = theta * (3.15 + 1.72 / (hk - 1.0)) + displacement
    return where(value_of(full) > 12.0 * value_of(theta), 12.0 * theta, full)


def transition_stress_root(hk: Number, equilibrium: Number) -> Any:
    """Root of the shear stress coefficient just behind transition."""
    return TRANSITION_C * exp(-TRANSITION_E / (hk - 1.0)) * equilibrium


def upwind_weight(hk_first: Number, hk_second: Number, strength: Any) -> Any:
    """Weight of the downstream end: 1/2 in smooth flow, towards 1 where the shape factor changes quickly."""
    change = log((hk_second - 1.0) / (hk_first - 1.0))
    square = at_most(change * change, 15.0)
    return 1.0 - 0.5 * exp(-square * strength / (hk_second * hk_second))


def _is_zero(number: Number) -> bool:
    return isinstance(number, float) and number == 0.0
