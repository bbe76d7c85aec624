"""Files that grow by a line for each thing that was finished, whatever a kill or a full disk did to the last one."""

import os
from pathlib import Path


def append_line(path: Path, line: str) -> None:
    """Write a line behind all others at once; one that was cut off before is ended first, so that it harms no other.

    Raises:
        OSError: no room, or no right to write; the lines that were there are as they were.
    """
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        ending = b"\n" if file.read(1) not in (b"", b"\n") else b""
        left = ending + line.encode() + b"\n"
        while left:  # where room is short a part is written, and the next attempt raises
            left = left[file.write(left) :]
