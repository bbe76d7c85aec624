"""GPAW behind its pipe: one quick case of real quantum chemistry, and what happens where there is none."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100
from ase.calculators.calculator import CalculatorError
from ase.constraints import FixAtoms

from understudy.simulators.materials.atoms import case_of
from understudy.simulators.materials.gpaw_process import (
    WORKER,
    Gpaw,
    GpawNotInstalledError,
    GpawSettings,
    kernels,
    require_gpaw,
)
from understudy.simulators.materials.gpaw_simulator import GpawSimulator
from understudy.simulators.materials.slabs import VACUUM
from understudy.simulators.registry import simulator

Prove = Callable[..., None]


def installed() -> bool:
    try:
        require_gpaw("/usr/bin/python3")
    except GpawNotInstalledError:
        return False
    return True


needs_gpaw = pytest.mark.skipif(
    not installed(), reason="GPAW is not installed; 'sudo make system' or 'apt-get install gpaw gpaw-data' adds it"
)
TIGHT = GpawSettings(
    cutoff=250.0, k_points=(1, 1, 1), convergence={"energy": 1e-6, "density": 1e-5, "eigenstates": 1e-7}
)


#: In the place of GPAW: its energy tells the k points and the vectors along which it repeats, its iterations how many
#: of it were made; each goes on only at the height where it began, and none knows one above the cell.
STAND_IN = """
from ase.calculators.calculator import Calculator

class KohnShamConvergenceError(Exception): pass
def PW(cutoff): pass
def FermiDirac(width): pass

class GPAW(Calculator):
    implemented_properties = ["energy", "forces"]
    made = 0

    def __init__(self, kpts, **settings):
        super().__init__()
        self.points, self.height = kpts["size"], None
        GPAW.made += 1

    def calculate(self, atoms=None, properties=None, system_changes=()):
        super().calculate(atoms, properties, system_changes)
        height = atoms.positions[0, 2]
        if height > atoms.cell[2, 2]:
            raise ValueError("above the cell,\\nand more")
        if self.height not in (None, height):
            raise RuntimeError("Broken symmetry!")
        self.height = height
        self.results = {"energy": 10.0 * sum(self.points) + sum(atoms.pbc), "forces": 0 * atoms.positions}

    def get_number_of_iterations(self):
        return self.made
"""


def asked_of_worker(folder: Path, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the worker answers, with the stand-in that lies in the folder."""
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input="".join(f"{json.dumps(line)}\n" for line in (asdict(TIGHT), *questions)),
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def hydrogen(length: float) -> Atoms:
    return Atoms("H2", positions=[(2.0, 2.0, 1.6), (2.0, 2.0, 1.6 + length)], cell=[4.0, 4.1, 4.2], pbc=True)


@pytest.fixture
def gpaw() -> Iterator[Gpaw]:
    calculator = Gpaw(TIGHT)
    yield calculator
    calculator.close()


@needs_gpaw
@pytest.mark.unchecked
def test_force_is_the_slope_of_the_energy(gpaw: Gpaw, prove: Prove):
    def energy(length: float) -> float:
        atoms = hydrogen(length)
        atoms.calc = gpaw
        return float(atoms.get_potential_energy())

    step = 0.01
    slope = (energy(0.85 + step) - energy(0.85 - step)) / (2 * step)
    atoms = hydrogen(0.85)
    atoms.calc = gpaw
    forces = atoms.get_forces()
    away = abs(forces[1, 2] + slope)  # egg-box error of the grid at this cutoff
    prove("force on an atom of hydrogen by GPAW against the slope of the energy: difference [eV/Å]", away, at_most=0.02)
    assert forces[1, 2] < -1.0  # stretched: the atoms pull at each other
    assert np.allclose(forces.sum(0), 0, atol=0.02)


@needs_gpaw
@pytest.mark.unchecked
def test_a_process_that_dies_is_one_sentence(gpaw: Gpaw):
    atoms = hydrogen(0.75)
    atoms.calc = gpaw
    atoms.get_potential_energy()
    assert gpaw._process is not None
    gpaw._process.kill()
    gpaw._process.wait()
    atoms.rattle(0.01)
    with pytest.raises(CalculatorError, match="GPAW gave no energy: its process died"):
        atoms.get_potential_energy()
    assert atoms.get_potential_energy() < -5  # a new process answers


