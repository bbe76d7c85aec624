"""The conformal map from a rectangle to the space above a nearly flat line, on stretched nodes.

Coordinates of the rectangle are φ along the line and ψ away from it. The map w(φ, ψ) = ξ + iη is harmonic,

    w_φφ + w_ψψ = 0,                                                                                       (1)

takes the given points of the line at ψ = 0, and is the identity far out. It is conformal, and lines of constant φ and ψ
meet at right angles, if the points of the line have the right φ. Those are found by iteration: in a conformal map
lengths are stretched alike in all directions, so

    dφ = ds / |w_ψ|   at ψ = 0,                                                                            (2)

with s the length of the line; the derivative w_ψ is that of the harmonic map of the last φ.

(1) is solved for w - (φ + iψ) by finite volumes on a product of nodes. The ψ direction is diagonalised once for all
grids of a batch; what remains are equations along φ, all eigenvectors and all grids side by side (`helmholtz`).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from understudy.simulators.grids.helmholtz import helmholtz

# Parts of the way that each iteration of (2) goes; corners of a base need shorter steps towards the end.
OPEN_STEPS = (0.7,) * 12
CLOSED_STEPS = (0.7,) * 10 + (0.35,) * 16


@dataclass(frozen=True, eq=False)
class Levels:
    """Nodes in ψ from 0, and the finite-volume second derivative there, diagonalised.

    The derivative acts on levels 1 and above; level 0 is given. At the top the value is zero (`free` False) or its
    derivative (`free` True).
    """

    at: Float[Tensor, " levels"]
    vectors: Float[Tensor, "unknowns modes"]
    back: Float[Tensor, "modes unknowns"]
    values: Float[Tensor, " modes"]
    wall: Float[Tensor, " modes"]

    @classmethod
    def of(cls, at: Float[Tensor, " levels"], *, free: bool) -> "Levels":
        """Diagonalise for these levels."""
        step = at.diff()
        volume = torch.cat([0.5 * (step[1:] + step[:-1]), 0.5 * step[-1:]])
        flux = 1 / step
        diagonal = flux + torch.cat([flux[1:], flux.new_zeros(1)])
        matrix = torch.diag(diagonal) - torch.diag(flux[1:], 1) - torch.diag(flux[1:], -1)
        root = torch.sqrt(volume)
        if not free:
            matrix, root = matrix[:-1, :-1], root[:-1]
        values, vectors = torch.linalg.eigh(matrix / (root[:, None] * root))
        return cls(at, vectors / root[:, None], (vectors * root[:, None]).T, values, vectors[0] / root[0] * flux[0])


@dataclass(frozen=True, eq=False)
class Rectangle:
    """The rectangle on which the map is sought, for a line between two walls or for one period of a closed line.

    closed: whether the line is periodic; then φ runs through 2π.
    levels: for ξ and for η.
    """

    closed: bool
    real: Levels
    imaginary: Levels

    @classmethod
    def above(cls, at: Float[Tensor, " levels"], *, closed: bool) -> "Rectangle":
        """With these levels of ψ; the top of a rectangle that is not closed stays at η = ψ."""
        return cls(closed, Levels.of(at, free=True), Levels.of(at, free=closed))

    def conformal(
        self, line: Complex[Tensor, "batch line"]
    ) -> tuple[Float[Tensor, "batch line"], Complex[Tensor, "batch line levels"]]:
        """The φ of these points, and the conformal map at all levels above them; the line itself is met exactly."""
        phi = self._scaled(line.diff(dim=1).abs(), line)
        for part in CLOSED_STEPS if self.closed else OPEN_STEPS:
            stretch = self._wall_derivative(self.harmonic(phi, line)).abs()
            step = line.diff(dim=1).abs() / (0.5 * (stretch[:, 1:] + stretch[:, :-1]))
            phi = self._scaled(phi.diff(dim=1) ** (1 - part) * step**part, line)
        return phi, self.harmonic(phi, line)

    def harmonic(
        self, phi: Float[Tensor, "batch line"], line: Complex[Tensor, "batch line"]
    ) -> Complex[Tensor, "batch line levels"]:
        """The harmonic map that takes these φ to these points."""
        away = line - phi
        real = _above(phi, away.real, self.real, closed=self.closed, held=not self.closed)
        imaginary = _above(phi, away.imag, self.imaginary, closed=self.closed, held=False)
        return torch.complex(phi[..., None] + real, self.real.at + imaginary)

    def _scaled(
        self, step: Float[Tensor, "batch pieces"], line: Complex[Tensor, "batch line"]
    ) -> Float[Tensor, "batch line"]:
        """Running sums of the steps that begin where the line begins; those of a closed line are scaled to its period.

        An open line is centred, so that a mirrored one gets mirrored φ.
        """
        phi = torch.nn.functional.pad(step.cumsum(1), (1, 0))
        if self.closed:
            return line.real[:, :1] + phi * (2 * math.pi / phi[:, -1:])
        return phi + 0.5 * (line.real[:, :1] + line.real[:, -1:] - phi[:, -1:])

    def _wall_derivative(self, w: Complex[Tensor, "batch line levels"]) -> Complex[Tensor, "batch line"]:
        """w_ψ at ψ = 0, of second order."""
        near, far = self.real.at[1], self.real.at[2]
        first, second = w[..., 1] - w[..., 0], w[..., 2] - w[..., 0]
        return (first * far / near - second * near / far) / (far - near)


def _above(
    phi: Float[Tensor, "batch line"], wall: Float[Tensor, "batch line"], levels: Levels, *, closed: bool, held: bool
) -> Float[Tensor, "batch line levels"]:
    """Harmonic function with these wall values; at the ends of an open line held at those there, or level."""
    ends = wall[:, [0, -1], None].transpose(0, 1) * levels.back.sum(1) if held else None
    modes = helmholtz(phi, levels.values, wall.T[..., None] * levels.wall, closed=closed, ends=ends)
    inner = (modes @ levels.vectors.T).transpose(0, 1)
    top = len(levels.at) - 1 - inner.shape[-1]
    return torch.cat([wall[..., None], inner, inner.new_zeros(*inner.shape[:-1], top)], dim=-1)
