"""Where the commands speak: results on standard output, remarks on standard error."""

import sys


def say(text: str) -> None:
    """A result."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def remark(text: str) -> None:
    """Something to know about the result."""
    sys.stderr.write(f"{text}\n")
