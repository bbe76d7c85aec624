"""Who computes: this process, or others of few threads each, as `concurrent.futures` executors."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, TypeVar, final

import torch

Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@final
class InThisProcess(Executor):
    """Computes at once, here, whatever is submitted; Ctrl-C interrupts it."""

    def submit(self, function: Callable[..., Result], /, *arguments: Any, **named: Any) -> "Future[Result]":
        """Run the function now; its exception, unless it ends the program, waits in the future."""
        future: Future[Result] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@final
class SpawnedProcesses(Executor):
    """Fresh processes of one thread each, that leave Ctrl-C to this one and end when it ends, even by a kill."""

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)

    def submit(self, function: Callable[..., Result], /, *arguments: Any, **named: Any) -> "Future[Result]":
        """Hand the function to a process; the first calls start one each."""
        with _inherited_by_children():
            return self._pool.submit(function, *arguments, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes after what they are doing."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


@contextmanager
def stoppable_processes(processes: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes that are sent SIGTERM when this process is stopped, or nobody waits for them any more.

    Work that goes on later saves its state then; other work is lost.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with _told_to_children(threads), ProcessPoolExecutor(processes, context, _begin_stoppable, (threads,)) as pool:
        try:
            yield pool
        except (KeyboardInterrupt, GeneratorExit):
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def keep_to_one_thread() -> None:
    """Let torch compute on one thread from now on: parallelism is over chunks, and answers do not depend on the cores.

    The number is not put back: raising it by hand makes batched factorisations come out wrong on some machines.
    """
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@contextmanager
def _inherited_by_children() -> Iterator[None]:
    """Set what a process started in this block shall have from its very first moment: one thread, deaf to Ctrl-C.

    A Ctrl-C that comes meanwhile interrupts this process at the end of the block.
    """
    resource_tracker.ensure_running()  # which the first process would start, and that lets Ctrl-C through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _told_to_children(threads=1):
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _told_to_children(threads: int) -> Iterator[None]:
    """Let libraries of processes that are started in this block take so many threads."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with_parent()


def _begin_stoppable(threads: int) -> None:
    _begin()  # deaf to Ctrl-C of the terminal: the parent hears it and sends SIGTERM
    torch.set_num_threads(threads)


def _end_with_parent() -> None:
    """Let this process end when the one that started it does, even by a kill.

    A killed parent ends nobody; an orphan would compute what a second run computes too, then wait for ever.
    """
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
