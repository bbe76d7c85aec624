"""The embedded airfoil simulator: viscous-inviscid interaction, batched, with gradients."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.airfoil.panel import panel_solution
from understudy.simulators.airfoil.viscous.implicit import follow_parameters
from understudy.simulators.airfoil.viscous.outputs import pressure_coefficient, quantities
from understudy.simulators.airfoil.viscous.pool import Converged, PoolOptions, converge
from understudy.simulators.airfoil.viscous.rows import detached, put_rows, rows_of
from understudy.simulators.airfoil.viscous.setup import Flight, build_field
from understudy.simulators.airfoil.viscous.system import State
from understudy.simulators.interface import Simulator, Solution, Status

#: Rows whose quantities, or whose gradients, are worked out at once.
CHUNK = 32
#: Prescribed lift: first guess of the slope [1/deg], most steps in angle, and how near the lift must come.
_LIFT_SLOPE, _LIFT_STEPS, _LIFT_TOLERANCE = 0.1, 12, 1e-7

QUANTITIES = (
    "alpha", "cl", "cd", "cd_friction", "cd_pressure", "cm", "xtr_top", "xtr_bottom", "xsep_top", "xsep_bottom",
    "cp", "cf", "theta", "delta_star", "shape_factor", "edge_speed",
)  # fmt: skip
_ON_NODES = QUANTITIES[10:]


@dataclass(frozen=True)
class ViscousSimulator(Simulator):
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
    version = "1"
    quantities = QUANTITIES
    differentiable = True

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Options of the iteration that decide the answers, JSON-ready; the pool's sizes do not."""
        return {name: value for name, value in asdict(self.options).items() if name not in ("size", "intake")}

    def predict(self, case: AirfoilCase) -> Solution:
        """Answer every row; in double precision whatever the precision of the case."""
        flight = _flight(case)
        lift = case.cl.to(flight.alpha)
        with torch.no_grad():
            found = _at_lift(detached(flight), lift.detach(), self.options)
        flight = replace(flight, alpha=torch.where(case.lift_prescribed, found.alpha, flight.alpha))
        follow = torch.is_grad_enabled() and any(value.requires_grad for value in (*flight.__dict__.values(), lift))
        values = _values(flight, lift, found.fate, follow)
        converged = found.fate.converged & found.reached
        return Solution(
            values=values,
            status=tuple(Status.OK if row else Status.NOT_CONVERGED for row in converged.tolist()),
            message=tuple(
                "" if row else _why(found.fate, index, float(flight.mach[index]))
                for index, row in enumerate(converged.tolist())
            ),
            residuals=found.fate.residuals,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    fate: Converged
    alpha: Tensor
    reached: Tensor


def _flight(case: AirfoilCase) -> Flight:
    double = {
        name: getattr(case, name).double()
        for name in ("coordinates", "reynolds", "mach", "n_crit", "trip_top", "trip_bottom")
    }
    return Flight(alpha=case.alpha.double(), **double)


def _at_lift(flight: Flight, lift: Tensor, options: PoolOptions) -> _Found:
    """Converge all rows; where lift is prescribed, find the angle by secant steps from state to state."""
    wanted = torch.isfinite(lift)
    if not bool(wanted.any()):
        return _Found(converge(flight, options=options), flight.alpha, ~wanted)
    alpha = torch.where(wanted, _inviscid_angle(flight, lift), flight.alpha)
    flight = replace(flight, alpha=alpha)
    fate = converge(flight, options=options)
    slope = torch.full_like(alpha, _LIFT_SLOPE)
    gap = torch.where(wanted, lift - _lift(flight, fate.state), 0.0)
    for _ in range(_LIFT_STEPS):
        rows = (wanted & fate.converged & (gap.abs() > _LIFT_TOLERANCE)).nonzero()[:, 0]
        if not len(rows):
            break
        change = (gap[rows] / slope[rows]).clamp(-2.0, 2.0)
        part = replace(rows_of(flight, rows), alpha=flight.alpha[rows] + change)
        again = converge(part, options=options, guess=rows_of(fate.state, rows))
        flight = replace(flight, alpha=flight.alpha.index_put((rows,), part.alpha))
        spent = fate.iterations.index_add(0, rows, again.iterations)
        fate = replace(put_rows(fate, rows, again), iterations=spent)
        now = lift[rows] - _lift(part, again.state)
        secant = (gap[rows] - now) / change
        slope = slope.index_put((rows,), torch.where(secant > 0.01, secant, slope[rows]).clamp(0.02, 0.2))
        gap = gap.index_put((rows,), now)
    return _Found(fate, flight.alpha, ~wanted | (gap.abs() <= _LIFT_TOLERANCE))


def _lift(flight: Flight, state: State) -> Tensor:
    nodes = flight.coordinates.shape[1]
    return pressure_forces(flight.coordinates, pressure_coefficient(state.u[:, :nodes], flight.mach), flight.alpha)[0]


def _inviscid_angle(flight: Flight, lift: Tensor) -> Tensor:
    """Angle [deg] at which the inviscid circulation gives the lift, by Prandtl and Glauert at Mach > 0."""
    circulation = []
    for coordinates in flight.coordinates.split(CHUNK):
        basis = panel_solution(coordinates)
        length = (coordinates[:, 1:] - coordinates[:, :-1]).norm(dim=2)
        circulation.append((0.5 * (basis[:, 1:] + basis[:, :-1]) * length[..., None]).sum(1))
    at_0, at_90 = torch.cat(circulation).unbind(1)
    wanted = 0.5 * lift.nan_to_num() * torch.sqrt(1.0 - flight.mach**2)
    size = torch.hypot(at_0, at_90)
    return torch.rad2deg(torch.asin((wanted / size).clamp(-0.5, 0.5)) - torch.atan2(at_0, at_90))


def _values(flight: Flight, lift: Tensor, fate: Converged, follow: bool) -> dict[str, Tensor]:
    """Quantities of all rows, NaN where a row did not converge; chunk by chunk, so that memory stays bounded."""
    compressible = (flight.mach > 0) | flight.mach.requires_grad
    kinds = [(fate.converged & kind).nonzero()[:, 0] for kind in (compressible, ~compressible)]
    rows = torch.cat(kinds)
    parts = []
    for some in [chunk for kind in kinds if len(kind) for chunk in kind.split(CHUNK)]:
        part = rows_of(flight, some)
        state = rows_of(fate.state, some)
        carry_mach = bool(compressible[some[0]])
        if follow:
            part = replace(part, alpha=_following_lift(part, state, lift[some], carry_mach))
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
    return quantities(flight, built, follow_parameters(built, state))


def _following_lift(flight: Flight, state: State, lift: Tensor, compressible: bool) -> Tensor:
    """The angle (batch,) as a differentiable function of the prescribed lift and of all that changes the lift."""
    wanted = torch.isfinite(lift)
    if not bool(wanted.any()):
        return flight.alpha
    free = flight.alpha.detach().requires_grad_()
    reached = _followed(replace(flight, alpha=free), state, compressible=compressible)["cl"]
    (slope,) = torch.autograd.grad(reached.sum(), free, retain_graph=True)
    moved = free.detach() + (torch.where(wanted, lift, reached) - reached) / slope
    return torch.where(wanted, moved, flight.alpha)


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
        "try a smaller angle, more nodes at the nose, or a march in angle by another simulator"
    )
