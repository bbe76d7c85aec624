"""Measured figures written into a page of the docs: each benchmark owns the table between its two markers.

A table is replaced as a whole when its benchmark runs again, so that the page never mixes two runs of one benchmark.
"""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
TITLE = "# Benchmarks\n\nWritten by the scripts in `benchmarks/`; `make verify` runs them all.\n"
HEAD = ("what", "measured", "target", "command")


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, the figure with its unit, and what it should be ("-" where nothing was promised).

    command: what measures it again, where it is not the command of the whole table.
    """

    what: str
    measured: str
    target: str = "-"
    command: str = ""


def machine_class() -> str:
    """The kind of machine, without its name: processor, cores, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def record(name: str, heading: str, figures: Sequence[Figure], *, machine: str | None = None, page: Path = PAGE) -> str:
    """Put the table of the benchmark `name` into the page, in place of its last one, and return it.

    Args:
        name: of the markers, unique on the page.
        heading: of the section, used when the table is new.
        figures: the rows.

    Rarely needed:
        machine: its class where it is more than processor, cores and memory.
        page: another file.
    """
    rows = [(item.what, item.measured, item.target, f"`{item.command}`") for item in figures]
    columns = 4 if any(item.command for item in figures) else 3
    head, *lines = (f"| {' | '.join(row[:columns])} |\n" for row in [HEAD, *rows])
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    origin = f"`{command}`, {date.today().isoformat()}, {machine or machine_class()}\n"
    table = f"{head}|{'---|' * columns}\n{''.join(lines)}\n{origin}"
    content = page.read_text() if page.exists() else TITLE
    page.write_text(_replaced(content, name, heading, table))
    return table


def _replaced(content: str, name: str, heading: str, table: str) -> str:
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    if begin not in content:
        return f"{content.rstrip()}\n\n## {heading}\n\n{begin}{table}{end}"
    if end not in content:
        raise ValueError(f"the page has the marker {begin.strip()!r} but not {end.strip()!r}; restore it")
    before, _, rest = content.partition(begin)
    return before + begin + table + end + rest.partition(end)[2]


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
