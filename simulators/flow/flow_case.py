"""Conditions of a flow around a body, as the finite-volume solver reads them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA, conserved


@dataclass(frozen=True, eq=False)
class Stream:
    """The free stream: mach [-], alpha [deg], reynolds on the chord [-] (infinite without friction)."""

    mach: Float[Tensor, " batch"]
    alpha: Float[Tensor, " batch"]
    reynolds: Float[Tensor, " batch"]

    @property
    def viscosity(self) -> Float[Tensor, " batch"]:
        """In units of density, speed of sound and chord."""
        return self.mach / self.reynolds

    def primitive(self) -> Float[Tensor, "batch 5"]:
        """(rho, u, v, p, n) far away; n as for fully turbulent layers (Spalart and Rumsey, 2007)."""
        angle = torch.deg2rad(self.alpha)
        one = torch.ones_like(self.mach)
        return torch.stack((one, self.mach * angle.cos(), self.mach * angle.sin(), one / GAMMA, 3 * one), 1)
