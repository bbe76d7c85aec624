"""A member of a surrogate of slabs, or several: networks of atoms inside their scales, from a graph to energies."""

from collections.abc import Sequence
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
    """What each member answers of each row.

    energy: of `ENERGIES`; NaN for clean slabs and unknown adsorbates. spread: expected absolute error of each.
    anomaly: logit of each `Anomaly` (batch, members, anomalies).
    """

    energy: dict[str, Float[Tensor, "batch members"]]
    spread: dict[str, Float[Tensor, "batch members"]]
    anomaly: Float[Tensor, "batch members anomalies"]


class SlabMember(nn.Module):
    """A network and the scales with which it was trained; or several of one size side by side.

    Args:
        config: size of the network. members: how many there are.
    """

    likeness: Tensor
    adsorption_mean: Tensor
    adsorption_scale: Tensor
    formation_mean: Tensor
    formation_scale: Tensor

    def __init__(self, config: AtomsConfig, members: int = 1) -> None:
        from understudy.surrogate.networks.atoms import AtomsNetwork  # imports PyTorch Geometric

        super().__init__()
        self.config = config
        self.register_buffer("likeness", descriptors().float(), persistent=False)  # one for all
        self.register_buffer("adsorption_mean", torch.zeros(members, len(NAMES)))
        for name in ("adsorption_scale", "formation_scale"):
            self.register_buffer(name, torch.ones(members))
        self.register_buffer("formation_mean", torch.zeros(members))
        self.network = AtomsNetwork(config, len(ELEMENTS), len(COLUMNS), (2 + len(Anomaly), 2), members=members)

    @staticmethod
    def side_by_side(members: "Sequence[SlabMember]") -> "SlabMember":
        """All of them as one, which answers as each would.

        Raises:
            ValueError: none, or networks of several sizes.
        """
        sizes = {member.config for member in members}
        if len(sizes) != 1:
            raise ValueError(f"expected members with networks of one size; got {len(sizes)}")
        states = [member.state_dict() for member in members]
        joined = {name: torch.cat([state[name] for state in states]) for name in states[0]}
        return _with(members[0], joined)

    def apart(self) -> "list[SlabMember]":
        """Each of them as one of its own."""
        state = self.state_dict()
        return [
            _with(self, {name: values[number : number + 1].clone() for name, values in state.items()})
            for number in range(len(self.formation_mean))
        ]

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
        mean = torch.where(known[:, None], self.adsorption_mean.T[graph.adsorbate.clamp(min=0)], torch.nan)
        return SlabOutput(
            energy={
                "adsorption_energy": mean + self.adsorption_scale * on_adsorbate[..., 0],
                "formation_energy": self.formation_mean + self.formation_scale * on_slab[..., 0],
            },
            spread={
                name: unit * torch.exp(SPREAD_LIMIT * torch.tanh(raw / SPREAD_LIMIT))
                for (name, unit), raw in zip(SPREAD_UNIT.items(), (on_adsorbate[..., 1], on_slab[..., 1]), strict=True)
            },
            anomaly=on_adsorbate[..., 2:],
        )


def _with(one: SlabMember, state: dict[str, Tensor]) -> SlabMember:
    """As many members as the weights and scales are of, of the size, precision and place of one that there is."""
    made = SlabMember(one.config, len(state["formation_mean"])).to(one.formation_mean)
    made.load_state_dict(state)
    return made.train(one.training)
