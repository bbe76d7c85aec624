"""Small blocks for the tests of the flow solver: a C-grid around NACA 0012 and a twisted ring around a circle."""

import math
from collections.abc import Callable

import pytest
import torch
from jaxtyping import Float64
from torch import Tensor

from understudy.simulators.flow.boundaries import FarField, Sides, SlipWall, Wall
from understudy.simulators.flow.gas import conserved
from understudy.simulators.flow.metrics import Metrics
from understudy.simulators.flow.residual import Flow
from understudy.simulators.flow.stream import Stream

WAKE, BODY, LAYERS = 12, 40, 16
RADIUS = 4.5  # square root of the width of the C-grid [chord]
FOCUS = 0.0079  # half the radius of the leading edge behind it: there the square root straightens the section

MakeFlow = Callable[..., Flow]


@pytest.fixture(scope="session")
def c_flow() -> MakeFlow:
    """Flow on the C-grid with a wake cut; alpha as many as the batch, skew: of the grid's lines."""

    def make(model: str, *alpha: float, mach: float = 0.5, skew: float = 0.0) -> Flow:
        nodes = _c_nodes(skew).expand(len(alpha), -1, -1, -1)
        kind = SlipWall() if model == "euler" else Wall()
        sides = Sides(((BODY, kind),), FarField(), FarField(), FarField(), wake=WAKE)
        metrics = Metrics.of(nodes, slice(WAKE, WAKE + BODY), wake=WAKE)
        return Flow(metrics, sides, stream(model, *alpha, mach=mach), model)

    return make


@pytest.fixture(scope="session")
def ring_flow() -> MakeFlow:
    """Flow on a twisted ring of 24 x 10 cells around a circle of one chord."""

    def make(model: str, *alpha: float, mach: float = 0.5) -> Flow:
        radius = 0.5 * 1.3 ** torch.arange(11, dtype=torch.float64)
        angle = -torch.linspace(0, 2 * math.pi, 25, dtype=torch.float64)[:, None] + 0.3 * torch.log(radius)
        nodes = torch.stack((0.5 + radius * angle.cos(), radius * angle.sin()), -1)[None]
        kind = SlipWall() if model == "euler" else Wall()
        sides = Sides(((24, kind),), FarField(), None, None)
        metrics = Metrics.of(nodes.expand(len(alpha), -1, -1, -1), slice(0, 24), ring=True)
        return Flow(metrics, sides, stream(model, *alpha, mach=mach), model)

    return make


@pytest.fixture(scope="session")
def disturbed() -> Callable[[Flow, float], Tensor]:
    """The free stream of a flow with a random part of the given size in every cell, as conserved variables.

    It is no share of the stream alone: that would leave the velocity across it at zero.
    """

    def make(flow: Flow, size: float) -> Tensor:
        far = flow.stream.primitive()[:, :, None, None]
        shape = (*far.shape[:2], *flow.metrics.areas.shape[1:])
        noise = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return conserved(far * (1 + size * (noise - 0.5)) + 0.1 * size * (noise - 0.5).flip(1))

    return make


def stream(model: str, *alpha: float, mach: float) -> Stream:
    angle = torch.tensor(alpha, dtype=torch.float64)
    reynolds = {"euler": math.inf, "laminar": 5e3, "sa": 1e6}[model]
    return Stream(torch.full_like(angle, mach), angle, torch.full_like(angle, reynolds))


def _c_nodes(skew: float) -> Float64[Tensor, "1 nodes_i nodes_j 2"]:
    """Straight lines from the section to a parabola, drawn in the plane of the square root of z."""
    turned = torch.linspace(0, math.pi / 2, BODY // 2 + 1, dtype=torch.float64)
    x = turned.sin() ** 2
    y = 0.594689181 * (
        0.298222773 * x.sqrt() - 0.127125232 * x - 0.357907906 * x**2 + 0.291984971 * x**3 - 0.105174606 * x**4
    )
    y[-1] = 0.0
    body = torch.complex(x - FOCUS, y).sqrt()
    growing = (1.35 ** torch.arange(WAKE, dtype=torch.float64)).cumsum(0)
    wake = body[-1].real + (RADIUS - body[-1].real) * growing / growing[-1]
    half = torch.cat((body, wake.to(body.dtype)))
    whole = torch.cat((-half[1:].conj().flip(0), half))  # the lower side is the mirror image
    layers = (1.25 ** torch.arange(LAYERS, dtype=torch.float64)).cumsum(0)
    out = torch.nn.functional.pad(layers / layers[-1], (1, 0))
    up = whole.imag[:, None] + (RADIUS - whole.imag[:, None]) * out
    right = whole.real[:, None] + skew * out * (1 - out)
    return torch.stack((FOCUS + right**2 - up**2, 2 * right * up), -1)[None]
