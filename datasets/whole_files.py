"""Writing files so that a kill, a full disk or a lost cable leaves either the whole file or what was there before."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".writing"  # suffix of a file that is not finished; safe to delete when nobody writes
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # how a system says that there is no room


class DiskFullError(OSError):
    """The disk, the quota or the file size limit is exhausted; nothing that was finished is lost."""


def write_bytes(path: Path, content: bytes) -> None:
    """Store `content` at `path`, all or nothing.

    Raises:
        DiskFullError: no room; `path` is as it was.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of `path` when the block ends well, and is removed otherwise.

    What is no file, such as /dev/stdout, is written as it is.
    """
    with room_for(path):
        if path.exists() and not path.is_file():
            yield path
            return
        whole = path.resolve()
        temporary = whole.with_name(f"{whole.name}.{os.getpid()}{TEMPORARY}")
        try:
            yield temporary
            _flush(temporary)
            os.replace(temporary, whole)
            _flush(whole.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Turn what the system says of a full disk, while the block writes `path`, into one sentence.

    Raises:
        DiskFullError: no room.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(
                error.errno,
                f"no room left to write {path.name} ({os.strerror(error.errno)}); nothing finished is lost: "
                "free some space and run the same command again",
            ) from error
        raise


def _flush(path: Path) -> None:
    """Wait until the file, or the folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
