"""Screening: scores with their doubt, ranks, resumption, verdicts beside promises."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.stats import t

from understudy.datasets.shipped import NEAR_SURFACE_ALLOYS
from understudy.datasets.stored_answers import StoredAnswers
from understudy.datasets.whole_files import DiskFullError
from understudy.design.materials import plots
from understudy.design.materials import screening as module
from understudy.design.materials.acquisition import Acquisition, chosen, wishes
from understudy.design.materials.metals import price_of_atoms
from understudy.design.materials.pareto import front
from understudy.design.materials.repair import Workshop, layouts_of
from understudy.design.materials.run import (
    Relearn,
    Verification,
    caution_of,
    require_comparable,
    run_screen,
    theories_of,
    unasked,
)
from understudy.design.materials.scoring import Limit, Scoring
from understudy.design.materials.screening import Screening, ScreenProblem, promises_of, rows_of, screen
from understudy.design.materials.space import SlabSpace
from understudy.design.materials.surface_design import SurfaceProblem
from understudy.design.materials.verification import FILE, Verdict, labels_of, unanswered, verdicts_in, verified, verify
from understudy.simulators.interface import Predictor, Solution, Status
from understudy.simulators.materials.anomaly import Anomaly
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.slabs import Facet
from understudy.surrogate.prediction import Prediction

Prove = Callable[..., None]


@pytest.fixture
def problem(space: SlabSpace) -> ScreenProblem:
    limits = (Limit(quantity="formation_energy", at_most=0.06), Limit(quantity="segregation_energy", at_least=-0.05))
    return ScreenProblem(space=space, scoring=Scoring(limits=limits), top=5)


def judged(found: Screening, rows: list[int], judge, folder: Path) -> list[Verdict]:
    """Verdicts on some rows."""
    scoring = found.problem.scoring
    candidates = found.candidates(np.array(rows))
    return verify(candidates, promises_of(found, rows), judge, judge.constants, folder, scoring=scoring)


def counting() -> tuple[list[int], Relearn]:
    """How many answers were learnt each time, and who learns nothing from them."""
    learnt: list[int] = []

    def relearn(predictor: Predictor, case: SlabCase, solution: Solution) -> Predictor:
        learnt.append(len(case))
        return predictor

    return learnt, relearn


def test_the_best_is_the_best_of_all_that_keep_the_limits(problem, law, truth: Callable[[SlabCase], dict], tmp_path):
    found = screen(problem, law, tmp_path)
    every = problem.space.candidates(torch.arange(len(problem.space)))
    values, swapped = truth(every.case(law.constants)), truth(every.swapped().case(law.constants))
    segregation = 4 * (swapped["formation_energy"] - values["formation_energy"])
    kept = (values["formation_energy"] <= 0.06) & (segregation >= -0.05)
    score = torch.where(kept, (values["adsorption_energy"] + 0.24).abs(), torch.inf)
    assert found.columns["score"][found.order[0]] == pytest.approx(float(score.min()), abs=1e-9)
    assert torch.allclose(torch.from_numpy(found.columns["segregation_energy"]), segregation, atol=1e-9)
    names = [told["slab"] for told in rows_of(found, found.order[:50].tolist())]
    assert len(set(names)) == 50  # each slab once, at its best strain


def test_probabilities_are_those_of_the_intervals(problem, law, tmp_path, prove: Prove):
    """Of an error after Student's t with 4 degrees of freedom, whose 90 % interval reaches 0.03 eV on either side."""
    found = screen(problem, law, tmp_path)
    unit = 0.03 / t.ppf(0.95, 4)
    energy = found.columns["free_energy"]
    exact = t.cdf(0.1, 4, energy, unit) - t.cdf(-0.1, 4, energy, unit)
    away = float(np.abs(found.columns["near_peak"] - exact).max())  # half a draw of 256 at either end
    prove("probability of being near the peak against the closed form: difference", away, at_most=0.005)
    middle = np.abs(energy) > 0.1  # away from the kink of |ΔG|
    half = 0.5 * (found.columns["score_high"] - found.columns["score_low"])[middle]
    assert np.median(half) == pytest.approx(0.03, rel=0.1)


