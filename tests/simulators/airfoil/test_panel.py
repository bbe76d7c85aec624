"""The panel method against closed forms: Karman-Trefftz airfoils, rest inside, flux of sources, circulation."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from jaxtyping import Complex128, Float64
from numpy import ndarray
from torch import Tensor

from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.airfoil.panel import (
    induced_velocity,
    panel_solution,
    solve_panels,
    source_stream,
    speed_at,
    trailing_edge,
)
from understudy.simulators.shapes import naca, panel

Prove = Callable[..., None]
ANGLE = torch.tensor([4.0], dtype=torch.float64)


class KarmanTrefftz:
    """The circle through 1 about `center`, mapped to an airfoil whose trailing edge has the angle `edge` [deg].

    Nodes lie at equal angles on the circle, so that doubling their number halves every panel.
    """

    def __init__(self, center: complex, edge: float) -> None:
        self.center, self.power = center, 2 - edge / 180
        self.radius, self.camber = abs(1 - center), math.asin(center.imag / abs(1 - center))
        turned = torch.linspace(0, 2 * math.pi, 20001, dtype=torch.float64)
        x = self._mapped(self._on_circle(turned)).real
        self.nose, self.chord = x.min(), x.max() - x.min()

    def nodes(self, panels: int) -> Float64[Tensor, "1 nodes 2"]:
        place = (self._mapped(self._on_circle(self._angles(panels))) - self.nose) / self.chord
        return torch.stack((place.real, place.imag), -1)[None]

    def lift(self, alpha: float) -> float:
        """8 pi R sin(alpha + beta) / chord: Kutta's condition fixes the circulation about the circle."""
        return float(8 * math.pi * self.radius * math.sin(math.radians(alpha) + self.camber) / self.chord)

    def speed(self, panels: int, alpha: float) -> Float64[Tensor, " nodes"]:
        """Surface speed, clockwise positive; zero at the two nodes of the edge, where it is not evaluated."""
        turned, radians = self._angles(panels)[1:-1], math.radians(alpha)
        around = -2 * (torch.sin(turned - radians) + math.sin(radians + self.camber))
        circle = self._on_circle(turned)
        plus, minus = circle + 1, circle - 1
        shared = plus**self.power - minus**self.power
        stretch = 4 * self.power**2 * (plus * minus) ** (self.power - 1) / shared**2
        return torch.nn.functional.pad(-around / stretch.abs(), (1, 1))

    def _angles(self, panels: int) -> Float64[Tensor, " nodes"]:
        return torch.linspace(0, 2 * math.pi, panels + 1, dtype=torch.float64) - self.camber

    def _on_circle(self, turned: Tensor) -> Complex128[Tensor, " nodes"]:
        return self.center + self.radius * torch.polar(torch.ones_like(turned), turned)

    def _mapped(self, circle: Tensor) -> Complex128[Tensor, " nodes"]:
        ratio = ((circle - 1) / (circle + 1)) ** self.power  # its argument stays within +-pi off the airfoil's inside
        return self.power * (1 + ratio) / (1 - ratio)


def _lift(coordinates: Tensor, alpha: Tensor) -> float:
    speed = speed_at(panel_solution(coordinates), alpha)
    return float(pressure_forces(coordinates, 1 - speed**2, alpha)[0])


@pytest.mark.parametrize(("alpha", "known"), [(4.0, 0.4912147), (8.0, 0.9800363)])
def test_the_closed_form_gives_the_published_lift(alpha: float, known: float) -> None:
    assert KarmanTrefftz(-0.1 + 0j, 10.0).lift(alpha) == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("center", [-0.1 + 0j, -0.1 + 0.1j])
@pytest.mark.parametrize("alpha", [0.5, 4.0, 8.0])
def test_lift_is_exact_to_a_fiftieth_of_a_percent_at_200_panels(center: complex, alpha: float, prove: Prove) -> None:
    shape = KarmanTrefftz(center, 10.0)
    lift = _lift(shape.nodes(200), torch.tensor([alpha], dtype=torch.float64))
    error = abs(lift / shape.lift(alpha) - 1)
    prove("lift of Karman-Trefftz airfoils, 200 panels, worst of six: relative error", error, at_most=2e-4)


