"""What GPAW says of the best slabs by the shipped surrogate.

    python benchmarks/slab_verdicts.py       # a quarter of an hour; goes on if killed

Two questions: the ten best of examples/hydrogen_evolution.toml, of stacks that it has not learnt from; and those of any
stack with no platinum, palladium, iridium or rhodium at the surface that bind hydrogen rightly and form. Needs GPAW
(`sudo make system`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cyclopts
import numpy as np
from support.near_surface import rows
from support.record import Figure, record

from understudy.asking import predictor
from understudy.cli.config import made, read_table
from understudy.design.materials.scoring import Limit
from understudy.design.materials.screening import Screening, ScreenProblem, promises_of, screen
from understudy.design.materials.verification import Verdict, verified, verify
from understudy.simulators.interface import Subject
from understudy.simulators.materials.gpaw_simulator import GpawSimulator
from understudy.surrogate.atoms.surrogate import SlabSurrogate

EXAMPLE = Path(__file__).parents[1] / "examples" / "hydrogen_evolution.toml"
#: Screenings, and what is kept of GPAW's verdicts.
FOLDER, VERDICTS = Path("runs/slab_verdicts"), Path(__file__).parent / "data" / "slab_verdicts"
BEST = 10
NEAR = 0.05  # eV: of the promise, and of the peak
#: Surfaces without a metal of platinum's kind.
CHEAP, EVERY = ("Cu", "Ag", "Au"), ("Pt", "Pd", "Ir", "Rh", "Cu", "Ag", "Au")


def main(*, workers: int = 2) -> None:
    """Screen, ask, and write the figures down.

    Args:
        workers: threads of the screening.
    """
    surrogate = predictor("surrogate", Subject.SLAB)
    assert isinstance(surrogate, SlabSurrogate)
    asked = partial(judged, surrogate=surrogate, judge=GpawSimulator(folder=Path("runs/energies")), workers=workers)
    problem = made(ScreenProblem, read_table(EXAMPLE))
    best = asked(problem, "best", strangers)
    cheap = asked(without_platinum_metals(problem), "cheap", lambda found: found.order.tolist())
    print(record("slab_verdicts", "What GPAW says of the best", [*_best(problem, best), *_cheap(problem, cheap)]))


def without_platinum_metals(problem: ScreenProblem) -> ScreenProblem:
    """The same, with coinage metals at the surface, any below, and whatever forms readily first."""
    assert problem.space is not None
    space = replace(problem.space, layers=(CHEAP, *(EVERY,) * (problem.space.depth - 1)))
    limits = (Limit(quantity="formation_energy", at_most=0.05),)
    return replace(problem, space=space, scoring=replace(problem.scoring, limits=limits))


def judged(
    problem: ScreenProblem,
    name: str,
    listed: Callable[[Screening], Sequence[int]],
    *,
    surrogate: SlabSurrogate,
    judge: GpawSimulator,
    workers: int,
) -> list[Verdict]:
    """The best of those rows, with what the simulator said."""
    place = Path(surrogate.identity.split()[-1], name)
    found = screen(problem, surrogate, FOLDER / place, workers=workers)
    (VERDICTS / place).mkdir(parents=True, exist_ok=True)
    chosen = listed(found)[:BEST]
    return verify(
        found.candidates(np.array(chosen)),
        promises_of(found, chosen),
        judge,
        surrogate.constants,
        VERDICTS / place,
        scoring=problem.scoring,
        progress=lambda done, total: print(f"{name}: {done} of {total}", flush=True),
    )


def strangers(found: Screening) -> list[int]:
    """Rows of the list whose stack has no label at any strain, the best first."""
    learnt = {row["layers"] for row in rows()}
    names = found.candidates(found.order).names()
    return [int(row) for row, name in zip(found.order, names, strict=True) if name not in learnt]


def _best(problem: ScreenProblem, verdicts: Sequence[Verdict]) -> Iterator[Figure]:
    told = verified(problem.slabs, problem.scoring, verdicts)
    gap = np.abs(told["promised"] - told["adsorption_energy"])
    yield Figure(
        f"{len(verdicts)} best, of stacks never learnt: verdict within {NEAR} eV of the promise",
        f"{int((gap <= NEAR).sum())}; mean gap {np.nanmean(gap):.3f}, largest {np.nanmax(gap):.3f} eV",
        "at least 8",
    )
    yield Figure(
        "the same: verdict inside the 90 % interval", f"{int(told['inside'].sum())} of {len(verdicts)}", "85 %"
    )
    near = np.abs(told["free_energy"]) <= problem.scoring.window
    yield Figure(f"the same: verdict within {problem.scoring.window} eV of the peak", f"{int(near.sum())}")


def _cheap(problem: ScreenProblem, verdicts: Sequence[Verdict]) -> Iterator[Figure]:
    told = verified(problem.slabs, problem.scoring, verdicts)
    right = (np.abs(told["free_energy"]) <= NEAR) & (told["formation_energy"] < 0.05)
    words = [
        f"{verdict.slab.name} {100 * verdict.slab.strain:+.2f} %: ΔG {energy:+.3f} eV, {1e3 * formation:+.0f} meV/atom"
        for verdict, energy, formation, good in zip(
            verdicts, told["free_energy"], told["formation_energy"], right, strict=True
        )
        if good
    ]
    yield Figure(
        f"no Pt, Pd, Ir, Rh at the surface, ΔG within {NEAR} eV of 0, formation below 50 meV/atom, judged by GPAW",
        f"{len(words)} of {len(verdicts)} asked: {'; '.join(words[:3]) or 'none'}",
        "found, or shown not to exist",
    )


if __name__ == "__main__":
    cyclopts.run(main)
