"""What every network ends in: fields on the nodes, and numbers of the case."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from understudy.surrogate.networks.mirror import MirrorLinear, MirrorSum, mirror_silu, parts_of, streams_of

FIELDS = ("cp", "cf", "theta", "delta_star")
EVEN_NUMBERS = ("ln_cd", "spread_cl", "spread_cd", "spread_cm")
PAIRED_NUMBERS = ("xtr", "spread_xtr")  # of the upper and of the lower surface; mirroring swaps them


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """Normalised outputs of each member.

    fields: (batch, members, FIELDS, nodes). numbers: (batch, members, EVEN_NUMBERS).
    pairs: (batch, members, 2, PAIRED_NUMBERS), top then bottom.
    """

    fields: Tensor
    numbers: Tensor
    pairs: Tensor


class FieldHead(nn.Module):
    """Node fields, even under mirroring, from a signal of `networks.mirror`."""

    def __init__(self, channels: int, *, members: int = 1) -> None:
        super().__init__()
        self.out = MirrorSum(channels, len(FIELDS), members=members, gain=0.5)

    def forward(self, parts: Tensor) -> Tensor:
        return self.out(parts).permute(1, 0, 3, 2)


class CaseHead(nn.Module):
    """Numbers of the case from the trailing-edge nodes, where the wake begins, and from means over the contour."""

    def __init__(self, fine: int, coarse: int, hidden: int, *, members: int = 1) -> None:
        super().__init__()
        self.first = MirrorLinear(3 * fine + coarse + hidden, hidden, members=members)
        self.second = MirrorLinear(hidden, hidden, members=members, gain=1.7)
        self.out = MirrorLinear(hidden, len(EVEN_NUMBERS) + len(PAIRED_NUMBERS), members=members, gain=0.5)

    def forward(self, fields: Tensor, fine: Tensor, coarse: Tensor, conditions: Tensor) -> NetworkOutput:
        own, image = streams_of(torch.stack([fine[:, :, :, 0], fine[:, :, :, -1]], 4)).unbind(1)
        edges = parts_of(torch.stack([own, image.flip(3)], 1)).flatten(3)  # each stream's own upper edge comes first
        features = torch.cat([edges, fine.mean(3), coarse.mean(3), conditions], 3)
        hidden = mirror_silu(self.second(mirror_silu(self.first(features))))
        numbers = streams_of(self.out(hidden)).permute(2, 0, 1, 3)
        even = len(EVEN_NUMBERS)
        return NetworkOutput(fields, numbers[..., :even].sum(2), numbers[..., even:])
