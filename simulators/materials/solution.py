"""What simulators of slabs answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.simulators.interface import Solution
from understudy.simulators.materials.anomaly import Anomaly

#: Of a slab with its adsorbate, in the units of `simulators.quantities`.
ENERGIES = ("adsorption_energy", "formation_energy")
QUANTITIES = (*ENERGIES, "height", *(str(one) for one in Anomaly))
#: What an adsorption energy was counted from; data that lack them are data all the same.
REFERENCES = ("clean_energy", "gas_energy")

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class SlabSolution(Solution):
    """Quantities, and the positions in which each row came to rest (atoms, 3) [Å], None where it has none."""

    positions: tuple[Points | None, ...]
