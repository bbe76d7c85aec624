"""Share of the airfoil library that can be gridded, how good the grids are, and how long they take.

    python benchmarks/grids.py                 # all sections, both kinds of grid; writes docs/benchmarks.md
    python benchmarks/grids.py --every 20      # a look at every twentieth; writes nothing

Each CST fit of the library is asked for twice at Reynolds number 6 million and 385 by 97 nodes: as a C-grid with its
trailing-edge thickness set to zero, and, where its base is at least 0.0005 chord thick, as an O-grid as it is. Tails so
thin that zero thickness makes them cross are closed by a wedge of the sixteenth power.
"""

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from time import perf_counter

import torch
from rich.progress import track
from support.record import Figure, record
from torch import Tensor

from understudy.simulators.grids import GridOptions, GridQuality, airfoil_grid, closed
from understudy.simulators.grids.airfoil import THINNEST_BASE
from understudy.simulators.shapes import naca
from understudy.simulators.shapes.airfoil import crossings
from understudy.simulators.shapes.kulfan import Kulfan
from understudy.simulators.shapes.library import collection

REYNOLDS = 6e6
AT_ONCE = 24
PER_SIDE = 100
BLUNTER = 16.0  # power of the wedge that closes thin tails
MEASURES = (
    ("skew", "worst skew", "deg", 1),
    ("skew_99", "skew of 99 % of the cells", "deg", 1),
    ("wall_skew", "worst skew on the surface", "deg", 2),
    ("growth", "worst growth away from the wall", "", 3),
    ("growth_along", "worst growth along the wall", "", 3),
    ("min_area", "smallest sine of a corner", "", 2),
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a set of sections."""

    names: tuple[str, ...]
    message: tuple[str, ...]
    measures: dict[str, Tensor]
    seconds: float

    @property
    def gridded(self) -> int:
        """Number of sections with a grid."""
        return sum(not item for item in self.message)


def grid_all(names: tuple[str, ...], contours: Tensor, options: GridOptions, title: str) -> Outcome:
    """Grid the sections some at a time."""
    answers: list[GridQuality] = []
    start = perf_counter()
    for first in track(range(0, len(contours), AT_ONCE), description=title):
        some = contours[first : first + AT_ONCE]
        answers.append(airfoil_grid(some, torch.full((len(some),), REYNOLDS, dtype=some.dtype), options)[1])
    measures = {name: torch.cat([getattr(answer, name) for answer in answers]) for name, *_ in MEASURES}
    return Outcome(names, sum((a.message for a in answers), ()), measures, perf_counter() - start)


def sections(every: int) -> tuple[tuple[str, ...], Kulfan]:
    """Names and weights of every so many sections of the library."""
    fits = collection()
    return fits.names[::every], Kulfan.from_vector(fits.weights[::every])


def sharpened(weights: Kulfan) -> tuple[Tensor, int]:
    """Contours with a sharp trailing edge, and how many of them needed the blunter wedge."""
    plain = replace(weights, trailing_edge=torch.zeros_like(weights.trailing_edge)).coordinates(PER_SIDE)
    cross = torch.cat([crossings(some).any(-1).any(-1) for some in plain.split(AT_ONCE)])
    blunter = closed(weights.coordinates(PER_SIDE), power=BLUNTER)
    return torch.where(cross[:, None, None], blunter, plain), int(cross.sum())


def figures_of(outcome: Outcome, kind: str, target: str) -> list[Figure]:
    """Share and quantiles."""
    share = f"{100 * outcome.gridded / len(outcome.names):.2f} % of {len(outcome.names)}"
    rows = [Figure(f"{kind}: sections with a grid", share, target)]
    good = torch.tensor([not item for item in outcome.message])
    at = torch.tensor([0.5, 0.9, 0.99, 1.0], dtype=torch.float64)
    for name, words, unit, digits in MEASURES:
        values = outcome.measures[name][good]
        values = torch.quantile(-values if name == "min_area" else values, at).abs().tolist()
        text = ", ".join(f"{value:.{digits}f}" for value in values)
        rows.append(Figure(f"{kind}: {words}; median, 90 %, 99 %, all", f"{text} {unit}".strip()))
    return rows


def either(sharp: Outcome, blunt: Outcome) -> str:
    """Share of the sections with a C-grid or an O-grid."""
    found = {name for one in (sharp, blunt) for name, item in zip(one.names, one.message, strict=True) if not item}
    return f"{100 * len(found) / len(sharp.names):.2f} % of {len(sharp.names)}"


def seconds_each(batch: int) -> float:
    """Seconds for a grid of NACA 0012, of several made together; the best of three."""
    contour = naca("0012-sharp")[None].expand(batch, -1, -1)
    reynolds = torch.full((batch,), REYNOLDS, dtype=torch.float64)
    times = []
    for _ in range(3):
        start = perf_counter()
        airfoil_grid(contour, reynolds)
        times.append((perf_counter() - start) / batch)
    return min(times)


def main() -> None:
    """Run, print and, if on all sections, record."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="only every so many sections; writes nothing")
    every = parser.parse_args().every
    names, weights = sections(every)
    sharp, thin = sharpened(weights)
    blunt = (weights.trailing_edge >= THINNEST_BASE).nonzero()[:, 0]
    outcomes = {
        "C": grid_all(names, sharp, GridOptions(), "C-grids"),
        "O": grid_all(
            tuple(names[row] for row in blunt.tolist()),
            weights.coordinates(PER_SIDE)[blunt],
            GridOptions(wake_share=0.0),
            "O-grids",
        ),
    }
    for kind, outcome in outcomes.items():
        for sentence, count in Counter(outcome.message).items():
            which = [name for name, item in zip(outcome.names, outcome.message, strict=True) if item == sentence]
            print(f"{kind}: {count} {sentence or 'ok'}{': ' + ', '.join(which[:8]) if sentence else ''}")
    figures = [figure for kind, outcome in outcomes.items() for figure in figures_of(outcome, kind, "at least 99 %")]
    figures.append(Figure("sections with a grid of either kind", either(outcomes["C"], outcomes["O"])))
    figures.append(Figure("C: tails closed by the blunter wedge", f"{thin} of {len(names)}"))
    figures.append(Figure("one C-grid alone", f"{seconds_each(1):.2f} s", "below 2 s"))
    figures.append(Figure("one of 16 C-grids made together", f"{seconds_each(16):.2f} s", "less"))
    if every == 1:
        print(record("grids", "Grids around the airfoil library", figures))
    else:
        print(*figures, sep="\n")


if __name__ == "__main__":
    main()