def test_a_formula_without_a_value_at_some_draws_has_an_interval(problem, law, tmp_path):
    """A root of the free energy plus 0.2 eV: where that is 0.05 eV, some of the draws are negative."""
    scoring = Scoring(score="sqrt(free_energy + 0.2)", limits=problem.scoring.limits)
    found = screen(replace(problem, scoring=scoring), law, tmp_path)
    near = np.abs(found.columns["free_energy"] + 0.15) < 0.01
    assert near.any()
    assert np.isfinite(found.columns["score_high"][near]).all()
    assert (found.columns["score_low"][near] < found.columns["score"][near]).all()


def test_a_stopped_screening_goes_on(problem, law, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "AT_ONCE", 500)
    whole = screen(problem, law, tmp_path / "whole")
    asked = law.asked

    def stop(done: int, total: int) -> None:
        if done >= 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen(problem, law, tmp_path / "stopped", progress=stop)
    law.asked = 0
    again = screen(problem, law, tmp_path / "stopped")
    assert 0 < law.asked < asked - 1500  # slab and its swapped twin are asked for each candidate
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(column, again.columns[name])


def test_nothing_on_the_front_is_beaten():
    random = np.random.default_rng(0)
    goals = np.round(random.random((300, 3)), 1)
    kept = set(front(goals).tolist())
    for row, point in enumerate(goals):
        beaten = ((goals <= point).all(1) & (goals < point).any(1)).any()
        assert (row not in kept) == beaten


def test_verdicts_stand_beside_promises_and_are_asked_once(problem, law, judge, tmp_path):
    found = screen(problem, law, tmp_path)
    rows = found.order[:4].tolist()
    for _ in range(2):
        told = judged(found, rows, judge, tmp_path)
    assert judge.asked == 2 * 4  # each with its swapped twin
    columns = verified(problem.space, problem.scoring, told)
    np.testing.assert_allclose(columns["adsorption_energy"] - columns["promised"], 0.01, atol=1e-9)
    assert columns["inside"].all()
    assert verdicts_in(tmp_path / FILE) == told


def test_an_adsorbate_that_left_is_no_number(law, judge, tmp_path):
    golden = ScreenProblem(
        space=SlabSpace(
            metals=tuple(law.constants), layers=(("Au",), ("Pt",), ("Pt",), ("Pt",)), strains=(0.0, 0.0, 1)
        ),
        scoring=Scoring(),
    )
    found = screen(golden, law, tmp_path)
    (verdict,) = judged(found, [0], judge, tmp_path)
    assert not verdict.ok
    assert np.isnan(verified(golden.space, golden.scoring, [verdict])["score"]).all()


def test_a_cut_line_is_no_verdict(problem, law, judge, tmp_path):
    found = screen(problem, law, tmp_path)
    rows = found.order[:2].tolist()
    judged(found, rows, judge, tmp_path)
    file = tmp_path / FILE
    file.write_text(file.read_text()[:-30])
    assert len(verdicts_in(file)) == 1
    again = judged(found, rows, judge, tmp_path)
    assert verdicts_in(file) == again
    assert len(file.read_text().splitlines()) == len(again) == 2


@pytest.mark.parametrize("broken", ["", '{"slab": ', "3", "{}"])
def test_a_broken_line_among_verdicts_is_refused(problem, law, judge, tmp_path, broken: str):
    found = screen(problem, law, tmp_path)
    judged(found, found.order[:2].tolist(), judge, tmp_path)
    file = tmp_path / FILE
    first, second = file.read_text().splitlines()
    file.write_text("\n".join((first, broken, second)) + "\n")
    with pytest.raises(ValueError, match=rf"line 2 of .*{FILE} is no verdict"):
        judged(found, found.order[:2].tolist(), judge, tmp_path)


