"""Rows of different lengths laid end to end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, such as the nodes of different meshes: row r is values[offsets[r]:offsets[r + 1]]."""

    values: Array
    offsets: Array

    def __post_init__(self) -> None:
        if (
            self.offsets.ndim != 1
            or len(self.offsets) == 0
            or self.offsets[0] != 0
            or (np.diff(self.offsets) < 0).any()
        ):
            raise ValueError("offsets must start at 0 and never fall, one more than there are rows")
        if self.offsets[-1] != len(self.values):
            raise ValueError(
                f"the last offset must be the number of values, {len(self.values)}; got {self.offsets[-1]}"
            )

    @classmethod
    def of(cls, rows: Sequence[Array]) -> "Ragged":
        """Rows laid end to end."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return cls(np.concatenate(list(rows)) if rows else np.empty(0), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Array:
        return self.values[self.offsets[row] : self.offsets[row + 1]]
