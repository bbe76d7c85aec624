"""The size of a network of atoms, apart from the network: PyTorch Geometric takes more than a second to import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AtomsConfig:
    """Size of a network of atoms.

    features: of an atom and of a message. layers: of message passing, each with its own weights.
    basis: radial functions. cutoff: distance beyond which atoms do not talk [Å].
    """

    features: int = 64
    layers: int = 3
    basis: int = 16
    cutoff: float = 4.5

    def __post_init__(self) -> None:
        for name in ("features", "layers", "basis", "cutoff"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
