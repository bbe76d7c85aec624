"""Six hundred airfoil cases with XFOIL's answers, on shapes that the shipped surrogate never saw in any form.

    python benchmarks/unseen_cases.py        # draws the cases, runs XFOIL 6.99, writes the file again

The cases are a third each raw coordinates of the UIUC library as AeroSandbox carries them, each section once; blends of
two CST fits of that library; and shapes of the CST box, which have no relatives. All sections, those of the blends too,
belong to the families that `support/train_shipped.py` keeps for the test. There are no NACA sections: both series are
trained on. Conditions, panels and XFOIL's runs are those of `airfoil_cases.py`; of the answers only the scalars are
stored. Only the shipped surrogate has not seen these sections: NeuralFoil learnt from shapes made of the whole library.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from airfoil_cases import Contour, cases_of, judge, random_blend, uiuc
from support.train_shipped import is_held_out

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.shapes.library import collection
from understudy.simulators.shapes.random_shapes import box

FILE = Path(__file__).parent / "data" / "xfoil_unseen.h5"
SEED, CASES = 20250918, 600
#: Families held out, of sections that come nearer than 0.002 chord to one of the four-digit NACA series (0.0016 and
#: 0.0015): the measure by which sections of the library are of one family, and that series is trained on.
NEAR_NACA = frozenset({"ag36", "fx76120"})


def is_unseen(families: Sequence[str]) -> bool:
    """Whether no shape of these families, nor a near relative, serves the making of the shipped surrogate."""
    return is_held_out(families) and not NEAR_NACA & set(families)


def unseen_names() -> list[str]:
    """Sections of the library whose family is unseen."""
    fits = collection()
    return [name for name, family in zip(fits.names, fits.families, strict=True) if is_unseen((family,))]


def draw_unseen(count: int = CASES, seed: int = SEED) -> tuple[AirfoilCase, tuple[str, ...]]:
    """The cases themselves and the names of their shapes; needs AeroSandbox for the UIUC coordinates."""
    random = np.random.default_rng(seed)
    names = unseen_names()
    sections, boxes = _shuffled(names, random), _boxes(count, seed)
    return cases_of(
        (lambda: uiuc(next(sections)), lambda: random_blend(random, names), lambda: next(boxes)), count, random
    )


def _shuffled(names: Sequence[str], random: np.random.Generator) -> Iterator[str]:
    """Each name once in random order, and again in another when all have been."""
    while True:
        yield from (names[index] for index in random.permutation(len(names)))


def _boxes(count: int, seed: int) -> Iterator[tuple[str, Contour]]:
    contours = box(count, torch.Generator().manual_seed(seed)).weights.coordinates()
    return ((f"box {number}", contour.numpy()) for number, contour in enumerate(contours))


def main() -> None:
    """Draw the cases and judge them."""
    case, shapes = draw_unseen()
    judge(case, shapes, FILE, seed=SEED, made_by="python benchmarks/unseen_cases.py", fields=())


if __name__ == "__main__":
    main()
