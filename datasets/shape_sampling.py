"""Which shapes a data set holds. Shape s depends on the seed and on s, on nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from understudy.datasets.records import ShapeTable
from understudy.simulators.shapes.naca import naca4, naca5
from understudy.simulators.shapes.panelling import panel_each


@dataclass(frozen=True, eq=False)
class DrawnShape:
    """One shape as drawn: its contour, what to call it, and the airfoils it is made of."""

    coordinates: Float[Tensor, "points 2"]
    name: str
    families: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShapeMix:
    """How often each kind of shape is drawn (weights, relative to their sum), and how finely it is panelled.

    naca4: four-digit sections of any camber up to 7 %, its position 20 to 70 %, thickness 6 to 24 %.
    naca5: five-digit sections of any design lift up to 0.6, thickness 6 to 21 %.
    nodes: surface nodes of each shape.
    """

    naca4: float = 1.0
    naca5: float = 0.0
    nodes: int = 160

    def __post_init__(self) -> None:
        if min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise ValueError(f"the weights of the shapes must not be negative, nor all zero; got {self.weights}")
        if self.nodes < 20:
            raise ValueError(f"a panelled airfoil needs at least 20 nodes; got {self.nodes}")

    @property
    def weights(self) -> Mapping[str, float]:
        """Kind -> weight."""
        return {kind: getattr(self, kind) for kind in KINDS}


def draw_shapes(mix: ShapeMix, seed: int, start: int, stop: int) -> ShapeTable:
    """The shapes start .. stop - 1 of the mix, panelled.

    Each has a random stream of its own, made from the seed and its number.
    """
    kinds, drawn = [], []
    for number in range(start, stop):
        generator = np.random.default_rng([seed, number])
        weights = np.array(list(mix.weights.values()))
        kind = list(mix.weights)[generator.choice(len(weights), p=weights / weights.sum())]
        kinds.append(kind)
        drawn.append(KINDS[kind](generator))
    return ShapeTable(
        coordinates=panel_each([shape.coordinates for shape in drawn], mix.nodes).numpy(),
        name=tuple(shape.name for shape in drawn),
        kind=tuple(kinds),
        families=tuple(shape.families for shape in drawn),
    )


def _naca4(generator: np.random.Generator) -> DrawnShape:
    camber, position, thickness = generator.uniform((0, 0.2, 0.06), (0.07, 0.7, 0.24))
    coordinates = naca4(*(torch.tensor([value]) for value in (camber, position, thickness)))[0]
    family = f"naca{100 * camber:.0f}{10 * position:.0f}xx"
    return DrawnShape(coordinates, f"naca4 {camber:.4f} {position:.3f} {thickness:.4f}", (family,))


def _naca5(generator: np.random.Generator) -> DrawnShape:
    lift, thickness = generator.uniform((0, 0.06), (0.6, 0.21))
    position, reflexed = int(generator.integers(2, 6)), bool(generator.random() < 0.2)
    values = (torch.tensor([lift]), torch.tensor([thickness]))
    coordinates = naca5(*values, position=position, reflexed=reflexed)[0]
    family = f"naca{lift / 0.15:.0f}{position}{int(reflexed)}xx"
    return DrawnShape(coordinates, f"naca5 {lift:.4f} {position}{int(reflexed)} {thickness:.4f}", (family,))


KINDS: Mapping[str, Callable[[np.random.Generator], DrawnShape]] = {"naca4": _naca4, "naca5": _naca5}
