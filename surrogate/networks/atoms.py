"""Message passing on atoms: invariant to turning, moving and renumbering them, smooth where neighbours come and go.

Messages between atoms depend on both of them and, through smooth radial functions, on their distance. Metal atoms hear
metal atoms only, so that their states are those of the clean slab; the adsorbate hears everything. One pass thus
answers for the slab and for what stands on it.

Several networks run side by side on one batch: they share an operation, not a weight. A batch of a few small cells is
so little work that one network alone would spend most of its time between operations.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn import MessagePassing

from understudy.surrogate.networks.atoms_config import AtomsConfig


class RadialFunctions(nn.Module):
    """Gaussians of the distance, evenly spread, each times an envelope that goes to zero smoothly at the cutoff."""

    centres: Tensor

    def __init__(self, count: int, cutoff: float, nearest: float = 0.8) -> None:
        super().__init__()
        self.cutoff, self.width = cutoff, (cutoff - nearest) / count
        self.register_buffer("centres", torch.linspace(nearest, cutoff, count), persistent=False)

    def forward(self, distance: Float[Tensor, " edges"]) -> Float[Tensor, "edges basis"]:
        """Values at each distance [Å]."""
        bells = torch.exp(-0.5 * ((distance[:, None] - self.centres) / self.width).square())
        return bells * envelope(distance / self.cutoff)[:, None]


def envelope(share: Tensor) -> Tensor:
    """1 at 0 and 0 from 1 on, with two derivatives that go to zero there: (1 - x)³ (1 + 3x + 6x²)."""
    x = share.clamp(max=1.0)
    return (1 - x) ** 3 * (1 + 3 * x + 6 * x * x)


class Linear(nn.Module):
    """A linear map for each of several networks."""

    def __init__(self, inputs: int, outputs: int, *, members: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, values: Float[Tensor, "*members rows inputs"]) -> Float[Tensor, "members rows outputs"]:
        """The map of each network; values without members are the same for all."""
        if values.ndim == 2:
            values = values.expand(len(self.weight), -1, -1)
        if self.bias is None:
            return values @ self.weight.mT
        return torch.baddbmm(self.bias[:, None], values, self.weight.mT)


class AtomMessages(MessagePassing):
    """One round: sums of filter(distance) · silu(W_r h_r + W_s h_s), then a residual update."""

    def __init__(self, features: int, basis: int, *, members: int) -> None:
        super().__init__(aggr="sum")
        self.receiver = Linear(features, features, members=members)
        self.sender = Linear(features, features, members=members, bias=False)
        self.filter = Linear(basis, features, members=members, bias=False)
        self.first = Linear(2 * features, features, members=members)
        self.second = Linear(features, features, members=members)
        self.scale = 1 / math.sqrt(12)

    def forward(self, state: Tensor, edges: Tensor, radial: Tensor) -> Tensor:
        """New state of all atoms (members, atoms, features)."""
        heard = self.propagate(
            edges, receiver=self.receiver(state), sender=self.sender(state), weight=self.filter(radial), size=None
        )
        return state + 0.5 * self.second(silu(self.first(torch.cat([state, self.scale * heard], 2))))

    def message(self, receiver_i: Tensor, sender_j: Tensor, weight: Tensor) -> Tensor:
        """What the sender tells the receiver."""
        return weight * silu(receiver_i + sender_j)

    def aggregate(self, inputs: Tensor, index: Tensor, dim_size: int) -> Tensor:
        """What each receiver hears in sum; with members, several times as fast as what would be called otherwise."""
        return inputs.new_zeros(len(inputs), dim_size, inputs.shape[2]).index_add(1, index, inputs)


class AtomsNetwork(nn.Module):
    """The network of `AtomsConfig`.

    Args:
        config: its size. elements: columns of the occupation. columns: of the descriptors.
        answers: numbers of each adsorbate, and of each slab. members: networks side by side.
    """

    def __init__(
        self, config: AtomsConfig, elements: int, columns: int, answers: tuple[int, int], *, members: int = 1
    ) -> None:
        super().__init__()
        self.config = config
        features = config.features
        self.likeness = Linear(columns, features, members=members)
        self.own = Linear(elements, features, members=members, bias=False)
        nn.init.normal_(self.own.weight, std=0.1)
        self.radial = RadialFunctions(config.basis, config.cutoff)
        self.layers = nn.ModuleList(AtomMessages(features, config.basis, members=members) for _ in range(config.layers))
        self.of_adsorbate, self.of_slab = (
            nn.Sequential(
                Linear(features, features, members=members), nn.SiLU(), Linear(features, count, members=members)
            )
            for count in answers
        )

    def forward(
        self,
        occupation: Float[Tensor, "atoms elements"],
        likeness: Float[Tensor, "atoms columns"],
        edges: Int[Tensor, "2 edges"],
        distance: Float[Tensor, " edges"],
        adsorbed: Bool[Tensor, " atoms"],
        row: Int[Tensor, " atoms"],
        rows: int,
    ) -> tuple[Float[Tensor, "batch members on_adsorbate"], Float[Tensor, "batch members on_slab"]]:
        """Numbers of each adsorbate (mean over its atoms; 0 where there is none), and means over the metal atoms.

        Args:
            occupation, likeness: of each atom: its elements, and their descriptors.
            edges: sender and receiver; those from adsorbates to metal are not heard. distance: along each [Å].
            adsorbed: atoms of adsorbates. row: which structure each atom is of. rows: how many there are.
        """
        sender, receiver = edges
        heard = ~(adsorbed[sender] & ~adsorbed[receiver])
        edges, radial = _pairs(edges[:, heard], self.radial(distance[heard]), len(row))
        state = self.likeness(likeness) + self.own(occupation)
        for layer in self.layers:
            state = layer(state, edges, radial)
        return (
            _mean(self.of_adsorbate(state), adsorbed, row, rows),
            _mean(self.of_slab(state), ~adsorbed, row, rows),
        )


def _pairs(edges: Tensor, radial: Tensor, atoms: int) -> tuple[Tensor, Tensor]:
    """One edge for each pair of atoms, with the sum of the radial functions over all images of the sender.

    Images have one state, and filters are linear, so that what is heard is the same: in cells of one atom a layer by a
    fifth of the messages.
    """
    pairs, pair = torch.unique(edges[1] * atoms + edges[0], return_inverse=True)
    summed = radial.new_zeros(len(pairs), radial.shape[1]).index_add(0, pair, radial)
    return torch.stack((pairs % atoms, pairs // atoms)), summed


def _mean(values: Float[Tensor, "members atoms numbers"], chosen: Tensor, row: Tensor, rows: int) -> Tensor:
    """Mean over the chosen atoms of each structure (rows, members, numbers), 0 where there are none."""
    weight = chosen.to(values)
    total = values.new_zeros(len(values), rows, values.shape[2]).index_add(1, row, values * weight[:, None])
    count = values.new_zeros(rows).index_add(0, row, weight).clamp(min=1)
    return (total / count[:, None]).transpose(0, 1)
