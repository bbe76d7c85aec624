"""The command line run in this process, a stand-in who answers at once, and a surrogate trained for a moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.asking import case
from understudy.cli.app import run
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.interface import Simulator, Solution, Status
from understudy.surrogate import ConvolutionConfig, SurrogateConfig, TrainingConfig, build, save, training_data_of

Outcome = tuple[int, str, str]  # exit code, standard output, standard error


@dataclass(frozen=True)
class ThinAirfoil(Simulator):
    """Thin-airfoil lift of a symmetric section; it cannot fly beyond 15 deg, and breaks where Re is 666."""

    name = "thin"
    version = "1"
    quantities = ("cl", "cd", "cm", "alpha", "xtr_top", "xtr_bottom")
    differentiable = True

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {}

    def predict(self, case: AirfoilCase) -> Solution:
        if (case.reynolds == 666).any():
            raise FloatingPointError("broken on purpose")
        slope = 2 * torch.pi * torch.pi / 180
        alpha = torch.where(case.lift_prescribed, case.cl / slope, case.alpha)
        flown = alpha.abs() <= 15
        values = {
            "cl": slope * alpha,
            "cd": 1.328 * 2 / case.reynolds.sqrt(),
            "cm": 0 * alpha,
            "alpha": alpha,
            "xtr_top": torch.ones_like(alpha),
            "xtr_bottom": torch.ones_like(alpha),
        }
        return Solution(
            values={name: torch.where(flown, value, torch.nan) for name, value in values.items()},
            status=tuple(Status.OK if row else Status.NOT_CONVERGED for row in flown.tolist()),
            message=tuple("" if row else "stalled; use a smaller angle" for row in flown.tolist()),
        )


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> str:
    """The word that selects the stand-in."""
    monkeypatch.setattr("understudy.asking.SIMULATORS", {"thin": ""})
    monkeypatch.setattr("understudy.asking.simulator", lambda name: ThinAirfoil())
    return "thin"


@pytest.fixture
def understudy(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command."""

    def command(*words: str | Path) -> Outcome:
        code = run([str(word) for word in words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny surrogate of made-up flows on a few sections."""
    folder = tmp_path_factory.mktemp("checkpoint")
    config = ConvolutionConfig(channels=(4, 6, 8), blocks=(0, 1, 1), hidden=12)
    rows = [training_data_of(cases, _made_up(cases)) for cases in (_cases(32, 0), _cases(32, 1))]
    training = TrainingConfig(network=config, epochs=2, batch=32)
    surrogate = build(rows[0], rows[1], rows[1], SurrogateConfig(training=training, members=2), folder / "members")
    save(surrogate, folder / "surrogate.safetensors")
    return folder / "surrogate.safetensors"


def _cases(shapes: int, seed: int) -> AirfoilCase:
    random = torch.Generator().manual_seed(seed)
    alphas = -6 + 14 * torch.rand(shapes, 4, generator=random, dtype=torch.float64)
    reynolds = torch.exp(12 + 3 * torch.rand(shapes, 4, generator=random, dtype=torch.float64))
    names = [f"naca{1 + number % 4}4{8 + number % 14:02d}" for number in range(seed, shapes + seed)]
    return AirfoilCase.concatenate([case(name, alphas[row], reynolds[row]) for row, name in enumerate(names)])


def _made_up(cases: AirfoilCase) -> Solution:
    nodes = torch.ones_like(cases.coordinates[..., 0])
    theta = nodes * 0.01
    values = {
        "cp": -cases.coordinates[..., 1] * (5 + cases.alpha[:, None]),
        "cf": 0.003 * nodes,
        "theta": theta,
        "delta_star": 2 * theta,
        "cd": 0.006 + 1e-4 * cases.alpha**2,
        "xtr_top": (0.5 - 0.03 * cases.alpha).clamp(0, 1),
        "xtr_bottom": (0.5 + 0.03 * cases.alpha).clamp(0, 1),
    }
    return Solution(values=values, status=(Status.OK,) * len(cases), message=("",) * len(cases))
