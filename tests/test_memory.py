"""Keeping freed memory is a favour to the process, never a condition of it."""

import ctypes
import os

import pytest

from understudy.memory import keep_freed_memory


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        monkeypatch.setenv(name, "0")
        monkeypatch.delenv(name)


def test_children_inherit_it_and_a_choice_of_ones_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    keep_freed_memory()
    assert os.environ["MALLOC_TRIM_THRESHOLD_"] == "65536"
    assert int(os.environ["MALLOC_MMAP_THRESHOLD_"]) >= 1 << 25


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory()
