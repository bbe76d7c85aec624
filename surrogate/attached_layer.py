"""A closed-form boundary layer on the inviscid edge speed: cheap physics as an input of the networks.

Each surface is integrated from the stagnation point with quadratures only, so a whole batch costs a few cumulative
sums:

    laminar momentum thickness (Thwaites 1949)   θ² = 0.45 ν u⁻⁶ ∫ u⁵ dξ
    pressure gradient                            λ = θ²/ν du/dξ, limited to Thwaites' range of validity
    amplification (Drela and Giles 1987, eq. 33) n = ∫ dn/dRe_θ · ½(m + 1) l / θ dξ from the critical Re_θ on
    turbulent momentum thickness                 θ^1.25 u^4.25 = ∫ 0.0156 ν^0.25 u⁴ dξ + laminar value where n = n_crit

The last is the momentum equation with a power law of friction and a constant shape factor (after Buri 1931). None of
this
need be accurate, only smooth and close: a network corrects it. Lengths in chords, speeds in free-stream speeds, ν =
1/Re.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

LAMBDA_RANGE = (-0.09, 0.20)  # separation to strong acceleration
SPEED_FLOOR = 0.02  # keeps the quotients finite at the stagnation point


@dataclass(frozen=True, eq=False)
class AttachedLayer:
    """Estimates at the nodes (batch, nodes), each along its own surface from the stagnation point.

    distance: ξ [chord]. pressure_gradient: λ [-]. amplification: n [-].
    turbulent: smooth 0 to 1 across the estimated transition [-].
    ln_laminar, ln_turbulent: ln(θ √Re) of the laminar layer, and of the layer with transition [-].
    """

    distance: Tensor
    pressure_gradient: Tensor
    amplification: Tensor
    turbulent: Tensor
    ln_laminar: Tensor
    ln_turbulent: Tensor


def attached_layer(
    arc: Float[Tensor, "batch nodes"],
    speed: Float[Tensor, "batch nodes"],
    reynolds: Float[Tensor, " batch"],
    n_crit: Float[Tensor, " batch"],
    past_trip: Float[Tensor, "batch nodes"],
) -> AttachedLayer:
    """The closed-form layer of a contour.

    Args:
        arc: arc length from the first node [chord].
        speed: inviscid edge speed, signed along the contour: negative from the stagnation point to the first node [-].
        reynolds, n_crit: of each case [-].
        past_trip: smooth 0 to 1 where the flow passes a forced transition [-].

    Gradients flow to everything; where the stagnation point crosses a node they stay finite.
    """
    lower = speed > 0
    viscosity = 1 / reynolds[:, None]
    u = torch.sqrt(speed.square() + SPEED_FLOOR**2)
    integrate = _Quadrature(arc, speed)
    distance = integrate(torch.ones_like(u))
    theta = torch.sqrt(0.45 * viscosity * integrate(u**5) / u**6 + 0.075 * viscosity * SPEED_FLOOR)
    along = torch.where(lower, 1.0, -1.0) * _slope(arc, u)
    pressure_gradient = (theta.square() / viscosity * along).clamp(*LAMBDA_RANGE)
    growth, critical = _amplification(theta, u * theta / viscosity, _shape_factor(pressure_gradient))
    amplification = integrate(growth * torch.sigmoid(8 * critical))
    turbulent = 1 - (1 - torch.sigmoid(3 * (amplification - n_crit[:, None]))) * (1 - past_trip)
    start = theta**1.25 * u**4.25
    source = 0.0156 * viscosity**0.25 * u**4
    thick = (start * (1 - turbulent) + integrate(source * turbulent) + integrate.carried(start, turbulent)) / u**4.25
    ln_scale = 0.5 * torch.log(reynolds)[:, None]
    return AttachedLayer(
        distance=distance,
        pressure_gradient=pressure_gradient,
        amplification=amplification,
        turbulent=turbulent,
        ln_laminar=torch.log(theta) + ln_scale,
        ln_turbulent=0.8 * torch.log(thick) + ln_scale,
    )


class _Quadrature:
    """Trapezoidal integrals along each surface from the stagnation point, where the speed changes sign."""

    def __init__(self, arc: Tensor, speed: Tensor) -> None:
        step = arc.diff(dim=1)
        before, after = speed[:, :-1], speed[:, 1:]
        crossing = (before < 0) & (after >= 0)
        part = torch.where(crossing, before / (before - after).clamp(max=-1e-6), 0.0).clamp(0, 1)
        # length of each panel that belongs to the flow towards the first node, and towards the last
        self._to_first = step * torch.where(crossing, part, (after < 0).to(step.dtype))
        self._to_last = step * torch.where(crossing, 1 - part, (before >= 0).to(step.dtype))
        self._last = speed >= 0

    def __call__(self, integrand: Tensor) -> Tensor:
        middle = 0.5 * (integrand[:, 1:] + integrand[:, :-1])
        return self._sum(middle * self._to_first, middle * self._to_last)

    def carried(self, value: Tensor, switch: Tensor) -> Tensor:
        """∫ value d(switch): what `value` was where `switch` rose from 0 to 1."""
        middle = 0.5 * (value[:, 1:] + value[:, :-1])
        rise = switch.diff(dim=1)
        has_first, has_last = (self._to_first > 0).to(value.dtype), (self._to_last > 0).to(value.dtype)
        return self._sum(middle * (-rise).clamp(min=0) * has_first, middle * rise.clamp(min=0) * has_last)

    def _sum(self, to_first: Tensor, to_last: Tensor) -> Tensor:
        zero = to_first[:, :1] * 0
        upper = torch.cat([to_first.flip(1).cumsum(1).flip(1), zero], dim=1)
        lower = torch.cat([zero, to_last.cumsum(1)], dim=1)
        return torch.where(self._last, lower, upper)


def _slope(arc: Tensor, values: Tensor) -> Tensor:
    """d(values)/d(arc): central differences weighted for unequal steps, one-sided at the ends."""
    step = arc.diff(dim=1).clamp(min=1e-7)
    rate = values.diff(dim=1) / step
    left, right = step[:, :-1], step[:, 1:]
    inner = (rate[:, :-1] * right + rate[:, 1:] * left) / (left + right)
    return torch.cat([rate[:, :1], inner, rate[:, -1:]], dim=1)


def _shape_factor(pressure_gradient: Tensor) -> Tensor:
    """Thwaites' H(λ) in the polynomial fit of White (Viscous Fluid Flow, 1991)."""
    z = 0.25 - pressure_gradient
    return 2.0 + 4.14 * z - 83.5 * z**2 + 854.0 * z**3 - 3337.0 * z**4 + 4576.0 * z**5


def _amplification(theta: Tensor, re_theta: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """dn/dξ of the envelope method, and log10 of Re_θ over its critical value (Drela and Giles 1987, eqs. 24 to 30)."""
    shape = shape.clamp(2.05, 8.0)
    rate = 0.01 * torch.sqrt((2.4 * shape - 3.7 + 2.5 * torch.tanh(1.5 * shape - 4.65)).square() + 0.25)
    inverse = 1 / (shape - 1)
    critical = (1.415 * inverse - 0.489) * torch.tanh(20 * inverse - 12.9) + 3.295 * inverse + 0.44
    density = (6.54 * shape - 14.07) / shape.square()  # l(H)
    exponent = 0.058 * (shape - 4).square() / (shape - 1) - 0.068  # m(H) l(H)
    growth = rate * 0.5 * (exponent + density).clamp(min=0) / theta
    return growth, torch.log10(re_theta.clamp(min=1e-3)) - critical