@needs_gpaw
@pytest.mark.unchecked
def test_time_that_runs_out_is_one_sentence():
    atoms = hydrogen(0.75)
    atoms.calc = Gpaw(TIGHT, limit=0.05)
    with pytest.raises(CalculatorError, match=r"GPAW gave no energy within 0 s"):
        atoms.get_potential_energy()


def test_the_same_atoms_that_repeat_along_fewer_vectors_are_another_structure(tmp_path: Path):
    (tmp_path / "gpaw.py").write_text(STAND_IN)
    questions: list[dict[str, Any]] = [
        {"numbers": [1], "positions": [[0, 0, 0]], "cell": (3.0 * np.eye(3)).tolist(), "pbc": pbc, "k_points": points}
        for pbc, points in (([True] * 3, [4, 4, 4]), ([True, True, False], [4, 4, 1]))
    ]
    assert [line["energy"] for line in asked_of_worker(tmp_path, questions)] == [123.0, 92.0]


@needs_gpaw
@pytest.mark.unchecked
def test_a_slab_that_loses_a_symmetry_is_answered_as_it_is_at_first():
    flat = fcc100("Al", (1, 1, 3), a=4.05, vacuum=3.0)  # inverted about its middle atom it is the same
    uneven = flat.copy()
    uneven.positions[-1, 2] += 0.05
    settings = GpawSettings(cutoff=150.0, k_points=(2, 2, 1))
    one, other = Gpaw(settings), Gpaw(settings)
    one.get_potential_energy(flat)
    after, at_first = (calculator.get_potential_energy(uneven) for calculator in (one, other))
    one.close()
    other.close()
    assert after == pytest.approx(at_first, abs=1e-6)


def test_a_new_calculator_is_made_only_where_the_old_one_raises(tmp_path: Path):
    (tmp_path / "gpaw.py").write_text(STAND_IN)
    question = {"numbers": [1], "cell": (3.0 * np.eye(3)).tolist(), "pbc": [True] * 3, "k_points": [4, 4, 4]}
    heights = (0.0, 0.0, 0.5, 0.5, 9.0, 0.5)
    answers = asked_of_worker(tmp_path, [{**question, "positions": [[0, 0, height]]} for height in heights])
    assert [answer.get("iterations") for answer in answers] == [1, 1, 2, 2, None, 4]
    assert answers[4]["reason"] == "ValueError: above the cell, and more"


@needs_gpaw
@pytest.mark.unchecked
def test_a_slab_in_a_low_cell_that_does_not_repeat_there_is_answered_as_in_a_high_one(tmp_path: Path):
    low = fcc100("Al", (1, 1, 2), a=4.05)
    low.center(vacuum=0.4, axis=2)
    low.set_constraint(FixAtoms(range(2)))
    high = low.copy()
    high.cell[2, 2] = 2.025 + VACUUM
    found = GpawSimulator(settings=GpawSettings(cutoff=150.0, k_points=(2, 2, 1)), folder=tmp_path)
    energies = [found.predict(case_of([slab]))["clean_energy"].item() for slab in (low, high)]
    found.calculator.close()
    assert energies[0] == pytest.approx(energies[1], abs=1e-3)


@needs_gpaw
@pytest.mark.unchecked
def test_settings_decide_the_digest():
    plain, fine = GpawSimulator(), GpawSimulator(settings=GpawSettings(cutoff=400.0))
    assert plain.digest != fine.digest
    assert simulator("gpaw").digest == plain.digest
    assert plain.digest == "cfcdeaef3708"  # of the stored labels: they are no longer comparable where this fails


def test_an_interpreter_without_gpaw_is_refused_with_the_remedy():
    with pytest.raises(
        GpawNotInstalledError, match="not installed for /no/python; on Debian run 'apt-get install gpaw"
    ):
        GpawSimulator(interpreter="/no/python")


@pytest.mark.parametrize(
    ("able", "kernel"),
    [
        ("sse2 avx avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl", {"OPENBLAS_CORETYPE": "SKYLAKEX"}),
        ("sse2 avx avx2 fma avx512f", {"OPENBLAS_CORETYPE": "HASWELL"}),
        ("sse2 avx", {}),
        ("", {}),
    ],
)
def test_no_kernel_is_asked_for_that_the_processor_lacks(able: str, kernel: dict[str, str]):
    assert kernels(able.split()) == kernel


def test_a_kernel_that_the_user_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\n[ "$OPENBLAS_CORETYPE" = PRESCOTT ] && [ "$OMP_NUM_THREADS" = 1 ]\n')
    interpreter.chmod(0o755)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "PRESCOTT")
    require_gpaw(str(interpreter))
