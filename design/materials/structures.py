"""Slabs of a file as candidates, as they stand there; one that is no slab keeps its place, with a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from understudy.design.materials.candidates import Candidates, Space
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.layers import layers_of

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Structure:
    """A candidate by name.

    key: of elements, places and cell, to five digits: structures that share it are one, whatever they are called.
    name: that its file gives it, or its formula and number. adsorbate: what stands on it; nothing on a clean slab.
    """

    key: str
    name: str = field(compare=False)
    adsorbate: str = field(compare=False)
    site: ClassVar[str] = ""
    strain: ClassVar[float] = float("nan")


@dataclass(frozen=True, eq=False)
class StructureList(Space[Structure]):
    """Structures as candidates, numbered in their order.

    structures: each by name. cases: each as a question, or the sentence that says why it is none.
    metals: all elements of the slabs. contents: which file they are of, and a hash of it.
    """

    structures: tuple[Structure, ...]
    cases: tuple[SlabCase | str, ...]
    metals: tuple[str, ...]
    contents: str = ""

    undefined = ("strain",)
    made = False

    @staticmethod
    def read(path: Path) -> "StructureList":
        """All structures of a file of any format that ASE knows.

        Raises:
            FileNotFoundError, StructureError: no such file, or one that cannot be read to its end.
            ValueError: a file without a structure.
        """
        from understudy.simulators.materials.atoms import read_atoms  # ASE is an extra

        return StructureList.of(read_atoms(path), f"{path.name} {sha256(path.read_bytes()).hexdigest()}")

    @staticmethod
    def of(atoms: "Sequence[Atoms]", contents: str = "") -> "StructureList":
        """ASE's atoms as candidates.

        Raises:
            ValueError: none at all.
        """
        from understudy.simulators.materials.atoms import asked, key_of  # ASE is an extra

        if not len(atoms):
            raise ValueError(f"expected at least one structure to screen; got none in {contents or 'the list'}")
        cases = tuple(asked(one) for one in atoms)
        structures = []
        for number, (one, case) in enumerate(zip(atoms, cases, strict=True)):
            standing = case.adsorbates[0] if isinstance(case, SlabCase) else ""
            structures.append(Structure(key_of(one), _name(one, number), standing))
        slabs = [case.clean() for case in cases if isinstance(case, SlabCase)]
        metals = tuple(dict.fromkeys(symbol for slab in slabs for symbol in slab.symbols(0)))
        return StructureList(tuple(structures), cases, metals, contents)

    def __len__(self) -> int:
        return len(self.structures)

    def check(self, constants: Mapping[str, float]) -> None:
        """Nothing is made at lattice constants."""

    def candidates(self, numbers: Int[Tensor, " batch"]) -> "Structures":
        return Structures(self, numbers)

    def called(self, slabs: Sequence[Structure]) -> "Structures":
        places = {structure: number for number, structure in reversed(list(enumerate(self.structures)))}
        foreign = [slab.name for slab in slabs if slab not in places]
        if foreign:
            raise ValueError(f"expected structures of the file; got {foreign[0]!r}, which is none of them")
        return Structures(self, torch.tensor([places[slab] for slab in slabs], dtype=torch.int64))

    def slab_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = np.array([structure.key for structure in self.structures])
        return np.asarray(np.unique(keys, return_inverse=True)[1][numbers], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Structures(Candidates[Structure]):
    """Some structures of a list, by their numbers (batch,)."""

    space: StructureList
    numbers: Int[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | Tensor) -> "Structures":
        return Structures(self.space, self.numbers[rows])

    def told(self) -> list[Structure]:
        return [self.space.structures[number] for number in self.numbers.tolist()]

    def standing(self) -> list[tuple[str, str]]:
        return [(structure.adsorbate, structure.site) for structure in self.told()]

    def shares(self) -> Float[Tensor, "batch metals"]:
        if not self._clean:
            return torch.zeros(0, len(self.space.metals), dtype=torch.float64)
        return torch.stack([slab.over(self.space.metals).mean(0) for slab in self._clean])

    @property
    def atoms(self) -> Float[Tensor, " batch"]:
        return torch.tensor([float(len(slab.positions)) for slab in self._clean], dtype=torch.float64)

    @property
    def exact(self) -> dict[str, Float[Tensor, " batch"]]:
        return {}

    def refusals(self) -> list[str]:
        return [case if isinstance(case, str) else "" for case in self._cases]

    def unexchangeable(self) -> list[str]:
        return ["" if isinstance(case, str) else _unlayered(case.clean()) for case in self._cases]

    def case(self, constants: Mapping[str, float]) -> SlabCase:
        return SlabCase.concatenate([case for case in self._cases if isinstance(case, SlabCase)])

    def exchanged(self, constants: Mapping[str, float]) -> SlabCase:
        return SlabCase.concatenate([_exchanged(slab, constants) for slab in self._clean])

    @property
    def _cases(self) -> list[SlabCase | str]:
        return [self.space.cases[number] for number in self.numbers.tolist()]

    @property
    def _clean(self) -> list[SlabCase]:
        return [case.clean() for case in self._cases if isinstance(case, SlabCase)]


def _name(atoms: "Atoms", number: int) -> str:
    """What a structure is called in its file, or its formula and number."""
    told = str(atoms.info.get("name") or atoms.info.get("slab") or "")
    return told or f"{atoms.get_chemical_formula()} {number}".strip()


def _unlayered(slab: SlabCase) -> str:
    """Why the two upper layers of a clean slab are no pair; nothing where they are."""
    _, counts = np.unique(layers_of(slab.positions[:, 2].numpy()), return_counts=True)
    if len(counts) < 2 or counts[0] != counts[1]:
        told = " and ".join(str(count) for count in counts[:2])
        return f"segregation needs surface and second layer of equally many atoms; got {told}"
    return ""


def _exchanged(slab: SlabCase, constants: Mapping[str, float]) -> SlabCase:
    """A clean slab whose surface and second layer hold each other's atoms, place by place.

    Both move along the normal by as much as the layer below wants to be farther from its new neighbour, as layers lie
    apart in `slabs.SlabPlan`; not at all where a metal has no lattice constant.
    """
    layer = layers_of(slab.positions[:, 2].numpy())
    upper = np.flatnonzero(layer == 0)
    lower = np.flatnonzero(layer == 1)[_opposite(slab, upper, np.flatnonzero(layer == 1))]
    source = np.arange(len(layer))
    source[upper], source[lower] = lower, upper
    positions = slab.positions.clone()
    positions[np.concatenate((upper, lower)), 2] += _rise(slab, upper, lower, constants)
    return replace(slab, occupation=slab.occupation[source], positions=positions)


def _opposite(slab: SlabCase, upper: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which atom of the lower layer each of the upper one changes places with: all in one direction, along the cell."""
    vectors = slab.cell[0, :2, :2].numpy()
    places = slab.positions[:, :2].numpy() @ np.linalg.inv(vectors)
    steps = places[lower] - places[upper[0]]
    step = steps[np.linalg.norm((steps - np.round(steps)) @ vectors, axis=1).argmin()]
    apart = places[upper][:, None] + step - places[lower]
    return np.asarray(linear_sum_assignment(np.linalg.norm((apart - np.round(apart)) @ vectors, axis=2))[1])


def _rise(slab: SlabCase, upper: NDArray[np.int64], lower: NDArray[np.int64], constants: Mapping[str, float]) -> float:
    """How far two layers rise when they change places [Å]: half the difference of their volumes over the area."""
    symbols = slab.symbols(0)
    if any(symbols[atom] not in constants for atom in (*upper, *lower)):
        return 0.0
    volumes = [sum(constants[symbols[atom]] ** 3 / 4 for atom in layer) for layer in (upper, lower)]
    area = float(torch.linalg.det(slab.cell[0, :2, :2]).abs())
    return 0.5 * (volumes[0] - volumes[1]) / area
