"""What the folder of a run says of it, so that only the same run goes on there."""

from pathlib import Path

from understudy.datasets.whole_files import write_bytes
from understudy.simulators.interface import Simulator


def keep_same(file: Path, text: str, other: str) -> None:
    """Write down what the run is of.

    Raises:
        ValueError: the folder holds a run of something else, `other` in words.
    """
    if not file.is_file():
        write_bytes(file, text.encode())
    elif file.read_text(encoding="utf-8") != text:
        raise ValueError(f"{file.parent} holds a run of {other}; choose an empty folder, or delete it")


def judged_by(simulator: Simulator) -> str:
    """The line of `makers.txt`, and of the report, that says who judged."""
    return f"judged by: {simulator.identity}\n"
