"""Any ASE calculator as a simulator: slabs are relaxed with and without their adsorbate, and what became of it told."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import ase.build
import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray

from understudy.simulators.interface import Status
from understudy.simulators.materials.adsorbates import ADSORBATES
from understudy.simulators.materials.anomalies import anomalies
from understudy.simulators.materials.atoms import LEAST_VACUUM, atoms_of, key_of, roles_of
from understudy.simulators.materials.case import Role, SlabCase
from understudy.simulators.materials.energies import KeptEnergies, usual_folder
from understudy.simulators.materials.layers import layers_of
from understudy.simulators.materials.relaxation import RelaxOptions, relaxed
from understudy.simulators.materials.simulator import SlabSimulator
from understudy.simulators.materials.slabs import VACUUM, Facet, SlabPlan
from understudy.simulators.materials.solution import QUANTITIES, REFERENCES, SlabSolution

#: Edges of the box of a molecule [Å]: different, so that none of its states are alike.
BOX = (10.0, 10.1, 10.2)
#: Largest force left on it [eV/Å]: all adsorption energies share its error.
MOLECULE_FORCE = 0.02
#: Attributes of a simulator that do not go with it to another process.
OF_THIS_PROCESS = ("calculator", "_alone")

Points = NDArray[np.float64]


class NoEnergyError(RuntimeError):
    """A structure that others need has no energy; the sentence says which and why."""


class AseSimulator(SlabSimulator):
    """Adsorption and formation energies of slabs by an ASE calculator.

    Adsorption energy: of the relaxed slab with its adsorbate, less the relaxed clean slab and the molecules of the
    adsorbate's reaction (`adsorbates.ADSORBATES`). Formation energy: of the clean slab, less as many atoms of relaxed
    pure slabs of the same facet and layers at their own lattice constant, per atom. Clean and pure slabs and molecules
    are asked once and kept on disk. What an adsorption energy was counted from stands beside it: `clean_energy`, and
    `gas_energy` of the molecules.

    Threads may share it: its calculator works for one of them at a time. Sent to another process, it makes a new
    calculator there.

    needs_room: whether a slab in a low cell may see its image above even where it is said not to repeat that way, as in
    codes of plane waves: its cell is made higher (`with_room`).

    Args:
        name: that selects it, and that data sets are called by.
        make: makes a calculator; called once in each process.
        settings: all that decides its energies, JSON-ready.
        constants: lattice constant of each metal [Å], at which pure slabs are made.
        relax: how atoms are moved.

    Rarely needed:
        folder: of the kept energies; None keeps nothing.
    """

    quantities = (*QUANTITIES, *REFERENCES)
    differentiable = False
    needs_room = True
    at_once = 1  # up to minutes each: whoever is stopped loses the one under way
    version = "1"
    forces = "as the calculator gives them, also on atoms that are held"

    def __init__(
        self,
        name: str,
        make: Callable[[], Calculator],
        settings: Mapping[str, Any],
        *,
        constants: Mapping[str, float],
        relax: RelaxOptions,
        folder: Path | None = None,
    ) -> None:
        self.name, self._make, self._settings = name, make, dict(settings)
        self.constants, self.relax = constants, relax
        self._kept = KeptEnergies(folder or usual_folder(), self.digest)
        self._alone = RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in OF_THIS_PROCESS}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _alone=RLock())

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Settings of the calculator and of the relaxation."""
        return {"calculator": self._settings, "relaxation": asdict(self.relax), "constants": self._told_constants}

    @property
    def _told_constants(self) -> Any:
        """Lattice constants as the configuration tells them."""
        return dict(self.constants)

    @cached_property
    def calculator(self) -> Calculator:
        """The calculator of this process."""
        return self._make()

    def predict(self, case: SlabCase) -> SlabSolution:
        """Relax and answer every row, one after the other."""
        with self._alone:
            return _assembled([self._answered(case[row : row + 1]) for row in range(len(case))], case)

    def _answered(self, slab: SlabCase) -> "_Row":
        if not slab.real:
            sentence = "refused: a site holds a mixture of elements; a simulator needs atoms: round the occupations"
            return _Row(Status.REFUSED, sentence)
        atoms = atoms_of(slab, 0)
        if self.needs_room:
            atoms = with_room(atoms)
        try:
            return self._energies(atoms, slab.adsorbates[0])
        except NoEnergyError as error:
            return _Row(Status.NOT_CONVERGED, f"not converged: {error}")
        except Exception as error:  # calculators raise of every kind; a row must not end the run
            return _Row(Status.FAILED, f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def _energies(self, atoms: Atoms, adsorbate: str) -> "_Row":
        if adsorbate and adsorbate not in ADSORBATES:
            known = ", ".join(ADSORBATES)
            return _Row(Status.REFUSED, f"refused: expected an adsorbate among {known}; got {adsorbate!r}")
        role = roles_of(atoms)
        clean = atoms[role != Role.ADSORBATE]
        bare = self._clean_energy(clean)
        values = {"formation_energy": self._formation(clean, bare), "clean_energy": bare}
        if not adsorbate:
            return _Row(Status.OK, "", values, atoms.positions)
        found = relaxed(atoms, self.calculator, self.relax)
        if found.reason:
            return _Row(Status.NOT_CONVERGED, f"not converged: {found.reason}")
        gas = sum(count * self._molecule(name) for name, count in ADSORBATES[adsorbate].molecules.items())
        values |= {"adsorption_energy": found.energy - bare - gas, "gas_energy": gas}
        lowest = found.positions[role == Role.ADSORBATE, 2].min()
        values["height"] = float(lowest - found.positions[role == Role.SURFACE, 2].mean())
        values |= {str(name): float(here) for name, here in anomalies(atoms, found.positions, role).items()}
        return _Row(Status.OK, "", values, found.positions)

    def _clean_energy(self, clean: Atoms) -> float:
        return self._kept.get(key_of(clean), lambda: self._needed(clean, "the clean slab", self.relax))

    def _molecule(self, name: str) -> float:
        """Energy of a relaxed molecule in a box [eV]."""
        molecule = ase.build.molecule(name, cell=BOX)
        molecule.center()
        exactly = replace(self.relax, force=min(self.relax.force, MOLECULE_FORCE), steps=max(self.relax.steps, 50))
        return self._kept.get(f"molecule {name}", lambda: self._needed(molecule, name, exactly))

    def _needed(self, atoms: Atoms, what: str, relax: RelaxOptions) -> float:
        found = relaxed(atoms, self.calculator, relax)
        if found.reason:
            raise NoEnergyError(f"{what}: {found.reason}")
        return found.energy

    def _formation(self, clean: Atoms, energy: float) -> float:
        """Formation energy per atom [eV].

        NaN for a surface that is neither facet, such as a stepped one, whose layers are nearer than told apart, and for
        a metal without constant.
        """
        facet = facet_of(clean)
        symbols = clean.get_chemical_symbols()
        layers = layers_of(clean.positions[:, 2])
        if facet is None or not layers.any() or any(symbol not in self.constants for symbol in symbols):
            return float("nan")
        free_atoms = np.ones(len(clean), dtype=bool)
        free_atoms[[index for one in clean.constraints for index in one.index]] = False
        free = len(np.unique(layers[free_atoms]))
        constants = {symbol: self.constants[symbol] for symbol in dict.fromkeys(symbols)}
        plan = SlabPlan(facet=facet, layers=int(layers.max()) + 1, free=free, constants=constants)
        apart = sum(count * self._pure(symbol, plan) for symbol, count in Counter(symbols).items())
        return (energy - apart) / len(symbols)

    def _pure(self, symbol: str, plan: SlabPlan) -> float:
        """Energy of an atom of a pure slab [eV]."""
        slab = plan.slabs(plan.occupation([symbol] * plan.layers)[None], torch.zeros(1, dtype=torch.float64))
        return self._clean_energy(atoms_of(slab, 0)) / plan.layers


def facet_of(atoms: Atoms) -> Facet | None:
    """The facet that a slab shows by the neighbours of its surface atoms, six or four; None for any other number."""
    surface = atoms[layers_of(atoms.positions[:, 2]) == 0]
    reach = 1.25 * _nearest(surface)
    neighbours = {_neighbours(surface, number, reach) for number in range(len(surface))}
    return {frozenset({6}): Facet.FCC111, frozenset({4}): Facet.FCC100}.get(frozenset(neighbours))


def with_room(atoms: Atoms) -> Atoms:
    """The slab in a cell that is high enough, where it does not repeat along the normal.

    One with less empty space than is asked of slabs that repeat gets what slabs of ours have; others stay as they are.
    """
    thickness = float(np.ptp(atoms.positions[:, 2]))
    if atoms.pbc[2] or atoms.cell[2, 2] - thickness >= LEAST_VACUUM:
        return atoms
    roomy = atoms.copy()
    roomy.cell[2] = (0.0, 0.0, thickness + VACUUM)
    return roomy


@dataclass(frozen=True, eq=False)
class _Row:
    """How one row ended."""

    status: Status
    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    positions: Points | None = None


def _assembled(rows: list[_Row], case: SlabCase) -> SlabSolution:
    nan = float("nan")
    blank = case.positions.new_tensor
    return SlabSolution(
        values={name: blank([row.values.get(name, nan) for row in rows]) for name in AseSimulator.quantities},
        status=tuple(row.status for row in rows),
        message=tuple(row.message for row in rows),
        positions=tuple(row.positions for row in rows),
    )


def _shifts(atoms: Atoms) -> Points:
    steps = np.arange(-2, 3)
    first, second = np.meshgrid(steps, steps, indexing="ij")
    return first.reshape(-1, 1) * atoms.cell[0] + second.reshape(-1, 1) * atoms.cell[1]


def _spans(atoms: Atoms, number: int) -> Points:
    """Distances along the surface from one atom to all others and their images."""
    others = (atoms.positions[:, None] + _shifts(atoms)).reshape(-1, 3)
    spans = np.linalg.norm((others - atoms.positions[number])[:, :2], axis=1)
    return spans[spans > 0.1]


def _nearest(atoms: Atoms) -> float:
    return float(min(_spans(atoms, number).min() for number in range(len(atoms))))


def _neighbours(atoms: Atoms, number: int, reach: float) -> int:
    return int((_spans(atoms, number) < reach).sum())
