"""Closures against similarity solutions, their joins, and boundary layers that the interval equations march."""

import math
from collections.abc import Callable

import pytest
import torch
from numpy import ndarray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve
from torch import Tensor

from understudy.simulators.airfoil.viscous import boundary_layer as layer
from understudy.simulators.airfoil.viscous import closures
from understudy.simulators.airfoil.viscous.jet import Jet
from understudy.simulators.airfoil.viscous.start import STAGNATION_GROWTH, STAGNATION_SHAPE

Prove = Callable[..., None]
REYNOLDS = 1e6


def _number(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)


def _primary(theta: object, displacement: object, s: object, u: float) -> layer.Primary:
    return layer.Primary(theta, displacement, s, _number(u), _number(0.0), torch.tensor([False]))


STREAM = layer.Stream(_number(REYNOLDS), None, _number(9.0))


def test_blasius_profile(prove: Prove) -> None:
    """H = 2.591: cf Re_theta / 2 = 0.2205, H* = 1.573, c_D Re_theta = 0.1743; the fits are good to a few percent."""
    h, rt = _number(2.591), _number(500.0)
    energy = closures.laminar_energy_shape(h)
    friction = closures.laminar_friction(h, rt) * rt / 2
    dissipation = closures.laminar_dissipation(h, rt) * rt * energy / 2
    for name, value, known, bound in (
        ("energy shape factor", energy, 1.573, 0.005),
        ("friction", friction, 0.2205, 0.04),
        ("dissipation", dissipation, 0.1743, 0.02),
    ):
        prove(f"{name} of the Blasius profile: relative difference", abs(value.item() / known - 1), at_most=bound)


def test_separation_profile_has_no_friction() -> None:
    """Falkner and Skan's last attached profile has H = 4.029; the fit changes sign within 0.3 of it."""
    friction = closures.laminar_friction(torch.tensor([3.75, 4.05], dtype=torch.float64), 500.0)
    assert friction[0] > 0 > friction[1]


@pytest.mark.parametrize(
    ("closure", "join"),
    [
        (closures.laminar_energy_shape, 4.35),
        (lambda hk: closures.laminar_friction(hk, 500.0), 5.5),
        (lambda hk: closures.laminar_dissipation(hk, 500.0), 4.0),
        (lambda hk: closures.turbulent_energy_shape(hk, _number(1000.0), 0.0), 3.4),
    ],
)
def test_closures_join_smoothly(closure: Callable[[Tensor], Tensor], join: float) -> None:
    step = 1e-6
    below, at, above = (closure(_number(join + shift)).item() for shift in (-step, 0.0, step))
    slopes = (at - below) / step, (above - at) / step
    assert at == pytest.approx(below, abs=1e-5 * abs(at))
    assert slopes[0] == pytest.approx(slopes[1], abs=1e-3 * abs(at))


def test_waves_do_not_grow_below_the_critical_reynolds_number() -> None:
    """Blasius: Re_theta = 201 is critical in the linear theory of parallel flow."""
    h, theta = torch.full((2,), 2.591, dtype=torch.float64), 1.0
    rate = closures.amplification_rate(h, theta, torch.tensor([120.0, 400.0], dtype=torch.float64))
    assert rate[0] == 0
    assert rate[1] > 0


def test_a_flat_plate_turns_where_experiments_say(prove: Prove) -> None:
    """N = 9 on a flat plate in a quiet tunnel: Re_x from 2.5 to 3.9 million (Schubauer and Skramstad; van Ingen)."""
    x = torch.linspace(1e-3, 5, 20001, dtype=torch.float64)
    theta = 0.664 * torch.sqrt(x / REYNOLDS)
    rate = closures.amplification_rate(torch.full_like(x, 2.591), theta, theta * REYNOLDS)
    n = torch.cumulative_trapezoid(rate, x)
    place = float(x[int((n < 9).sum())])
    prove("transition of a flat plate, N = 9, Re_x in millions", place, at_least=2.5, at_most=3.9)


def test_the_stagnation_layer_is_hiemenz_flow(prove: Prove) -> None:
    """The root of the similar station's equations lies near the exact H = 2.216 and theta^2 u / (nu x) = 0.0855."""
    x, u = 1e-3, 0.01

    def equations(unknowns: ndarray) -> list[float]:
        shape, growth = unknowns
        theta = math.sqrt(growth * x / (u * REYNOLDS))
        primary = _primary(_number(theta), _number(shape * theta), _number(0.0), u)
        return [item.item() for item in layer.similar_station(layer.laminar_stations(primary, STREAM), _number(x))[:2]]

    shape, growth = fsolve(equations, (STAGNATION_SHAPE, STAGNATION_GROWTH))
    prove("shape factor at the stagnation point against Hiemenz: relative", abs(shape / 2.216 - 1), at_most=0.02)
    prove("thickness at the stagnation point against Hiemenz: relative", abs(growth / 0.0855 - 1), at_most=0.02)
    assert pytest.approx((shape, growth), rel=0.05) == (STAGNATION_SHAPE, STAGNATION_GROWTH)


