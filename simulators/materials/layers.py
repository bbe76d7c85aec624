"""Which atoms of a slab lie in one layer, where nobody tells."""

import numpy as np

#: Heights within which atoms lie in one layer [Å].
LAYER = 0.8


def layers_of(heights: np.ndarray) -> np.ndarray:
    """Number of the layer of each atom, 0 for the surface, from their heights [Å]."""
    order = np.argsort(-heights)
    steps = np.diff(-heights[order]) > LAYER
    numbers = np.empty(len(heights), dtype=int)
    numbers[order] = np.concatenate(([0], np.cumsum(steps)))
    return numbers
