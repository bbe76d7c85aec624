"""From cases to the field that the boundary layer lives in: panels, wake, influence of mass defect, trips."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.airfoil.forces import lift_basis
from understudy.simulators.airfoil.panel import solve_panels
from understudy.simulators.airfoil.viscous.system import Field
from understudy.simulators.airfoil.viscous.wake import edge_speed_model, trace_wake
from understudy.simulators.rows import joined, rows_at_once, rows_of

#: Cases whose panels a processor works on at once: their influence matrices fit the processor's cache.
CHUNK = 16


@dataclass(frozen=True, eq=False)
class Flight:
    """A batch of shapes, each at a known angle or at a known lift: what the viscous solver proper works on.

    coordinates (batch, nodes, 2) [chord]; alpha [deg], lift, reynolds, mach, n_crit, trip_top and trip_bottom [chord],
    all (batch,). Where a lift is given, alpha is the first guess of its angle; elsewhere lift is NaN.
    """

    coordinates: Float[Tensor, "batch nodes 2"]
    alpha: Float[Tensor, " batch"]
    lift: Float[Tensor, " batch"]
    reynolds: Float[Tensor, " batch"]
    mach: Float[Tensor, " batch"]
    n_crit: Float[Tensor, " batch"]
    trip_top: Float[Tensor, " batch"]
    trip_bottom: Float[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.alpha)


def build_field(flight: Flight, *, compressible: bool) -> Field:
    """Inviscid flow, wake and influence of mass defect of each row; differentiable.

    Args:
        compressible: whether to carry the Mach number; False saves a third of the boundary layer's cost where all are
            zero.
    """
    coordinates = flight.coordinates
    size = rows_at_once(coordinates, processor=CHUNK)
    flows = [solve_panels(chunk) for chunk in coordinates.split(size)]
    wake = trace_wake(joined(flows), flight.alpha)
    models = [edge_speed_model(flow, rows_of(wake, slice(k * size, (k + 1) * size))) for k, flow in enumerate(flows)]
    basis, influence = (torch.cat(parts) for parts in zip(*models, strict=True))
    length = (coordinates[:, 1:] - coordinates[:, :-1]).square().sum(-1).sqrt()
    surface_arc = torch.nn.functional.pad(torch.cumsum(length, 1), (1, 0))
    arc = torch.cat((surface_arc, surface_arc[:, -1:] + wake.distance), 1)
    return Field(
        arc=arc,
        alpha=flight.alpha,
        lift=flight.lift,
        inviscid_basis=basis,
        lift_basis=lift_basis(coordinates),
        mass_influence=influence,
        gap=torch.cat((torch.zeros_like(surface_arc), wake.gap), 1),
        trips=_trip_arcs(flight, surface_arc),
        reynolds=flight.reynolds,
        mach=flight.mach if compressible else None,
        n_crit=flight.n_crit,
        nodes=coordinates.shape[1],
    )


def _trip_arcs(flight: Flight, arc: Tensor) -> Tensor:
    """Arc positions (batch, 2) at which the surfaces reach the trips' x: the foremost node where that lies behind."""
    x = flight.coordinates[..., 0]
    foremost, nose = x.min(1, keepdim=True)
    index = torch.arange(x.shape[1] - 1, device=x.device)
    ends = (arc[:, 0], arc[:, -1])
    arcs = []
    for trip, on_side, end in (
        (flight.trip_top, index < nose, ends[0]),
        (flight.trip_bottom, index >= nose, ends[1]),
    ):
        target = trip[:, None]
        crosses = on_side & ((x[:, :-1] - target) * (x[:, 1:] - target) <= 0) & (target < 1.0)
        panel = crosses.to(torch.int8).argmax(1, keepdim=True)
        x1, x2 = x.gather(1, panel), x.gather(1, panel + 1)
        share = (target - x1) / torch.where(x1 == x2, torch.ones_like(x1), x2 - x1)
        at = arc.gather(1, panel) + share * (arc.gather(1, panel + 1) - arc.gather(1, panel))
        elsewhere = torch.where(trip > foremost[:, 0], end, arc.gather(1, nose)[:, 0])
        arcs.append(torch.where(crosses.any(1), at[:, 0], elsewhere))
    return torch.stack(arcs, 1)
