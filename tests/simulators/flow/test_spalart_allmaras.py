"""The turbulence model against its papers: closures, their joins, the law of the wall that it solves exactly."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow import spalart_allmaras as sa

Prove = Callable[..., None]


def _n(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _textbook(working: float, kinematic: float, vorticity: float, distance: float, viscosity: float) -> float:
    """Equations of Spalart and Allmaras (1992) with the constants of their paper, plain; working variable positive."""
    cb1, cb2, sigma, kappa, cw2, cw3, cv1, ct3, ct4 = 0.1355, 0.622, 2 / 3, 0.41, 0.3, 2.0, 7.1, 1.2, 0.5
    cw1 = cb1 / kappa**2 + (1 + cb2) / sigma
    nu = viscosity * working
    chi = working / kinematic
    fv1 = chi**3 / (chi**3 + cv1**3)
    fv2 = 1 - chi / (1 + chi * fv1)
    strain = vorticity + nu / (kappa * distance) ** 2 * fv2
    r = min(nu / (strain * (kappa * distance) ** 2), 10)
    g = r + cw2 * (r**6 - r)
    fw = g * ((1 + cw3**6) / (g**6 + cw3**6)) ** (1 / 6)
    ft2 = ct3 * math.exp(-ct4 * chi**2)
    made = cb1 * (1 - ft2) * strain * nu - (cw1 * fw - cb1 / kappa**2 * ft2) * (nu / distance) ** 2
    return made / viscosity


@pytest.mark.parametrize("working", [0.3, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("vorticity", [0.5, 20.0])
def test_the_source_is_that_of_the_paper(working: float, vorticity: float, prove: Prove) -> None:
    kinematic, distance, viscosity = 1.1, 0.03, 1e-6
    known = _textbook(working, kinematic, vorticity, distance, viscosity)
    found = sa.source(_n(working), _n(kinematic), _n(vorticity), _n(distance), _n(viscosity)).item()
    prove("source of the turbulence model against the paper: relative", abs(found / known - 1), at_most=1e-13)


def test_eddy_viscosity_far_from_and_near_the_wall() -> None:
    """fv1 is (chi / 7.1)^3 for small chi, 1 for large, 1/2 at chi = 7.1."""
    one = _n(1.0)
    assert sa.eddy_viscosity(one, _n(7.1), one).item() == pytest.approx(7.1 / 2, rel=1e-14)
    assert sa.eddy_viscosity(one, _n(1e4), one).item() == pytest.approx(1e4, rel=1e-8)
    assert sa.eddy_viscosity(one, _n(0.01), one).item() == pytest.approx(0.01**4 / 7.1**3, rel=1e-5)
    assert sa.eddy_viscosity(one, _n(-5.0), one).item() == 0


def test_the_law_of_the_wall_is_a_solution(prove: Prove) -> None:
    """There n is kappa y+, with modified vorticity u_tau / (kappa y): production, destruction and diffusion cancel.

    Diffusion is (1 + cb2) kappa^2 / sigma in wall units, and r = 1. Spalart and Allmaras built the model on that; exact
    from where the laminar correction ft2 has died out.
    """
    y = torch.logspace(1.6, 4, 30, dtype=torch.float64)
    working = sa.KAPPA * y
    fv1 = working**3 / (working**3 + sa.CV1**3)
    vorticity = 1 / (sa.KAPPA * y) - working / (sa.KAPPA * y) ** 2 * (1 - working / (1 + working * fv1))
    spread = (1 + sa.CB2) * sa.KAPPA**2 / sa.SIGMA
    left = sa.source(working, torch.ones_like(y), vorticity, y, _n(1.0)) + spread
    prove("law of the wall in the turbulence model: what is left", float(left.abs().max() / spread), at_most=1e-13)


def _across(at: float, function: Callable[[Tensor], Tensor], step: float) -> tuple[float, float, float, float]:
    """Values a step below and above, slopes there."""
    places = _n(at - step, at + step).requires_grad_()
    values = function(places)
    (slopes,) = torch.autograd.grad(values.sum(), places)
    return (*values.tolist(), *slopes.tolist())


def test_the_modified_vorticity_joins_at_its_switch(prove: Prove) -> None:
    """Where it has fallen to 0.3 of the vorticity another formula keeps it positive (Allmaras et al., 2012)."""
    working, distance, viscosity = 4.0, 0.01, 1e-5
    fv1 = working**3 / (working**3 + sa.CV1**3)
    added = working * viscosity / (sa.KAPPA * distance) ** 2 * (1 - working / (1 + working * fv1))
    assert added < 0

    def source(vorticity: Tensor) -> Tensor:
        same = torch.ones_like(vorticity)
        return sa.source(working * same, same, vorticity, distance * same, viscosity * same)

    switch = -added / sa.CV2
    low, high, before, after = _across(switch, source, 1e-9 * switch)  # over which both change by some 1e-8
    prove("source at the switch of the modified vorticity: relative jump", abs(high / low - 1), at_most=1e-7)
    prove("its slope there: relative jump", abs(after / before - 1), at_most=1e-7)
    assert source(_n(0.0)).isfinite().all()
    assert (source(torch.linspace(0, 2 * switch, 100, dtype=torch.float64)).diff() > 0).all()


@pytest.mark.parametrize("vorticity", [0.01, 1.0, 100.0])
def test_negative_values_go_on_in_value_and_slope(vorticity: float, prove: Prove) -> None:
    def source(working: Tensor) -> Tensor:
        same = torch.ones_like(working)
        return sa.source(working, same, vorticity * same, 0.01 * same, 1e-6 * same)

    low, high, before, after = _across(0.0, source, 1e-9)
    assert source(_n(0.0)).item() == 0
    assert abs(high - low) < 1e-8 * vorticity
    prove("slope of the source at zero, three vorticities: relative jump", abs(after / before - 1), at_most=1e-6)
    assert (source(_n(-1.0, -1e2, -1e4)) > 0).all()  # what is below zero comes back to it


def test_diffusion_is_positive_and_smooth() -> None:
    chi = torch.linspace(-50, 50, 2001, dtype=torch.float64)
    one = torch.ones_like(chi)
    spread = sa.diffusivity(one, chi, one)
    assert spread.min() > 0
    torch.testing.assert_close(spread[chi >= 0], ((1 + chi) / sa.SIGMA)[chi >= 0])
    _, _, before, after = _across(0.0, lambda x: sa.diffusivity(torch.ones_like(x), x, torch.ones_like(x)), 1e-4)
    assert after == pytest.approx(before, rel=1e-5)
