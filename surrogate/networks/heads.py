"""What every network ends in: fields on the nodes, and numbers of the case."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from understudy.surrogate.networks.mirror import MirrorConv1d, MirrorLinear, split

FIELDS = ("cp", "cf", "theta", "delta_star")
EVEN_NUMBERS = ("ln_cd", "spread_cl", "spread_cd", "spread_cm")
PAIRED_NUMBERS = ("xtr", "spread_xtr")  # of the upper and of the lower surface; mirroring swaps them


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """Normalised outputs.

    fields: (batch, FIELDS, nodes). numbers: (batch, EVEN_NUMBERS). pairs: (batch, 2, PAIRED_NUMBERS), top then bottom.
    """

    fields: Tensor
    numbers: Tensor
    pairs: Tensor


class FieldHead(nn.Module):
    """Node fields, even under mirroring, from two streams."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = MirrorConv1d(channels, len(FIELDS), 1, gain=0.5)

    def forward(self, streams: Tensor) -> Tensor:
        own, mirrored = split(self.out(streams))
        return own + mirrored


class CaseHead(nn.Module):
    """Numbers of the case from the trailing-edge nodes, where the wake begins, and from means over the contour."""

    def __init__(self, fine: int, coarse: int, hidden: int) -> None:
        super().__init__()
        self.first = MirrorLinear(3 * fine + coarse + hidden, hidden)
        self.second = MirrorLinear(hidden, hidden, gain=1.7)
        self.out = MirrorLinear(hidden, len(EVEN_NUMBERS) + len(PAIRED_NUMBERS), gain=0.5)

    def forward(self, fields: Tensor, fine: Tensor, coarse: Tensor, conditions: Tensor) -> NetworkOutput:
        own, mirrored = split(fine)
        coarse_own, coarse_mirrored = split(coarse.mean(2))
        conditions_own, conditions_mirrored = conditions.chunk(2, dim=1)
        features = torch.cat(
            [
                own[:, :, 0], own[:, :, -1], own.mean(2), coarse_own, conditions_own,
                mirrored[:, :, -1], mirrored[:, :, 0], mirrored.mean(2), coarse_mirrored, conditions_mirrored,
            ],
            dim=1,
        )  # fmt: skip
        numbers = self.out(silu(self.second(silu(self.first(features)))))
        top, bottom = numbers.chunk(2, dim=1)
        even = len(EVEN_NUMBERS)
        return NetworkOutput(
            fields, top[:, :even] + bottom[:, :even], torch.stack([top[:, even:], bottom[:, even:]], dim=1)
        )
