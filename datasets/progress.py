"""A bar that shows how far a run is, with its rate, the time left and how many cases were not answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from understudy.datasets.generation import Progress
from understudy.simulators.interface import Status


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Draw a bar on standard error while the block runs; hand what it yields to `generate(progress=...)`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {"simulating": bars.add_task("simulating", total=None, failures="")}

        def show(progress: Progress) -> None:
            if progress.doing not in tasks:
                tasks[progress.doing] = bars.add_task(progress.doing, total=progress.total, failures="")
            bars.update(
                tasks[progress.doing], completed=progress.done, total=progress.total, failures=_failures(progress)
            )

        yield show


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


def _failures(progress: Progress) -> str:
    return ", ".join(f"{count} {status}" for status, count in progress.ended.items() if status is not Status.OK)
