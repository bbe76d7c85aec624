"""What is asked of slabs that are to be compared, whether they are made from a space or read from a file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from understudy.simulators.materials.case import SlabCase

#: What tells a candidate by name: `name` of its slab, `adsorbate`, `site`, `strain`; equal where the candidates are.
Told = TypeVar("Told")


class Space(ABC, Generic[Told]):
    """Numbered candidates: slabs, each with something on it.

    metals: columns of `Candidates.shares`.
    undefined: quantities that formulas may ask for and these slabs do not have.
    made: whether slabs are made here, at lattice constants that must be known.
    contents: all that decides the slabs and does not stand in the problem itself, as a line of text; or nothing.
    """

    metals: tuple[str, ...]
    undefined: tuple[str, ...] = ()
    made: bool = True
    contents: str = ""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def check(self, constants: Mapping[str, float]) -> None:
        """Refuse slabs that cannot be made at these lattice constants [Å].

        Raises:
            ValueError: a metal without one, or a site that they do not have.
        """

    @abstractmethod
    def candidates(self, numbers: Int[Tensor, " batch"]) -> "Candidates[Told]":
        """Those of some numbers, from 0 to the length of the space."""

    @abstractmethod
    def called(self, slabs: Sequence[Told]) -> "Candidates[Told]":
        """Those that are told by name.

        Raises:
            ValueError: a slab that is not of the space.
        """

    @abstractmethod
    def slab_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number that candidates share which are the same slab, but for its strain."""


class Candidates(ABC, Generic[Told]):
    """Some slabs of a space."""

    space: Space[Told]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, rows: slice | Tensor) -> "Candidates[Told]": ...

    @abstractmethod
    def told(self) -> list[Told]:
        """Each by name."""

    @abstractmethod
    def standing(self) -> list[tuple[str, str]]:
        """Adsorbate and site of each, empty words where there is none."""

    @abstractmethod
    def shares(self) -> Float[Tensor, "batch metals"]:
        """Share of each metal in each slab."""

    @property
    @abstractmethod
    def atoms(self) -> Float[Tensor, " batch"]:
        """Of metal in each slab."""

    @property
    @abstractmethod
    def exact(self) -> dict[str, Float[Tensor, " batch"]]:
        """Quantities without error that do not follow from the composition."""

    @abstractmethod
    def refusals(self) -> list[str]:
        """Why a candidate cannot be asked about; an empty word where it can."""

    @abstractmethod
    def unexchangeable(self) -> list[str]:
        """Why surface and second layer of a candidate cannot change places; an empty word where they can."""

    @abstractmethod
    def case(self, constants: Mapping[str, float]) -> SlabCase:
        """The question: slabs with their adsorbates, in the order of the candidates; none of them is refused."""

    @abstractmethod
    def exchanged(self, constants: Mapping[str, float]) -> SlabCase:
        """The clean slabs with surface and second layer in each other's place; all of them can be exchanged."""

    def made_of(self) -> list[tuple[str, ...]]:
        """Of which each slab that is not refused is made."""
        return [
            tuple(metal for metal, share in zip(self.space.metals, row, strict=True) if share > 0)
            for row in self.shares().tolist()
        ]

    def names(self) -> list[str]:
        """Of the slabs."""
        slabs: list[Any] = self.told()
        return [slab.name for slab in slabs]
