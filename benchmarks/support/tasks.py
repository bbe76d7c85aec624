"""Work that is done in several processes, each result kept as JSON, so that a killed benchmark goes on."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

Task = TypeVar("Task")


def finished(
    tasks: Mapping[Task, Path],
    work: Callable[[Task], Any],
    workers: int,
    say: Callable[[Task, Any], object] = lambda task, result: print(task, result, flush=True),
) -> dict[Task, Any]:
    """Results of all tasks; what lies in the file of a task is not done again.

    Args:
        tasks: each with its file. work: done in a process of its own. say: called when a result is kept.
    """
    waiting = [task for task, file in tasks.items() if not file.is_file()]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        started = {pool.submit(work, task): task for task in waiting}
        for done in as_completed(started):
            task, result = started[done], done.result()
            tasks[task].parent.mkdir(parents=True, exist_ok=True)
            tasks[task].write_text(json.dumps(result))
            say(task, result)
    return {task: json.loads(file.read_text()) for task, file in tasks.items()}
