import shutil

import pytest
import torch

from understudy.simulators.airfoil.viscous.boundary_layer import Primary, Station, Stream, turbulent_stations
from understudy.simulators.airfoil.viscous.fusion import fused, fusion
from understudy.simulators.airfoil.viscous.jet import Jet, at_least, exp, log

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile wants a C++ compiler: install it (Debian: apt install g++)"
)


def variable(count: int, place: int, seed: int) -> Jet:
    value = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5
    partials = torch.zeros(2, count, dtype=torch.float64)
    partials[place] = 1.0
    return Jet(value, {"own": partials})


def formula(one: Jet, other: Jet, *, scale: float) -> tuple[Jet, Jet]:
    return log(one * other) * scale + at_least(other, 0.9), exp(-one / other)


def assert_same(found: Jet, wanted: Jet) -> None:
    torch.testing.assert_close(found.value, wanted.value, rtol=1e-13, atol=0)
    torch.testing.assert_close(found.partials["own"], wanted.partials["own"], rtol=1e-13, atol=1e-15)


def test_a_fused_formula_is_the_formula_for_lists_of_any_length() -> None:
    compiled = fused(formula)
    for count in (50, 1000, 33, 3):
        one, other = variable(count, 0, 1), variable(count, 1, 2)
        with fusion(True):
            found = compiled(one, other, scale=2.0)
        for item, wanted in zip(found, formula(one, other, scale=2.0), strict=True):
            assert_same(item, wanted)


def test_one_list_given_twice_is_not_taken_for_one_argument() -> None:
    compiled = fused(formula)
    same = variable(40, 0, 1)
    one, other = variable(40, 0, 3), variable(40, 1, 4)
    with fusion(True):
        compiled(same, same, scale=1.0)
        found = compiled(one, other, scale=1.0)
    for item, wanted in zip(found, formula(one, other, scale=1.0), strict=True):
        assert_same(item, wanted)


def test_another_constant_is_another_formula() -> None:
    compiled = fused(formula)
    one, other = variable(40, 0, 1), variable(40, 1, 2)
    with fusion(True):
        compiled(one, other, scale=1.0)
        found = compiled(one, other, scale=3.0)
    assert_same(found[0], formula(one, other, scale=3.0)[0])


def test_closures_are_the_same_when_fused() -> None:
    count = 64
    generator = torch.Generator().manual_seed(5)
    theta, shape, s, u = (torch.rand(count, generator=generator, dtype=torch.float64) for _ in range(4))
    theta = 1e-3 * (0.5 + theta)
    wake = torch.arange(count) >= 48
    primary = Primary(theta, (1.2 + 2 * shape) * theta, 0.02 + 0.1 * s, 0.5 + u, torch.zeros_like(theta), wake)
    stream = Stream(torch.full_like(theta, 1e6), torch.full_like(theta, 0.3), torch.full_like(theta, 9.0))
    with fusion(True):
        found = turbulent_stations(primary, stream)
    assert isinstance(found, Station)
    wanted = turbulent_stations(primary, stream)
    for name in ("hs", "cf", "di", "us", "equilibrium", "layer", "rt", "m2"):
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), rtol=1e-12, atol=0)
