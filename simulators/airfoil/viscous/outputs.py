"""From a converged boundary layer to the quantities that users read."""

from collections.abc import Mapping

import torch
from torch import Tensor

from understudy.simulators.airfoil.forces import pressure_forces
from understudy.simulators.airfoil.viscous import boundary_layer as layer
from understudy.simulators.airfoil.viscous.setup import Flight
from understudy.simulators.airfoil.viscous.system import (
    Field,
    State,
    flat_primary,
    stagnation_arc,
    topology,
    transition_points,
)


def quantities(flight: Flight, field: Field, state: State) -> Mapping[str, Tensor]:
    """All quantities of converged rows, differentiable in everything they are made of.

    Drag is the momentum deficit far downstream by the Squire-Young relation from the end of the wake; friction is
    integrated over the surface, and pressure drag is the rest.
    """
    nodes = field.nodes
    stations = state.u.shape[1]
    sides = topology(state.stagnation, stations, nodes)
    stream = layer.Stream(
        field.reynolds[:, None], None if field.mach is None else field.mach[:, None], field.n_crit[:, None]
    )
    uk, _, _ = layer.edge_state(state.u, stream)
    cp = pressure_coefficient(state.u[:, :nodes], flight.mach)
    cl, cm = pressure_forces(flight.coordinates, cp, flight.alpha)

    shape_end = state.displacement[:, -1] / state.theta[:, -1]
    cd = 2.0 * state.theta[:, -1] * uk[:, -1] ** (0.5 * (5.0 + shape_end))
    # cf over the free stream's dynamic pressure: rho_e u_e^2 = (rho_e u_e / mu_e) u_e mu_e; the viscosity ratio
    # follows.
    local = _local_friction(state, field)[:, :nodes]
    cf = local * _density(field, uk[:, :nodes]) * uk[:, :nodes] ** 2
    cd_friction = _friction_drag(flight, cf, sides.lower[:, :nodes])

    xtr_top, xtr_bottom = _transition(flight, field, state)
    xsep_top, xsep_bottom = _separation(flight, state, local, (xtr_top, xtr_bottom))
    return {
        "alpha": flight.alpha,
        "cl": cl,
        "cd": cd,
        "cd_friction": cd_friction,
        "cd_pressure": cd - cd_friction,
        "cm": cm,
        "xtr_top": xtr_top,
        "xtr_bottom": xtr_bottom,
        "xsep_top": xsep_top,
        "xsep_bottom": xsep_bottom,
        "cp": cp,
        "cf": cf,
        "theta": state.theta[:, :nodes],
        "delta_star": state.displacement[:, :nodes],
        "shape_factor": state.displacement[:, :nodes] / state.theta[:, :nodes],
        "edge_speed": uk[:, :nodes],
    }


def pressure_coefficient(speed: Tensor, mach: Tensor) -> Tensor:
    """Pressure coefficient (batch, nodes) of an incompressible speed by the Karman-Tsien correction."""
    incompressible = 1.0 - speed**2
    beta = torch.sqrt(1.0 - mach**2)[:, None]
    return incompressible / (beta + 0.5 * mach[:, None] ** 2 / (1.0 + beta) * incompressible)


def _density(field: Field, uk: Tensor) -> Tensor | float:
    """Edge density over the free stream's."""
    if field.mach is None:
        return 1.0
    heat = 0.5 * (layer.GAMMA_AIR - 1.0)
    return (1.0 + heat * field.mach[:, None] ** 2 * (1.0 - uk**2)) ** (1.0 / (layer.GAMMA_AIR - 1.0))


def _local_friction(state: State, field: Field) -> Tensor:
    """Skin friction over the edge's dynamic pressure (batch, stations); zero in the wake."""
    batch, stations = state.u.shape
    wake = (torch.arange(stations, device=state.u.device) >= field.nodes).expand(batch, -1).reshape(-1)
    primary = flat_primary(field, state, wake)
    mach = None if field.mach is None else field.mach.repeat_interleave(stations)
    stream = layer.Stream(field.reynolds.repeat_interleave(stations), mach, field.n_crit.repeat_interleave(stations))
    laminar, turbulent = layer.laminar_stations(primary, stream).cf, layer.turbulent_stations(primary, stream).cf
    return torch.where(state.turbulent, turbulent.view(batch, stations), laminar.view(batch, stations))


def _friction_drag(flight: Flight, cf: Tensor, lower: Tensor) -> Tensor:
    """Streamwise component of the friction, trapezoidal along the contour; it acts along the local edge velocity."""
    signed = torch.where(lower, cf, -cf)
    step = flight.coordinates[:, 1:] - flight.coordinates[:, :-1]
    radians = torch.deg2rad(flight.alpha)[:, None]
    streamwise = step[..., 0] * torch.cos(radians) + step[..., 1] * torch.sin(radians)
    return (0.5 * (signed[:, 1:] + signed[:, :-1]) * streamwise).sum(1)


def _transition(flight: Flight, field: Field, state: State) -> tuple[Tensor, Tensor]:
    """Where (x) transition lies on the upper and the lower surface."""
    stations = state.u.shape[1]
    rows, points = transition_points(field, state)
    case, station = rows // stations, rows % stations
    upper = station <= state.stagnation[case]
    start = stagnation_arc(field, state)[0][case]
    arc = start + torch.where(upper, -points.position, points.position)
    before = torch.where(upper, station, station - 1)
    s1, s2 = field.arc[case, before], field.arc[case, before + 1]
    share = (arc - s1) / (s2 - s1)
    x = flight.coordinates[case, before, 0] * (1 - share) + flight.coordinates[case, before + 1, 0] * share
    blank = torch.ones_like(flight.alpha)
    return blank.index_put((case[upper],), x[upper]), blank.index_put((case[~upper],), x[~upper])


def _separation(flight: Flight, state: State, cf: Tensor, transition: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Where (x) the turbulent friction first changes sign, upper and lower surface; 1 where it does not.

    A layer that is reversed at transition and never attaches again separates at transition.
    """
    nodes = cf.shape[1]
    turbulent = state.turbulent[:, :nodes]
    x = flight.coordinates[..., 0]
    both = turbulent[:, 1:] & turbulent[:, :-1]
    share = cf[:, :-1] / torch.where(cf[:, :-1] == cf[:, 1:], torch.ones_like(cf[:, 1:]), cf[:, :-1] - cf[:, 1:])
    place = x[:, :-1] + share * (x[:, 1:] - x[:, :-1])
    index = torch.arange(nodes, device=cf.device)
    upper = turbulent & (index <= state.stagnation[:, None])
    lower = turbulent & (index > state.stagnation[:, None])
    leaves_upper = both & upper[:, 1:] & (cf[:, 1:] > 0) & (cf[:, :-1] <= 0)
    leaves_lower = both & lower[:, :-1] & (cf[:, :-1] > 0) & (cf[:, 1:] <= 0)
    one = torch.ones_like(place)
    at_upper, at_lower = torch.where(leaves_upper, place, one).flip(1), torch.where(leaves_lower, place, one)
    first_upper = at_upper.gather(1, leaves_upper.flip(1).to(torch.int8).argmax(1, keepdim=True))[:, 0]
    first_lower = at_lower.gather(1, leaves_lower.to(torch.int8).argmax(1, keepdim=True))[:, 0]
    attached = cf > 0
    return (
        torch.where((upper & attached).any(1), first_upper, transition[0]),
        torch.where((lower & attached).any(1), first_lower, transition[1]),
    )
