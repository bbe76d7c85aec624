"""Near-surface alloys: fcc(111) slabs of four layers, each of one metal, with hydrogen in every fcc hollow.

The smallest real problem of catalysis: the layers below decide how the surface binds. Cells are p(1x1); layers lie as
far apart as their atomic volumes ask for, and are not relaxed further.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms

#: Lattice constants of the fcc metals [A], RPBE, plane waves of 300 eV, from equations of state.
LATTICE_CONSTANTS = {"Pt": 3.99, "Pd": 3.98, "Cu": 3.68, "Ag": 4.22, "Au": 4.20, "Rh": 3.86, "Ir": 3.88}
LAYERS = 4
#: Empty space above and below the metal together, and below it [A].
VACUUM, BELOW = 11.5, 5.0
#: Where hydrogen starts above the surface layer [A].
START_HEIGHT = 0.9


@dataclass(frozen=True)
class Stack:
    """A slab to be.

    layers: symbols of the metals, surface first.
    strain: of the cell along the surface, over that of the mean of the lattice constants of the layers.

    Raises:
        ValueError: not four layers, a metal without a lattice constant, or a strain of more than a tenth.
    """

    layers: tuple[str, ...]
    strain: float = 0.0

    def __post_init__(self) -> None:
        if len(self.layers) != LAYERS:
            raise ValueError(f"a stack has {LAYERS} layers; got {len(self.layers)}")
        unknown = [symbol for symbol in self.layers if symbol not in LATTICE_CONSTANTS]
        if unknown:
            raise ValueError(f"layers must be of {', '.join(LATTICE_CONSTANTS)}; got {unknown[0]!r}")
        if not abs(self.strain) <= 0.1:
            raise ValueError(f"strain must be within 0.1; got {self.strain:.6g}")

    @property
    def name(self) -> str:
        """As chemists write it, such as "Pt/Cu/Pt/Pt", with the strain in per cent if there is any."""
        return "/".join(self.layers) + (f" {100 * self.strain:+.2f} %" if self.strain else "")

    @property
    def lattice_constant(self) -> float:
        """Of the cell along the surface [A]."""
        return (1 + self.strain) * float(np.mean([LATTICE_CONSTANTS[symbol] for symbol in self.layers]))

    def slab(self) -> Atoms:
        """The clean slab, bottom layer first, periodic along the surface."""
        side = self.lattice_constant / math.sqrt(2)
        area = side**2 * math.sqrt(3) / 2
        thickness = [LATTICE_CONSTANTS[symbol] ** 3 / 4 / area for symbol in reversed(self.layers)]
        heights = [BELOW]
        for lower, upper in pairwise(thickness):
            heights.append(heights[-1] + 0.5 * (lower + upper))
        cell = np.diag([side, side * math.sqrt(3) / 2, heights[-1] - BELOW + VACUUM])
        cell[1, 0] = side / 2
        places = [_hollow(layer) @ cell[:2] + [0, 0, height] for layer, height in enumerate(heights)]
        return Atoms(list(reversed(self.layers)), positions=places, cell=cell, pbc=(True, True, False))

    def with_hydrogen(self, height: float = START_HEIGHT) -> Atoms:
        """The slab with hydrogen in the fcc hollow, where no metal lies in the second layer or the third but one."""
        slab = self.slab()
        place = slab.positions[LAYERS - 3].copy()
        place[2] = slab.positions[-1, 2] + height
        return slab + Atoms("H", positions=[place])


def drawn_stack(seed: int, number: int, *, metals: Sequence[str] = tuple(LATTICE_CONSTANTS), strain: float) -> Stack:
    """The stack of one number in a random sequence: any metal in any layer, strain within +-`strain`."""
    random = np.random.default_rng([seed, number])
    layers = tuple(metals[k] for k in random.integers(len(metals), size=LAYERS))
    return Stack(layers, round(float(random.uniform(-strain, strain)), 5))


def _hollow(layer: int) -> np.ndarray:
    """Place of a layer in the stacking ABC, in the two vectors of the cell."""
    return np.full(2, (layer % 3) / 3)
