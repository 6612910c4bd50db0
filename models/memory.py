"""Freed memory is kept, for a training asks for the same amounts at every step."""

import ctypes
import sys
from contextlib import suppress

# glibc's mallopt, malloc.h. Large blocks are otherwise given back to the system and come as new
# pages, cleared one by one: a third of a step of the fragment networks.
TRIM_THRESHOLD, MMAP_MAX = -1, -4
NEVER = 2**31 - 1


def keep_freed() -> None:
    """Let the allocator keep what is freed, where it is glibc's; else nothing.

    Notes
    -----
    Thread: [main]
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(TRIM_THRESHOLD, NEVER)
        library.mallopt(MMAP_MAX, 0)
