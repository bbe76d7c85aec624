"""Several members as one: mean, disagreement, and the error they expect of themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor, nn

from understudy.surrogate.encoding import Encoding
from understudy.surrogate.model import SPREAD_UNIT, Member, MemberOutput, side_by_side
from understudy.surrogate.outputs import SurfaceFields

ENSEMBLE_NUMBERS = ("cl", "ln_cd", "cm", "xtr_top", "xtr_bottom")
SPREAD_OF = {"cl": "cl", "ln_cd": "cd", "cm": "cm", "xtr_top": "xtr", "xtr_bottom": "xtr"}
DISAGREEMENT_WEIGHT = 2.0  # of the members' standard deviation beside the learnt spread: it underrates a common error
DOUBT_NUMBERS = ("cl", "ln_cd", "cm")


@dataclass(frozen=True, eq=False)
class EnsembleOutput:
    """What an ensemble answers.

    mean, scale: number of the case -> mean of the members and claimed size of its error, each (batch,).
    fields: means on the nodes.
    """

    mean: dict[str, Tensor]
    scale: dict[str, Tensor]
    fields: SurfaceFields

    @property
    def doubt(self) -> Float[Tensor, " batch"]:
        """Claimed errors of lift, drag and moment, over the unit of each, geometric mean."""
        logs = [torch.log(self.scale[name] / SPREAD_UNIT[SPREAD_OF[name]]) for name in DOUBT_NUMBERS]
        return torch.exp(torch.stack(logs).mean(0))

    @staticmethod
    def concatenate(parts: "Sequence[EnsembleOutput]") -> "EnsembleOutput":
        """The rows of all parts."""
        if len(parts) == 1:
            return parts[0]
        return EnsembleOutput(
            mean={name: torch.cat([part.mean[name] for part in parts]) for name in ENSEMBLE_NUMBERS},
            scale={name: torch.cat([part.scale[name] for part in parts]) for name in ENSEMBLE_NUMBERS},
            fields=SurfaceFields(
                **{
                    item.name: torch.cat([getattr(p.fields, item.name) for p in parts])
                    for item in fields(SurfaceFields)
                }
            ),
        )


class Ensemble(nn.Module):
    """Trained members of equal standing; their inputs are shared, and their operations where they are alike."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member; got none")
        self.members = nn.ModuleList(members)
        together = side_by_side(members)
        self.answering = nn.ModuleList(members if together is None else [together])

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)  # type: ignore[arg-type]  # a ModuleList forgets of which modules

    def forward(
        self, encoding: Encoding, coordinates: Float[Tensor, "batch nodes 2"], alpha: Float[Tensor, " batch"]
    ) -> EnsembleOutput:
        """Mean and claimed error of encoded cases. Mean lift and moment are integrals of the mean pressure."""
        outputs = [answering(encoding, coordinates, alpha) for answering in self.answering]
        values = _gathered([_numbers(output) for output in outputs])
        spreads = _gathered([_spreads(output) for output in outputs])
        mean = {name: value.mean(1) for name, value in values.items()}
        scale = {name: claimed_error(value, spreads[name]) for name, value in values.items()}
        surface = _gathered([vars(output.fields) for output in outputs])
        return EnsembleOutput(mean, scale, SurfaceFields(**{name: value.mean(1) for name, value in surface.items()}))


def claimed_error(values: Float[Tensor, "batch members"], spreads: Float[Tensor, "batch members"]) -> Tensor:
    """Size of the error that an ensemble expects of its mean: learnt spread and disagreement of the members."""
    return torch.sqrt(spreads.mean(1).square() + DISAGREEMENT_WEIGHT**2 * values.var(1, correction=0))


def _numbers(output: MemberOutput) -> dict[str, Tensor]:
    top, bottom = output.xtr.unbind(2)
    return {"cl": output.cl, "ln_cd": output.ln_cd, "cm": output.cm, "xtr_top": top, "xtr_bottom": bottom}


def _spreads(output: MemberOutput) -> dict[str, Tensor]:
    top, bottom = output.spread["xtr"].unbind(2)
    rest = {name: output.spread[SPREAD_OF[name]] for name in ("cl", "ln_cd", "cm")}
    return {**rest, "xtr_top": top, "xtr_bottom": bottom}


def _gathered(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The members of all parts side by side, for each name."""
    return {name: torch.cat([part[name] for part in parts], 1) for name in parts[0]}