@pytest.mark.parametrize("exponent", [1 / 3, 1 / 9, 0.0, -0.0476])
def test_laminar_layers_become_similar(exponent: float, prove: Prove) -> None:
    """Under u = x^m the march ends on Falkner and Skan's profile, to the few percent that the closures' fits allow."""
    x, theta, displacement = 0.01, 0.664e-4, 2.591 * 0.664e-4
    for _ in range(30):
        following = x * 1.25
        theta, displacement, _ = _next((x, theta, displacement, 0.0), following, exponent, turbulent=False)
        x = following
    shape, growth = _falkner_skan(exponent)
    away = abs(displacement / theta / shape - 1)
    prove("shape factor of laminar layers against Falkner and Skan, worst of four: relative", away, at_most=0.025)
    away = abs(theta**2 * REYNOLDS * x**exponent / x / growth - 1)
    prove("momentum thickness squared of the same, worst of four: relative", away, at_most=0.04)


def test_the_reference_profile_is_blasius_without_gradient() -> None:
    assert _falkner_skan(0.0) == pytest.approx((2.5911, 0.4410), rel=1e-3)


def test_a_turbulent_flat_plate(prove: Prove) -> None:
    """At Re_theta = 10^4: H near 1.35, friction of Coles and Fernholz with the constants of Nagib et al. (2007)."""
    x, theta, displacement, root = 0.5, 1e-3, 1.45e-3, 0.04
    while theta * REYNOLDS < 1e4:
        following = x * 1.1
        theta, displacement, root = _next((x, theta, displacement, root), following, 0.0, turbulent=True)
        x = following
    shape = displacement / theta
    friction = closures.turbulent_friction(_number(shape), _number(theta * REYNOLDS), 0.0).item()
    away = abs(friction / (2 * (math.log(theta * REYNOLDS) / 0.384 + 4.127) ** -2) - 1)
    prove("friction of a turbulent flat plate, Re_theta 1e4, against Coles and Fernholz: relative", away, at_most=0.03)
    assert shape == pytest.approx(1.35, abs=0.03)


def test_friction_is_the_growth_of_momentum(prove: Prove) -> None:
    """Without pressure gradient the momentum residual vanishes exactly where theta grows by cf dx / 2."""
    x, theta, displacement = 1.0, 0.664e-3, 2.591 * 0.664e-3
    longer, displaced, _ = _next((x, theta, displacement, 0.0), 1.01, 0.0, turbulent=False)
    friction = [
        closures.laminar_friction(_number(d / t), _number(t * REYNOLDS)).item()
        for t, d in ((theta, displacement), (longer, displaced))
    ]
    away = abs((longer - theta) / (0.25 * sum(friction) * 0.01) - 1)
    prove("growth of momentum on a plate against its friction: relative difference", away, at_most=1e-3)


def _falkner_skan(exponent: float) -> tuple[float, float]:
    """H and theta^2 u / (nu x) of the similar laminar layer under u = x^m, by shooting for f''(0)."""

    def slopes(_: float, f: ndarray) -> list[float]:
        return [
            f[1],
            f[2],
            -0.5 * (exponent + 1) * f[0] * f[2] - exponent * (1 - f[1] ** 2),
            1 - f[1],
            f[1] * (1 - f[1]),
        ]

    def profile(curvature: float) -> ndarray:
        return solve_ivp(slopes, (0, 9), [0, 0, curvature, 0, 0], rtol=1e-8, atol=1e-10).y[:, -1]

    curvature = brentq(lambda guess: profile(guess)[1] - 1, 0.15, 0.9, xtol=1e-8)
    displacement, momentum = profile(curvature)[3:]
    return displacement / momentum, momentum**2


def _next(
    state: tuple[float, float, float, float], following: float, exponent: float, *, turbulent: bool
) -> tuple[float, float, float]:
    """Newton's method on one interval's three equations under u = x^m, the Jacobian from jets."""
    x, *unknowns = state
    stations = layer.turbulent_stations if turbulent else layer.laminar_stations
    first = stations(_primary(*map(_number, unknowns), x**exponent), STREAM)
    run = _number(x), _number(following)
    values = torch.tensor(unknowns, dtype=torch.float64)
    for _ in range(50):
        jets = [Jet(values[k : k + 1], {"own": torch.eye(3, dtype=torch.float64)[:, k : k + 1]}) for k in range(3)]
        second = stations(_primary(*jets, following**exponent), STREAM)
        found = (
            layer.turbulent_interval(first, second, run)
            if turbulent
            else layer.laminar_interval(first, second, run, STREAM)
        )
        residual = torch.cat([item.value for item in found])
        jacobian = torch.stack([item.partials["own"][:, 0] for item in found])
        change = -torch.linalg.solve(jacobian, residual)
        values = values + change / max(1.0, float((change[:2] / values[:2]).abs().max()) / 0.3)
        if residual.abs().max() < 1e-11:
            break
    assert residual.abs().max() < 1e-9
    return tuple(values.tolist())
