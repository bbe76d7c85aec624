"""What training asks of the cases that a network learns from, whatever they are about."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

Rows = TypeVar("Rows", bound="Learnable[Any]")
#: What is trained: a network with its scales.
Kind = TypeVar("Kind", bound=nn.Module)


class Learnable(ABC, Generic[Kind]):
    """Answered cases, encoded and held in memory, one row a case.

    numbers: names of what is learnt, by which errors are logged.
    """

    numbers: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self: Rows, rows: slice | Tensor) -> Rows: ...

    @property
    def members(self) -> int:
        """How many networks learn from these rows side by side; if several, the first dimension of every weight."""
        return 1

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the rows are."""

    @abstractmethod
    def share(self: Rows) -> Rows:
        """Move the tensors to shared memory, so that several processes train on one copy."""

    @abstractmethod
    def fresh(self, network: Any) -> Kind:
        """A member that has learnt nothing: a network of that size, with the scales of these rows."""

    @abstractmethod
    def judged(self, member: Kind) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The training loss of a member on these rows, and its mean absolute error in each of `numbers`."""
