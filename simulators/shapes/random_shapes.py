"""Random airfoils for training data: blends of real sections, and a box of CST weights.

Every generator draws from a `torch.Generator`, so a seed repeats it, and tells for each shape the families of the
sections it came from: a split that keeps shapes with a common family on one side never shows a network a relative of
what it is tested on. Shapes are kept only if they are sensible: surfaces that do not cross, and a largest thickness of
4 to 35 % of the chord.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from understudy.simulators.shapes import library
from understudy.simulators.shapes.kulfan import WEIGHTS, Kulfan

THICKNESS_RANGE = (0.04, 0.35)
_LARGEST_DEVIATION = 3e-3  # of the fit of a parent [chord]
_ROUND = 4096  # shapes drawn at a time, which bounds the memory
_FUTILE_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class RandomShapes:
    """CST weights of random shapes and, for each, the families of its parents (none for a shape without parents)."""

    weights: Kulfan
    families: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.families)


_Draw = tuple[Float[Tensor, "batch parameters"], list[frozenset[str]]]


def blends(
    count: int,
    generator: torch.Generator,
    *,
    families: Collection[str] | None = None,
    perturbation: float = 0.02,
) -> RandomShapes:
    """Weighted means of two to four library sections, scaled in thickness and smoothly perturbed.

    Each family is as likely to give a parent as any other, so that large ones do not prevail.

    Args:
        count: number of shapes.
        generator: source of all randomness, on the CPU.
        families: the families that may give parents; all by default. Give training and test data separate ones.

    Rarely needed:
        perturbation: standard deviation of the smooth change of the weights [chord]; 0 leaves pure blends.

    Raises:
        ValueError: fewer than four known families, or a perturbation below 0.
    """
    if perturbation < 0:
        raise ValueError(f"perturbation must be at least 0 chord; got {perturbation:.3g}")
    rows = _parents(families)
    if len(rows) < 4:
        raise ValueError(f"expected at least four families of the library to blend; got {len(rows)} that are known")
    fits = library.collection()

    def draw(size: int) -> _Draw:
        family = torch.rand(size, len(rows), generator=generator).topk(4, dim=1).indices.tolist()
        parents = [[_choose(rows[item], generator) for item in four] for four in family]
        share = -torch.log(torch.rand(size, 4, generator=generator, dtype=torch.float64))  # Dirichlet, once normalised
        number = torch.randint(2, 5, (size, 1), generator=generator)
        share = torch.where(torch.arange(4) < number, share, torch.zeros_like(share))
        share = share / share.sum(1, keepdim=True)
        blend = (share[..., None] * fits.weights[torch.tensor(parents)]).sum(1)
        names = [
            frozenset(fits.families[row] for row in four[:kept])
            for four, kept in zip(parents, number[:, 0].tolist(), strict=True)
        ]
        return perturbed(blend, perturbation, generator), names

    return _sensible(count, draw)


def box(count: int, generator: torch.Generator) -> RandomShapes:
    """Every CST weight uniform between its 5 % and 95 % quantile over the library; such shapes have no parents."""
    low, high = torch.quantile(library.collection().weights, torch.tensor([0.05, 0.95], dtype=torch.float64), dim=0)

    def draw(size: int) -> _Draw:
        uniform = torch.rand(size, len(low), generator=generator, dtype=torch.float64)
        return low + (high - low) * uniform, [frozenset()] * size

    return _sensible(count, draw)


def is_sensible(weights: Kulfan) -> Bool[Tensor, " batch"]:
    """Whether the surfaces stay apart and the largest thickness is that of an airfoil."""
    angle = torch.linspace(0, torch.pi, 101, dtype=weights.upper.dtype, device=weights.upper.device)[1:-1]
    x = (0.5 * (1 - torch.cos(angle)))[None].expand(len(weights), -1)
    upper, lower = weights.surface(x)
    thickness = upper - lower
    largest = thickness.amax(1)
    return (thickness > 0).all(1) & (largest >= THICKNESS_RANGE[0]) & (largest <= THICKNESS_RANGE[1])


def perturbed(
    vector: Float[Tensor, "batch parameters"], size: float, generator: torch.Generator
) -> Float[Tensor, "batch parameters"]:
    """Rows of `Kulfan.vector` with the thickness scaled by 0.75 to 1.3, and weights changed smoothly along each side.

    Args:
        vector: the sections.
        size: standard deviation of the change of each weight [chord].
        generator: source of all randomness, on the CPU.
    """
    count = WEIGHTS
    upper, lower = vector[:, :count], vector[:, count : 2 * count]
    (stretch,) = _uniform(len(vector), generator, (0.75, 1.3))
    middle, half = 0.5 * (upper + lower), 0.5 * (upper - lower) * stretch[:, None]
    index = torch.arange(count, dtype=torch.float64)
    smooth = torch.exp(-0.5 * ((index[:, None] - index) / 1.5) ** 2)
    smooth = smooth / smooth.square().sum(1, keepdim=True).sqrt()  # keeps the standard deviation of each weight
    noise = size * torch.randn(2, len(vector), count, generator=generator, dtype=torch.float64) @ smooth.T
    return torch.cat([middle + half + noise[0], middle - half + noise[1], vector[:, 2 * count :]], dim=1)


def _sensible(count: int, draw: Callable[[int], _Draw]) -> RandomShapes:
    """Draw until `count` sensible shapes are there."""
    if count < 1:
        raise ValueError(f"expected at least one shape; got {count}")
    kept: list[Tensor] = []
    families: list[frozenset[str]] = []
    futile = 0
    while len(families) < count:
        vector, names = draw(min(max(64, count), _ROUND))
        good = is_sensible(Kulfan.from_vector(vector))
        kept.append(vector[good])
        families += [name for name, take in zip(names, good.tolist(), strict=True) if take]
        futile = 0 if good.any() else futile + 1
        if futile == _FUTILE_ROUNDS:
            raise ValueError("none of the shapes drawn is sensible; make the perturbation smaller")
    return RandomShapes(Kulfan.from_vector(torch.cat(kept)[:count]), tuple(families[:count]))


def _parents(families: Collection[str] | None) -> list[list[int]]:
    """Rows of the library that may be parents, grouped by family."""
    grouped = _usable_parents()
    return [rows for family, rows in grouped.items() if families is None or family in families]


@cache
def _usable_parents() -> dict[str, list[int]]:
    """Family -> rows of the library that are sensible and well fitted."""
    fits = library.collection()
    good = (is_sensible(Kulfan.from_vector(fits.weights)) & (fits.deviation < _LARGEST_DEVIATION)).tolist()
    grouped: dict[str, list[int]] = {}
    for row, (family, usable) in enumerate(zip(fits.families, good, strict=True)):
        if usable:
            grouped.setdefault(family, []).append(row)
    return grouped


def _choose(rows: list[int], generator: torch.Generator) -> int:
    return rows[int(torch.randint(len(rows), (1,), generator=generator))]


def _uniform(size: int, generator: torch.Generator, *ranges: tuple[float, float]) -> list[Float[Tensor, " batch"]]:
    unit = torch.rand(len(ranges), size, generator=generator, dtype=torch.float64)
    return [low + (high - low) * row for (low, high), row in zip(ranges, unit, strict=True)]
