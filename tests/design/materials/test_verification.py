"""Verdicts that several processes ask for at once."""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.design.materials.scoring import Limit, Scoring
from understudy.design.materials.space import SlabSpace, Stacks
from understudy.design.materials.verification import FILE, Verdict, verdicts_in, verify
from understudy.simulators.registry import simulator

CODE = """
import os

from ase.calculators.emt import EMT


class Toy(EMT):
    def calculate(self, atoms=None, *arguments):
        open(f"process-{{os.getpid()}}", "a").close()
        if {dies}:
            os._exit(3)
        super().calculate(atoms, *arguments)
"""
SPACE = SlabSpace(metals=("Cu", "Ag", "Au"), free=1)
SCORING = Scoring(limits=(Limit(quantity="segregation_energy", at_least=-1.0),))


@pytest.fixture
def stacks() -> Stacks:
    """Four that differ in metals, the last one with gold."""
    layers = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [2, 0, 0, 0]])
    return Stacks.first(SPACE, layers[..., None], torch.zeros(4, dtype=torch.float64))


class Asked:
    """A calculator that lies in the working folder."""

    def __init__(self, folder: Path, code: str, dies: str = "False") -> None:
        (folder / f"{code}.py").write_text(CODE.format(dies=dies))
        self.judge, self.folder = simulator(f"{code}:Toy"), folder / f"verdicts of {code}"
        self.folder.mkdir()

    def about(self, stacks: Stacks, processes: int, **rest: Any) -> list[Verdict]:
        """Its verdicts."""
        constants = {"Cu": 3.6, "Ag": 4.1, "Au": 4.1}
        promises = [{} for _ in range(len(stacks))]
        return verify(
            stacks, promises, self.judge, constants, self.folder, scoring=SCORING, processes=processes, **rest
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which energies are kept as well."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_processes_say_what_one_says(stacks: Stacks, folder: Path):
    alone = Asked(folder, "toy_alone").about(stacks, processes=1)
    own = folder / f"process-{os.getpid()}"
    assert own.is_file()
    own.unlink()
    together = Asked(folder, "toy_together").about(stacks, processes=2)
    assert not own.is_file()
    assert list(folder.glob("process-*"))
    assert [verdict.status for verdict in alone] == ["ok"] * 4
    assert [verdict.slab for verdict in together] == [verdict.slab for verdict in alone]
    for one, other in zip(alone, together, strict=True):
        assert other.values == pytest.approx(one.values, abs=1e-9)
        assert "segregation_energy" in one.values


def test_whoever_is_stopped_leaves_no_process_behind(stacks: Stacks, folder: Path):
    asked = Asked(folder, "toy_that_is_left")

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked.about(stacks, processes=2, progress=stop)
    assert len(verdicts_in(asked.folder / FILE)) == 1
    for process in multiprocessing.active_children():
        process.join(10)
    assert not multiprocessing.active_children()


def test_what_was_answered_before_a_process_died_is_kept(stacks: Stacks, folder: Path):
    asked = Asked(folder, "toy_that_dies", dies="'Au' in atoms.get_chemical_symbols()")
    with pytest.raises(ChildProcessError, match=r"a process that asked the judge died.*run the same command again"):
        asked.about(stacks, processes=2)
    kept = verdicts_in(asked.folder / FILE)
    assert kept
    assert all("Au" not in verdict.slab.name for verdict in kept)
