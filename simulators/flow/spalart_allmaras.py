"""The one-equation turbulence model of Spalart and Allmaras (1994), with its continuation to negative values (2012).

The working variable is n = nu_tilde over the kinematic viscosity of the free stream; chi = n over the local kinematic
viscosity, in the same unit.
"""

import torch
from torch import Tensor

CB1, CB2, SIGMA, KAPPA = 0.1355, 0.622, 2 / 3, 0.41
CW1 = CB1 / KAPPA**2 + (1 + CB2) / SIGMA
CW2, CW3, CV1 = 0.3, 2.0, 7.1
CV2, CV3 = 0.7, 0.9
CT3, CT4 = 1.2, 0.5
CN1 = 16.0
R_LIMIT = 10.0
#: Below it r is its limit anyway: nothing is divided by zero.
LEAST_STRAIN = 1e-10


def eddy_viscosity(density: Tensor, working: Tensor, laminar: Tensor) -> Tensor:
    """Dynamic eddy viscosity over the viscosity of the free stream; zero where the working variable is negative.

    laminar: dynamic viscosity over that of the free stream.
    """
    value = density * working
    cubed = (value / laminar).clamp(min=0) ** 3
    return value.clamp(min=0) * (cubed / (cubed + CV1**3))


def diffusivity(density: Tensor, working: Tensor, laminar: Tensor) -> Tensor:
    """Of the working variable, times density, over the viscosity of the free stream; positive always."""
    chi = density * working / laminar
    cubed = chi.clamp(max=0) ** 3
    return (laminar + density * working * (CN1 + cubed) / (CN1 - cubed)) / SIGMA


def source(working: Tensor, kinematic: Tensor, vorticity: Tensor, distance: Tensor, viscosity: Tensor) -> Tensor:
    """Production less destruction, per mass, of the working variable.

    kinematic: viscosity over density, over that of the free stream. vorticity: its magnitude. distance: from the wall.
    viscosity: of the free stream, M / Re.
    """
    chi = working / kinematic
    cubed = chi.clamp(min=0) ** 3
    fv1 = cubed / (cubed + CV1**3)
    fv2 = 1 - chi / (1 + chi * fv1)
    scale = viscosity / (KAPPA * distance) ** 2
    added = working * scale * fv2
    usual = vorticity + added
    beyond = vorticity + vorticity * (CV2**2 * vorticity + CV3 * added) / ((CV3 - 2 * CV2) * vorticity - added)
    strain = torch.where(added >= -CV2 * vorticity, usual, beyond).clamp(min=LEAST_STRAIN)
    r = (working * scale / strain).clamp(max=R_LIMIT)
    g = r + CW2 * (r**6 - r)
    fw = g * ((1 + CW3**6) / (g**6 + CW3**6)) ** (1 / 6)
    ft2 = CT3 * torch.exp(-CT4 * chi * chi)
    over_distance = viscosity * (working / distance) ** 2
    positive = CB1 * (1 - ft2) * strain * working - (CW1 * fw - CB1 / KAPPA**2 * ft2) * over_distance
    negative = CB1 * (1 - CT3) * vorticity * working + CW1 * over_distance
    return torch.where(working >= 0, positive, negative)
