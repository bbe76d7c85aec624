"""Message passing on the surface graph: neighbours along the contour at several distances, links across the section.

The contour is coarsened once (four nodes become one), messages travel on the coarse graph, and the fine nodes read the
result beside their own inputs. Each message is a function of sender, receiver, the vector between them and the kind of
the link, so the graph carries the geometry and not only the order of the nodes. The case and its mirror image run
through the same weights as two graphs; the heads combine them, so the network is mirror-symmetric.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn import MessagePassing

from understudy.surrogate.encoding import EVEN_FIELDS, ODD_FIELDS
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.networks.heads import CaseHead, FieldHead, NetworkOutput
from understudy.surrogate.networks.mirror import parts_of

COARSENING = 4


class GraphNetwork(nn.Module):
    """The network of `GraphConfig`; the nodes must divide by four."""

    def __init__(self, config: GraphConfig, fields: tuple[int, int], conditions: tuple[int, int]) -> None:
        """Fields and conditions: how many even and odd ones the encoding has."""
        super().__init__()
        self.config = config
        inputs, hidden = sum(fields), config.features
        self.conditions = nn.Sequential(
            nn.Linear(sum(conditions), hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.encoder = nn.Linear(COARSENING * inputs, hidden)
        self.layers = nn.ModuleList(SurfaceMessages(hidden, 2 * len(config.reaches) + 1) for _ in range(config.layers))
        self.refine = nn.Linear(hidden, COARSENING * config.fine)
        self.own = nn.Linear(inputs, config.fine)
        self.last = nn.Linear(config.fine, config.fine)
        self.fields = FieldHead(config.fine)
        self.case = CaseHead(config.fine, hidden, hidden)

    def forward(self, even: Tensor, odd: Tensor, even_conditions: Tensor, odd_conditions: Tensor) -> NetworkOutput:
        """Normalised inputs in, normalised outputs out; shapes as in `Encoding`."""
        case = torch.cat([even, odd], 1)
        image = torch.cat([even, -odd], 1).flip(2)
        both = torch.cat([case, image]).transpose(1, 2)  # (2 batch, nodes, inputs)
        conditions = self.conditions(
            torch.cat(
                [torch.cat([even_conditions, odd_conditions], 1), torch.cat([even_conditions, -odd_conditions], 1)]
            )
        )
        graphs, nodes = both.shape[0], both.shape[1] // COARSENING
        edges, kind = surface_edges(graphs, nodes, self.config.reaches, both.device)
        position = self._positions(both, nodes)
        state = self.encoder(both.unflatten(1, (nodes, COARSENING)).flatten(2)).flatten(0, 1)
        for layer in self.layers:
            state = layer(state, edges, kind, position, conditions)
        coarse = state.unflatten(0, (graphs, nodes))
        fine = self.own(both) + self.refine(coarse).unflatten(2, (COARSENING, -1)).flatten(1, 2)
        fine = fine + self.last(silu(fine))
        parts = _as_parts(silu(fine))
        return self.case(self.fields(parts), parts, _as_parts(coarse), parts_of(torch.stack(conditions.chunk(2))[None]))

    @staticmethod
    def _positions(both: Tensor, nodes: int) -> Tensor:
        """Normalised (x, y) of the coarse nodes, one row a node."""
        place = both[..., [EVEN_FIELDS.index("x"), len(EVEN_FIELDS) + ODD_FIELDS.index("y")]]
        return place.unflatten(1, (nodes, COARSENING)).mean(2).flatten(0, 1)


class SurfaceMessages(MessagePassing):
    """One round: mean of messages silu(W_r h_r + W_s h_s + W_x (x_s - x_r) + b_kind), then a residual FiLM update.

    The vector between two nodes enters linearly, so its product with W_x is taken at the nodes, before they are
    gathered.
    """

    def __init__(self, features: int, kinds: int) -> None:
        super().__init__(aggr="mean")
        self.receiver = nn.Linear(features, features)
        self.sender = nn.Linear(features, features, bias=False)
        self.offset = nn.Linear(2, features, bias=False)
        self.kind = nn.Parameter(0.3 * torch.randn(kinds, features))
        self.modulation = nn.Linear(features, 2 * features)
        self.update_first = nn.Linear(2 * features, features)
        self.update_second = nn.Linear(features, features)

    def forward(self, state: Tensor, edges: Tensor, kind: Tensor, position: Tensor, conditions: Tensor) -> Tensor:
        """New state (all nodes, features); `kind` one number an edge, `conditions` one row a graph."""
        shift_by_place = self.offset(position)
        gathered = self.propagate(
            edges,
            receiver=self.receiver(state) - shift_by_place,
            sender=self.sender(state) + shift_by_place,
            kind=self.kind.index_select(0, kind),
            size=None,
        )
        scale, shift = self.modulation(conditions)[:, None].chunk(2, dim=2)
        hidden = self.update_first(torch.cat([state, gathered], 1)).unflatten(0, (len(conditions), -1))
        hidden = silu(torch.addcmul(shift, hidden, 1 + scale)).flatten(0, 1)
        return state + 0.5 * self.update_second(hidden)

    def message(self, receiver_i: Tensor, sender_j: Tensor, kind: Tensor) -> Tensor:
        """What the sender tells the receiver."""
        return silu(receiver_i + sender_j + kind)


def surface_edges(graphs: int, nodes: int, reaches: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Senders and receivers (2, edges) of equal graphs laid end to end, and the kind of each link.

    Kinds 0 and 1 lead forward and back over the first reach, and so on; the last kind leads across the section.
    """
    index = torch.arange(nodes, device=device)
    shifts = [sign * reach for reach in reaches for sign in (1, -1)]
    senders = torch.cat([(index + shift) % nodes for shift in shifts] + [nodes - 1 - index])
    receivers = index.repeat(len(shifts) + 1)
    start = nodes * torch.arange(graphs, device=device)[:, None]
    kind = torch.arange(len(shifts) + 1, device=device).repeat_interleave(nodes).repeat(graphs)
    return torch.stack([(senders + start).flatten(), (receivers + start).flatten()]), kind


def _as_parts(both: Tensor) -> Tensor:
    """(2 batch, nodes, features) of cases and mirror images as a signal of `networks.mirror`, of one member."""
    case, image = both.chunk(2)
    return parts_of(torch.stack([case, image.flip(1)])[None])
