"""The demonstration of surfaces where GPAW is not installed: labels that were kept out of the training judge."""

import runpy
from pathlib import Path

import pytest

from understudy.design.materials.verification import FILE, verdicts_in
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.checkpoint import PRETRAINED_SLAB, load

DEMO = Path(__file__).parents[1] / "examples" / "demo_materials.py"


def test_labels_judge_in_two_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A member of the surrogate that ships screens; what it learns between the rounds is left out."""
    demo = runpy.run_path(str(DEMO))
    told = []

    def relearning(surrogate, files, config):
        return lambda predictor, case, solution: told.append(len(case)) or predictor

    monkeypatch.setitem(demo["verification"].__globals__, "relearning", relearning)
    whole = load(PRETRAINED_SLAB)
    assert isinstance(whole, SlabSurrogate)
    title, judged = demo["judged_by_labels"](whole.thinned(0), tmp_path)
    assert judged
    assert "kept out of training" in title
    assert told == [demo["JUDGED"]]
    verdicts = verdicts_in(tmp_path / FILE)
    assert [verdict.round for verdict in verdicts] == [0] * demo["JUDGED"] + [1] * demo["JUDGED"]
    assert sum(verdict.ok for verdict in verdicts) > 0
    assert title in (tmp_path / "report.html").read_text()
