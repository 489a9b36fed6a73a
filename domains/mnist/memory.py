"""Memory that a training step frees stays with the process: the next one need not ask again.

glibc hands every large block back to the system and gets it anew, zeroed page by page: the maps of
a wide network cost more system time that way than some of its layers cost to compute.
"""

from __future__ import annotations

import ctypes
import logging
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt (malloc.h)."""
NEVER = 2**31 - 1

logger = logging.getLogger("scsc")


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed; returns whether it listened (glibc does).

    The process stays as large as it ever was. Call it before large tensors are made.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        logger.debug("this C library has no mallopt: freed memory goes back to the system")
        return False
    # Blocks outside the heap are always given back; inside it, only the top is, beyond the
    # threshold.
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
