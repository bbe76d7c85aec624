"""What all simulators of slabs have in common, apart from the library that they call."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from understudy.simulators.interface import Simulator, Subject, digest_of
from understudy.simulators.materials.case import SlabCase

#: The simulator whose energies must not be taken for chemistry, ASE's class for it, and what is said of them.
OF_TOYS, TOYS_OF_ASE = "emt", "ase.calculators.emt:EMT"
CAUTION = "energies of effective-medium theory: right for trying the machinery, wrong for choosing a catalyst"


def caution_about(makers: Iterable[str]) -> str:
    """What must be said before all else of energies that these made or were learnt from; nothing of most.

    Args:
        makers: names or identities, each beginning with the name of a simulator.
    """
    first = {words.split()[0] for maker in makers for words in maker.split(", ") if words.strip()}
    return CAUTION if first & {OF_TOYS, TOYS_OF_ASE} else ""


class SlabSimulator(Simulator[SlabCase]):
    """A simulator of slabs.

    constants: lattice constant of each metal [Å], at which slabs are made.
    """

    about = Subject.SLAB
    constants: Mapping[str, float]

    @property
    def title(self) -> str:
        """Its name, and that it computes what it says now."""
        return f"{self.name} live"

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits of all that decides its energies: those of different ones are never compared."""
        return digest_of(self.configuration)

    @property
    def fingerprint(self) -> str:
        """Its name and digest, as tables and files tell them beside its energies."""
        return f"{self.name} {self.digest}"
