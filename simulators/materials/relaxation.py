"""Letting atoms go where the forces push them, until these are small."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from numpy.typing import NDArray

#: Stiffness of a lone atom below which two forces are not believed [eV/Å²].
SOFTEST = 1.0
#: How near to the lowest energy [Å] others take part in a parabola, how many it needs, how far from a line they may be
#: [Å] and from the parabola [eV].
NEAR, FEWEST, LINE, SMOOTH = 0.2, 5, 0.01, 0.003
#: Distance from where it began at which an atom runs away [Å], and size of a force that no bond has [eV/Å].
RUNAWAY, ABSURD = 6.0, 1e3


@dataclass(frozen=True)
class RelaxOptions:
    """How far and how atoms are moved (BFGS).

    force: largest force on a free atom at the end [eV/Å]. steps: at most.

    Rarely needed:
        stiffness: of every direction before forces tell it [eV/Å²]. longest: move of an atom in one step [Å].

    Raises:
        ValueError: a number that is not positive.
    """

    force: float = 0.05
    steps: int = 200
    stiffness: float = 30.0
    longest: float = 0.2

    def __post_init__(self) -> None:
        for name in ("force", "steps", "stiffness", "longest"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Atoms at rest, or where they were left.

    positions: (atoms, 3) [Å]. energy: [eV]. force: largest on a free atom [eV/Å].
    reason: empty, or why they are not at rest.
    """

    positions: NDArray[np.float64]
    energy: float
    force: float
    reason: str = ""


def relaxed(atoms: Atoms, calculator: Calculator, options: RelaxOptions) -> Relaxed:
    """Relax a copy; atoms held by `FixAtoms` stay, and nothing moves where all are held.

    The energy of a single free atom is that of the bottom of the parabola through its last force, with the stiffness of
    its last two: E - f²/2k. The limit on the force then costs no accuracy. Where its forces are too noisy to fall below
    the limit but its energies lie on a parabola, the bottom of that one is taken.

    Raises:
        CalculatorError, and what else the calculator raises.
    """
    atoms = atoms.copy()
    atoms.calc = calculator
    free = np.ones(len(atoms), dtype=bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            free[constraint.index] = False
    start = atoms.positions.copy()
    if not free.any():
        return _judged(atoms, free, start, options, options.stiffness)
    seen: list[tuple[NDArray[np.float64], float]] = []
    stiffness, before = options.stiffness, None
    search = BFGS(atoms, logfile=None, alpha=options.stiffness, maxstep=options.longest)
    for _ in search.irun(fmax=options.force, steps=options.steps):
        force = _forces(atoms)[free]
        if before is not None and free.sum() == 1:
            stiffness = _secant(atoms.positions[free] - before[0], force - before[1], stiffness)
        before = atoms.positions[free].copy(), force
        seen.append((before[0], float(atoms.get_potential_energy())))
        if not np.isfinite(force).all() or np.abs(force).max() > ABSURD or _moved(atoms, start) > RUNAWAY:
            break
    found = _judged(atoms, free, start, options, stiffness)
    if found.force > options.force and free.sum() == 1 and len(seen) > options.steps:
        return _bottom(found, free, seen) or found
    return found


def _bottom(found: Relaxed, free: NDArray[np.bool_], seen: list[tuple[NDArray[np.float64], float]]) -> Relaxed | None:
    """The bottom of the parabola through the energies of a lone atom that went to and fro on a line."""
    places, energies = np.concatenate([place for place, _ in seen]), np.array([energy for _, energy in seen])
    lowest = places[energies.argmin()]
    near = np.linalg.norm(places - lowest, axis=1) < NEAR
    if near.sum() < FEWEST or not np.isfinite(energies).all():
        return None
    _, spread, lines = np.linalg.svd(places[near] - lowest)
    along = (places[near] - lowest) @ lines[0]
    curvature, slope, least = (float(one) for one in np.polyfit(along, energies[near], 2))
    misfit = np.abs(curvature * along**2 + slope * along + least - energies[near]).max()
    if spread[1] > LINE or 2 * curvature < SOFTEST or misfit > SMOOTH:
        return None
    bottom = -slope / (2 * curvature)
    if not along.min() < bottom < along.max():
        return None
    positions = found.positions.copy()
    positions[free] = lowest + bottom * lines[0]
    return Relaxed(positions, least + 0.5 * slope * bottom, found.force)


def _judged(
    atoms: Atoms, free: NDArray[np.bool_], start: NDArray[np.float64], options: RelaxOptions, k: float
) -> Relaxed:
    energy, force = float(atoms.get_potential_energy()), _forces(atoms)[free]
    largest = float(np.linalg.norm(force, axis=1).max(initial=0.0))
    reason = ""
    if not np.isfinite(energy) or not np.isfinite(force).all():
        reason = "the calculator gave an energy or forces that are not finite; move the atoms apart"
    elif _moved(atoms, start) > RUNAWAY or largest > ABSURD:
        reason = f"an atom ran away or met a force of {largest:.3g} eV/Å; move the atoms apart"
    elif largest > options.force:
        reason = f"a force of {largest:.3g} eV/Å was left after {options.steps} steps; allow more of them"
    if free.sum() == 1 and not reason:
        energy -= largest**2 / (2 * k)
    return Relaxed(atoms.positions.copy(), energy, largest, reason)


def _forces(atoms: Atoms) -> NDArray[np.float64]:
    """On all atoms: asked otherwise, ASE gives zeros for those that are held."""
    return np.asarray(atoms.get_forces(apply_constraint=False))


def _secant(step: NDArray[np.float64], change: NDArray[np.float64], known: float) -> float:
    """Stiffness along a step from the change of the force."""
    squared = float((step * step).sum())
    return max(SOFTEST, -float((step * change).sum()) / squared) if squared > 0 else known


def _moved(atoms: Atoms, start: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(atoms.positions - start, axis=1).max())
