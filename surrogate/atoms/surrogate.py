"""The understudy of the simulators of slabs: it takes the same cases and answers the same energies, with intervals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn

from understudy.simulators.interface import Predictor, Status, Subject
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.descriptors import ELEMENTS
from understudy.surrogate.atoms.familiarity import TRACE, SlabFamiliarity
from understudy.surrogate.atoms.graph import NAMES, AtomsGraph, encode
from understudy.surrogate.atoms.judges import JUDGES
from understudy.surrogate.atoms.member import ENERGIES, SPREAD_UNIT, SlabMember
from understudy.surrogate.calibration import Calibration
from understudy.surrogate.card import Card, identity_of
from understudy.surrogate.ensemble import claimed_error
from understudy.surrogate.prediction import Prediction, joined

AT_ONCE = 32  # rows; more leave the processor's cache


@dataclass(frozen=True, eq=False)
class SlabEnsembleOutput:
    """What an ensemble says of `ENERGIES`.

    mean, variance: of the members. scale: error that they expect. anomaly: probability of each `Anomaly`.
    """

    mean: dict[str, Float[Tensor, " batch"]]
    variance: dict[str, Float[Tensor, " batch"]]
    scale: dict[str, Float[Tensor, " batch"]]
    anomaly: Float[Tensor, "batch anomalies"]

    def doubt(self, names: Iterable[str]) -> Float[Tensor, " batch"]:
        """The largest of the claimed errors of these, over its unit; of the slab alone where nothing stands on it."""
        parts = [self.scale[name] / SPREAD_UNIT[name] for name in names]
        return torch.stack(parts, 1).nan_to_num(0.0).amax(1)

    def __getitem__(self, rows: Tensor) -> "SlabEnsembleOutput":
        return SlabEnsembleOutput(
            {name: values[rows] for name, values in self.mean.items()},
            {name: values[rows] for name, values in self.variance.items()},
            {name: values[rows] for name, values in self.scale.items()},
            self.anomaly[rows],
        )

    @staticmethod
    def concatenate(parts: "Sequence[SlabEnsembleOutput]") -> "SlabEnsembleOutput":
        """The rows of all parts."""
        return SlabEnsembleOutput(
            {name: torch.cat([part.mean[name] for part in parts]) for name in ENERGIES},
            {name: torch.cat([part.variance[name] for part in parts]) for name in ENERGIES},
            {name: torch.cat([part.scale[name] for part in parts]) for name in ENERGIES},
            torch.cat([part.anomaly for part in parts]),
        )


class SlabEnsemble(nn.Module):
    """Trained members of equal standing, which read the same graph in one pass."""

    def __init__(self, members: Sequence[SlabMember]) -> None:
        super().__init__()
        self.together = SlabMember.side_by_side(members)

    def __len__(self) -> int:
        return len(self.together.formation_mean)

    def __iter__(self) -> Iterator[SlabMember]:
        return iter(self.together.apart())

    @property
    def cutoff(self) -> float:
        """Distance beyond which atoms do not talk [Å]."""
        return self.together.config.cutoff

    def forward(self, graph: AtomsGraph) -> SlabEnsembleOutput:
        """Mean and claimed error of encoded slabs."""
        output = self.together(graph)
        return SlabEnsembleOutput(
            {name: value.mean(1) for name, value in output.energy.items()},
            {name: value.var(1, correction=0) for name, value in output.energy.items()},
            {name: self._claimed(value, output.spread[name]) for name, value in output.energy.items()},
            output.anomaly.sigmoid().mean(1),
        )

    def _claimed(self, values: Tensor, spreads: Tensor) -> Tensor:
        """What two members claim on average, as the claim of two was compared with errors; an odd one makes three."""
        groups = max(1, len(self) // JUDGES)
        parts = [claimed_error(values[:, one::groups], spreads[:, one::groups]) for one in range(groups)]
        return torch.stack(parts).mean(0)


class SlabSurrogate(Predictor[SlabCase]):
    """A calibrated ensemble that answers slabs, mixtures of elements included.

    Args:
        ensemble: trained members.
        calibration: intervals from claimed errors.
        familiarity: what was trained on.
        card: what is to be said of it.

    Gradients flow from every energy and interval to occupation, positions and cell.
    """

    name = "surrogate"
    about = Subject.SLAB
    quantities = (*ENERGIES, *(str(one) for one in Anomaly))
    differentiable = True

    def __init__(
        self, ensemble: SlabEnsemble, calibration: Calibration, familiarity: SlabFamiliarity, card: Card
    ) -> None:
        self.ensemble = ensemble.eval().requires_grad_(False)
        self.calibration, self.familiarity, self.card = calibration, familiarity, card

    @property
    def constants(self) -> Mapping[str, float]:
        """Lattice constants of the slabs that it has learnt from [Å]; none where the card names none."""
        constants: Mapping[str, float] = self.card.data.get("constants", {})
        return constants

    @cached_property
    def identity(self) -> str:
        """Name and a hash of weights and calibration."""
        return identity_of(self.name, self.ensemble, self.calibration)

    @property
    def fingerprint(self) -> str:
        """Calculators, with digests of their settings, whose energies it has learnt; empty if the card tells none."""
        return ", ".join(self.card.data.get("settings", ()))

    def thinned(self, number: int) -> "SlabSurrogate":
        """A member alone, in the place of all: as quick as a step of a search should be, and as rough."""
        few = self._members_alone[number % len(self.ensemble)]
        return SlabSurrogate(few, self.calibration, self.familiarity, self.card)

    @cached_property
    def _members_alone(self) -> list[SlabEnsemble]:
        """Each member as an ensemble of its own: a search asks for one in every step."""
        return [SlabEnsemble([member]) for member in self.ensemble]

    def predict(self, case: SlabCase) -> Prediction:
        """Answer every row; one with an element or an adsorbate that networks cannot read is `refused`."""
        parts: list[Prediction] = []
        for sentence, some in groupby(enumerate(_refusals(case)), lambda pair: pair[1]):
            rows = case[torch.tensor([row for row, _ in some], device=case.offsets.device)]
            if sentence:
                parts.append(self._refused(rows, sentence))
            else:
                parts += [self._predict(part) for part in _readable(rows).chunks(AT_ONCE)]
        return joined(parts)

    def _predict(self, case: SlabCase) -> Prediction:
        graph = encode(case, self.ensemble.cutoff)
        output = self.ensemble(graph)
        values, low, high = {}, {}, {}
        for name in ENERGIES:
            mean, width = output.mean[name], output.scale[name]
            if name in self.calibration.curves:
                width = self.calibration.width(name, width)
            else:  # none of the slabs that it learnt from had any
                mean = width = torch.full_like(mean, torch.nan)
            values[name], low[name], high[name] = (one.to(case.positions) for one in (mean, mean - width, mean + width))
        values |= {str(name): output.anomaly[:, k].to(case.positions) for k, name in enumerate(Anomaly)}
        strange = self.familiarity.is_strange(graph.adsorbate)
        for told in (values, low, high):  # only the slab is known where the adsorbate is not
            told |= {
                name: one.masked_fill(strange, torch.nan) for name, one in told.items() if name != "formation_energy"
            }
        return Prediction(
            values=values,
            low=low,
            high=high,
            coverage=self.calibration.coverage,
            known=self.familiarity.known(graph, output.doubt(self.calibration.curves).detach()),
            status=(Status.OK,) * len(case),
            message=("",) * len(case),
        )

    def _refused(self, case: SlabCase, sentence: str) -> Prediction:
        blank = case.positions.new_full((len(case),), torch.nan)
        return Prediction(
            values=dict.fromkeys(self.quantities, blank),
            low=dict.fromkeys(ENERGIES, blank),
            high=dict.fromkeys(ENERGIES, blank),
            coverage=self.calibration.coverage,
            known=torch.zeros(len(case), dtype=torch.bool, device=blank.device),
            status=(Status.REFUSED,) * len(case),
            message=(sentence,) * len(case),
        )


def _refusals(case: SlabCase) -> list[str]:
    """Why networks cannot read each row; empty where they can."""
    known = dict.fromkeys(("", *NAMES), "")
    unknown = f"refused: the networks know the adsorbates {', '.join(NAMES)}; got "
    sentences = [known.get(name, f"{unknown}{name}") for name in case.adsorbates]
    for column, symbol in enumerate(case.elements):
        if symbol not in ELEMENTS:
            there = case.row_of_atom[case.occupation[:, column] > TRACE]
            for row in there.unique().tolist():
                sentences[row] = f"refused: the networks read {', '.join(ELEMENTS)}; got {symbol}"
    return sentences


def _readable(case: SlabCase) -> SlabCase:
    """Without columns of elements that networks cannot read, of which there is none."""
    kept = [column for column, symbol in enumerate(case.elements) if symbol in ELEMENTS]
    if len(kept) == len(case.elements):
        return case
    elements = tuple(case.elements[column] for column in kept)
    return replace(case, elements=elements, occupation=case.occupation[:, kept])
