"""A physics in closed form to learn from, and surrogates small enough to be trained in a second."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Solution, Status
from understudy.simulators.shapes.naca import naca4
from understudy.simulators.shapes.panelling import panel
from understudy.surrogate.building import SurrogateConfig, build
from understudy.surrogate.encoding import EVEN_FIELDS, encode
from understudy.surrogate.inviscid import panel_basis
from understudy.surrogate.networks.convolution import ConvolutionConfig
from understudy.surrogate.surrogate import Surrogate
from understudy.surrogate.training import TrainingConfig
from understudy.surrogate.training_data import TrainingData, conditions_of, training_data_of

TINY = ConvolutionConfig(channels=(4, 6, 8), blocks=(0, 1, 1), hidden=12)


def _shapes(count: int, seed: int) -> torch.Tensor:
    """Random four-digit airfoils on 160 nodes."""
    random = torch.Generator().manual_seed(seed)
    camber, place, thickness = (torch.rand(count, generator=random, dtype=torch.float64) for _ in range(3))
    return panel(naca4(0.05 * camber, 0.3 + 0.2 * place, 0.08 + 0.1 * thickness))


def _cases(count: int, seed: int, *, per_shape: int = 4) -> AirfoilCase:
    """Random cases, several to a shape."""
    random = torch.Generator().manual_seed(seed)
    alpha, reynolds, mach, n_crit, top, bottom = torch.rand(6, count, generator=random, dtype=torch.float64)
    return AirfoilCase.of(
        _shapes(-(-count // per_shape), seed).repeat_interleave(per_shape, 0)[:count],
        alpha=-4 + 12 * alpha,
        reynolds=torch.exp(12 + 3 * reynolds),
        mach=0.3 * mach,
        n_crit=6 + 5 * n_crit,
        trip_top=torch.where(top < 0.7, 1.0, top),
        trip_bottom=torch.where(bottom < 0.7, 1.0, bottom),
    )


def _simulated(case: AirfoilCase) -> Solution:
    """Inviscid pressure with a loss that grows towards the trailing edge, and the laminar layer of a flat plate."""
    nodes = case.coordinates
    alpha = torch.where(case.lift_prescribed, torch.zeros_like(case.alpha), case.alpha)
    encoding = encode(nodes, panel_basis(nodes), conditions_of(case, alpha)).single()
    distance = encoding.even[:, EVEN_FIELDS.index("distance")]
    loading = 1 + 0.03 * encoding.cp_inviscid.abs().clamp(max=8)
    theta = 0.66 * torch.sqrt(distance + 1e-4) * torch.exp(-0.5 * encoding.ln_reynolds[:, None]) * loading
    thickness = theta[:, 0] + theta[:, -1]
    place = torch.sigmoid(3 - 0.3 * alpha)
    values = {
        "cp": encoding.cp_inviscid.clamp(min=-8) * (0.95 - 5 * thickness[:, None] * nodes[..., 0]),
        "cf": 0.01 * torch.exp(-20 * theta),
        "theta": theta,
        "delta_star": 2 * theta,
        "cd": 2 * thickness + 0.002,
        "xtr_top": torch.minimum(place, case.trip_top),
        "xtr_bottom": torch.minimum(1 - place, case.trip_bottom),
    }
    return Solution(values=values, status=(Status.OK,) * len(case), message=("",) * len(case))


def _encoded(count: int, seed: int) -> TrainingData:
    """Training data of random cases."""
    case = _cases(count, seed)
    return training_data_of(case, _simulated(case))


@pytest.fixture(scope="session")
def random_cases() -> Callable[..., AirfoilCase]:
    """How many, seed -> cases."""
    return _cases


@pytest.fixture(scope="session")
def simulate() -> Callable[[AirfoilCase], Solution]:
    """The closed-form physics."""
    return _simulated


@pytest.fixture(scope="session")
def tiny() -> ConvolutionConfig:
    return TINY


@pytest.fixture(scope="session")
def training_rows() -> TrainingData:
    return _encoded(256, seed=1)


@pytest.fixture(scope="session")
def unseen_rows() -> TrainingData:
    return _encoded(160, seed=2)


@pytest.fixture(scope="session")
def surrogate(
    training_rows: TrainingData, unseen_rows: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> Surrogate:
    """Two tiny members, trained for a moment and calibrated."""
    config = SurrogateConfig(training=TrainingConfig(network=TINY, epochs=6, batch=32, learning_rate=5e-3), members=2)
    folder: Path = tmp_path_factory.mktemp("run")
    return build(training_rows, unseen_rows, unseen_rows, config, folder)
