"""Numbers that say what an element is like, so that what is learnt of one metal helps with its relatives.

| column | unit | source |
|---|---|---|
| group, period | - | periodic table |
| electronegativity | - | Pauling's scale, CRC Handbook of Chemistry and Physics |
| radius | Å | covalent, Cordero et al. 2008 (`simulators.materials.elements`) |
| ionisation | eV | first ionisation energy, CRC Handbook |
| d_centre | eV | of the d band of the closest-packed surface, from the Fermi level; 0 without d electrons [1] |

1. B. Hammer and J. Nørskov, Adv. Catal. 45, 71 (2000).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.materials.elements import COVALENT_RADII

COLUMNS = ("group", "period", "electronegativity", "radius", "ionisation", "d_centre")
#: Group, period, electronegativity, ionisation energy, centre of the d band.
_TABLE = {
    "H": (1, 1, 2.20, 13.598, 0.0),
    "C": (14, 2, 2.55, 11.260, 0.0),
    "N": (15, 2, 3.04, 14.534, 0.0),
    "O": (16, 2, 3.44, 13.618, 0.0),
    "Al": (13, 3, 1.61, 5.986, 0.0),
    "Ni": (10, 4, 1.91, 7.640, -1.29),
    "Cu": (11, 4, 1.90, 7.726, -2.67),
    "Rh": (9, 5, 2.28, 7.459, -1.73),
    "Pd": (10, 5, 2.20, 8.337, -1.83),
    "Ag": (11, 5, 1.93, 7.576, -4.30),
    "Ir": (9, 6, 2.20, 8.967, -2.11),
    "Pt": (10, 6, 2.28, 8.959, -2.25),
    "Au": (11, 6, 2.54, 9.226, -3.56),
}
#: Elements that can be encoded.
ELEMENTS = tuple(_TABLE)


def descriptors() -> Float[Tensor, "elements columns"]:
    """The columns of each of `ELEMENTS`, brought to mean 0 and deviation 1 over them."""
    rows = [
        (group, period, electronegativity, COVALENT_RADII[symbol], ionisation, centre)
        for symbol, (group, period, electronegativity, ionisation, centre) in _TABLE.items()
    ]
    table = torch.tensor(rows, dtype=torch.float64)
    return (table - table.mean(0)) / table.std(0)
