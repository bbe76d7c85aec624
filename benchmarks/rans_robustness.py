"""The share of random airfoils in random flows that the compressible solver brings to its steady state.

    python benchmarks/rans_robustness.py                # 200 cases, about half an hour; writes docs/benchmarks.md
    python benchmarks/rans_robustness.py --cases 20     # a look; writes nothing

Shapes are those of `airfoil_cases.py` (NACA, UIUC, blends), on 193 x 49 nodes; the seed stands below. Half of the cases
are subsonic at a given angle, half are faster at a given lift. Forty more lie beyond: near the stall, or faster still;
there a steady state need not exist, and what counts is that it is found or that the answer says so. Each answer is
kept in runs/rans_robustness.jsonl; a second run goes on behind the last one.
"""

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cyclopts
import torch
from airfoil_cases import judged_cases
from rich.progress import track
from support.record import Figure, record
from torch import Tensor

from understudy.memory import keep_freed_memory
from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.rans import Rans, RansOptions

CASES, BEYOND, SEED, WORKERS = 200, 40, 7, 2
ANSWERS = Path("runs/rans_robustness.jsonl")


@dataclass(frozen=True)
class Drawn:
    """Random shapes: half of them slow at angles [deg], half fast at lift up to 0.7; least and most of each."""

    count: int
    seed: int
    alpha: tuple[float, float]
    slow: tuple[float, float]
    fast: tuple[float, float]

    def cases(self) -> AirfoilCase:
        """The rows, the slow ones first."""
        known = judged_cases().case
        random = torch.Generator().manual_seed(self.seed)
        shapes = torch.randperm(len(known), generator=random)[: self.count]
        share, speed, size = torch.rand(3, self.count, generator=random, dtype=torch.float64)
        slow = torch.arange(self.count) < self.count // 2
        nan = torch.full((self.count,), torch.nan, dtype=torch.float64)
        return replace(
            known[shapes],
            alpha=torch.where(slow, _between(self.alpha, share), nan),
            cl=torch.where(slow, nan, 0.7 * share),
            mach=torch.where(slow, _between(self.slow, speed), _between(self.fast, speed)),
            reynolds=10 ** (6 + size),
        )


USUAL = Drawn(CASES, SEED, alpha=(-3, 8), slow=(0.1, 0.5), fast=(0.5, 0.75))
EXTREME = Drawn(BEYOND, SEED + 1, alpha=(8, 16), slow=(0.1, 0.4), fast=(0.75, 0.8))


def _between(ends: tuple[float, float], share: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * share


def _solve(row: int) -> dict[str, int | float | str]:
    """What became of one case; those beyond come behind the others."""
    torch.set_num_threads(1)
    keep_freed_memory()
    drawn, place = (USUAL, row) if row < CASES else (EXTREME, row - CASES)
    case = drawn.cases()[place : place + 1]
    with torch.no_grad():
        answer = Rans(RansOptions(grid=(193, 49))).predict(case)
    forces = {name: float(answer[name][0]) for name in ("alpha", "cl", "cd", "cm")}
    return {
        "row": row,
        "mach": float(case.mach[0]),
        "status": str(answer.status[0]),
        "message": answer.message[0],
        **forces,
    }


def main(*, cases: int = CASES) -> None:
    """Solve what is not solved yet, print and, when all are there, record.

    Args:
        cases: how many of the list.
    """
    ANSWERS.parent.mkdir(exist_ok=True)
    lines = ANSWERS.read_text().splitlines() if ANSWERS.exists() else []
    known = {line["row"]: line for line in map(json.loads, lines)}
    # taken alternately from the slow and the fast half, so that a part tells of both
    order = [row for pair in zip(range(CASES // 2), range(CASES // 2, CASES), strict=True) for row in pair][:cases]
    order += range(CASES, CASES + BEYOND) if cases == CASES else ()
    open_rows = [row for row in order if row not in known]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool, ANSWERS.open("a") as file:
        for done in track(as_completed([pool.submit(_solve, row) for row in open_rows]), "solving", len(open_rows)):
            found = done.result()
            known[found["row"]] = found
            file.write(json.dumps(found) + "\n")
            file.flush()
    answers = [known[row] for row in order if row < CASES]
    figures = []
    for name, some in (
        ("Mach 0.1 to 0.5, -3 to 8 degrees", [one for one in answers if one["row"] < CASES // 2]),
        ("Mach 0.5 to 0.75, lift 0 to 0.7", [one for one in answers if one["row"] >= CASES // 2]),
        ("all", answers),
    ):
        good = sum(one["status"] == "ok" for one in some)
        figures.append(Figure(f"converged, {name}", f"{100 * good / len(some):.1f} % of {len(some)}", "97 %"))
    reasons = Counter(f"{one['status']}: {_kind(str(one['message']))}" for one in answers if one["status"] != "ok")
    figures += [Figure(reason, f"{count}") for reason, count in reasons.most_common()]
    for name, rows in (
        ("8 to 16 degrees, Mach 0.1 to 0.4", range(CASES, CASES + BEYOND // 2)),
        ("Mach 0.75 to 0.8, lift 0 to 0.7", range(CASES + BEYOND // 2, CASES + BEYOND)),
    ):
        some = [known[row] for row in rows if row in known]
        good = sum(one["status"] == "ok" for one in some)
        unsteady = sum("no steady state" in str(one["message"]) for one in some)
        others = len(some) - good - unsteady
        words = f"{good} converged, {unsteady} named without a steady state, {others} other, of {len(some)}"
        figures.append(Figure(f"beyond: {name}", words))
    print(*figures, sep="\n")
    if cases == CASES:
        record("rans_robustness", "Compressible solver: random airfoils", figures)


def _kind(message: str) -> str:
    """A sentence without its numbers."""
    return "".join("#" if letter.isdigit() else letter for letter in message.split(";")[0].split("(")[0]).strip()


if __name__ == "__main__":
    cyclopts.run(main)
