"""Bars on standard error for what takes more than a moment; standard output is left to results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def bar(doing: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar while the block runs; hand it what is done, of how many, and a few words."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(doing, total=None, words="")

        def show(done: int, total: int, words: str = "") -> None:
            bars.update(task, completed=done, total=total, words=words)

        yield show


@contextmanager
def training_bar(networks: int) -> Iterator[Callable[[int, int, int, float], None]]:
    """A bar while so many networks are trained; hand it network, epoch, epochs and loss."""
    with bar("training") as show:
        yield lambda member, epoch, epochs, loss: show(
            member * epochs + epoch, networks * epochs, f"epochs, loss {loss:.3f}"
        )


@contextmanager
def stages(doing: str, out: Path) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for a run of several stages; Ctrl-C says where what is finished is kept."""
    try:
        with bar(doing) as show:
            yield lambda stage, done, total: show(done, total, stage)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped: what is finished is kept in {out}; run the same command again to go on"
        ) from None