def test_lift_converges_with_second_order(prove: Prove, record_property: Callable[[str, object], None]) -> None:
    shape = KarmanTrefftz(-0.1 + 0.1j, 10.0)
    counts = (50, 100, 200, 400)
    errors = [abs(_lift(shape.nodes(count), ANGLE) / shape.lift(4.0) - 1) for count in counts]
    record_property("lift error", tuple(zip(counts, errors, strict=True)))
    for count, error in zip(counts, errors, strict=True):
        prove(f"lift of a cambered Karman-Trefftz airfoil, {count} panels: relative error", error, at_most=8 / count**2)
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    prove("the same: observed order between 50 and 400 panels, least", min(orders), at_least=1.8)


def test_surface_speed_converges_to_the_closed_form(prove: Prove) -> None:
    shape = KarmanTrefftz(-0.1 + 0.1j, 10.0)
    errors = []
    for count in (100, 200):
        found = panel_solution(shape.nodes(count))
        away = slice(count // 20, -(count // 20))  # the speed's slope is singular at the edge
        errors.append((speed_at(found, ANGLE)[0] - shape.speed(count, 4.0))[away].abs().max())
    prove("surface speed of the same, 200 panels, away from the edge: largest error", float(errors[1]), at_most=0.005)
    assert errors[0] / errors[1] > 3.5


@pytest.mark.parametrize("shape", ["2412", "2412-sharp"])
def test_the_fluid_inside_is_at_rest(shape: str, prove: Prove) -> None:
    """The sum of free stream, surface sheet and base sheets vanishes inside, blunt or sharp, to the panelling error."""
    coordinates = panel(naca(shape)[None], 200)
    flow = solve_panels(coordinates)
    inside = torch.tensor([[[0.2, 0.01], [0.4, 0.03], [0.6, 0.02], [0.8, 0.01]]], dtype=torch.float64)
    speed = flow.gamma(ANGLE)
    vortex_1, vortex_2, _, _ = induced_velocity(coordinates, inside)
    velocity = (vortex_1 * speed[:, None, :-1, None] + vortex_2 * speed[:, None, 1:, None]).sum(2)
    ends = coordinates[:, [-1, 0]]
    if not flow.edge.sharp.any():
        shares = [part[:, :, 0] for part in induced_velocity(ends, inside)]
        excess = speed[:, 0] - speed[:, -1]
        velocity = velocity + excess * (
            flow.edge.vortex * (shares[0] + shares[1]) + flow.edge.source * (shares[2] + shares[3])
        )
    radians = torch.deg2rad(ANGLE)
    velocity = velocity + torch.cat((torch.cos(radians), torch.sin(radians)))
    fastest = float(velocity.norm(dim=2).max())
    prove("speed of the fluid inside a section, 200 panels, over that of the stream", fastest, at_most=2e-3)


@pytest.mark.parametrize("shape", ["0012", "2412", "4415-sharp"])
def test_the_flow_leaves_the_edge_smoothly(shape: str) -> None:
    speed = solve_panels(panel(naca(shape)[None], 160)).gamma(ANGLE)
    assert speed[0, 0] + speed[0, -1] == pytest.approx(0, abs=1e-12)
    assert 0.5 < speed[0, 0] < 1.0


def test_turning_shape_and_stream_together_changes_nothing(prove: Prove) -> None:
    """A rotation about any point by -5 degrees at alpha is the shape itself at alpha + 5 degrees."""
    coordinates = panel(naca("2412")[None], 160)
    turn = math.radians(-5.0)
    matrix = torch.tensor([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]], dtype=torch.float64)
    speed = speed_at(panel_solution(coordinates), ANGLE + 5.0)
    turned = speed_at(panel_solution(coordinates @ matrix), ANGLE)
    prove("surface speed with shape and stream turned by 5 deg: largest change", _apart(turned, speed), at_most=1e-9)


def test_the_mirror_image_mirrors_the_speed(prove: Prove) -> None:
    coordinates = panel(naca("2412")[None], 160)
    mirrored = (coordinates * coordinates.new_tensor([1.0, -1.0])).flip(1)
    speed = speed_at(panel_solution(coordinates), ANGLE)
    image = speed_at(panel_solution(mirrored), -ANGLE)
    prove("surface speed of the mirror image: largest difference", _apart(image, -speed.flip(1)), at_most=1e-9)


