"""The command line as a user calls it, and the processor time that it takes."""

import os
import resource
import subprocess
import sys
from pathlib import Path


def processor_seconds(words: list[str], leaves: Path) -> float:
    """Processor time of `understudy` with these words in a process of its own, imports included [s].

    Args:
        leaves: the file that the command is to leave; its exit status does not count, as a bad result is a result.

    Raises:
        RuntimeError: the file is not there.
    """
    before = _of_children()
    ended = subprocess.run(
        [sys.executable, "-m", "understudy", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},  # the root holds a folder called datasets
        capture_output=True,
        text=True,
        check=False,
    )
    if not leaves.is_file():
        raise RuntimeError(f"{leaves} was not made: {ended.stderr.strip()}")
    return _of_children() - before


def _of_children() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime
