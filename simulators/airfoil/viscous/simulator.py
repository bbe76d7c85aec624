"""The embedded airfoil simulator: viscous-inviscid interaction, batched, with gradients."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import PRESSURE_FORCES
from understudy.simulators.airfoil.panel import likely_angle
from understudy.simulators.airfoil.viscous.implicit import follow_parameters
from understudy.simulators.airfoil.viscous.outputs import quantities
from understudy.simulators.airfoil.viscous.pool import Converged, PoolOptions, converge
from understudy.simulators.airfoil.viscous.setup import Flight, build_field
from understudy.simulators.airfoil.viscous.system import State
from understudy.simulators.interface import Simulator, Solution, Status
from understudy.simulators.rows import detached, put_rows, rows_at_once, rows_of

#: Rows whose quantities, or whose gradients, a processor works out at once.
CHUNK = 32
#: Prescribed lift: how often the wake is traced again at most, and how far its angle may be from the one found [deg].
_TRACINGS, _ANGLE_TOLERANCE = 8, 1e-5

#: Options that change what an answer costs, not the answer.
_WORK = ("size", "intake", "compiled")

QUANTITIES = (
    "alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm", "xtr_top", "xtr_bottom", "xsep_top", "xsep_bottom",
    "cp", "cf", "theta", "delta_star", "shape_factor", "edge_speed",
)  # fmt: skip
_ON_NODES = QUANTITIES[10:]


@dataclass(frozen=True)
class ViscousSimulator(Simulator[AirfoilCase]):
    """Subsonic flow past an airfoil: panels, an integral boundary layer, e^N transition and a wake.

    The nodes of the case are the panels' ends and are used as they are. All unknowns are found together by Newton's
    method; a row that does not converge from one first guess is tried from others. Compressibility by Karman and
    Tsien, fit for Mach numbers below about 0.6 and no shocks.

    Gradients flow from all quantities to coordinates, angle or lift, Reynolds and Mach number, n_crit and trips
    through the converged state (implicit function theorem); they cost one assembly and one transposed solve, whatever
    the iterations were.

    Args:
        options: sizes, tolerance and first guesses of the iteration.

    References: M. Drela, XFOIL, 1989; M. Drela and M. Giles, AIAA J. 25 (1987); K. Fidkowski, AIAA J. 60 (2022).
    """

    options: PoolOptions = field(default_factory=PoolOptions)

    name = "viscous"
    version = "2"
    forces = PRESSURE_FORCES
    quantities = QUANTITIES
    differentiable = True

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Options of the iteration that decide the answers, JSON-ready; how the pool works does not."""
        return {name: value for name, value in asdict(self.options).items() if name not in _WORK}

    def predict(self, case: AirfoilCase) -> Solution:
        """Answer every row; computed in double precision whatever the precision of the case."""
        flight = _flight(case)
        with torch.no_grad():
            faults = _faults(flight.coordinates)
            fate = _converged(detached(flight), self.options)
            sound = torch.tensor([not fault for fault in faults], device=fate.converged.device)
            fate = replace(fate, converged=fate.converged & sound)
        flight = replace(flight, alpha=torch.where(case.lift_prescribed, fate.state.alpha, flight.alpha))
        follow = torch.is_grad_enabled() and any(value.requires_grad for value in flight.__dict__.values())
        values = _values(flight, fate, follow)
        converged = fate.converged.tolist()
        ends = [
            (Status.OK, "") if converged[row] else _failure(fate, row, fault, flight)
            for row, fault in enumerate(faults)
        ]
        status, message = zip(*ends, strict=True)
        values = {name: value.to(case.coordinates.dtype) for name, value in values.items()}
        return Solution(values=values, status=status, message=message, residuals=fate.residuals)