def test_verdicts_without_room_go_on(problem, law, judge, tmp_path, room):
    """A verdict that found no room is asked again; that which is kept is not, and neither harms the next one's line."""
    found = screen(problem, law, tmp_path)
    rows = found.order[:3].tolist()
    (tmp_path / "whole").mkdir()
    whole = judged(found, rows, judge, tmp_path / "whole")
    size = (tmp_path / "whole" / FILE).stat().st_size
    with (
        room(size // 2),
        pytest.raises(DiskFullError, match=f"no room left to write {FILE} .* nothing finished is"),
    ):
        judged(found, rows, judge, tmp_path)
    judge.asked = 0
    judged(found, rows, judge, tmp_path)
    assert judge.asked == 2 * 2  # the second and the third, each with its swapped twin
    assert verdicts_in(tmp_path / FILE) == whole


def test_rounds_with_a_judge_of_other_settings_are_refused(problem, law, judge, tmp_path):
    """What a surrogate learns next must be counted as what it learnt first."""
    law.fingerprint, judge.fingerprint = "gpaw cfcdeaef3708", "gpaw 0123456789ab"
    taught = Verification(judge=judge, count=1, rounds=1, relearn=lambda who, case, solution: who)
    with pytest.raises(ValueError, match=r"has learnt \(gpaw cfcdeaef3708\); got gpaw 0123456789ab: choose that judge"):
        run_screen(problem, law, tmp_path / "other", settings="one", verification=taught)
    judge.fingerprint = law.fingerprint
    require_comparable(law, taught)


def test_a_judge_of_other_settings_is_told(problem, law, judge, tmp_path):
    """Without rounds it may judge, but the gaps are not the surrogate's."""
    law.fingerprint, judge.fingerprint = "gpaw cfcdeaef3708", "emt 0123456789ab"
    verification = Verification(judge=judge, count=1)
    told = theories_of(law, verification)
    assert told.startswith("Promises are of gpaw cfcdeaef3708, verdicts of emt 0123456789ab")
    run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert told in (tmp_path / "report.html").read_text()
    judge.fingerprint = law.fingerprint
    assert not theories_of(law, verification)
    assert not theories_of(law, None)


def test_rounds_with_stored_labels_that_the_surrogate_has_learnt(law):
    """They are counted as the simulator counts that made them, also where others stand beside them."""
    labels = StoredAnswers([NEAR_SURFACE_ALLOYS])
    taught = Verification(judge=labels, count=1, rounds=1, relearn=lambda who, case, solution: who)
    for learnt in (labels.fingerprint, f"vasp 0123456789ab, {labels.fingerprint}"):
        law.fingerprint = learnt
        require_comparable(law, taught)
    law.fingerprint = "vasp 0123456789ab"
    with pytest.raises(ValueError, match=r"has learnt \(vasp 0123456789ab\); got gpaw cfcdeaef3708: choose that judge"):
        require_comparable(law, taught)


def test_rounds_with_a_judge_of_mixed_settings(law, judge):
    """All of them must be learnt."""
    judge.fingerprint = "gpaw cfcdeaef3708, vasp 0123456789ab"
    taught = Verification(judge=judge, count=1, rounds=1, relearn=lambda who, case, solution: who)
    law.fingerprint = "vasp 0123456789ab, emt 456789abcdef, gpaw cfcdeaef3708"
    require_comparable(law, taught)
    law.fingerprint = "vasp 0123456789ab, emt 456789abcdef"
    with pytest.raises(ValueError, match="rounds teach the verdicts"):
        require_comparable(law, taught)


def test_acquisitions(problem, law, tmp_path):
    found = screen(problem, law, tmp_path)
    best = found.candidates(found.order[:3]).told()
    by_score = chosen(found, Acquisition.SCORE, 3, set())
    assert found.candidates(np.array(by_score)).told() == best
    assert chosen(found, Acquisition.SCORE, 2, set(best[:1])) == by_score[1:]
    found.columns["score_high"] += np.where(np.arange(len(found)) == found.order[40], 1.0, 0.0)
    assert chosen(found, Acquisition.DOUBT, 1, set()) == [found.order[40]]
    assert chosen(found, Acquisition.IMPROVEMENT, 1, set(), best=0.0) == [found.order[40]]
    assert (found.columns["coverage"] == 0.9).all()


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_expected_improvement_against_quadrature(coverage: float, prove: Prove):
    score, unit, best = np.array([0.4, 1.0, 1.8, 3.0]), np.array([0.3, 0.2, 0.5, 0.4]), 0.9
    half = unit * t.ppf(0.5 + 0.5 * coverage, 4)
    scores = {"score": score, "score_low": score - half, "score_high": score + half, "coverage": np.array(coverage)}
    found = np.exp(wishes(scores, Acquisition.IMPROVEMENT, best))
    below = [
        quad(lambda x, a=a, b=b: (best - x) * t.pdf(x, 4, a, b), -np.inf, best, epsabs=0)[0]
        for a, b in zip(score, unit, strict=True)
    ]
    away = float(np.abs(found / below - 1).max())
    prove("expected improvement against quadrature: relative", away, at_most=1e-6)


def test_improvements_that_nobody_expects_still_compare():
    score = np.array([50.0, 60.0, 70.0])
    scores = {"score": score, "score_low": score - 0.1, "score_high": score + 0.1, "coverage": np.array(0.9)}
    scores |= {end: np.append(scores[end], 1e3) for end in ("score_low", "score_high")}  # one without any doubt
    scores["score"] = np.append(score, 1e3)
    wanted = wishes(scores, Acquisition.IMPROVEMENT, 1.0)
    assert np.isfinite(wanted).all()
    assert (np.diff(wanted) < 0).all()


def test_a_run_leaves_tables_structures_and_a_report(problem, law, judge, tmp_path):
    learnt, relearn = counting()
    verification = Verification(judge=judge, count=3, rounds=1, relearn=relearn)
    found, verdicts = run_screen(problem, law, tmp_path, settings="one", verification=verification, command="me")
    assert learnt == [3]
    assert [verdict.round for verdict in verdicts] == [0] * 3 + [1] * 3
    with (tmp_path / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(problem.space)
    assert [line["slab"] for line in lines[:5]] == found.candidates(found.order[:5]).names()
    with h5py.File(tmp_path / "table.h5") as file:
        assert file["adsorption_energy"].attrs["unit"] == "eV"
        assert file["slab"][0].decode() == lines[0]["slab"]
    structures = ase.io.read(tmp_path / "best.extxyz", ":")
    assert [atoms.info["slab"] for atoms in structures] == [line["slab"] for line in lines[:5]]
    page = (tmp_path / "report.html").read_text()
    assert "Promise, verdict and gap" in page
    assert "Judged by judge." in page
    assert page.count("<svg") == 4
    asked = judge.asked
    run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert judge.asked == asked
    with pytest.raises(ValueError, match="a run of another problem"):
        run_screen(problem, law, tmp_path, settings="two", verification=verification)


def test_rounds_go_on_without_learning_again(problem, law, judge, tmp_path):
    learnt, relearn = counting()
    verification = Verification(judge=judge, count=3, rounds=2, relearn=relearn)
    run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert learnt == [3, 6]
    run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert learnt == [3, 6]
    more = replace(verification, count=4)  # the second round would have learnt from one verdict more
    with pytest.raises(ValueError, match="rounds that learnt from other verdicts"):
        run_screen(problem, law, tmp_path, settings="one", verification=more)


def test_nothing_is_learnt_from_verdicts_without_answer(problem, law, judge, tmp_path, monkeypatch):
    said = judge.predict
    failed = Status.FAILED
    monkeypatch.setattr(judge, "predict", lambda case: replace(said(case), status=(failed,) * len(case)))

    def relearn(predictor, case, solution):
        raise AssertionError("there is nothing to be learnt")

    verification = Verification(judge=judge, count=2, rounds=1, relearn=relearn)
    _, verdicts = run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert {verdict.status for verdict in verdicts} == {"failed"}
    mixed = [verdicts[0], replace(verdicts[1], status="ok", values={"adsorption_energy": 0.1, "formation_energy": 0.0})]
    case, solution = labels_of(problem.space, mixed, judge.constants)
    assert len(case) == len(solution.status) == 1


def test_a_judge_that_fails_is_told(problem, law, judge, tmp_path, monkeypatch):
    """What it did not answer counts neither for nor against the promise."""
    said, asked = judge.predict, []

    def predict(case: SlabCase) -> Solution:
        asked.append(case)
        failed = len(asked) > 2  # the first slab and its exchanged twin
        answer = said(case)
        if not failed:
            return answer
        values = {name: torch.full_like(value, torch.nan) for name, value in answer.values.items()}
        return replace(answer, values=values, status=(Status.FAILED,), message=("boom & bust",))

    monkeypatch.setattr(judge, "predict", predict)
    verification = Verification(judge=judge, count=3)
    _, verdicts = run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert [verdict.answered for verdict in verdicts] == [True, False, False]
    assert unanswered(verdicts) == "The judge failed on 2 of 3 candidates, first with: boom & bust"
    assert not unanswered(verdicts[:1])
    page = (tmp_path / "report.html").read_text()
    assert "The judge failed on 2 of 3 candidates, first with: boom &amp; bust" in page
    assert "<b>1 of 1</b><span>verdicts within" in page


def test_a_judge_that_answers_nothing_leaves_no_empty_picture(problem, law, judge, tmp_path, monkeypatch):
    said, failed = judge.predict, (Status.FAILED,)

    def predict(case: SlabCase) -> Solution:
        return replace(said(case), values={}, status=failed * len(case), message=("boom",) * len(case))

    monkeypatch.setattr(judge, "predict", predict)
    run_screen(problem, law, tmp_path, settings="one", verification=Verification(judge=judge, count=2))
    page = (tmp_path / "report.html").read_text()
    assert "Promise, verdict and gap" in page
    assert "Promise against verdict" not in page
    assert "verdicts within" not in page


def test_where_nothing_is_listed_the_reason_is_told(problem, law, judge, tmp_path, monkeypatch):
    """No judge is asked, no axes are empty, and each reason stands there once."""
    limits = (Limit(quantity="formation_energy", at_most=-9.0),)
    strict = replace(problem, scoring=Scoring(limits=limits))
    verification = Verification(judge=judge, count=2)
    found, verdicts = run_screen(strict, law, tmp_path / "strict", settings="one", verification=verification)
    assert found.unlisted == "None of 3,125 candidates is listed: 3,125 break the limits."
    assert unasked(found, verification, verdicts) in (tmp_path / "strict" / "report.html").read_text()
    assert not unasked(found, None, verdicts)

    said = type(law).predict

    def leaving(self, case: SlabCase) -> Prediction:
        answer = said(self, case)
        return replace(answer, values={**answer.values, "desorbed": torch.ones(len(case), dtype=torch.float64)})

    monkeypatch.setattr(type(law), "predict", leaving)
    found, _ = run_screen(problem, law, tmp_path / "leaving", settings="one", verification=verification)
    assert found.unlisted == "None of 3,125 candidates is listed: 3,125 would rather lose their adsorbate than not."
    page = (tmp_path / "leaving" / "report.html").read_text()
    assert found.unlisted in page
    assert "<svg" not in page
    assert page.count(module.LEAVES) == 1
    assert f"<td>{module.LEAVES}</td><td>3,125</td>" in page


def test_strangers_alone_leave_nothing_to_ask(problem, law, judge, tmp_path, monkeypatch):
    said, no = type(law).predict, torch.zeros
    monkeypatch.setattr(
        type(law), "predict", lambda self, case: replace(said(self, case), known=no(len(case), dtype=torch.bool))
    )
    verification = Verification(judge=judge, count=2)
    found, verdicts = run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert len(found.order)
    assert "strangers are asked about out of doubt alone" in unasked(found, verification, verdicts)


def test_unknown_slabs_are_drawn_apart_and_the_cloud_is_seen_in_the_legend(problem, law, tmp_path, monkeypatch):
    found = screen(problem, law, tmp_path)
    found.columns["known"][found.order[:2]] = False
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "svg", lambda figure, name: drawn.append(figure) or "")
    plots.volcano_picture(found, None)
    legend = drawn[0].axes[0].get_legend()
    marks = dict(zip([text.get_text() for text in legend.get_texts()], legend.legend_handles, strict=True))
    assert {"head of the list, promised", "head of the list, unknown"} <= set(marks)
    assert marks["candidates"].get_alpha() == 1.0
    found.columns["known"][:] = True
    plots.volcano_picture(found, None)
    assert "unknown" not in " ".join(text.get_text() for text in drawn[1].axes[0].get_legend().get_texts())


def test_a_verdict_without_formation_energy_is_kept(problem, law, judge, tmp_path, monkeypatch):
    said = judge.predict

    def predict(case: SlabCase) -> Solution:
        answer = said(case)
        return replace(answer, values={**answer.values, "formation_energy": torch.full((len(case),), torch.nan)})

    monkeypatch.setattr(judge, "predict", predict)
    found = screen(problem, law, tmp_path)
    (verdict,) = judged(found, found.order[:1].tolist(), judge, tmp_path)  # whose limits ask for segregation
    assert "adsorption_energy" in verdict.values
    assert "segregation_energy" not in verdict.values
    assert not verified(problem.space, problem.scoring, [verdict])["kept"].any()


def test_strangers_are_asked_about_only_out_of_doubt(problem, law, tmp_path):
    found = screen(problem, law, tmp_path)
    found.columns["known"][:] = False
    found.columns["known"][found.order[7]] = True
    for acquisition in (Acquisition.SCORE, Acquisition.IMPROVEMENT):
        assert chosen(found, acquisition, 3, set(), best=0.1) == [found.order[7]]
    assert len(chosen(found, Acquisition.DOUBT, 3, set())) == 3


def test_a_slab_that_its_adsorbate_leaves_is_not_listed(problem, law, tmp_path, monkeypatch):
    said = type(law).predict

    def leaving(self, case: SlabCase) -> Prediction:
        answer = said(self, case)
        top = [float(case.symbols(row)[3] == "Cu") for row in range(len(case))]
        return replace(answer, values={**answer.values, "desorbed": 0.99 * torch.tensor(top, dtype=torch.float64)})

    monkeypatch.setattr(type(law), "predict", leaving)
    found = screen(problem, law, tmp_path)
    surface = np.array([name.split("/")[0] for name in found.candidates(np.arange(len(found))).names()])
    assert (surface[found.order] != "Cu").all()
    assert set(found.columns["message"][surface == "Cu"]) == {module.LEAVES}


def test_anomalies_that_are_each_unlikely_leave_a_slab_listed(problem, law, tmp_path, monkeypatch):
    """As `predict` has it, which names none of them: each is judged alone."""
    said = type(law).predict

    def doubting(self, case: SlabCase, chance: float = 0.16) -> Prediction:
        answer, some = said(self, case), torch.full((len(case),), chance, dtype=torch.float64)
        return replace(answer, values={**answer.values, **{str(name): some for name in Anomaly}})

    plain = screen(problem, law, tmp_path / "plain")
    monkeypatch.setattr(type(law), "predict", doubting)
    found = screen(problem, law, tmp_path / "doubting")
    np.testing.assert_array_equal(found.order, plain.order)
    shop = Workshop(problem.space, problem.scoring, law, law.constants)
    shop.repair(layouts_of(found.candidates(found.order[:1])), 1)
    assert shop.most_wanted(1) is not None


def test_slabs_are_made_at_the_constants_of_the_judge_where_the_predictor_has_none(problem, law, judge, tmp_path):
    law.constants = {}  # as of a surrogate that learnt from structures of a file
    with pytest.raises(ValueError, match="name a simulator that judges"):
        run_screen(problem, law, tmp_path / "alone", settings="one")
    found, _ = run_screen(problem, law, tmp_path, settings="one", verification=Verification(judge=judge, count=1))
    law.constants = judge.constants
    own = screen(problem, law, tmp_path / "own")
    np.testing.assert_array_equal(found.columns["adsorption_energy"], own.columns["adsorption_energy"])


def test_prices_are_of_atoms_over_platinum():
    prices = price_of_atoms()
    assert prices["Pt"] == pytest.approx(1.0)
    assert prices["Cu"] < 1e-3 < prices["Ag"] < 0.1 < prices["Ir"]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Scoring(score="colour"), "quantities among"),
        (lambda: Limit(quantity="price"), "needs at_most or at_least"),
        (lambda: Limit(quantity="price", at_most=1.0, sure=1.0), "sure must be above 0"),
        (lambda: Scoring(window=0.0), "window must be positive"),
        (lambda: Verification(judge=None, count=0), "count must be at least 1"),
        (lambda: Verification(judge=None, rounds=1), "rounds need a surrogate"),
    ],
)
def test_bad_settings(make: Callable[[], object], complaint: str, annotations_unchecked):
    with pytest.raises(ValueError, match=complaint):
        make()


