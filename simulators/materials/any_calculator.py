"""Any ASE calculator as a simulator of slabs, called by its module and class.

    understudy predict slab.extxyz --by mace.calculators:MACECalculator:model_paths=small.model

Lattice constants of the metals come from its own equation of state, asked when a metal is first met.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ase.build
import numpy as np
from ase.calculators.calculator import Calculator

from understudy.simulators.materials.ase_simulator import AseSimulator, NoEnergyError
from understudy.simulators.materials.calculator_settings import settings_of
from understudy.simulators.materials.own_folder import made_in_own_folder
from understudy.simulators.materials.relaxation import RelaxOptions
from understudy.simulators.specification import Specification, value_of

#: Face-centred cubic metals and their lattice constants [Å], from C. Kittel, Introduction to Solid State Physics.
HANDBOOK = {
    "Al": 4.05, "Ca": 5.58, "Ni": 3.52, "Cu": 3.61, "Sr": 6.08, "Rh": 3.80, "Pd": 3.89, "Ag": 4.09, "Ir": 3.84,
    "Pt": 3.92, "Au": 4.08, "Pb": 4.95,
}  # fmt: skip
#: Lattice constants beside the handbook's that an equation of state is fitted to, and points of it.
SPREAD, POINTS = 0.04, 9


class AnyCalculator(AseSimulator):
    """An ASE calculator in words, with standard options of the relaxation.

    Its digest is of the code of its class, of its arguments and of the files that these name (`calculator_settings`).
    Each process works in a folder of its own: a temporary one, or one within the `directory` that is named
    (`own_folder`).

    Args:
        kind: class of the calculator. asked: its name, "package.module:Class", and the arguments it is made with.

    Rarely needed:
        relax: how atoms are moved. folder: of the kept energies.
    """

    def __init__(
        self,
        kind: type[Calculator],
        asked: Specification,
        *,
        relax: RelaxOptions | None = None,
        folder: Path | None = None,
    ) -> None:
        arguments = {name: value_of(words) for name, words in asked.options.items()}
        super().__init__(
            asked.name,
            partial(made_in_own_folder, kind, arguments),
            settings_of(kind, asked.name, arguments),
            constants={},
            relax=relax or RelaxOptions(),
            folder=folder,
        )
        self.constants = LatticeConstants(self)

    @property
    def _told_constants(self) -> Any:
        return "equation of state"

    def lattice_constant(self, metal: str) -> float:
        """That of the face-centred cubic metal with the least energy [Å], kept as energies are.

        Raises:
            NoEnergyError: the calculator has no least energy near the handbook's lattice constant.
        """
        with self._alone:
            return self._kept.get(f"lattice constant {metal}", lambda: lattice_constant(metal, self.calculator))


class LatticeConstants(Mapping[str, float]):
    """Lattice constants of the metals that are face-centred cubic [Å], each worked out when it is first asked."""

    def __init__(self, simulator: AnyCalculator) -> None:
        self._simulator = simulator

    def __getitem__(self, metal: str) -> float:
        if metal not in HANDBOOK:
            raise KeyError(metal)
        return self._simulator.lattice_constant(metal)

    def __contains__(self, metal: object) -> bool:
        return metal in HANDBOOK

    def __iter__(self) -> Iterator[str]:
        return iter(HANDBOOK)

    def __len__(self) -> int:
        return len(HANDBOOK)


def lattice_constant(metal: str, calculator: Calculator) -> float:
    """Where the energy of the face-centred cubic metal is least [Å]: a cubic through energies around the handbook's.

    Raises:
        NoEnergyError: no least energy within 4 % of that. What else the calculator raises.
    """
    middle = HANDBOOK[metal]
    lengths = middle * np.linspace(1 - SPREAD, 1 + SPREAD, POINTS)
    energies = []
    for length in lengths:
        bulk = ase.build.bulk(metal, "fcc", a=length)
        bulk.calc = calculator
        energies.append(bulk.get_potential_energy())
    slope = np.polynomial.Polynomial.fit(lengths, energies, 3).deriv()
    least = [float(root.real) for root in slope.roots() if abs(root.imag) < 1e-9 and slope.deriv()(root.real) > 0]
    inside = [length for length in least if lengths[0] < length < lengths[-1]]
    if not inside:
        raise NoEnergyError(f"expected a lattice constant of {metal} within 4 % of {middle:.3g} Å; found none")
    return inside[0]