def test_lift_is_twice_the_circulation(prove: Prove) -> None:
    """Kutta and Joukowski; the pressure integral knows the circulation only through the surface speed."""
    shape = KarmanTrefftz(-0.1 + 0.1j, 10.0)
    coordinates = shape.nodes(400)
    speed = speed_at(panel_solution(coordinates), ANGLE)
    length = coordinates.diff(dim=1).norm(dim=2)
    circulation = (0.5 * (speed[:, 1:] + speed[:, :-1]) * length).sum()
    away = abs(_lift(coordinates, ANGLE) / (2 * float(circulation)) - 1)
    prove("lift against twice the circulation (Kutta, Joukowski), 400 panels: relative difference", away, at_most=1e-3)


def test_a_source_panel_sends_out_its_strength(prove: Prove) -> None:
    """Flux through a circle around a panel is strength times length, of either linear half; a vortex has none."""
    ends = torch.tensor([[[0.1, 0.2], [0.4, 0.1]]], dtype=torch.float64)
    turned = torch.arange(720, dtype=torch.float64) * (2 * math.pi / 720)
    outward = torch.stack((torch.cos(turned), torch.sin(turned)), 1)
    points = ends.mean(1, keepdim=True) + 0.5 * outward
    vortex_1, vortex_2, source_1, source_2 = (
        float((share[0, :, 0] * outward).sum() * 0.5 * 2 * math.pi / 720) for share in induced_velocity(ends, points)
    )
    length = float((ends[0, 1] - ends[0, 0]).norm())
    away = abs((source_1 + source_2) / length - 1)
    prove("flux of a source panel against its strength: relative difference", away, at_most=1e-12)
    assert (source_1, source_2) == pytest.approx((length / 2, length / 2), rel=1e-12)
    assert (vortex_1, vortex_2) == pytest.approx((0.0, 0.0), abs=1e-14)


def test_a_vortex_panel_turns_the_fluid_clockwise() -> None:
    ends = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    turned = torch.arange(720, dtype=torch.float64) * (2 * math.pi / 720)
    outward = torch.stack((torch.cos(turned), torch.sin(turned)), 1)
    along = torch.stack((-outward[:, 1], outward[:, 0]), 1)
    vortex_1, vortex_2, source_1, source_2 = (
        float((share[0, :, 0] * along).sum() * 2 * math.pi / 720)
        for share in induced_velocity(ends, ends.mean(1, keepdim=True) + outward)
    )
    assert (vortex_1, vortex_2) == pytest.approx((-0.5, -0.5), rel=1e-12)
    assert (source_1, source_2) == pytest.approx((0.0, 0.0), abs=1e-14)


def test_the_stream_function_of_sources_measures_their_flux() -> None:
    """Between two neighbouring nodes it grows by the flux through the panel between them."""
    coordinates = panel(naca("0012")[None], 60)
    stream = source_stream(coordinates, trailing_edge(coordinates))[0]
    _, _, source_1, source_2 = induced_velocity(coordinates, _quadrature_points(coordinates))
    step = coordinates[0].diff(dim=0)
    across = torch.stack((step[:, 1], -step[:, 0]), 1)
    velocity = (source_1 + source_2)[0].view(len(step), 8, len(step), 2)
    weights = torch.from_numpy(_gauss()[1])
    flux = torch.einsum("pqkc,pc,q->pk", velocity, across, weights)
    far = (torch.arange(len(step))[:, None] - torch.arange(len(step))).abs() > 4
    torch.testing.assert_close(stream.diff(dim=0)[far], flux[far], rtol=0, atol=1e-9)


def test_gradients_reach_the_nodes(prove: Prove) -> None:
    coordinates = panel(naca("2412")[None], 40).requires_grad_()
    direction = torch.randn(coordinates.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(speed_at(panel_solution(coordinates), ANGLE)[0, 10], coordinates)
    step = 1e-6 * direction
    with torch.no_grad():
        ahead, behind = (speed_at(panel_solution(coordinates + sign * step), ANGLE)[0, 10] for sign in (1, -1))
    away = abs(float((ahead - behind) / 2e-6 / (gradient * direction).sum()) - 1)
    prove("gradient of a surface speed to all nodes against central differences: relative", away, at_most=1e-6)


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _gauss() -> tuple[ndarray, ndarray]:
    places, weights = np.polynomial.legendre.leggauss(8)
    return 0.5 * (places + 1), 0.5 * weights


def _quadrature_points(coordinates: Tensor) -> Float64[Tensor, "1 points 2"]:
    share = torch.from_numpy(_gauss()[0])[:, None]
    start, step = coordinates[0, :-1, None], coordinates[0].diff(dim=0)[:, None]
    return (start + share * step).reshape(1, -1, 2)