def test_a_price_that_is_not_known(space):
    scoring = Scoring(score="price", prices={"Pt": 30000.0})
    for kind in (ScreenProblem, SurfaceProblem):
        with pytest.raises(ValueError, match="the price of Pd is not known"):
            kind(space=space, scoring=scoring)


def test_the_file_of_verdicts_is_lines_of_json(problem, law, judge, tmp_path: Path):
    found = screen(problem, law, tmp_path)
    rows = found.order[:1].tolist()
    judged(found, rows, judge, tmp_path)
    line = json.loads((tmp_path / FILE).read_text().splitlines()[0])
    assert set(line) == {"slab", "status", "message", "values", "promise", "round", "rank"}


def test_layers_of_one_metal_change_places_for_nothing(law, tmp_path):
    layers = (("Pt", "Cu"), ("Pt",), ("Cu",), ("Cu",))
    space = SlabSpace(metals=tuple(law.constants), layers=layers, strains=(0.0, 0.0, 1))
    limits = (Limit(quantity="segregation_energy", at_least=0.0, sure=0.9),)
    found = screen(ScreenProblem(space=space, scoring=Scoring(limits=limits)), law, tmp_path)
    names = found.candidates(np.arange(len(found))).names()
    (same,) = [row for row, name in enumerate(names) if name.startswith("Pt/Pt")]
    (other,) = [row for row, name in enumerate(names) if name.startswith("Cu/Pt")]
    ends = [found.columns[f"segregation_energy{end}"] for end in ("_low", "", "_high")]
    assert [float(column[same]) for column in ends] == [0.0] * 3
    assert ends[0][other] < ends[1][other] < ends[2][other]
    assert found.columns["kept"][same]


