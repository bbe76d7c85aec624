"""Lines are there whole or not at all, and one that was cut off harms no other."""

from pathlib import Path

import pytest

from understudy.simulators.line_file import append_line


def test_a_line_behind_one_that_was_cut_off(tmp_path: Path):
    file = tmp_path / "lines"
    for line in ("first", "second"):
        append_line(file, line)
    assert file.read_text() == "first\nsecond\n"
    file.write_text(file.read_text()[:-3])
    append_line(file, "third")
    assert file.read_text() == "first\nseco\nthird\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told():
    with pytest.raises(OSError, match="No space left"):
        append_line(Path("/dev/full"), "line")
