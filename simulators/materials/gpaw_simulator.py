"""Density-functional theory by GPAW as a simulator of slabs, with settings small enough for two cores.

Four layers of metal, held; plane waves of 300 eV, RPBE, no spin. What that is not: relaxed metal, low coverage, spin.
"""

from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from understudy.simulators.materials.ase_simulator import AseSimulator
from understudy.simulators.materials.gpaw_process import INTERPRETER, Gpaw, GpawSettings, require_gpaw
from understudy.simulators.materials.relaxation import RelaxOptions
from understudy.simulators.materials.slabs import RPBE_LATTICE_CONSTANTS

#: Large forces are left: the energy is that of the bottom of the parabola.
QUICK = RelaxOptions(force=0.12, steps=8, stiffness=8.0, longest=0.3)


@dataclass(eq=False)
class GpawSimulator(AseSimulator):
    """GPAW as a simulator.

    options: how atoms are moved. settings: of the electrons.

    Rarely needed:
        interpreter: the Python that has GPAW. limit: seconds that one structure may take. folder: of energies kept.

    Raises:
        GpawNotInstalledError: at birth, with the way to install it.
    """

    title = "GPAW live"

    options: RelaxOptions = QUICK
    settings: GpawSettings = field(default_factory=GpawSettings)
    interpreter: str = INTERPRETER
    limit: float = 1200.0
    folder: Path | None = None

    def __post_init__(self) -> None:
        require_gpaw(self.interpreter)
        super().__init__(
            "gpaw",
            partial(Gpaw, self.settings, interpreter=self.interpreter, limit=self.limit),
            {"name": "GPAW", **asdict(self.settings)},
            constants=RPBE_LATTICE_CONSTANTS,
            relax=self.options,
            folder=self.folder,
        )
