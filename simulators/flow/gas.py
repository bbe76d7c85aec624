"""A perfect gas in units of the free stream: density and speed of sound are 1 there, lengths are chords.

Conserved variables are (rho, rho u, rho v, rho E, rho n) and primitive ones (rho, u, v, p, n), where n is the working
variable of the turbulence model over the viscosity of the free stream. The temperature is that of the free stream times
gamma p / rho.
"""

import torch
from jaxtyping import Float
from torch import Tensor

GAMMA = 1.4
PRANDTL = 0.72
TURBULENT_PRANDTL = 0.9
SUTHERLAND = 110.33 / 300.0  # constant of the law over the temperature of the free stream (540 and 198.6 deg Rankine)


def primitive(conserved: Float[Tensor, "batch 5 *cells"]) -> Float[Tensor, "batch 5 *cells"]:
    """(rho, u, v, p, n) of conserved variables."""
    density, momentum_x, momentum_y, energy, working = conserved.unbind(1)
    u, v = momentum_x / density, momentum_y / density
    pressure = (GAMMA - 1) * (energy - 0.5 * (momentum_x * u + momentum_y * v))
    return torch.stack((density, u, v, pressure, working / density), 1)


def conserved(primitive: Float[Tensor, "batch 5 *cells"]) -> Float[Tensor, "batch 5 *cells"]:
    """(rho, rho u, rho v, rho E, rho n) of primitive variables."""
    density, u, v, pressure, working = primitive.unbind(1)
    energy = pressure / (GAMMA - 1) + 0.5 * density * (u * u + v * v)
    return torch.stack((density, density * u, density * v, energy, density * working), 1)


def sonic_cp(mach: float) -> float:
    """The pressure coefficient at which the local flow is sonic, if nothing was lost on the way there."""
    ratio = (2 + (GAMMA - 1) * mach**2) / (GAMMA + 1)
    return 2 / (GAMMA * mach**2) * (ratio ** (GAMMA / (GAMMA - 1)) - 1)


def viscosity_law(temperature: Tensor) -> Tensor:
    """Viscosity over that of the free stream, by Sutherland's law; temperature over that of the free stream."""
    return temperature * temperature.sqrt() * ((1 + SUTHERLAND) / (temperature + SUTHERLAND))
