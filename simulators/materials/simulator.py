"""What all simulators of slabs have in common, apart from the library that they call."""

from collections.abc import Mapping

from understudy.simulators.interface import Simulator, Subject
from understudy.simulators.materials.case import SlabCase


class SlabSimulator(Simulator[SlabCase]):
    """A simulator of slabs.

    constants: lattice constant of each metal [Å], at which slabs are made.
    digest: of all that decides its energies; those of different ones are never compared.
    """

    about = Subject.SLAB
    constants: Mapping[str, float]
    digest: str
