"""Slabs whose energies are made up: a smooth law of composition and strain, so that nobody waits for a simulator."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.slabs import SlabPlan
from understudy.surrogate.atoms.building import build_slabs
from understudy.surrogate.atoms.rows import SlabRows, slab_rows_of
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.training import TrainingConfig

PLAN = SlabPlan(constants={"Pt": 3.99, "Cu": 3.68, "Ag": 4.22}, layers=3)
NETWORK = AtomsConfig(features=24, layers=2, basis=8, cutoff=4.5)
BINDING = torch.tensor([-0.25, 0.0, 0.35], dtype=torch.float64)  # eV, of each metal
CONFIG = SurrogateConfig(
    members=4, training=TrainingConfig(network=NETWORK, epochs=30, batch=32, learning_rate=8e-3, average=0.95)
)


def law(case: SlabCase) -> Solution:
    """Energies that a network can learn: what the surface metal binds, changed by the metal below and by strain."""
    symbols = [case.symbols(row) for row in range(len(case))]
    metals = torch.tensor([[PLAN.elements.index(one) for one in row[2::-1]] for row in symbols])
    side = case.cell[:, 0].norm(dim=1) - 2.8
    adsorption = BINDING[metals[:, 0]] - 0.3 * BINDING[metals[:, 1]] + 0.4 * side
    formation = 0.05 * (metals[:, 0] != metals[:, 1]).double() + side.square()
    flags = {str(name): torch.zeros(len(case), dtype=torch.float64) for name in Anomaly}
    return Solution(
        values={"adsorption_energy": adsorption, "formation_energy": formation, **flags},
        status=(Status.OK,) * len(case),
        message=("",) * len(case),
    )


def drawn(count: int, seed: int) -> SlabCase:
    """Random stacks with hydrogen."""
    random = torch.Generator().manual_seed(seed)
    metals = torch.randint(3, (count, 3), generator=random)
    strain = 0.06 * torch.rand(count, generator=random, dtype=torch.float64) - 0.03
    occupation = torch.nn.functional.one_hot(metals, 3).double()[:, :, None]
    place = torch.full((count, 2), 1 / 3, dtype=torch.float64)
    return placed(PLAN.slabs(occupation, strain), "H", place, torch.full((count,), 0.9, dtype=torch.float64))


@pytest.fixture(scope="session")
def draw() -> Callable[[int, int], SlabCase]:
    return drawn


@pytest.fixture(scope="session")
def answer() -> Callable[[SlabCase], Solution]:
    return law


@pytest.fixture(scope="session")
def rows() -> SlabRows:
    case = drawn(160, 1)
    return slab_rows_of(case, law(case), NETWORK.cutoff)


@pytest.fixture(scope="session")
def surrogate(rows: SlabRows, tmp_path_factory: pytest.TempPathFactory) -> SlabSurrogate:
    return build_slabs(rows, CONFIG, tmp_path_factory.mktemp("members"))


@pytest.fixture
def config() -> SurrogateConfig:
    return CONFIG


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "members"


@pytest.fixture(scope="session")
def spread() -> Tensor:
    case = drawn(160, 1)
    return law(case)["adsorption_energy"].std()
