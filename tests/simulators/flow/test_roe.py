"""Roe's flux: consistency, symmetry, upwinding, and the layers that it leaves alone."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, conserved
from understudy.simulators.flow.roe import ACOUSTIC_ROUNDING, SHEAR_ROUNDING, roe_flux

Prove = Callable[..., None]
NORMAL = torch.tensor([[0.6, -1.1]], dtype=torch.float64)[..., None]


def _states(mach: float, count: int = 50) -> Tensor:
    """Random states about a stream in the direction of the normal."""
    noise = torch.rand((1, 5, count), generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.5
    unit = NORMAL[0, :, 0] / NORMAL.norm()
    mean = torch.tensor([1.0, mach * unit[0], mach * unit[1], 1 / GAMMA, 0.0], dtype=torch.float64)[:, None]
    return mean + 0.3 * noise


def _exact(cells: Tensor, normal: Tensor) -> Tensor:
    """Flux of one state, from the Euler equations."""
    density, u, v, pressure = cells.unbind(1)[:4]
    nx, ny = normal.unbind(1)
    mass = density * (u * nx + v * ny)
    energy = conserved(cells)[:, 3]
    return torch.stack(
        (mass, mass * u + pressure * nx, mass * v + pressure * ny, mass / density * (energy + pressure)), 1
    )


def test_of_two_equal_states_it_is_their_flux(prove: Prove) -> None:
    cells = _states(0.4)
    error = float((roe_flux(cells, cells, NORMAL) - _exact(cells, NORMAL)).abs().max())
    prove("Roe's flux of two equal states against the Euler equations", error, at_most=1e-14)


def test_seen_from_the_other_side_it_changes_its_sign(prove: Prove) -> None:
    left, right = _states(0.4).chunk(2, 2)
    error = float((roe_flux(left, right, NORMAL) + roe_flux(right, left, -NORMAL)).abs().max())
    prove("Roe's flux seen from the other side: sum of the two", error, at_most=1e-14)


def test_it_turns_with_the_axes(prove: Prove) -> None:
    left, right = _states(0.4).chunk(2, 2)
    angle = math.radians(37.0)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)

    def turned(values: Tensor) -> Tensor:
        return torch.cat((values[:, :1], turn @ values[:, 1:3], values[:, 3:]), 1)

    error = roe_flux(turned(left), turned(right), turn @ NORMAL) - turned(roe_flux(left, right, NORMAL))
    prove("Roe's flux in turned axes: largest difference", float(error.abs().max()), at_most=1e-14)


@pytest.mark.parametrize("mach", [3.0, -3.0])
def test_supersonic_flow_is_upwinded(mach: float, prove: Prove) -> None:
    """But for the rounding of the speeds of sound waves: they exceed q - c > c by less than ACOUSTIC_ROUNDING^2 c / 2.

    Half of that excess times the jump of any wave is at most some 0.1 % of the jump of the fluxes.
    """
    left, right = _states(mach).chunk(2, 2)
    flux, upstream = roe_flux(left, right, NORMAL), _exact(left if mach > 0 else right, NORMAL)
    jump = (_exact(left, NORMAL) - _exact(right, NORMAL)).abs().amax(1)
    share = float(((flux - upstream).abs().amax(1) / jump).max())
    prove("Roe's flux at Mach 3: share of the downstream side", share, at_most=ACOUSTIC_ROUNDING**2 / 2)


def test_a_shear_layer_along_the_face_is_left_alone(prove: Prove) -> None:
    """Density and speed along the face jump, nothing crosses: only pressure pushes, to the rounding of the speed."""
    left = torch.tensor([[1.0, 0.3, 0.0, 0.7, 0.0]], dtype=torch.float64)[..., None]
    right = torch.tensor([[2.0, -0.1, 0.0, 0.7, 0.0]], dtype=torch.float64)[..., None]
    normal = torch.tensor([[0.0, 1.0]], dtype=torch.float64)[..., None]
    error = (roe_flux(left, right, normal) - _exact(left, normal)).abs().max()
    prove("Roe's flux across a shear layer against the push of its pressure", float(error), at_most=SHEAR_ROUNDING)


def test_an_expansion_shock_is_no_solution(prove: Prove) -> None:
    """A steady shock with its sides swapped obeys the jump conditions; the rounded waves must not keep it."""
    mach = 1.5
    density = (GAMMA + 1) * mach**2 / ((GAMMA - 1) * mach**2 + 2)
    pressure = (1 + 2 * GAMMA / (GAMMA + 1) * (mach**2 - 1)) / GAMMA
    before = torch.tensor([[1.0, mach, 0.0, 1 / GAMMA, 0.0]], dtype=torch.float64)[..., None]
    behind = torch.tensor([[density, mach / density, 0.0, pressure, 0.0]], dtype=torch.float64)[..., None]
    normal = torch.tensor([[1.0, 0.0]], dtype=torch.float64)[..., None]
    torch.testing.assert_close(_exact(before, normal), _exact(behind, normal))
    entering = (roe_flux(behind, before, normal) - _exact(behind, normal)).abs().max()
    prove("flux through an expansion shock against its sides", float(entering), at_least=1e-3)
