"""What cannot be bettered in one goal without losing in another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def front(goals: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Rows of (points, goals), each goal the lower the better, that no other row beats.

    A row beats another if it is as good in all goals and better in one. Rows with a NaN are left out; of equal rows all
    are kept.
    """
    order = np.lexsort(goals.T[::-1])
    order = order[np.isfinite(goals[order]).all(1)]
    kept: list[int] = []
    best = np.empty((0, goals.shape[1]))
    for row in order:  # whatever beats a row comes before it
        point = goals[row]
        if not ((best <= point).all(1) & (best < point).any(1)).any():
            kept.append(int(row))
            best = np.concatenate((best, point[None]))
    return np.array(kept, dtype=np.int64)
