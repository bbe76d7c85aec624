"""Between the numbers a network gives and physical quantities: the scales in which fields are learnt.

| field | learnt as |
|---|---|
| cp | departure from the inviscid cp, over 0.3 + inviscid edge speed |
| cf | asinh(cf √Re) |
| theta | ln(θ √Re) |
| delta_star | ln(δ*/θ) |

Lift and moment are integrals of the pressure by the simulators' own rule, so all three agree. The drag is learnt as ln
CD.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.surrogate.encoding import Encoding


@dataclass(frozen=True, eq=False)
class SurfaceFields:
    """Physical fields on the nodes, each (batch, nodes) or with members between, in the units of `quantities`."""

    cp: Tensor
    cf: Tensor
    theta: Tensor
    delta_star: Tensor


def learnt_fields(fields: SurfaceFields, encoding: Encoding) -> Float[Tensor, "batch 4 nodes"]:
    """Physical fields in the scales in which they are learnt."""
    half_ln_reynolds = 0.5 * encoding.ln_reynolds[:, None]
    return torch.stack(
        [
            (fields.cp - encoding.cp_inviscid) / _pressure_scale(encoding),
            torch.asinh(fields.cf * torch.exp(half_ln_reynolds)),
            torch.log(fields.theta) + half_ln_reynolds,
            torch.log(fields.delta_star / fields.theta),
        ],
        dim=1,
    )


def physical_fields(learnt: Float[Tensor, "batch members 4 nodes"], encoding: Encoding) -> SurfaceFields:
    """The inverse of `learnt_fields` for several members, fields (batch, members, nodes)."""
    pressure, friction, thickness, shape = learnt.unbind(2)
    half_ln_reynolds = 0.5 * encoding.ln_reynolds[:, None, None]
    theta = torch.exp(thickness - half_ln_reynolds)
    return SurfaceFields(
        cp=encoding.cp_inviscid[:, None] + pressure * _pressure_scale(encoding)[:, None],
        cf=torch.sinh(friction) * torch.exp(-half_ln_reynolds),
        theta=theta,
        delta_star=theta * torch.exp(shape),
    )


def _pressure_scale(encoding: Encoding) -> Tensor:
    return 0.3 + torch.sqrt((1 - encoding.cp_inviscid).clamp(min=0.01))
