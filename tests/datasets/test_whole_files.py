import os
from pathlib import Path

import pytest

from understudy.datasets.whole_files import DiskFullError, room_for, write_bytes


def test_a_full_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "data"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"no room left to write data \(No space left on device\); nothing"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["data"]


def test_what_is_appended_to_a_full_disk_is_one_sentence():
    with (
        pytest.raises(DiskFullError, match=r"no room left to write full \(No space left on device\); nothing"),
        room_for(Path("/dev/full")),
        open("/dev/full", "a") as file,
    ):
        file.write("a line")


def test_a_device_is_written_and_not_replaced():
    write_bytes(Path(os.devnull), b"anything")
    assert Path(os.devnull).is_char_device()
    with pytest.raises(DiskFullError):
        write_bytes(Path("/dev/full"), b"anything")


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_bytes(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"content"
