"""Which layouts are one slab: those that are turned or mirrored about the place of the adsorbate."""

from collections.abc import Sequence
from itertools import product

import torch
from jaxtyping import Int
from torch import Tensor

from understudy.design.materials.space import SlabSpace

#: Metals of each layer, surface first, by their numbers: one, or one a site.
Layout = tuple[tuple[int, ...], ...]
#: Number of the site, in each layer, whose metal comes to each site.
Turn = tuple[tuple[int, ...], ...]

ROUNDING = 1e-6  # of places, in vectors of the cell


def turns_of(space: SlabSpace) -> tuple[Turn, ...]:
    """All turns and mirrors about the first site of a space that lay its surface upon itself, the identity included."""
    pure = space.plan(dict.fromkeys(space.metals, 4.0))
    slab = pure.slabs(pure.occupation([space.metals[0]] * space.depth)[None], torch.zeros(1, dtype=torch.float64))
    cell = slab.cell[0, :2, :2]
    places = (slab.positions[:, :2] @ torch.linalg.inv(cell)).reshape(space.depth, -1, 2).flip(0)
    metric = cell @ cell.T
    found = []
    for entries in product((-1.0, 0.0, 1.0), repeat=4):
        turn = places.new_tensor(entries).reshape(2, 2)
        if not torch.allclose(turn @ metric @ turn.T, metric):
            continue
        turned = (places - space.places[0]) @ turn + space.places[0]
        apart = turned[:, None] - places[:, :, None]
        same = ((apart - apart.round()).abs() < ROUNDING).all(3)
        if bool(same.any(2).all()):
            found.append(tuple(tuple(layer) for layer in same.int().argmax(2).tolist()))
    return tuple(found)


def turned(layout: Layout, turn: Turn) -> Layout:
    """A layout after a turn; layers of one metal stay as they are."""
    return tuple(
        layer if len(layer) == 1 else tuple(layer[site] for site in sites)
        for layer, sites in zip(layout, turn, strict=True)
    )


def upright(layout: Layout, turns: Sequence[Turn]) -> Layout:
    """The one that stands for all layouts of the same slab."""
    return min(turned(layout, turn) for turn in turns)


def exchanges_apart(
    one: Layout, others: Int[Tensor, "batch layers columns"], turns: Sequence[Turn]
) -> Int[Tensor, " batch"]:
    """Sites at which a slab differs from each of others, turned so that they are most alike."""
    views = torch.tensor([turned(one, turn) for turn in turns])
    return torch.stack([(others != view).sum((1, 2)) for view in views]).amin(0)
