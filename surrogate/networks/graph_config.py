"""The size of a graph network, apart from the network: PyTorch Geometric takes more than a second to import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GraphConfig:
    """Size of a graph network.

    features: of a node and of a message.
    layers: of message passing, each with its own weights.
    reaches: distances along the contour, in coarse nodes, at which nodes are linked in both directions.
    fine: features of the full-resolution nodes.
    """

    features: int = 64
    layers: int = 5
    reaches: tuple[int, ...] = (1, 2, 5, 12)
    fine: int = 8
