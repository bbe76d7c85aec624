"""How strongly hydrogen holds on to a stack: one energy of the clean slab, and some on the way down to the hollow."""

from collections.abc import Callable
from dataclasses import dataclass

from ase import Atoms

from understudy.simulators.materials.stacks import START_HEIGHT, Stack

#: Energy and the force on the hydrogen along the normal of a slab with it on top.
Ask = Callable[[Atoms], tuple[float, float]]

#: What is left of the force on the hydrogen at the end [eV/A].
FORCE = 0.12
#: Stiffness of the hollow before two forces tell it [eV/A^2], the least that is believed, and the longest move [A].
STIFFNESS, SOFTEST, LONGEST = 8.0, 1.0, 0.3
MOVES = 8
#: Heights above the surface layer between which hydrogen counts as adsorbed [A].
BELOW_SURFACE, DESORBED = -0.3, 2.5


@dataclass(frozen=True)
class Relaxed:
    """Hydrogen at rest.

    energy: at the minimum [eV], the last one less f^2 / 2k. height: of the last structure above the surface layer [A].
    force: there [eV/A]. stiffness: k [eV/A^2]. energies: asked for. outcome: "adsorbed", or what became of it instead.
    """

    energy: float
    height: float
    force: float
    stiffness: float
    energies: int
    outcome: str


def relaxed_hydrogen(stack: Stack, ask: Ask, *, start: float = START_HEIGHT) -> Relaxed:
    """Move the hydrogen along the normal until its force is small, by the secant through the last two forces."""
    height, stiffness, before = start, STIFFNESS, None
    for count in range(1, MOVES + 1):
        energy, force = ask(stack.with_hydrogen(height))
        if before is not None and height != before[0]:
            stiffness = max(SOFTEST, -(force - before[1]) / (height - before[0]))
        outcome = "intercalated" if height < BELOW_SURFACE else "desorbed" if height > DESORBED else "adsorbed"
        if abs(force) < FORCE or outcome != "adsorbed":
            return Relaxed(energy - force**2 / (2 * stiffness), height, force, stiffness, count, outcome)
        before = height, force
        height += max(-LONGEST, min(LONGEST, force / stiffness))
    return Relaxed(energy - force**2 / (2 * stiffness), before[0], force, stiffness, MOVES, "not converged")