def test_scores_lie_within_their_intervals(problem, law, tmp_path):
    found = screen(problem, law, tmp_path)
    assert (found.columns["score_low"] <= found.columns["score"]).all()
    assert (found.columns["score_high"] >= found.columns["score"]).all()


def test_a_screening_is_judged_later(problem, law, judge, tmp_path):
    found, _ = run_screen(problem, law, tmp_path, settings="one")
    asked, verification = law.asked, Verification(judge=judge, count=2)
    _, verdicts = run_screen(problem, law, tmp_path, settings="one", verification=verification)
    assert law.asked == asked
    assert [verdict.slab for verdict in verdicts] == found.candidates(found.order[:2]).told()
    run_screen(problem, law, tmp_path, settings="one")
    (tmp_path / "judge.txt").write_text("judged by: someone else\n")
    with pytest.raises(ValueError, match="a run of another judge"):
        run_screen(problem, law, tmp_path, settings="one", verification=verification)


def test_a_space_that_cannot_be_made_leaves_no_folder(law, tmp_path):
    space = SlabSpace(metals=tuple(law.constants), facet=Facet.FCC100, sites=("fcc",))
    with pytest.raises(ValueError, match="this surface has the sites bridge, hollow, ontop; got 'fcc'"):
        run_screen(ScreenProblem(space=space), law, tmp_path / "none", settings="one")
    assert not (tmp_path / "none").exists()


def test_what_is_missing_is_told_with_its_remedy(law, tmp_path):
    space = SlabSpace(metals=("Pt", "Cu"), adsorbates=("O",), strains=(0.0, 0.0, 1))
    found = screen(ScreenProblem(space=space), law, tmp_path)
    assert not found.columns["ok"].any()
    assert "give free energy less energy of O [eV] under [scoring.corrections]" in found.columns["message"][0]


@pytest.mark.parametrize(
    ("makers", "toys"),
    [
        ("screened by: surrogate 12\nwhich learnt from: emt 3.29\n", True),
        ("screened by: ase.calculators.emt:EMT 1\njudged by: gpaw 1 0123\n", True),
        ("screened by: surrogate 12\nwhich learnt from: gpaw 1\njudged by: gpaw 1 0123\n", False),
    ],
)
def test_energies_of_toys_are_told_under_any_name(makers: str, toys: bool):
    assert bool(caution_of(makers)) == toys
