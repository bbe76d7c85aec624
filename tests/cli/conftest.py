"""The command line run in this process, a stand-in who answers at once, and a surrogate trained for a moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy import asking
from understudy.asking import case
from understudy.cli.app import run
from understudy.datasets import generation
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
    monkeypatch.setattr("understudy.asking.simulator", lambda name, *about: ThinAirfoil())
    return "thin"


@dataclass(frozen=True)
class ClosedForm(Simulator):
    """Lift of a thin airfoil, a drag that is least at an area of 0.08, and a layer of constant thickness."""

    name: str = "closed-form"
    version = "1"
    quantities = ("alpha", "cl", "cd", "cm", "xtr_top", "xtr_bottom", "cp", "cf", "theta", "delta_star")
    differentiable = True
    extra_moment: float = 0.0

    @property
    def configuration(self) -> Mapping[str, Any]:
        return {"extra_moment": self.extra_moment}

    def predict(self, case: AirfoilCase) -> Solution:
        x, y = case.coordinates.unbind(-1)
        step, middle = x.diff(dim=1), 0.5 * (y[:, 1:] + y[:, :-1])
        area, camber = -(middle * step).sum(1), 0.5 * (middle * step.abs()).sum(1)
        implied = torch.rad2deg(case.cl / (2 * torch.pi) - 2 * camber)
        alpha = torch.where(case.lift_prescribed, implied, case.alpha)
        nodes = torch.ones_like(x)
        values = {
            "alpha": alpha,
            "cl": 2 * torch.pi * (torch.deg2rad(alpha) + 2 * camber),
            "cm": -torch.pi * camber + self.extra_moment,
            "cd": 0.008 + 0.5 * (area - 0.08) ** 2 + 1e-5 * alpha**2,
            "xtr_top": 0.5 - 0.01 * alpha,
            "xtr_bottom": 0.5 + 0.01 * alpha,
            "cp": -y * (5 + alpha[:, None]),
            "cf": 0.003 * nodes,
            "theta": 0.01 * nodes,
            "delta_star": 0.02 * nodes,
        }
        return Solution(values=values, status=(Status.OK,) * len(case), message=("",) * len(case))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 cases with everything that the networks learn."""
    out = tmp_path_factory.mktemp("data") / "cases.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "simulator_named", lambda name: ClosedForm())
        patch.setattr(generation, "_simulator_here", lambda name: ClosedForm())
        generation.generate(generation.SimulateConfig(out=out, cases=600, cases_per_shape=4))
    return out


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """One point, and a moment that some shapes miss."""
    file = tmp_path / "problem.toml"
    file.write_text(
        'name = "one point"\n[search]\niterations = 20\nscreened = 0\n[[points]]\ncl = 0.5\n'
        '[[constraints]]\nquantity = "cm"\nat_least = -0.2\n'
    )
    return file


@pytest.fixture
def closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed form answers in place of the simulators; as the judge xfoil it finds another moment."""
    judges = {"viscous": ClosedForm(), "xfoil": ClosedForm(name="xfoil", extra_moment=-1.0)}
    predictor = asking.predictor
    monkeypatch.setattr(
        asking, "predictor", lambda name, *about: ClosedForm() if name == "viscous" else predictor(name, *about)
    )
    monkeypatch.setattr("understudy.simulators.registry.simulator", lambda name, *about: judges[name])


@pytest.fixture
def flown() -> type[Simulator]:
    """The class of the closed form, for a test that interrupts it."""
    return ClosedForm


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
