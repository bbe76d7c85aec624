"""What a surrogate answers: a simulator's quantities with intervals, and whether the case was known ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.interface import Answer

Predicted = TypeVar("Predicted", bound="Prediction")


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction(Answer):
    """An answer with intervals.

    low, high: quantity of the case -> ends (batch,) of its interval, in the units of `quantities`.
    coverage: share of true values meant to lie inside.
    known: mask (batch,), False where the case lies outside what the surrogate was trained on and intervals promise
    nothing.
    """

    low: Mapping[str, Tensor]
    high: Mapping[str, Tensor]
    coverage: float
    known: Bool[Tensor, " batch"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfacePrediction(Prediction):
    """That of an airfoil.

    coordinates: nodes (batch, nodes, 2) on which the fields among `values` live; those asked about unless panelled
    anew.
    """

    coordinates: Float[Tensor, "batch nodes 2"]


def joined(parts: Sequence[Predicted]) -> Predicted:
    """The rows of all parts, which a surrogate answered one after the other."""
    first = parts[0]
    if len(parts) == 1:
        return first
    columns = {item.name: [getattr(part, item.name) for part in parts] for item in fields(first)}
    return replace(first, **{name: _joined(column) for name, column in columns.items()})


def _joined(column: list[Any]) -> Any:
    """Tables, tensors and tuples of all rows; anything else is one for all."""
    first = column[0]
    if isinstance(first, Mapping):
        return {name: torch.cat([part[name] for part in column]) for name in first}
    if isinstance(first, Tensor):
        return torch.cat(column)
    return tuple(chain.from_iterable(column)) if isinstance(first, tuple) else first
