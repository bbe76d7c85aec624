"""Forces with noise above their limit: the energies of a lone atom on a line still tell where it rests."""

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms

from understudy.simulators.materials.relaxation import RelaxOptions, relaxed

Prove = Callable[..., None]

STIFFNESS, REST = 5.0, 2.0  # eV/Å², Å
OPTIONS = RelaxOptions(force=0.001, steps=8, stiffness=8.0, longest=0.3)


class NoisyWell(Calculator):
    """A parabola along z whose forces and energies are off by random amounts."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012  # as ASE declares it

    def __init__(self, noise: float, roughness: float = 0.0) -> None:
        super().__init__()
        self.noise, self.roughness, self.random = noise, roughness, np.random.default_rng(3)

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        height = self.atoms.positions[1, 2] - REST
        forces = np.zeros((2, 3))
        forces[1, 2] = -STIFFNESS * height + self.random.normal(0, self.noise)
        energy = 0.5 * STIFFNESS * height**2 + self.random.normal(0, self.roughness)
        self.results = {"energy": energy, "forces": forces}


def lone_atom() -> Atoms:
    atoms = Atoms("PtH", positions=[(0, 0, 0), (0, 0, 2.17)], cell=[3, 3, 15], pbc=True)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


def test_bottom_of_the_parabola_where_forces_are_too_noisy(prove: Prove):
    found = relaxed(lone_atom(), NoisyWell(noise=0.15), OPTIONS)
    assert not found.reason
    assert found.force > OPTIONS.force
    told = "relaxed energy in a well with forces that are off by 0.15 eV/Å: difference [eV]"
    prove(told, abs(found.energy), at_most=1e-9)
    assert found.positions[1, 2] == pytest.approx(REST, abs=1e-6)


def test_energies_that_lie_on_no_parabola_do_not_converge():
    found = relaxed(lone_atom(), NoisyWell(noise=0.15, roughness=0.1), OPTIONS)
    assert "was left after 8 steps" in found.reason
