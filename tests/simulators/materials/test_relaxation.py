"""Relaxations: what is held stays and keeps its forces, and what goes wrong is one sentence."""

from collections.abc import Callable

import ase.build
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from understudy.simulators.materials.relaxation import RelaxOptions, _forces, relaxed

Prove = Callable[..., None]

OPTIONS = RelaxOptions(force=0.01)
Field = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Law(Calculator):
    """Energy and forces as a function of the positions."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012  # as ASE declares it

    def __init__(self, law: Field) -> None:
        super().__init__()
        self.law = law

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, forces = self.law(self.atoms.positions)
        self.results = {"energy": energy, "forces": forces}


@pytest.fixture
def slab() -> Atoms:
    """Three layers, too far apart, of which the lowest is held."""
    atoms = ase.build.fcc111("Cu", (1, 1, 3), a=3.75, vacuum=6.0)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


def test_atoms_that_are_held_stay_and_keep_their_forces(slab: Atoms, prove: Prove) -> None:
    """ASE gives zeros for them unless it is told not to."""
    slab.calc = EMT()
    assert not slab.get_forces()[0].any()
    forces = _forces(slab)
    assert abs(forces[0, 2]) > 0.1
    away = float(np.abs(forces.sum(0)).max())  # nothing pushes the whole slab
    prove("forces on all atoms of a slab, those that are held included: their sum [eV/Å]", away, at_most=1e-10)
    found = relaxed(slab, EMT(), OPTIONS)
    assert not found.reason
    np.testing.assert_array_equal(found.positions[0], slab.positions[0])
    assert np.abs(found.positions[1:] - slab.positions[1:]).max() > 0.01
    assert found.force < OPTIONS.force < abs(forces[1:]).max()


@pytest.mark.parametrize("lost", ["energy", "forces", "both"])
def test_numbers_that_are_none_do_not_converge(slab: Atoms, lost: str) -> None:
    def law(positions: np.ndarray) -> tuple[float, np.ndarray]:
        energy = 0.0 if lost == "forces" else np.nan
        return energy, np.full(positions.shape, 0.0 if lost == "energy" else np.nan)

    found = relaxed(slab, Law(law), OPTIONS)
    assert found.reason == "the calculator gave an energy or forces that are not finite; move the atoms apart"


def test_atoms_that_run_away_are_stopped(slab: Atoms) -> None:
    """Pushed off the surface the harder, the higher they are."""
    calls = []

    def law(positions: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(positions)
        return -0.1 * float((positions[:, 2] ** 2).sum()), 0.2 * positions * [0, 0, 1]

    found = relaxed(slab, Law(law), OPTIONS)
    assert "an atom ran away" in found.reason
    assert len(calls) < OPTIONS.steps // 2


def test_steps_that_run_out_are_said(slab: Atoms) -> None:
    found = relaxed(slab, EMT(), RelaxOptions(force=1e-6, steps=2))
    assert "was left after 2 steps; allow more of them" in found.reason
