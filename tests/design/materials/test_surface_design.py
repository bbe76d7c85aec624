"""Design by gradient finds what looking at every slab finds."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch

from understudy.design.materials.acquisition import Acquisition
from understudy.design.materials.descent import Descent, descend, objective_of
from understudy.design.materials.repair import PASSES, Workshop, layouts_of
from understudy.design.materials.run import Verification
from understudy.design.materials.scoring import Limit, Scoring
from understudy.design.materials.screening import ScreenProblem, rows_of, screen
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.surface_design import OBJECTIVE, SurfaceProblem, search
from understudy.design.materials.surface_run import run_surface_design
from understudy.design.materials.symmetry import turned, turns_of
from understudy.design.materials.verification import Verdict, scores_of
from understudy.simulators.interface import NotDifferentiableError, Solution, Status
from understudy.simulators.materials.case import SlabCase
from understudy.surrogate.prediction import Prediction

Prove = Callable[..., None]

DESCENT = Descent(starts=24, steps=60)


@pytest.fixture
def problem(space: SlabSpace) -> SurfaceProblem:
    limits = (Limit(quantity="segregation_energy", at_least=-0.05),)
    return SurfaceProblem(space=space, scoring=Scoring(score=OBJECTIVE, limits=limits), descent=DESCENT)


def test_the_best_of_all_is_found(problem: SurfaceProblem, law, tmp_path: Path, prove: Prove):
    found = search(problem, law, law.constants)
    every = screen(ScreenProblem(space=problem.space, scoring=problem.scoring), law, tmp_path)
    best = next(rows_of(every, every.order[:1].tolist()))
    away = abs(found.promises[0]["score"] - best["score"])
    prove(
        "objective of a design against the least of all 3125 slabs, a law in closed form: difference",
        away,
        at_most=1e-9,
    )
    assert found.slabs[0].name == best["slab"]
    assert found.asked < len(every) / 4


def test_gradient_of_the_objective_against_finite_difference(problem: SurfaceProblem, law):
    random = torch.Generator().manual_seed(1)
    shares = torch.softmax(torch.randn(3, 4, 1, 5, generator=random, dtype=torch.float64), 3)
    strain = torch.tensor([-0.01, 0.004, 0.012], dtype=torch.float64)

    def objective(shares: torch.Tensor, strain: torch.Tensor) -> torch.Tensor:
        return objective_of(problem.space, problem.scoring, law, law.constants, shares, strain)

    assert torch.autograd.gradcheck(
        objective, (shares.requires_grad_(), strain.requires_grad_()), eps=1e-6, atol=1e-5, rtol=1e-4
    )


def test_descent_lowers_the_objective(problem: SurfaceProblem, law):
    def at(steps: int) -> float:
        options = Descent(starts=24, steps=steps)
        found = descend(problem.space, problem.scoring, lambda step: law, law.constants, options)
        return float(found.objective.mean())

    assert at(60) < 0.5 * at(1)


def test_few_metals_only(space: SlabSpace, law):
    problem = SurfaceProblem(space=space, descent=DESCENT, most_metals=2)
    found = search(problem, law, law.constants)
    assert all(len({metal for layer in slab.layers for metal in layer}) <= 2 for slab in found.slabs)


def test_a_fixed_surface_element(law):
    layers = (("Cu",), *[tuple(law.constants)] * 3)
    space = SlabSpace(metals=tuple(law.constants), layers=layers, strains=(-0.02, 0.02, 5))
    found = search(SurfaceProblem(space=space, descent=DESCENT), law, law.constants)
    assert {slab.layers[0] for slab in found.slabs} == {("Cu",)}


def test_one_exchange_differs_in_one_place(space: SlabSpace, law):
    shop = Workshop(space, Scoring(), law, law.constants)
    (layout,) = layouts_of(space.candidates(torch.tensor([17])))
    others = list(shop.exchanges(layout))
    assert len(set(others)) == len(others) == 4 * 4
    assert all(sum(a != b for a, b in zip(layout, other, strict=True)) == 1 for other in others)


def test_a_run_is_judged_and_goes_on(problem: SurfaceProblem, law, judge, tmp_path: Path):
    verification = Verification(judge=judge, count=2, rounds=1, relearn=lambda predictor, case, solution: predictor)
    design = run_surface_design(problem, law, tmp_path, settings="one", verification=verification, command="me")
    assert design.verified is not None
    assert len(design.searches) == 2
    assert len({verdict.slab.name for verdict in design.verdicts}) == 4  # the second search finds others
    page = (tmp_path / "report.html").read_text()
    assert design.best.name in page
    asked = law.asked
    learnt = []
    again = replace(verification, relearn=lambda *words: learnt.append(words))
    run_surface_design(problem, law, tmp_path, settings="one", verification=again)
    assert law.asked == asked
    assert not learnt


def test_a_predictor_that_cannot_be_followed_leaves_no_folder(problem: SurfaceProblem, judge, tmp_path: Path):
    with pytest.raises(NotDifferentiableError, match="judge gives no gradients"):
        run_surface_design(problem, judge, tmp_path / "run", settings="one")
    assert not (tmp_path / "run").exists()


def test_a_judge_of_other_settings_is_told_of_a_design(problem: SurfaceProblem, law, judge, tmp_path: Path):
    law.fingerprint, judge.fingerprint = "gpaw cfcdeaef3708", "emt 0123456789ab"
    verification = Verification(judge=judge, count=1)
    run_surface_design(problem, law, tmp_path, settings="one", verification=verification)
    assert "Promises are of gpaw cfcdeaef3708, verdicts of emt 0123456789ab" in (tmp_path / "report.html").read_text()


def test_a_judge_that_fails_is_told_of_a_design(problem: SurfaceProblem, law, judge, tmp_path: Path):
    said, failed = judge.predict, (Status.FAILED,)
    judge.predict = lambda case: replace(
        said(case), values={}, status=failed * len(case), message=("boom",) * len(case)
    )
    design = run_surface_design(problem, law, tmp_path, settings="one", verification=Verification(judge=judge, count=2))
    assert design.verified is None
    page = (tmp_path / "report.html").read_text()
    assert "The judge failed on 2 of 2 candidates, first with: boom" in page
    assert "no simulator has judged a slab" in page


def test_exchanges_that_end_early_are_told_as_done(problem: SurfaceProblem, law):
    told: list[tuple[str, int, int]] = []
    search(problem, law, law.constants, lambda doing, done, total: told.append((doing, done, total)))
    doing, done, total = told[-1]
    assert doing == "exchanging"
    assert done == total < PASSES


def test_rounds_end_where_no_slab_is_left(law, judge, tmp_path: Path):
    layers = (("Pt",), ("Pt",), ("Pt",), ("Pt", "Cu"))
    space = SlabSpace(metals=tuple(law.constants), layers=layers, strains=(0.0, 0.0, 1))
    verification = Verification(judge=judge, count=3, rounds=4, relearn=lambda predictor, case, solution: predictor)
    problem = SurfaceProblem(space=space, descent=Descent(starts=4, steps=10))
    design = run_surface_design(problem, law, tmp_path, settings="one", verification=verification)
    assert len(design.searches) == 1
    assert {verdict.slab.name for verdict in design.verdicts} == {"Pt/Pt/Pt/Pt", "Pt/Pt/Pt/Cu"}


def test_slabs_that_are_judged_together_differ(law):
    space = SlabSpace(metals=tuple(law.constants), size=(2, 2), strains=(-0.02, 0.02, 5))
    problem = SurfaceProblem(space=space, by_site=True, descent=Descent(starts=8, steps=30), repaired=2)
    found = search(problem, law, law.constants, count=6)
    layouts = layouts_of(space.called(found.slabs))
    assert len(layouts) == 6
    for one, other in combinations(layouts, 2):
        for turn in turns_of(space):
            differing = sum(a != b for a, b in zip(sum(turned(one, turn), ()), sum(other, ()), strict=True))
            assert differing >= 4


def test_a_judged_slab_is_found_again_only_at_quite_another_strain(law):
    space = SlabSpace(metals=tuple(law.constants), strains=(-0.02, 0.02, 41))
    problem = SurfaceProblem(space=space, descent=Descent(starts=8, steps=30))
    (best, *_) = search(problem, law, law.constants).slabs
    verdict = Verdict(best, "ok", "", {"adsorption_energy": -0.24, "formation_energy": 0.0}, {})
    found = search(problem, law, law.constants, verdicts=[verdict]).slabs
    assert all(slab.strain != best.strain for slab in found if slab.name == best.name)
    steps = [abs(slab.strain - best.strain) for slab in found if slab.name == best.name]
    assert all(step > 0.004 for step in steps)


@pytest.mark.parametrize("acquisition", [Acquisition.SCORE, Acquisition.IMPROVEMENT])
def test_a_surface_that_the_adsorbate_leaves_is_not_sought(acquisition: Acquisition, law, monkeypatch):
    space = SlabSpace(metals=tuple(law.constants), strains=(0.0, 0.0, 1))
    problem = SurfaceProblem(space=space, scoring=Scoring(score="-adsorption_energy"), descent=DESCENT)
    (judged, *_) = search(problem, law, law.constants).slabs
    assert judged.layers[0] == ("Au",)
    gold, said = list(law.constants).index("Au"), type(law).predict

    def leaving(self, case: SlabCase) -> Prediction:
        top = case.occupation[case.offsets[:-1] + 3][:, gold]
        answer = said(self, case)
        return replace(answer, values={**answer.values, "desorbed": top})

    monkeypatch.setattr(type(law), "predict", leaving)
    verdict = Verdict(judged, "ok", "", {"adsorption_energy": 0.1, "formation_energy": 0.0}, {})
    found = search(problem, law, law.constants, acquisition=acquisition, verdicts=[verdict]).slabs
    assert {slab.layers[0] for slab in found} == {("Ag",)}


def test_more_than_one_adsorbate_is_no_design():
    with pytest.raises(ValueError, match="one adsorbate on one site"):
        SurfaceProblem(space=SlabSpace(adsorbates=("H", "O")))


def test_a_slab_that_breaks_a_limit_by_the_verdict_is_no_design(problem: SurfaceProblem, law, judge, tmp_path: Path):
    """The judge gives the slab with the lowest promise a formation energy beyond the limit."""
    limits = (Limit(quantity="formation_energy", at_most=0.06),)
    problem = replace(problem, scoring=Scoring(score=OBJECTIVE, limits=limits))
    (first, *_) = search(problem, law, law.constants, count=3).slabs
    said = judge.predict

    def predict(case: SlabCase) -> Solution:
        answer = said(case)
        here = torch.tensor(
            [tuple(case.symbols(row)[3::-1]) == tuple(sum(first.layers, ())) for row in range(len(case))]
        )
        formation = torch.where(here, 0.07, answer["formation_energy"])
        return replace(answer, values={**answer.values, "formation_energy": formation})

    judge.predict = predict
    design = run_surface_design(problem, law, tmp_path, settings="one", verification=Verification(judge=judge, count=3))
    assert design.verified is not None
    assert design.best != first
    assert scores_of(problem.space, problem.scoring, design.verdicts)[0] == float("inf")


def test_limits_that_nothing_keeps_end_the_search(problem: SurfaceProblem, law, tmp_path: Path):
    limits = (Limit(quantity="formation_energy", at_most=-5.0),)
    problem = replace(problem, scoring=Scoring(score=OBJECTIVE, limits=limits))
    assert search(problem, law, law.constants).slabs == ()
    with pytest.raises(ValueError, match="none of the slabs that were tried keeps the limits"):
        run_surface_design(problem, law, tmp_path, settings="one")


def test_a_layout_is_narrowed_to_metals_that_it_lacked(law):
    layers = (("Cu",), ("Pt", "Ag"), ("Ag", "Au"), ("Ag", "Au"))
    shop = Workshop(SlabSpace(metals=tuple(law.constants), layers=layers), Scoring(), law, law.constants, most_metals=2)
    copper, platinum, gold, silver = (list(law.constants).index(metal) for metal in ("Cu", "Pt", "Au", "Ag"))
    rounded = ((copper,), (platinum,), (gold,), (gold,))
    shop.repair([rounded], 1)
    (found,) = layouts_of(shop.most_wanted(1).candidates)
    assert found == ((copper,), (silver,), (silver,), (silver,))


def test_a_free_energy_without_correction_is_no_objective():
    with pytest.raises(ValueError, match=r"free energy of O needs its correction: .* got those of H"):
        SurfaceProblem(space=SlabSpace(adsorbates=("O",)))


def test_strangers_are_told(problem: SurfaceProblem, law, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said, no = type(law).predict, torch.zeros
    monkeypatch.setattr(
        type(law),
        "predict",
        lambda self, case: replace(said(self, case), known=no(len(case), dtype=torch.bool)),
    )
    design = run_surface_design(problem, law, tmp_path, settings="one")
    assert not any(told["known"] for told in design.searches[-1].promises)
    assert "unlike what the predictor was trained on" in (tmp_path / "report.html").read_text()
