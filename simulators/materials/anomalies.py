"""What may become of an adsorbate other than sitting where it was put: labels, each with its threshold.

The four of the Open Catalyst data sets (Chanussot et al., ACS Catal. 2021, 6059, appendix), and migration.
"""

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic
from numpy.typing import NDArray

from understudy.simulators.materials.anomaly import INSIDE, Anomaly
from understudy.simulators.materials.case import Role

Points = NDArray[np.float64]

#: Length of a bond, over the sum of the covalent radii, at which it is broken.
BROKEN = 1.5
#: Move along the surface that brings an adsorbate to another site: half the way from a bridge to a hollow [Å].
ANOTHER_SITE = 0.4
#: Move of a metal atom at which the surface is another one [Å].
ANOTHER_SURFACE = 1.0


def anomalies(start: Atoms, end: Points, role: NDArray[np.int64]) -> Mapping[Anomaly, bool]:
    """What happened between the structure that was asked and the positions in which it came to rest.

    The lowest atom of an adsorbate binds it. A slab that rose or sank as a whole has not moved: heights are counted
    from the mean of the surface atoms.
    """
    adsorbed, surface = role == Role.ADSORBATE, role == Role.SURFACE
    metal = ~adsorbed
    radii = covalent_radii[start.numbers]
    moved = find_mic(end - start.positions, start.cell, start.pbc)[0]
    found = dict.fromkeys(Anomaly, False)
    found[Anomaly.RECONSTRUCTED] = bool(np.linalg.norm(moved[metal], axis=1).max(initial=0.0) > ANOTHER_SURFACE)
    if not adsorbed.any():
        return found
    binding = int(np.flatnonzero(adsorbed)[start.positions[adsorbed, 2].argmin()])
    gap = _distances(end[binding], end[metal], start)
    found[Anomaly.DESORBED] = bool((gap > BROKEN * (radii[binding] + radii[metal])).all())
    molecule = np.flatnonzero(adsorbed & (np.arange(len(adsorbed)) != binding))
    if len(molecule):
        bonds = _distances(end[binding], end[molecule], start)
        found[Anomaly.DISSOCIATED] = bool((bonds > BROKEN * (radii[binding] + radii[molecule])).any())
    found[Anomaly.INTERCALATED] = bool(end[adsorbed, 2].min() < end[surface, 2].mean() - INSIDE)
    along = moved[binding, :2] - moved[surface, :2].mean(0)
    found[Anomaly.MIGRATED] = bool(np.linalg.norm(along) > ANOTHER_SITE) and not found[Anomaly.DESORBED]
    return found


def _distances(point: Points, others: Points, atoms: Atoms) -> Points:
    return np.asarray(find_mic(others - point, atoms.cell, atoms.pbc)[1])
