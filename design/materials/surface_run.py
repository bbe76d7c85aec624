"""A designed surface from a problem to a verdict on disk, in rounds, so that a killed run goes on where it stopped.

The folder holds `problem.toml`, `makers.txt`, `judge.txt` if there is one, `search-K.json` of each round, the verdicts,
`design.json`, the best structures in `best.extxyz`, and `report.html`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from understudy.datasets.whole_files import write_bytes
from understudy.design.materials.run import Progress, Verification, begun, caution_of, taught, theories_of
from understudy.design.materials.screen_tables import write_structures
from understudy.design.materials.screening import constants_of
from understudy.design.materials.space import Slab
from understudy.design.materials.surface_design import Search, SurfaceDesign, SurfaceProblem, search
from understudy.design.materials.surface_report import write_surface_report
from understudy.design.materials.verification import FILE, Verdict, scores_of, verdicts_in, verify
from understudy.simulators.interface import Predictor
from understudy.simulators.materials.case import SlabCase


def run_surface_design(
    problem: SurfaceProblem,
    predictor: Predictor[SlabCase],
    folder: Path,
    *,
    settings: str,
    verification: Verification | None = None,
    command: str = "",
    progress: Progress = lambda doing, done, total: None,
) -> SurfaceDesign:
    """Design, let a simulator judge, learn, and leave everything in a folder; a second run repeats nothing.

    Args:
        settings: the problem as text, kept to tell runs apart. command: what repeats the run, printed in the report.

    Raises:
        NotDifferentiableError: the predictor gives no gradients; nothing is written.
        ValueError: the folder holds another run, the judge is none to learn from, or no slab keeps the limits.
        DiskFullError: no room; what is finished is kept.
    """
    predictor.require_gradient()
    constants = constants_of(problem.space, predictor, verification.judge if verification else None)
    problem.space.check(constants)
    makers = begun("followed", predictor, verification, folder, settings)
    searches: list[Search] = []
    for round_ in range(verification.rounds + 1 if verification else 1):
        before = [verdict for verdict in verdicts_in(folder / FILE) if verdict.round < round_]
        file = folder / f"search-{round_}.json"
        found = _kept_search(problem, predictor, constants, verification, verdicts=before, file=file, progress=progress)
        if not found.slabs:
            break  # every slab that is worth it was judged
        searches.append(found)
        if verification is None:
            break
        verify(
            problem.space.called(found.slabs[: verification.count]),
            found.promises[: verification.count],
            verification.judge,
            constants,
            folder,
            scoring=problem.scoring,
            round_=round_,
            processes=verification.processes,
            progress=partial(progress, "judging"),
        )
    if not searches:
        raise ValueError(
            "none of the slabs that were tried keeps the limits with its adsorbate in place: loosen the limits, or "
            "widen the space"
        )
    design = _chosen(problem, searches, verdicts_in(folder / FILE))
    words = {**asdict(design), "problem": settings}
    write_bytes(folder / "design.json", json.dumps(words, indent=1).encode())
    best = problem.space.called([design.best, *(slab for slab in searches[-1].slabs if slab != design.best)])
    write_structures(
        best.case(constants),
        [{"slab": slab.name, "strain": slab.strain} for slab in best.told()],
        folder / "best.extxyz",
    )
    write_surface_report(
        design,
        constants,
        folder / "report.html",
        command=command,
        makers=makers,
        judge=verification.judge.title if verification else "",
        caution=caution_of(makers),
        theories=theories_of(predictor, verification),
    )
    return design


def _chosen(problem: SurfaceProblem, searches: list[Search], verdicts: list[Verdict]) -> SurfaceDesign:
    scores = scores_of(problem.space, problem.scoring, verdicts)
    lowest = min(scores, default=math.inf)
    if math.isfinite(lowest):
        judged = verdicts[scores.index(lowest)]
        return SurfaceDesign(problem, judged.slab, judged.promise["score"], lowest, tuple(searches), tuple(verdicts))
    asked = {verdict.slab for verdict in verdicts}
    found = searches[-1]
    place = next((place for place, slab in enumerate(found.slabs) if slab not in asked), 0)
    promised = found.promises[place]["score"]
    return SurfaceDesign(problem, found.slabs[place], promised, None, tuple(searches), tuple(verdicts))


def _kept_search(
    problem: SurfaceProblem,
    predictor: Predictor[SlabCase],
    constants: Mapping[str, float],
    verification: Verification | None,
    *,
    verdicts: list[Verdict],
    file: Path,
    progress: Progress,
) -> Search:
    """A search by a predictor that has learnt from the verdicts, or what it found when it was done before."""
    if file.is_file():
        words = json.loads(file.read_text(encoding="utf-8"))
        slabs = tuple(Slab.of(slab) for slab in words["slabs"])
        return Search(**{**words, "slabs": slabs, "promises": tuple(words["promises"])})
    if verification is None:
        found = search(problem, predictor, constants, progress)
    else:
        found = search(
            problem,
            taught(predictor, verification, problem.space, verdicts, constants, progress),
            constants,
            progress,
            count=verification.count,
            acquisition=verification.acquisition,
            verdicts=verdicts,
        )
    write_bytes(file, json.dumps(asdict(found), indent=1).encode())
    return found
