"""Which shapes a data set holds. Shape s depends on mix, seed and s, on nothing else (coordinates to rounding).

Shapes are drawn in blocks of `BLOCK`, each with a random stream of its own. The parents of a blend all belong to one
bucket of families (`buckets`), so that a split by family, which never parts a bucket, need not drop the blend.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from understudy.datasets.buckets import BUCKETS, bucket
from understudy.datasets.tables import ShapeTable
from understudy.simulators.shapes import library
from understudy.simulators.shapes.airfoil import first_crossing
from understudy.simulators.shapes.chord import to_unit_chord
from understudy.simulators.shapes.kulfan import Kulfan
from understudy.simulators.shapes.naca import naca4, naca5
from understudy.simulators.shapes.panelling import panel_each
from understudy.simulators.shapes.random_shapes import blends, box, is_sensible, perturbed

BLOCK = 32
_NACA5_POSITIONS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, kw_only=True)
class ShapeMix:
    """How often each kind of shape is drawn (weights, relative to their sum), and how finely it is panelled.

    blends: two to four real sections mixed, scaled in thickness and smoothly perturbed.
    library: real sections as their CST fits give them.
    box: every CST weight uniform between its 5 % and 95 % quantile over the library.
    naca4: four-digit sections, camber 0 to 7 % at 25 to 65 % of the chord, thickness 5 to 25 %.
    naca5: five-digit sections, design lift 0 to 0.75, every position of camber, thickness 5 to 25 %.
    raw: real sections as their coordinates give them, roughness included, scaled in thickness and smoothly perturbed;
        needs the extra `airfoils`.
    perturbation: of the CST weights of blends and raw sections, standard deviation [chord].
    nodes: surface nodes of each shape.
    """

    blends: float = 0.65
    library: float = 0.15
    box: float = 0.1
    naca4: float = 0.05
    naca5: float = 0.05
    raw: float = 0.0
    perturbation: float = 0.02
    nodes: int = 160

    def __post_init__(self) -> None:
        if not all(weight >= 0 for weight in self.weights.values()) or not 0 < sum(self.weights.values()) < math.inf:
            raise ValueError(f"the weights of the shapes must not be negative, nor all zero; got {dict(self.weights)}")
        if self.raw and not library.has_raw_coordinates():
            raise ValueError(
                "raw sections need the coordinates that the extra 'airfoils' brings: install it, or set raw = 0"
            )
        if not self.perturbation >= 0:
            raise ValueError(f"perturbation must be at least 0 chord; got {self.perturbation:g}")
        if self.nodes < 20:
            raise ValueError(f"a panelled airfoil needs at least 20 nodes; got {self.nodes}")

    @property
    def weights(self) -> Mapping[str, float]:
        """Kind -> weight."""
        return {kind: getattr(self, kind) for kind in _KINDS}


def draw_shapes(mix: ShapeMix, seed: int, start: int, stop: int) -> ShapeTable:
    """The shapes start .. stop - 1 of the mix, panelled.

    The last digit of a coordinate depends on which shapes are panelled together.
    """
    drawn = [_block(mix, seed, number // BLOCK)[number % BLOCK] for number in range(start, stop)]
    return ShapeTable(
        coordinates=panel_each([shape.contour for shape in drawn], mix.nodes).numpy(),
        name=tuple(shape.name for shape in drawn),
        kind=tuple(shape.kind for shape in drawn),
        families=tuple(shape.families for shape in drawn),
    )


@dataclass(frozen=True, eq=False)
class _Shape:
    contour: Float[Tensor, "points 2"]
    name: str
    kind: str
    families: tuple[str, ...]


_Drawn = list[tuple[Float[Tensor, "points 2"], str, tuple[str, ...]]]  # contour, name, families


@lru_cache(maxsize=4)  # neighbouring chunks may share a block
def _block(mix: ShapeMix, seed: int, number: int) -> tuple[_Shape, ...]:
    generator = np.random.default_rng([seed, number])
    share = np.array(list(mix.weights.values()))
    kinds = generator.choice(len(share), size=BLOCK, p=share / share.sum())
    shapes: dict[int, _Shape] = {}
    for place, (kind, draw) in enumerate(_KINDS.items()):
        rows = np.flatnonzero(kinds == place)
        if len(rows):
            labels = [f"{kind}-{number * BLOCK + row}" for row in rows.tolist()]
            drawn = draw(labels, mix, generator)
            shapes |= {
                row: _Shape(xy, name, kind, own) for row, (xy, name, own) in zip(rows.tolist(), drawn, strict=True)
            }
    return tuple(shapes[row] for row in range(BLOCK))


def _draw_blends(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    """The parents of a blend come from one bucket, each bucket as often as it has families."""
    pools = _families_by_bucket()
    sizes = np.array([len(pool) for pool in pools])
    chosen = generator.choice(BUCKETS, size=len(labels), p=sizes / sizes.sum()).tolist()
    found: dict[str, tuple[Tensor, str, tuple[str, ...]]] = {}
    for number in sorted(set(chosen)):
        own = [label for label, other in zip(labels, chosen, strict=True) if other == number]
        drawn = blends(len(own), _torch_generator(generator), families=pools[number], perturbation=mix.perturbation)
        families = [tuple(sorted(parents)) for parents in drawn.families]
        found |= {item[1]: item for item in zip(drawn.weights.coordinates(), own, families, strict=True)}
    return [found[label] for label in labels]


def _draw_library(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    fits, rows = library.collection(), generator.choice(_sensible_rows(), size=len(labels))
    contours = Kulfan.from_vector(fits.weights[torch.from_numpy(rows)]).coordinates()
    return [(xy, fits.names[row], (fits.families[row],)) for xy, row in zip(contours, rows.tolist(), strict=True)]


def _draw_box(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    """Such a shape has no parents: it is a family of its own."""
    contours = box(len(labels), _torch_generator(generator)).weights.coordinates()
    return [
        (xy, label, (f"{label}-{generator.integers(1 << 32):08x}",)) for xy, label in zip(contours, labels, strict=True)
    ]


def _draw_naca4(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    drawn = generator.uniform((0, 0.25, 0.05), (0.07, 0.65, 0.25), size=(len(labels), 3))
    contours = naca4(*torch.from_numpy(drawn).unbind(1))
    return [(xy, label, ("naca4",)) for xy, label in zip(contours, labels, strict=True)]


def _draw_naca5(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    drawn = torch.from_numpy(generator.uniform((0, 0.05), (0.75, 0.25), size=(len(labels), 2)))
    positions = generator.choice(_NACA5_POSITIONS, size=len(labels)).tolist()
    contours = [naca5(*one.split(1), position=position)[0] for one, position in zip(drawn, positions, strict=True)]
    return [(xy, label, ("naca5",)) for xy, label in zip(contours, labels, strict=True)]


def _draw_raw(labels: list[str], mix: ShapeMix, generator: np.random.Generator) -> _Drawn:
    """Every family as often as any other, so that large ones do not prevail."""
    families, own = _sensible_families(), _torch_generator(generator)
    found: _Drawn = []
    while len(found) < len(labels):
        family = families[generator.integers(len(families))]
        row = int(generator.choice(family))
        contour = _perturbed_raw(row, mix.perturbation, own)
        if contour is not None:
            found.append((contour, labels[len(found)], (library.collection().families[row],)))
    return found


def _perturbed_raw(row: int, perturbation: float, generator: torch.Generator) -> Float[Tensor, "points 2"] | None:
    """The raw section plus the change of its CST fit; None where that is no airfoil."""
    contour = _raw_in_unit_chord(row)
    weights = library.collection().weights[row : row + 1]
    changed = perturbed(weights, perturbation, generator)
    if not is_sensible(Kulfan.from_vector(changed)):
        return None
    nose = int(contour.square().sum(1).argmin())
    stations = contour[None, :, 0].clamp(0, 1)
    upper, lower = (
        after - before
        for after, before in zip(
            Kulfan.from_vector(changed).surface(stations), Kulfan.from_vector(weights).surface(stations), strict=True
        )
    )
    change = torch.cat([upper[0, :nose], lower[0, nose:]])
    moved = torch.stack([contour[:, 0], contour[:, 1] + change], dim=1)
    return moved if first_crossing(moved) is None else None


@cache
def _raw_in_unit_chord(row: int) -> Float[Tensor, "points 2"]:
    section = library.airfoil(library.collection().names[row])
    return to_unit_chord(section.coordinates[None])[0]


_KINDS: Mapping[str, Callable[[list[str], ShapeMix, np.random.Generator], _Drawn]] = {
    "blends": _draw_blends,
    "library": _draw_library,
    "box": _draw_box,
    "naca4": _draw_naca4,
    "naca5": _draw_naca5,
    "raw": _draw_raw,
}


@cache
def _families_by_bucket() -> list[list[str]]:
    pools: list[list[str]] = [[] for _ in range(BUCKETS)]
    for family in sorted(set(library.collection().families)):
        pools[bucket(family)].append(family)
    return pools


@cache
def _sensible_rows() -> np.ndarray:
    return is_sensible(Kulfan.from_vector(library.collection().weights)).nonzero().squeeze(1).numpy()


@cache
def _sensible_families() -> list[np.ndarray]:
    rows = _sensible_rows()
    names = np.array(library.collection().families)[rows]
    return [rows[names == family] for family in sorted(set(names.tolist()))]


def _torch_generator(generator: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(generator.integers(1 << 62)))
