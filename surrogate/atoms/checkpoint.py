"""What the file of a surrogate of slabs holds besides what all have."""

from typing import Any

from torch import Tensor

from understudy.surrogate.atoms.descriptors import COLUMNS, ELEMENTS
from understudy.surrogate.atoms.familiarity import MEASURES, SlabFamiliarity
from understudy.surrogate.atoms.graph import NAMES
from understudy.surrogate.atoms.member import SlabMember
from understudy.surrogate.atoms.surrogate import SlabEnsemble, SlabSurrogate
from understudy.surrogate.model import NetworkConfig
from understudy.surrogate.networks.atoms_config import AtomsConfig
from understudy.surrogate.stored import Stored

INPUTS = {"elements": ELEMENTS, "columns": COLUMNS, "adsorbates": NAMES}


def inside(surrogate: SlabSurrogate) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Words and tensors."""
    known = surrogate.familiarity
    limits = {name: getattr(known, name) for name in ("elements", "adsorbates", "box", "doubt_limit")}
    return {"inputs": INPUTS, "range": limits}, {}


def read(stored: Stored) -> SlabSurrogate:
    """The surrogate in a file.

    Raises:
        CheckpointError: of another version; the sentence names the field.
    """
    stored.require("inputs", {name: list(names) for name, names in INPUTS.items()})
    familiarity = SlabFamiliarity(
        elements=tuple(stored.entry("range", "elements", list)),
        adsorbates=tuple(stored.entry("range", "adsorbates", list)),
        box=stored.box(MEASURES),
        doubt_limit=float(stored.entry("range", "doubt_limit", (int, float))),
    )
    calibration = stored.calibration(())  # an energy that nobody answered has no curve
    return SlabSurrogate(SlabEnsemble(stored.members(_member)), calibration, familiarity, stored.card())


def _member(network: NetworkConfig) -> SlabMember:
    if not isinstance(network, AtomsConfig):
        raise TypeError(f"expected a network of atoms; got {type(network).__name__}")
    return SlabMember(network)
