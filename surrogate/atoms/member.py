"""One member of a surrogate of slabs: a network of atoms inside its scales, from a graph to energies."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from understudy.simulators.materials.anomaly import Anomaly
from understudy.surrogate.atoms.descriptors import COLUMNS, ELEMENTS, descriptors
from understudy.surrogate.atoms.graph import NAMES, AtomsGraph
from understudy.surrogate.networks.atoms_config import AtomsConfig

#: Expected error that a learnt spread of zero means: adsorption energy [eV], formation energy [eV/atom].
SPREAD_UNIT = {"adsorption_energy": 0.01, "formation_energy": 0.002}
SPREAD_LIMIT = 6.0  # of the logarithm of a learnt spread over its unit
ENERGIES = tuple(SPREAD_UNIT)


@dataclass(frozen=True, eq=False)
class SlabOutput:
    """What a member answers, one value a row.

    energy: of `ENERGIES`; NaN for clean slabs and unknown adsorbates. spread: expected absolute error of each.
    anomaly: logit of each `Anomaly` (batch, anomalies).
    """

    energy: dict[str, Float[Tensor, " batch"]]
    spread: dict[str, Float[Tensor, " batch"]]
    anomaly: Float[Tensor, "batch anomalies"]


class SlabMember(nn.Module):
    """A network and the scales with which it was trained.

    Args:
        config: size of the network.
    """

    likeness: Tensor
    adsorption_mean: Tensor
    adsorption_scale: Tensor
    formation_mean: Tensor
    formation_scale: Tensor

    def __init__(self, config: AtomsConfig) -> None:
        from understudy.surrogate.networks.atoms import AtomsNetwork  # imports PyTorch Geometric

        super().__init__()
        self.config = config
        self.register_buffer("likeness", descriptors().float())
        self.register_buffer("adsorption_mean", torch.zeros(len(NAMES)))
        for name in ("adsorption_scale", "formation_scale"):
            self.register_buffer(name, torch.ones(()))
        self.register_buffer("formation_mean", torch.zeros(()))
        self.network = AtomsNetwork(config, len(ELEMENTS), len(COLUMNS), (2 + len(Anomaly), 2))

    def forward(self, graph: AtomsGraph) -> SlabOutput:
        """Energies of encoded slabs."""
        on_adsorbate, on_slab = self.network(
            graph.occupation,
            graph.occupation @ self.likeness,
            torch.stack((graph.sender, graph.receiver)),
            graph.distance,
            graph.adsorbed,
            graph.row,
            len(graph),
        )
        known = graph.adsorbate >= 0
        mean = torch.where(known, self.adsorption_mean[graph.adsorbate.clamp(min=0)], torch.nan)
        return SlabOutput(
            energy={
                "adsorption_energy": mean + self.adsorption_scale * on_adsorbate[:, 0],
                "formation_energy": self.formation_mean + self.formation_scale * on_slab[:, 0],
            },
            spread={
                name: unit * torch.exp(SPREAD_LIMIT * torch.tanh(raw / SPREAD_LIMIT))
                for (name, unit), raw in zip(SPREAD_UNIT.items(), (on_adsorbate[:, 1], on_slab[:, 1]), strict=True)
            },
            anomaly=on_adsorbate[:, 2:],
        )
