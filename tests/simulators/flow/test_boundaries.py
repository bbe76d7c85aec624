"""What each kind of boundary keeps: mass, total state, pressure, waves that leave."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.simulators.flow.boundaries import FarField, Inflow, Outflow, SlipWall, Symmetry, Wall
from understudy.simulators.flow.gas import GAMMA
from understudy.simulators.flow.roe import roe_flux
from understudy.simulators.flow.stream import Stream

Prove = Callable[..., None]
OUTWARD = torch.tensor([[-0.8, -0.6]], dtype=torch.float64)[..., None].expand(-1, -1, 7)
STREAM = Stream(*(torch.tensor([value], dtype=torch.float64) for value in (0.3, 4.0, 1e6)))


@pytest.fixture
def near() -> Tensor:
    """Two cells before each of seven faces."""
    noise = torch.rand((1, 5, 7, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5
    return STREAM.primitive()[:, :, None, None] * (1 + 0.2 * noise)


@pytest.mark.parametrize("kind", [SlipWall(), Symmetry(), Wall()])
def test_nothing_passes_closed_boundaries(kind: SlipWall | Symmetry | Wall, near: Tensor, prove: Prove) -> None:
    """Half way to the ghosts the speed through the face is none; where the fluid sticks, all of it."""
    ghosts = kind.ghosts(near, OUTWARD, STREAM)
    middle = 0.5 * (near + ghosts)[:, 1:3, :, 0]
    speed = middle.norm(dim=1) if kind.sticks else (middle * OUTWARD).sum(1)
    prove("speed through closed boundaries", float(speed.abs().max()), at_most=1e-15)


def test_a_plane_of_symmetry_sends_no_mass_by_itself(near: Tensor) -> None:
    ghosts = Symmetry().ghosts(near, OUTWARD, STREAM)
    assert roe_flux(near[..., 0], ghosts[..., 0], OUTWARD)[:, 0].abs().max() < 1e-15


def test_beyond_a_slip_wall_the_flow_goes_on(near: Tensor) -> None:
    """A pressure that changes linearly across a curved wall does so in the ghosts, one that jumps does not."""
    near = STREAM.primitive()[:, :, None, None] + 0.1 * (near - STREAM.primitive()[:, :, None, None])
    ghosts = SlipWall().ghosts(near, OUTWARD, STREAM)
    torch.testing.assert_close(ghosts[:, 3, :, 0] - near[:, 3, :, 0], near[:, 3, :, 0] - near[:, 3, :, 1])
    near[:, 3, :, 1] *= 1.6
    torch.testing.assert_close(SlipWall().ghosts(near, OUTWARD, STREAM)[:, 3, :, 0], near[:, 3, :, 0])


def test_an_inflow_has_the_total_state_of_the_stream(near: Tensor, prove: Prove) -> None:
    density, u, v, pressure, _ = Inflow().ghosts(near, OUTWARD, STREAM).unbind(1)
    total = GAMMA * pressure / density + 0.5 * (GAMMA - 1) * u * u
    known = 1 + 0.5 * (GAMMA - 1) * 0.3**2
    error = max((total / known - 1).abs().max(), (GAMMA * pressure / density**GAMMA - 1).abs().max())
    prove("total temperature and entropy at an inflow: relative error", float(error), at_most=1e-14)
    assert (v == 0).all()
    torch.testing.assert_close(pressure[..., 0], near[:, 3, :, 0])


def test_an_outflow_has_its_pressure(near: Tensor) -> None:
    ghosts = Outflow(0.9).ghosts(near, OUTWARD, STREAM)
    torch.testing.assert_close(ghosts[:, 3], torch.full_like(ghosts[:, 3], 0.9 / GAMMA))
    torch.testing.assert_close(ghosts[:, :3, :, 0], near[:, :3, :, 0])


def test_a_sound_wave_leaves_through_the_far_field(prove: Prove) -> None:
    """All of a plane wave passes but what the rounding of the upstream wave speed 1 - M = 0.7 sends back.

    That is a quarter of 0.05^2 / 0.7 of the wave in mass and some more in energy.
    """
    size, unit = 1e-4, torch.tensor([0.8, 0.6], dtype=torch.float64)
    stream = Stream(
        torch.tensor([0.3], dtype=torch.float64), torch.tensor([36.9], dtype=torch.float64), STREAM.reynolds
    )
    far = stream.primitive()
    wave = far + size * torch.tensor([1.0, unit[0], unit[1], 1.0, 0.0], dtype=torch.float64)
    near = wave[:, :, None, None].expand(-1, -1, 1, 2)
    normal = unit[None, :, None]
    ghosts = FarField().ghosts(near, normal, stream)
    flux = roe_flux(near[..., 0], ghosts[..., 0], normal)
    own = roe_flux(near[..., 0], near[..., 0], normal)
    prove("sound wave leaving through the far field: what is sent back, of its size",
          float((flux - own).abs().max()) / size, at_most=2e-3)  # fmt: skip


def test_the_vortex_far_away_is_a_flow_without_losses(prove: Prove) -> None:
    """Total temperature and entropy are those of the stream; at low Mach number the circulation is what was put in."""
    angle = torch.linspace(0, 2 * math.pi, 721, dtype=torch.float64)[:-1]
    places = torch.stack((0.25 + 30 * angle.cos(), 30 * angle.sin()))[None]
    one = torch.ones(1, dtype=torch.float64)
    density, u, v, pressure, _ = Stream(0.01 * one, 3 * one, one, 0.005 * one).around(places).unbind(1)
    total = GAMMA * pressure / density + 0.5 * (GAMMA - 1) * (u * u + v * v)
    error = max(
        (total / (1 + 0.5 * (GAMMA - 1) * 1e-4) - 1).abs().max(), (GAMMA * pressure / density**GAMMA - 1).abs().max()
    )
    prove("total state of the vortex far away: relative error", float(error), at_most=1e-14)
    around = ((u * angle.sin() - v * angle.cos()) * 30 * 2 * math.pi / 720).sum().item()
    assert around == pytest.approx(0.005, rel=1e-4)


def test_the_vortex_far_away_is_compressible(prove: Prove) -> None:
    """Along and across the stream, v_x = u_y and (1 - M²) u_x + v_y = 0, those of Prandtl and Glauert."""
    one, alpha, mach = torch.ones(1, dtype=torch.float64), 7.0, 0.6
    places = torch.tensor([[[20.0, -9.0, 3.0], [4.0, 17.0, -30.0]]], dtype=torch.float64, requires_grad=True)
    _, u, v, _, _ = Stream(mach * one, alpha * one, one, 0.5 * one).around(places).unbind(1)
    by_u, by_v = (torch.autograd.grad(part.sum(), places, retain_graph=True)[0][0] for part in (u, v))
    c, s = math.cos(math.radians(alpha)), math.sin(math.radians(alpha))
    turn = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    along, across = (turn @ torch.stack((by_u, by_v)).flatten(1)).unflatten(
        1, (2, -1)
    )  # of velocities in the wind's axes
    (u_x, u_y), (v_x, v_y) = turn @ along, turn @ across
    size = float(torch.stack((u_x, v_x)).abs().max())
    error = max(float((v_x - u_y).abs().max()), float(((1 - mach**2) * u_x + v_y).abs().max())) / size
    prove("vortex far away at Mach 0.6 against the equation of Prandtl and Glauert", error, at_most=1e-13)
