"""Ctrl-C and SIGTERM that end a program wherever they find it.

A handler runs between any two instructions. If these belong to a finaliser or to the callback of a weak reference,
Python prints the exception that the handler raises and goes on: the program would run to its end as if nobody had
asked.
"""

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN = 0.01  # s until the exception that Python dropped is raised anew


def stop_on_signals() -> None:
    """From now on either signal raises KeyboardInterrupt in the main thread, again if Python drops it.

    Also where a shell that started the program in its background made it deaf to Ctrl-C. The command line calls it; a
    program of one's own that runs for hours may. It takes SIGALRM for itself. To be called in the main thread.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.default_int_handler)
    sys.unraisablehook = _raise_interrupts_again


def _raise_interrupts_again(dropped: "UnraisableHookArgs") -> None:
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    else:
        sys.__unraisablehook__(dropped)
