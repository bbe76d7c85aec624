"""The compressible solver through every command that names it, its options kept with what it leaves behind."""

import html
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import pytest
import torch

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans
from understudy.simulators.interface import Solution

QUICK = "rans:model=euler,grid=97x25,drop=0.01"
PROBLEM = """
[shape]
start = "naca0012"
weights = 3
[search]
iterations = 4
screened = 0
[[points]]
alpha = 1.0
mach = 0.8
reynolds = 1e6
[[constraints]]
measure = "max_thickness"
at_least = 0.115
"""


def never(calls: Sequence[Rans]) -> bool:
    return False


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Rans]]:
    """Interrupts the solver where `stop` says so of the calls before; who was asked.

    What was answered once is not solved again for whoever wants no gradient.
    """
    calls: list[Rans] = []
    answers: dict[tuple[str, bytes], Solution] = {}
    solve = Rans.predict

    def interrupted(stop: Callable[[Sequence[Rans]], bool]) -> list[Rans]:
        calls.clear()

        def predict(self: Rans, case: AirfoilCase) -> Solution:
            if stop(calls):
                raise KeyboardInterrupt
            calls.append(self)
            question = (
                self.identity,
                case.coordinates.detach().numpy().tobytes() + case.alpha.detach().numpy().tobytes(),
            )
            if torch.is_grad_enabled() or question not in answers:
                answers[question] = solve(self, case)
            return answers[question]

        monkeypatch.setattr(Rans, "predict", predict)
        return calls

    return interrupted


def test_a_killed_simulation_goes_on_with_the_same_options_only(understudy, asked, tmp_path: Path):
    out = tmp_path / "cases.h5"
    words = ("simulate", "--out", out, "--cases", 2, "--chunk", 1, "--mach", "0.3", "0.4", "--alpha", "0", "2")
    by = ("--by", "rans:drop=0.1", "--model", "euler", "--grid", "65x25")
    asked(lambda calls: len(calls) == 1)
    code, _, err = understudy(*words, *by)
    assert code == 130
    assert "1 of 2 cases are stored; run the same command again" in err
    calls = asked(never)
    code, _, err = understudy(*words, "--by", "rans:drop=0.1,model=euler,grid=97x25")
    assert (code, len(calls)) == (1, 0)
    assert "begun with other settings (simulator.grid is [65, 25], asked [97, 25])" in err
    code, told, _ = understudy(*words, *by)
    assert (code, len(calls)) == (0, 1)
    assert "this run computed 1" in told
    settings = tomllib.loads((tmp_path / "cases.h5.toml").read_text())
    assert settings["simulator"] == "rans:drop=0.1,model=euler,grid=65x25"
    with h5py.File(out) as file:
        kept = json.loads(file.attrs["simulator_configuration"])
        assert (kept["model"], kept["grid"], kept["drop"]) == ("euler", [65, 25], 0.1)
    code, _, err = understudy("simulate", tmp_path / "cases.h5.toml", "--model", "laminar")
    assert (code, len(calls)) == (1, 1)
    assert "simulator.model is euler, asked laminar" in err


def test_a_simulation_that_answers_nothing_says_why(understudy, tmp_path: Path):
    """And what the solver does not hear has its usual value, lest a surrogate take it for a cause."""
    out = tmp_path / "slow.h5"
    words = ("--out", out, "--cases", 2, "--mach", "0", "0.01", "--by", "rans", "--grid", "97x25")
    code, _, err = understudy("simulate", *words)
    assert code == 1
    assert "none was answered; most often: refused: mach must be at least 0.05" in err
    with h5py.File(out) as file:
        heard = {name: set(file["inputs"][name][:]) for name in ("alpha", "n_crit", "trip_top", "trip_bottom")}
    assert len(heard.pop("alpha")) == 2
    assert heard == {"n_crit": {9.0}, "trip_top": {1.0}, "trip_bottom": {1.0}}


@pytest.mark.slow
def test_a_design_along_the_solver_itself_goes_on_and_is_verified(understudy, asked, tmp_path: Path):
    (tmp_path / "problem.toml").write_text(PROBLEM)
    run = tmp_path / "run"
    words = ("design", tmp_path / "problem.toml", "--out", run, "--by", QUICK, "--judge", QUICK, "--polar", 0)
    asked(lambda calls: not torch.is_grad_enabled())  # at the verdict: the search is not done again
    code, _, err = understudy(*words)
    assert code == 130
    assert "the search so far is kept" in err
    calls = asked(never)
    other = QUICK.replace("97x25", "193x49")
    code, _, err = understudy(*words[:4], "--by", other, "--judge", QUICK)
    assert (code, calls) == (1, [])
    assert "holds a run of another predictor or simulator" in err
    code, told, _ = understudy(*words)
    assert told.startswith("success")
    assert (code, len(calls)) == (0, 1)
    design = json.loads((run / "design.json").read_text())
    assert "the search ended after " in told
    assert "where the search began, promised " in told
    drags = [objective for _, _, objective, _ in design["history"]]
    assert min(drags) < 0.95 * drags[0]
    assert '"grid": [97, 25]' in (run / "makers.txt").read_text()
    page = html.unescape((run / "report.html").read_text())
    assert QUICK in page
    assert (run / "makers.txt").read_text() in page
    calls.clear()
    assert understudy(*words)[0] == 0
    assert calls == []
    code, _, _ = understudy("verify", run, "--by", "rans:drop=0.01", "--model", "euler", "--grid", "97x25")
    assert code == 0
    assert (run / "verified-rans-0.01-euler-97x25.json").is_file()
