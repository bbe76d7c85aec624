"""Kept energies outlive kills and full disks: what cannot be kept is still an answer."""

import logging
from pathlib import Path

import pytest

from understudy.simulators.materials.energies import KeptEnergies


def unasked() -> float:
    raise AssertionError("asked again")


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path):
    first = KeptEnergies(tmp_path, "digest")
    first.get("clean", lambda: -1.0)
    first.get("molecule", lambda: -2.0)
    file = tmp_path / "digest.jsonl"
    file.write_bytes(file.read_bytes()[:-4])
    second = KeptEnergies(tmp_path, "digest")
    assert second.get("clean", unasked) == -1.0
    assert second.get("molecule", lambda: -2.0) == -2.0
    assert KeptEnergies(tmp_path, "digest").get("molecule", unasked) == -2.0  # behind the line that was cut


def test_energies_of_other_settings_are_others(tmp_path: Path):
    KeptEnergies(tmp_path, "one").get("clean", lambda: -1.0)
    assert KeptEnergies(tmp_path, "other").get("clean", lambda: -3.0) == -3.0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_loses_no_energy(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "digest.jsonl").symlink_to("/dev/full")
    kept = KeptEnergies(tmp_path, "digest")
    with caplog.at_level(logging.WARNING):
        assert kept.get("clean", lambda: -1.0) == -1.0
    assert "the energy of clean is not kept" in caplog.text
    assert "No space left on device" in caplog.text
    assert kept.get("clean", unasked) == -1.0
