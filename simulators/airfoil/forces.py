"""Lift and moment of a surface pressure distribution; solvers and surrogates use this one definition."""

import torch
from jaxtyping import Float
from torch import Tensor

#: How cl and cm of `pressure_forces` are made, for a data set to say.
PRESSURE_FORCES = (
    "cl and cm: the exact integral of cp, linear along straight panels, with the trailing-edge base "
    "(understudy.simulators.airfoil.forces.pressure_forces); cd: from the wake, not from the fields"
)


def pressure_forces(
    coordinates: Float[Tensor, "batch nodes 2"], cp: Float[Tensor, "batch nodes"], alpha: Float[Tensor, " batch"]
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Lift and quarter-chord moment coefficients of a pressure linear along each panel, trailing-edge base included.

    With the contour run counter-clockwise the force is F = ∮ cp (-dy, dx); cl = F · (-sin α, cos α), and the moment,
    nose up positive, is -∮ cp ((x - 1/4) dx + y dy). The integrals are exact for straight panels.

    Args:
        coordinates: surface nodes from the upper trailing edge around the nose to the lower one [chord].
        cp: pressure coefficient at the nodes [-].
        alpha: angle of attack [deg].
    """
    quarter = coordinates - coordinates.new_tensor([0.25, 0.0])
    step = quarter.roll(-1, dims=1) - quarter
    middle = 0.5 * (quarter.roll(-1, dims=1) + quarter)
    cp_mean, cp_step = 0.5 * (cp.roll(-1, dims=1) + cp), cp.roll(-1, dims=1) - cp
    force_x = -(cp_mean * step[..., 1]).sum(1)
    force_y = (cp_mean * step[..., 0]).sum(1)
    radians = torch.deg2rad(alpha)
    lift = force_y * torch.cos(radians) - force_x * torch.sin(radians)
    moment = -((cp_mean[..., None] * middle + cp_step[..., None] * step / 12) * step).sum((1, 2))
    return lift, moment


def lift_basis(coordinates: Float[Tensor, "batch nodes 2"]) -> Float[Tensor, "batch nodes 2"]:
    """Lift of `pressure_forces` per unit of the pressure coefficient at each node, at 0 and 90 degrees [-]."""
    return 0.5 * (coordinates.roll(-1, dims=1) - coordinates.roll(1, dims=1))
