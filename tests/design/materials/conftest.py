"""A predictor with a law that can be written down: the surface metal binds, the one below and strain change it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from understudy.design.materials.space import SlabSpace
from understudy.simulators.interface import Predictor, Simulator, Solution, Status, Subject
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.prediction import Prediction

CONSTANTS = {"Pt": 3.99, "Pd": 3.98, "Cu": 3.68, "Ag": 4.22, "Au": 4.20}
BINDING = torch.tensor([-0.25, -0.33, 0.0, 0.33, 0.40], dtype=torch.float64)  # eV, of the surface metal
BELOW = torch.tensor([0.10, -0.05, 0.20, -0.15, 0.0], dtype=torch.float64)  # eV, by the metal under it
HALF_WIDTH = 0.03  # eV


def energies(case: SlabCase) -> dict[str, Tensor]:
    """Differentiable in occupation and cell; layers are numbered from below, and have 1 x 1 or 2 x 2 sites."""
    others = [symbol for symbol in case.elements if symbol not in CONSTANTS]
    occupation, first = case.over((*CONSTANTS, *others))[:, : len(CONSTANTS)], case.offsets[:-1]
    sites = int(case.counts[0]) // 4
    shares = [occupation[first[:, None] + layer * sites + torch.arange(sites)].mean(1) for layer in range(4)]
    mean = sum(shares) @ torch.tensor(list(CONSTANTS.values()), dtype=torch.float64) / 4
    strain = case.cell[:, 0].norm(dim=1) * (2 / sites) ** 0.5 / mean - 1
    mixing = sum((upper - lower).square().sum(1) for upper, lower in zip(shares[1:], shares[:-1], strict=True))
    return {
        "adsorption_energy": shares[3] @ BINDING + shares[2] @ BELOW - 3.0 * strain,
        "formation_energy": 0.02 * (shares[3] @ BINDING) + 0.01 * mixing + 20 * strain.square(),
    }


class Law(Predictor[SlabCase]):
    """With intervals, as a surrogate has them."""

    name, about, differentiable = "law", Subject.SLAB, True
    quantities = ("adsorption_energy", "formation_energy")
    constants = CONSTANTS

    def __init__(self) -> None:
        self.asked = 0

    @property
    def identity(self) -> str:
        return "law"

    def predict(self, case: SlabCase) -> Prediction:
        self.asked += len(case)
        values = energies(case)
        return Prediction(
            values=values,
            low={name: value - HALF_WIDTH for name, value in values.items()},
            high={name: value + HALF_WIDTH for name, value in values.items()},
            coverage=0.9,
            known=torch.ones(len(case), dtype=torch.bool),
            status=(Status.OK,) * len(case),
            message=("",) * len(case),
        )


class Judge(Simulator[SlabCase]):
    """The same law, a little off, without intervals; slabs with gold on top lose their adsorbate."""

    name, about, differentiable, version = "judge", Subject.SLAB, False, "1"
    quantities = ("adsorption_energy", "formation_energy", *(str(one) for one in Anomaly))
    configuration = {}  # noqa: RUF012
    constants = CONSTANTS

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, case: SlabCase) -> Solution:
        self.asked += len(case)
        values = energies(case)
        flags = {str(name): torch.zeros(len(case), dtype=torch.float64) for name in Anomaly}
        flags["desorbed"] = torch.tensor([float(case.symbols(row)[3] == "Au") for row in range(len(case))])
        adsorption = values["adsorption_energy"] + 0.01
        return Solution(
            values={**values, "adsorption_energy": adsorption, **flags},
            status=(Status.OK,) * len(case),
            message=("",) * len(case),
        )


@pytest.fixture
def law() -> Law:
    return Law()


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="session")
def space() -> SlabSpace:
    return SlabSpace(metals=tuple(CONSTANTS), strains=(-0.02, 0.02, 5))


@pytest.fixture(scope="session")
def truth() -> Callable[[SlabCase], dict[str, Tensor]]:
    return energies
