"""What every test shares: one thread, annotations unchecked where a test wants what a user meets, measured proofs.

And a stand-in for `rans` whose flows are made up, not solved, so that whoever stores or draws them need not wait.
"""

import math
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor

from understudy.datasets import generation
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.flow_field import FlowField
from understudy.simulators.airfoil.rans import RansSolution
from understudy.simulators.airfoil.rans.fields import FORCES, quantities_of
from understudy.simulators.airfoil.rans.setup import flow_around
from understudy.simulators.flow.forces import forces
from understudy.simulators.flow.gas import GAMMA, conserved
from understudy.simulators.flow.stream import Stream
from understudy.simulators.grids import Grid
from understudy.simulators.interface import Simulator, Status

torch.set_num_threads(1)  # results to rounding must not depend on how a reduction is split; pytest-xdist uses the cores

Prove = Callable[..., None]


@pytest.fixture
def annotations_unchecked() -> Iterator[None]:
    """Where `make annotations` checks them, off meanwhile, to reach the sentence with which bad input is refused."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def room() -> Callable[[int], AbstractContextManager[None]]:
    """No file may grow beyond so many bytes: what a full disk is to a program, without filling one."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def prove(record_property: Callable[[str, object], None]) -> Prove:
    """Assert a bound and leave the measured value for docs/verification.md, which `benchmarks/verification.py` writes.

    Of several values that are called the same, the worst is shown.
    """

    def bounded(what: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
        record_property("proof", (what, float(value), at_most, at_least))
        assert at_most is None or value <= at_most, what
        assert at_least is None or value >= at_least, what

    return bounded


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that proves something measurable is known by its fixture."""
    for item in items:
        if "prove" in getattr(item, "fixturenames", ()):
            item.add_marker("proof")


@dataclass(frozen=True)
class MadeUpRans(Simulator):
    """Flows with layers and a supersonic region that solve no equation, on small grids; their forces are those of rans.

    C-grids at odd places of a batch, O-grids at even ones. It does not converge beyond 5 degrees.
    """

    model: str = "sa"

    name = "rans"
    version = "made-up"
    quantities = ("alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm", "cp", "cf")
    differentiable = False
    forces_from_fields = FORCES

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return quantities_of(self.model)

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {"model": self.model}

    def predict(self, case: AirfoilCase) -> RansSolution:
        alpha = torch.where(case.lift_prescribed, case.cl / 0.11, case.alpha)
        steady = alpha.abs() <= 5
        values = {
            name: torch.full_like(alpha if name not in ("cp", "cf") else case.coordinates[..., 0], math.nan)
            for name in self.quantities
        }
        rows = [steady.nonzero()[:, 0][place::2] for place in (0, 1)]
        grids, states = [], []
        for here, nodes, wake in zip(rows, (_ring(), _c_grid()), (0, 8), strict=True):
            grid = Grid(nodes.expand(len(here), -1, -1, -1), wake)
            flow = flow_around(grid, Stream(case.mach[here], alpha[here], case.reynolds[here]), self.model)
            state = _made_up(flow.metrics.centres[:, :, 1:-1, 1:-1], flow.metrics.distance, flow.stream)
            found = forces(flow, state) | {"alpha": alpha[here]}
            for name in values:
                values[name][here] = found.get(name, torch.zeros_like(values[name][here]))
            grids.append(grid)
            states.append(state)
        return RansSolution(
            values=values,
            status=tuple(Status.OK if row else Status.NOT_CONVERGED for row in steady.tolist()),
            message=tuple("" if row else "not converged: stalled" for row in steady.tolist()),
            rows=tuple(rows),
            grids=tuple(grids),
            states=tuple(states),
            mach=case.mach,
            reynolds=case.reynolds,
            model=self.model,
        )


def _made_up(centres: Tensor, distance: Tensor, stream: Stream) -> Tensor:
    x, y = centres.unbind(1)
    hump = torch.exp(-((x - 0.4) ** 2 + (y - 0.15) ** 2) / 0.04)
    layer = torch.tanh(distance / 0.01)
    angle = torch.deg2rad(stream.alpha)[:, None, None]
    speed = stream.mach[:, None, None] * (1 + 0.7 * hump) * layer
    pressure = (1 - 0.4 * hump - 0.01 * x * layer) / GAMMA
    working = 3 + 300 * torch.exp(-distance / 0.02)
    density = (1 - 0.25 * hump) * (0.9 + 0.1 * layer)
    return conserved(torch.stack((density, speed * angle.cos(), speed * angle.sin(), pressure, working), 1))


def _ring() -> Tensor:
    """Confocal ellipses around one that is 0.12 thick."""
    least = math.atanh(0.12)
    away = (least + 1e-3 * (1.5 ** torch.arange(17, dtype=torch.float64) - 1))[None, :]
    turned = -torch.linspace(0, 2 * math.pi, 57, dtype=torch.float64)[:, None]
    x = 0.5 + 0.5 / math.cosh(least) * away.cosh() * turned.cos()
    y = 0.5 / math.cosh(least) * away.sinh() * turned.sin()
    nodes = torch.stack((x, y), -1)
    return torch.cat((nodes[:-1], nodes[:1]))[None]


def _c_grid() -> Tensor:
    """Parabolas around a section, drawn in the plane of the square root of x + i y."""
    wake = torch.linspace(1, 2, 9, dtype=torch.float64)
    along = torch.cat((-wake.flip(0), torch.linspace(-1, 1, 41, dtype=torch.float64)[1:-1], wake))[:, None]
    bump = 0.06 * (1 - along**2).clamp(min=0)
    away = bump + 1e-3 * (1.6 ** torch.arange(17, dtype=torch.float64) - 1)
    return torch.stack((along**2 - away**2, 2 * along * away), -1)[None]


@pytest.fixture(scope="session")
def made_up_rans() -> type[MadeUpRans]:
    """The stand-in for `rans`."""
    return MadeUpRans


@pytest.fixture(scope="session")
def let_it_simulate() -> Callable[[pytest.MonkeyPatch], None]:
    """Called with a patch, data sets are made by the stand-in for `rans`, whatever simulator is named."""

    def patched(patch: pytest.MonkeyPatch) -> None:
        for name in ("simulator_named", "_simulator_here"):
            patch.setattr(generation, name, lambda _: MadeUpRans())

    return patched


@pytest.fixture(scope="session")
def made_up_flows() -> tuple[FlowField, FlowField]:
    """A flow on an O-grid and one on a C-grid."""
    nodes = _ring()[0, :, 0].flip(0)
    case = AirfoilCase.of(nodes, torch.tensor([1.0, 2.0]).double(), 5e6, mach=0.7)
    answer = MadeUpRans().predict(case)
    first, second = answer.flow_field(0), answer.flow_field(1)
    assert first is not None
    assert second is not None
    return first, second
