"""Memory that is freed is kept for what comes next."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Numbers of glibc's ``malloc.h``: M_TRIM_THRESHOLD and M_MMAP_MAX."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, where the C library is glibc.

    A network asks for the same few arrays in each step. By itself glibc hands large ones back to
    the system as soon as they are freed, and the system fills each page with zeros when it is
    touched again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _NEVER)
        mallopt(_MMAP_MAX, 0)
