"""Effective-medium theory, the quick calculator that comes with ASE: for trying the machinery, not for choosing metals.

It binds hydrogen alike to platinum and copper, and its parameters of C, N and O are toys (Jacobsen, Stoltze and
Nørskov, Surf. Sci. 366, 394, 1996, for the metals). Whatever is shown of its energies says so.
"""

from dataclasses import dataclass, field
from pathlib import Path

import ase
from ase.calculators.emt import EMT

from understudy.simulators.materials.ase_simulator import AseSimulator
from understudy.simulators.materials.relaxation import RelaxOptions
from understudy.simulators.materials.simulator import OF_TOYS

#: Lattice constants of its metals [Å], from its own equation of state.
EMT_LATTICE_CONSTANTS = {
    "Al": 3.9944, "Cu": 3.5898, "Ag": 4.0636, "Au": 4.0562, "Ni": 3.4872, "Pd": 3.8787, "Pt": 3.9218
}  # fmt: skip


@dataclass(eq=False)
class Emt(AseSimulator):
    """ASE's EMT as a simulator of slabs; options: how atoms are moved."""

    at_once = 8  # milliseconds each
    needs_room = False  # it sees nothing beyond a cell that does not repeat

    options: RelaxOptions = field(default_factory=RelaxOptions)
    folder: Path | None = None

    def __post_init__(self) -> None:
        super().__init__(
            OF_TOYS,
            EMT,
            {"name": "ASE EMT", "version": ase.__version__},
            constants=EMT_LATTICE_CONSTANTS,
            relax=self.options,
            folder=self.folder,
        )
