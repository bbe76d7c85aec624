"""Whether a slab is like those trained on: its elements, its adsorbate, how its atoms stand, little doubt.

Distances and coordinations of the metal atoms tell strain, facet and vacancies apart, the share of those at a surface
the number of layers, metal near the adsorbate its site, and its own share of the atoms how densely it stands. The
limit of the doubt is a quantile over slabs that were not trained on, so the share of false alarms is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from understudy.surrogate.atoms.descriptors import ELEMENTS
from understudy.surrogate.atoms.graph import NAMES, AtomsGraph

#: Share of an element on a site that counts as its being there.
TRACE = 1e-2
#: Distance of a neighbour, over that of the nearest.
NEAR = 1.2
#: Share of each range that may be overstepped by rounding.
MARGIN = 1e-3
BEYOND = 100.0  # Å: an atom that is not within the cutoff
MEASURES = (
    "nearest", "farthest", "least_coordination", "most_coordination", "surface_share", "height", "eighth_over_seventh",
    "adsorbed_share",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SlabFamiliarity:
    """The known range.

    elements, adsorbates: those that were seen.
    box: of `MEASURES` -> least and greatest value, lengths in Å.
    doubt_limit: greatest doubt that still counts as known.
    """

    elements: tuple[str, ...]
    adsorbates: tuple[str, ...]
    box: Mapping[str, tuple[float, float]]
    doubt_limit: float

    def is_strange(self, adsorbate: Int64[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Whether what stands on each row, by its number in `NAMES`, was never seen; -1 is nothing, and not strange."""
        strange = torch.tensor([name not in self.adsorbates for name in NAMES], device=adsorbate.device)
        return (adsorbate >= 0) & strange[adsorbate.clamp(min=0)]

    def known(self, graph: AtomsGraph, doubt: Float[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Whether each row is inside; one without an adsorbate is not asked how that stands."""
        strangers = [number for number, symbol in enumerate(ELEMENTS) if symbol not in self.elements]
        foreign = (graph.occupation[:, strangers] > TRACE).any(1).to(doubt)
        inside = _largest(foreign, graph.row, len(graph)) < 0.5
        inside &= ~self.is_strange(graph.adsorbate)
        for name, values in measures(graph).items():
            low, high = self.box[name]
            slack = MARGIN * max(high - low, abs(high))
            inside &= values.isnan() | ((values >= low - slack) & (values <= high + slack))
        return inside & (doubt <= self.doubt_limit)


def familiarity_of(
    graph: AtomsGraph, doubt: Float[Tensor, " unseen"], *, false_alarms: float = 0.03
) -> SlabFamiliarity:
    """The known range of a training set.

    Args:
        graph: of the training rows.
        doubt: of rows with slabs that were not trained on.
        false_alarms: share of these that may be flagged.
    """
    there = (graph.occupation > TRACE).any(0).tolist()
    numbers = sorted({number for number in graph.adsorbate.tolist() if number >= 0})
    box = {}
    for name, values in measures(graph).items():
        seen = values[~values.isnan()]
        box[name] = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
    return SlabFamiliarity(
        elements=tuple(symbol for symbol, here in zip(ELEMENTS, there, strict=True) if here),
        adsorbates=tuple(NAMES[number] for number in numbers),
        box=box,
        doubt_limit=float(torch.quantile(doubt.double(), 1 - false_alarms)),
    )


@torch.no_grad()
def measures(graph: AtomsGraph) -> dict[str, Float[Tensor, " batch"]]:
    """`MEASURES` of each row: distances from metal atoms to their nearest, their coordination, where adsorbates stand.

    Those of the adsorbate are NaN for clean slabs.
    """
    rows, row = len(graph), graph.row
    metal = ~graph.adsorbed
    between = metal[graph.sender] & metal[graph.receiver]
    receiver, distance = graph.receiver[between], graph.distance[between]
    far = torch.full((len(row),), torch.inf, device=distance.device)
    nearest = far.scatter_reduce(0, receiver, distance, "amin")
    close = (distance < NEAR * nearest[receiver]).to(distance)
    coordination = torch.zeros_like(far).index_add(0, receiver, close)
    bond = graph.adsorbed[graph.receiver] & metal[graph.sender]
    height = torch.full((rows,), torch.inf, device=distance.device)
    height = height.scatter_reduce(0, row[graph.receiver[bond]], graph.distance[bond], "amin")
    of_metal = row[metal]
    least, most = -_largest(-nearest[metal], of_metal, rows), _largest(coordination[metal], of_metal, rows)
    at_surface = (coordination < most[row]) & metal
    seventh, eighth = _by_nearness(graph.distance[bond], row[graph.receiver[bond]], rows, (6, 7))
    adsorbed = _count(graph.adsorbed, row, rows)
    return {
        "nearest": least,
        "farthest": _largest(nearest[metal], of_metal, rows),
        "least_coordination": -_largest(-coordination[metal], of_metal, rows),
        "most_coordination": most,
        "surface_share": _count(at_surface, row, rows) / _count(metal, row, rows),
        "height": torch.where(adsorbed > 0, height.clamp(max=BEYOND), torch.nan),
        # above an fcc hollow nine atoms are near, three by three; above an hcp hollow one and twice three
        "eighth_over_seventh": eighth / seventh,
        "adsorbed_share": torch.where(adsorbed > 0, adsorbed / _count(metal, row, rows), torch.nan),
    }


def _by_nearness(distance: Tensor, row: Tensor, rows: int, places: Sequence[int]) -> list[Tensor]:
    """Distances at some places of each row's, from the shortest on; very large where there are not so many."""
    order = distance.argsort()
    order = order[row[order].argsort(stable=True)]
    counts = torch.bincount(row, minlength=rows)
    first = counts.cumsum(0) - counts
    found = []
    for place in places:
        there = counts > place
        values = torch.where(counts > 0, BEYOND, torch.nan)
        values[there] = distance[order[first[there] + place]]
        found.append(values)
    return found


def _count(chosen: Tensor, row: Tensor, rows: int) -> Tensor:
    """How many are chosen in each row."""
    return torch.zeros(rows, device=row.device).index_add(0, row, chosen.float())


def _largest(values: Tensor, row: Tensor, rows: int) -> Tensor:
    return values.new_full((rows,), -torch.inf).scatter_reduce(0, row, values, "amax")
