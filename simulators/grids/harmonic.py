"""The conformal map from a rectangle to the space above a nearly flat line, on stretched nodes.

Coordinates of the rectangle are φ along the line and ψ away from it. The map w(φ, ψ) = ξ + iη is harmonic,

    w_φφ + w_ψψ = 0,                                                                                       (1)

takes the given points of the line at ψ = 0, and is the identity far out. It is conformal, and lines of constant φ and ψ
meet at right angles, if the points of the line have the right φ. Those are found by iteration: in a conformal map
lengths are stretched alike in all directions, so

    dφ = ds / |w_ψ|   at ψ = 0,                                                                            (2)

with s the length of the line; the derivative w_ψ is that of the harmonic map of the last φ.

(1) is solved for w - (φ + iψ) by finite volumes on a product of nodes. The ψ direction is diagonalised once for all
grids of a batch; what remains are tridiagonal systems along φ, all eigenvectors and all grids side by side.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

ITERATIONS = 12  # of (2)
RELAXATION = 0.7  # of (2)


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

    def conformal(self, line: Complex[Tensor, "batch line"]) -> Complex[Tensor, "batch line levels"]:
        """The conformal map that takes one line of nodes in φ to each of these points; the wall is met exactly."""
        phi = self._scaled(line.diff(dim=1).abs(), line)
        for _ in range(ITERATIONS):
            stretch = self._wall_derivative(self.harmonic(phi, line)).abs()
            step = line.diff(dim=1).abs() / (0.5 * (stretch[:, 1:] + stretch[:, :-1]))
            phi = self._scaled(phi.diff(dim=1) ** (1 - RELAXATION) * step**RELAXATION, line)
        return self.harmonic(phi, line)

    def harmonic(
        self, phi: Float[Tensor, "batch line"], line: Complex[Tensor, "batch line"]
    ) -> Complex[Tensor, "batch line levels"]:
        """The harmonic map that takes these φ to these points."""
        away = line - phi
        if self.closed:
            real, imaginary = (_periodic(phi, part, self.real) for part in (away.real, away.imag))
        else:
            real = _between(phi, away.real, self.real, held=True)
            imaginary = _between(phi, away.imag, self.imaginary, held=False)
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


def _between(phi: Tensor, wall: Tensor, levels: Levels, *, held: bool) -> Float[Tensor, "batch line levels"]:
    """Harmonic function above an open line: at its ends equal to the wall values there, or level."""
    lower, diagonal, upper, source = _system(phi, wall, levels)
    if held:
        ends = wall[:, [0, -1], None] * levels.back.sum(1)
        for row, value in ((0, ends[:, 0]), (-1, ends[:, 1])):
            diagonal[row], source[row] = 1.0, value
        upper[0], lower[-1] = 0.0, 0.0
    return _levels_of(_tridiagonal(lower, diagonal, upper, source[..., None])[..., 0], wall, levels)


def _periodic(phi: Tensor, wall: Tensor, levels: Levels) -> Float[Tensor, "batch line levels"]:
    """Harmonic function above one period of a closed line, whose last node repeats the first (Sherman-Morrison)."""
    lower, diagonal, upper, source = (part[:-1].clone() for part in _system(phi, wall, levels))
    step = phi.diff(dim=1)
    first, last = step[:, 0, None], step[:, -1, None]
    corner = 1 / last
    diagonal[0] = 1 / first + corner + 0.5 * (first + last) * levels.values
    source[0] = 0.5 * (first + last) * levels.wall * wall[:, :1]
    gamma = -diagonal[0]
    probe = torch.zeros_like(source)
    probe[0], probe[-1] = gamma, -corner
    ratio = -corner / gamma
    diagonal[-1] = diagonal[-1] + corner * ratio
    diagonal[0] = diagonal[0] - gamma
    solved = _tridiagonal(lower, diagonal, upper, torch.stack([source, probe], dim=-1))
    value, response = solved.unbind(-1)
    share = (value[0] + ratio * value[-1]) / (1 + response[0] + ratio * response[-1])
    value = value - response * share
    return _levels_of(torch.cat([value, value[:1]]), wall, levels)


def _system(phi: Tensor, wall: Tensor, levels: Levels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows (line, batch, modes) of the tridiagonal systems with level ends: lower, diagonal, upper, source."""
    step = phi.diff(dim=1).T[..., None]
    flux = 1 / step
    blank = torch.zeros_like(flux[:1])
    before, after = torch.cat([blank, flux]), torch.cat([flux, blank])
    volume = 0.5 * (torch.cat([blank, step]) + torch.cat([step, blank]))
    diagonal = before + after + volume * levels.values
    source = volume * levels.wall * wall.T[..., None]
    return (-before).expand_as(diagonal).clone(), diagonal, (-after).expand_as(diagonal).clone(), source


def _levels_of(modes: Tensor, wall: Tensor, levels: Levels) -> Float[Tensor, "batch line levels"]:
    """From the amplitudes of the modes (line, batch, modes) to values at all levels, wall and top included."""
    inner = (modes @ levels.vectors.T).transpose(0, 1)
    top = len(levels.at) - 1 - inner.shape[-1]
    return torch.cat([wall[..., None], inner, inner.new_zeros(*inner.shape[:-1], top)], dim=-1)


def _tridiagonal(lower: Tensor, diagonal: Tensor, upper: Tensor, right: Tensor) -> Tensor:
    """Elimination without pivoting along the first dimension; the right-hand sides lie along a last one."""
    below, middle, above, given = (part.unbind(0) for part in (lower, diagonal, upper, right))
    ratio = [above[0] / middle[0]]
    reduced = [given[0] / middle[0][..., None]]
    for row in range(1, len(middle)):
        inverse = 1 / (middle[row] - below[row] * ratio[-1])
        ratio.append(above[row] * inverse)
        reduced.append((given[row] - below[row][..., None] * reduced[-1]) * inverse[..., None])
    solved = [reduced[-1]]
    for upper_row, right_row in zip(ratio[-2::-1], reduced[-2::-1], strict=True):
        solved.append(right_row - upper_row[..., None] * solved[-1])
    return torch.stack(solved[::-1])