def _flight(case: AirfoilCase) -> Flight:
    double = {
        name: getattr(case, name).double()
        for name in ("coordinates", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    }
    return Flight(alpha=case.alpha.double(), lift=case.cl.double(), **double)


def _converged(flight: Flight, options: PoolOptions) -> Converged:
    """Converge all rows. Where lift is prescribed, trace the wake again until it leaves at the angle that is found."""
    wanted = torch.isfinite(flight.lift)
    if bool(wanted.any()):
        flight = replace(flight, alpha=torch.where(wanted, _first_angle(flight), flight.alpha))
    fate = converge(flight, options=options)
    for _ in range(_TRACINGS):
        rows = (fate.converged & ((fate.state.alpha - flight.alpha).abs() > _ANGLE_TOLERANCE)).nonzero()[:, 0]
        if not len(rows):
            break
        flight = replace(flight, alpha=flight.alpha.index_put((rows,), fate.state.alpha[rows]))
        again = converge(rows_of(flight, rows), options=options, guess=rows_of(fate.state, rows))
        spent = fate.iterations.index_add(0, rows, again.iterations)
        fate = replace(put_rows(fate, rows, again), iterations=spent)
    near = (fate.state.alpha - flight.alpha).abs() <= _ANGLE_TOLERANCE
    return replace(fate, converged=fate.converged & near)


def _first_angle(flight: Flight) -> Tensor:
    size = rows_at_once(flight.alpha, processor=CHUNK)
    rows = torch.arange(len(flight.lift), device=flight.lift.device).split(size)
    return torch.cat([likely_angle(flight.coordinates[some], flight.lift[some], flight.mach[some]) for some in rows])


def _values(flight: Flight, fate: Converged, follow: bool) -> dict[str, Tensor]:
    """Quantities of all rows, NaN where a row did not converge; chunk by chunk, so that memory stays bounded."""
    compressible = (flight.mach > 0) | flight.mach.requires_grad
    kinds = [(fate.converged & kind).nonzero()[:, 0] for kind in (compressible, ~compressible)]
    rows = torch.cat(kinds)
    size = rows_at_once(flight.alpha, processor=CHUNK)
    parts = []
    for some in [chunk for kind in kinds if len(kind) for chunk in kind.split(size)]:
        part = rows_of(flight, some)
        state = rows_of(fate.state, some)
        carry_mach = bool(compressible[some[0]])
        if follow:
            part = replace(part, alpha=_following_lift(part, state, carry_mach))
            parts.append(_followed(part, state, compressible=carry_mach))
        else:
            mach = part.mach if carry_mach else None
            with torch.no_grad():
                parts.append(quantities(part, replace(rows_of(fate.field, some), mach=mach), state))
    batch, nodes = flight.coordinates.shape[:2]
    values = {}
    for name in QUANTITIES:
        shape = (batch, nodes) if name in _ON_NODES else (batch,)
        blank = flight.alpha.new_full(shape, torch.nan)
        values[name] = blank.index_put((rows,), torch.cat([part[name] for part in parts])) if parts else blank
    return values


def _followed(flight: Flight, state: State, *, compressible: bool) -> Mapping[str, Tensor]:
    """Quantities with their gradients, through a field that is built anew."""
    built = build_field(flight, compressible=compressible)
    return quantities(flight, built, follow_parameters(built, replace(state, alpha=flight.alpha)))


def _following_lift(flight: Flight, state: State, compressible: bool) -> Tensor:
    """The angle (batch,) as a differentiable function of the prescribed lift and of all that changes the lift."""
    wanted = torch.isfinite(flight.lift)
    if not bool(wanted.any()):
        return flight.alpha
    free = flight.alpha.detach().requires_grad_()
    reached = _followed(replace(flight, alpha=free), state, compressible=compressible)["cl"]
    (slope,) = torch.autograd.grad(reached.sum(), free, retain_graph=True)
    moved = free.detach() + (torch.where(wanted, flight.lift, reached) - reached) / slope
    return torch.where(wanted, moved, flight.alpha)


def _faults(coordinates: Tensor) -> list[str]:
    """What makes each contour no airfoil that could be flown; empty where nothing does."""
    step = coordinates.diff(dim=1)
    repeated = (step.square().sum(-1) == 0).to(torch.int8)
    x, y = coordinates.unbind(-1)
    ahead = coordinates.roll(-1, dims=1)
    area = 0.5 * (x * ahead[..., 1] - y * ahead[..., 0]).sum(1)
    faults = []
    for again, where, size in zip(repeated.amax(1).tolist(), repeated.argmax(1).tolist(), area.tolist(), strict=True):
        if again:
            faults.append(f"refused: nodes {where} and {where + 1} are the same point; panel the shape again")
        elif size <= 0:
            faults.append(
                "refused: the nodes do not run from the upper trailing edge around the nose to the lower one; "
                "reverse their order"
            )
        else:
            faults.append("")
    return faults


def _failure(fate: Converged, row: int, fault: str, flight: Flight) -> tuple[Status, str]:
    """How a row ended that has no answer, and why."""
    if fault:
        return Status.REFUSED, fault
    return Status.NOT_CONVERGED, _why(fate, row, float(flight.mach[row]))


def _why(fate: Converged, row: int, mach: float) -> str:
    seen = fate.residuals[row]
    seen = seen[torch.isfinite(seen)]
    if not len(seen) and mach > 0:
        return (
            f"not converged: at Mach {mach:.3g} the flow past the nose would be far beyond the speed of sound, where "
            "the compressibility correction ends; try a lower Mach number or a smaller angle"
        )
    last = f"{seen[-1].item():.1e}" if len(seen) else "not finite"
    return (
        f"not converged from any of the first guesses (last residual {last}): the flow may be stalled here; "
        "try a smaller angle or lift, more nodes at the nose, or a march in angle by another simulator"
    )
