"""Answered slabs ready for training.

The loss sums absolute errors of the energies, each over the size that matters, the Laplace likelihood of the learnt
spreads given those errors, and the cross entropy of the anomalies. Where an adsorbate did not stay what and where it
was, its energy is that of something else: such rows teach the anomaly, not the energy.
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from understudy.datasets.reader import DataSet
from understudy.simulators.interface import Answer, Status
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.atoms.graph import NAMES, AtomsGraph, encode
from understudy.surrogate.atoms.judges import layout_numbers
from understudy.surrogate.atoms.member import ENERGIES, SPREAD_UNIT, SlabMember
from understudy.surrogate.learnable import Learnable
from understudy.surrogate.networks.atoms_config import AtomsConfig

#: Error that counts as one: [eV], [eV/atom].
ERROR_UNIT = {"adsorption_energy": 0.02, "formation_energy": 0.005}
SPREAD_WEIGHT, ANOMALY_WEIGHT = 0.1, 0.2
ERROR_LIMIT = 50.0  # units beyond which an error no longer pulls
LEAST_SCALE = 1e-3  # eV: of a set in which nothing differs


@dataclass(frozen=True, eq=False)
class SlabRows(Learnable[SlabMember]):
    """Encoded slabs with their answers, one row a case.

    graph: inputs. energy: of `ENERGIES`; NaN is not learnt. anomaly: which of `Anomaly` happened.
    slab: of the clean slab of each row, from `layout_numbers`.
    seen: which of the members that learn side by side may learn from each row.
    """

    graph: AtomsGraph
    adsorption_energy: Float[Tensor, " rows"]
    formation_energy: Float[Tensor, " rows"]
    anomaly: Bool[Tensor, "rows anomalies"]
    slab: Int[Tensor, " rows"]
    seen: Bool[Tensor, "rows members"]

    numbers = ENERGIES

    def __len__(self) -> int:
        return len(self.adsorption_energy)

    def __getitem__(self, rows: slice | Tensor) -> "SlabRows":
        return SlabRows(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def followed_by(self, others: "SlabRows") -> "SlabRows":
        """These rows and others behind them."""
        names = [item.name for item in fields(self) if item.name != "graph"]
        joined = {name: torch.cat([getattr(self, name), getattr(others, name)]) for name in names}
        return SlabRows(graph=AtomsGraph.concatenate([self.graph, others.graph]), **joined)

    def for_all(self, members: int) -> "SlabRows":
        """The same rows for so many members side by side, of which nothing is kept from any."""
        return replace(self, seen=torch.ones(len(self), members, dtype=torch.bool, device=self.device))

    @property
    def members(self) -> int:
        return self.seen.shape[1]

    @property
    def device(self) -> torch.device:
        return self.adsorption_energy.device

    def share(self) -> "SlabRows":
        for holder in (self, self.graph):
            for item in fields(holder):
                value = getattr(holder, item.name)
                if isinstance(value, Tensor):
                    value.share_memory_()
        return self

    def fresh(self, network: AtomsConfig) -> SlabMember:
        return SlabMember.side_by_side([self._fresh(network, rows) for rows in self.seen.T])

    def _fresh(self, network: AtomsConfig, rows: Tensor) -> SlabMember:
        """One member with the scales of these rows."""
        member = SlabMember(network)
        energy, adsorbate = self.adsorption_energy[rows], self.graph.adsorbate[rows]
        known = torch.isfinite(energy)
        mean = member.adsorption_mean[0]
        for number in range(len(NAMES)):
            of_it = known & (adsorbate == number)
            if of_it.any():
                mean[number] = energy[of_it].mean()
        formation = self.formation_energy[rows]
        formation = formation[torch.isfinite(formation)]
        member.adsorption_scale[0] = _scale(energy[known] - mean[adsorbate[known]])
        member.formation_scale[0] = _scale(formation)
        if len(formation):
            member.formation_mean[0] = formation.mean()
        return member

    def judged(self, member: SlabMember) -> tuple[Tensor, dict[str, Tensor]]:
        """As everywhere; the loss is the sum over members, each over the rows that it may learn from."""
        output = member(self.graph)
        total, errors = output.anomaly.new_zeros(()), {}
        for name, unit in ERROR_UNIT.items():
            truth = getattr(self, name)[:, None]
            known = torch.isfinite(truth) & torch.isfinite(output.energy[name].detach()) & self.seen
            error = torch.where(known, output.energy[name] - truth, 0.0).abs()
            spread = output.spread[name]
            likelihood = error.detach() / spread + torch.log(spread / SPREAD_UNIT[name])
            lost = (error / unit).clamp(max=ERROR_LIMIT) + SPREAD_WEIGHT * likelihood
            total = total + _mean_over(known, lost).sum()
            errors[name] = _mean_over(known, error.detach()).mean()
        there = (self.graph.adsorbate >= 0)[:, None] & self.seen
        happened = self.anomaly[:, None].expand_as(output.anomaly).to(output.anomaly)
        surprise = binary_cross_entropy_with_logits(output.anomaly, happened, reduction="none").mean(2)
        return total + ANOMALY_WEIGHT * _mean_over(there, surprise).sum(), errors


def slab_rows(data: DataSet, cutoff: float, rows: Tensor | None = None) -> SlabRows:
    """The answered ones among `rows` of a data set about slabs (all, if not given), encoded.

    Raises:
        ValueError: no answered row.
    """
    chosen = data.ok_rows if rows is None else rows[data.ok[rows]]
    if len(chosen) == 0:
        raise ValueError("expected at least one answered case to train on; got none")
    return slab_rows_of(data.slab_case(chosen), data.solution(chosen), cutoff)


def slab_rows_of(case: SlabCase, answer: Answer, cutoff: float) -> SlabRows:
    """Encode slabs and their answers; energies of rows where an anomaly happened, or without an answer, are NaN."""
    happened = torch.stack([answer.values[str(name)] > 0.5 for name in Anomaly], 1)
    answered = torch.tensor([status is Status.OK for status in answer.status])
    plain = answered & ~happened.any(1)
    graph = encode(case, cutoff)
    return SlabRows(
        graph,
        torch.where(plain, answer["adsorption_energy"], torch.nan).float(),
        torch.where(answered, answer["formation_energy"], torch.nan).float(),
        happened,
        layout_numbers(graph),
        seen=torch.ones(len(answered), 1, dtype=torch.bool),
    )


def _mean_over(chosen: Bool[Tensor, "rows members"], values: Float[Tensor, "rows members"]) -> Tensor:
    """Mean over the chosen rows (members,), 0 where there are none."""
    return torch.where(chosen, values, 0.0).sum(0) / chosen.sum(0).clamp(min=1)


def _scale(values: Tensor) -> Tensor:
    return values.std().clamp(min=LEAST_SCALE) if len(values) > 1 else torch.ones(())
