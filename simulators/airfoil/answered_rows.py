"""Rows that were answered one by one, by a program outside, as one solution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from understudy.simulators.interface import Solution, Status


@dataclass(frozen=True, eq=False)
class AnsweredRow:
    """What became of one row: quantity -> value, where it was answered, and the residual after each iteration."""

    status: Status
    message: str
    values: Mapping[str, float | Float64[ndarray, " nodes"]] | None = None
    residuals: tuple[float, ...] = ()


def as_solution(
    rows: Sequence[AnsweredRow], scalars: Sequence[str], on_nodes: Sequence[str], like: Float[Tensor, "rows nodes 2"]
) -> Solution:
    """The rows as tensors in the dtype and on the device of the coordinates `like`; NaN where there is no answer."""
    values = {}
    for name in (*scalars, *on_nodes):
        table = np.full((len(rows), like.shape[1]) if name in on_nodes else len(rows), np.nan)
        for index, row in enumerate(rows):
            if row.values is not None:
                table[index] = row.values[name]
        values[name] = torch.as_tensor(table, dtype=like.dtype, device=like.device)
    residuals = np.full((len(rows), max((len(row.residuals) for row in rows), default=0)), np.nan)
    for index, row in enumerate(rows):
        residuals[index, : len(row.residuals)] = row.residuals
    return Solution(
        values=values,
        status=tuple(row.status for row in rows),
        message=tuple(row.message for row in rows),
        residuals=torch.as_tensor(residuals, dtype=like.dtype, device=like.device),
    )
