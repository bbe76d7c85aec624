"""`make verify` does nothing twice with the same code, and everything again with another."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runner with stamps of its own."""
    spec = importlib.util.spec_from_file_location("verify", ROOT / "benchmarks" / "support" / "verify.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "verify", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STAMPS", tmp_path / "stamps")
    return module


def test_a_step_that_ended_well_is_done_until_the_code_changes(verify: ModuleType) -> None:
    step = verify.Step("benchmarks/some.py", (sys.executable, "-c", ""))
    assert not step.done("code")
    assert step.run("code")
    assert step.done("code")
    assert not step.done("other code")


def test_a_step_that_failed_is_not_done(verify: ModuleType) -> None:
    step = verify.Step("benchmarks/some.py", (sys.executable, "-c", "raise SystemExit(1)"))
    assert not step.run("code")
    assert not step.done("code")


def test_the_fingerprint_is_of_the_code(verify: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    (tmp_path / "design").mkdir()
    (tmp_path / "design" / "file.py").write_text("a = 1")
    before = verify.fingerprint()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("written by a benchmark")
    assert verify.fingerprint() == before
    (tmp_path / "design" / "file.py").write_text("a = 2")
    assert verify.fingerprint() != before


def test_every_script_that_records_is_a_step_and_no_other(verify: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_slow_test_files", lambda: ["tests/some.py"])
    files = [step.file for step in verify.steps()]
    assert files[:2] == ["benchmarks/verification.py", "tests/some.py"]
    assert "benchmarks/viscous_accuracy.py" in files
    assert "benchmarks/fit_airfoil_library.py" not in files
    assert len(files) == len(set(files))
