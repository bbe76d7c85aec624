"""What a surrogate answers: a simulator's quantities with intervals, and whether the case was known ground."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.interface import Answer


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction(Answer):
    """An answer with intervals.

    low, high: quantity of the case -> ends (batch,) of its interval, in the units of `quantities`.
    coverage: share of true values meant to lie inside.
    known: mask (batch,), False where the case lies outside what the surrogate was trained on and intervals promise
    nothing.
    coordinates: nodes (batch, nodes, 2) on which the fields among `values` live; those asked about unless panelled
    anew.
    """

    low: Mapping[str, Tensor]
    high: Mapping[str, Tensor]
    coverage: float
    known: Bool[Tensor, " batch"]
    coordinates: Float[Tensor, "batch nodes 2"]
