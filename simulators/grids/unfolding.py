"""Entire functions that unfold the outside of an airfoil into the space above a nearly flat line.

A C-grid lives in the plane of the parabola, z = z₀ + w² / 2, with z₀ the focus of the nose: nose, surfaces and wake cut
become one line near the real axis. An O-grid lives in the plane of the ellipse, z = m + a cos w, with foci m ± a inside
nose and trailing edge: the contour becomes one period of such a line. Real parts grow clockwise, imaginary parts
outwards. Both functions are conformal outside the airfoil.

Reference of the first: Jameson, Iterative solution of transonic flows over airfoils and wings, including flows at
Mach 1, Communications on Pure and Applied Mathematics 27, 1974.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Complex
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Parabola:
    """z = focus + w² / 2."""

    focus: Complex[Tensor, " batch"]

    def fold(self, w: Tensor) -> Tensor:
        """The plane of the airfoil; w is (batch, ...)."""
        return _along(self.focus, w) + 0.5 * w * w

    def unfold(self, z: Complex[Tensor, "batch line"]) -> Complex[Tensor, "batch line"]:
        """Points of a line that runs clockwise from behind around the nose, continuously along it."""
        root = _continuous(torch.sqrt(2 * (z - self.focus[:, None])))
        return torch.where(root[:, -1:].real < 0, -root, root)


@dataclass(frozen=True, eq=False)
class Ellipse:
    """z = middle + half cos w."""

    middle: Complex[Tensor, " batch"]
    half: Complex[Tensor, " batch"]

    def fold(self, w: Tensor) -> Tensor:
        """The plane of the airfoil; w is (batch, ...)."""
        return _along(self.middle, w) + _along(self.half, w) * torch.cos(w)

    def unfold(self, z: Complex[Tensor, "batch line"]) -> Complex[Tensor, "batch line"]:
        """Points of a closed line that runs clockwise from the trailing edge, continuously along it."""
        u = (z - self.middle[:, None]) / self.half[:, None]
        root = _continuous(torch.sqrt(u * u - 1))
        inside = torch.log(torch.abs(u + root)).mean(1, keepdim=True) < 0
        grown = u + torch.where(inside, -root, root)
        turn = torch.angle(grown[:, 1:] / grown[:, :-1]).cumsum(1)
        angle = torch.angle(grown[:, :1]) + torch.nn.functional.pad(turn, (1, 0))
        return torch.complex(-angle, torch.log(torch.abs(grown)))


def _continuous(root: Complex[Tensor, "batch line"]) -> Complex[Tensor, "batch line"]:
    """Square roots with their signs chosen so that neighbours are near each other."""
    turned = (root[:, 1:] * root[:, :-1].conj()).real < 0
    sign = torch.where(turned, -1.0, 1.0).to(root.real.dtype).cumprod(1)
    return root * torch.nn.functional.pad(sign, (1, 0), value=1.0)


def _along(value: Tensor, like: Tensor) -> Tensor:
    return value.reshape(-1, *[1] * (like.ndim - 1))
