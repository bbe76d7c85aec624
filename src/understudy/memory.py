"""Freed memory kept for the next tensor, where the C library would give it back to the system and fetch it again.

Blocks of some megabytes, such as the influence matrices of a batch of airfoils, come and go hundreds of times a second.
By default glibc unmaps each one, and the system clears its pages anew: a third of the time of a prediction.
"""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT = 1 << 30  # bytes


def keep_freed_memory() -> None:
    """From now on, in this process and in those that it starts; does nothing where the C library is not glibc.

    The command line calls it. A program of one's own may, at the price of up to a gigabyte that the process keeps.
    """
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(_KEPT))
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(_KEPT))
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _KEPT)
