"""Keeps records from costing more in the allocator and the collector than in the work on them."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Mapping

_HUGE_BLOCK_BYTES = 8 * 1024 * 1024
_KEPT_BYTES = 32 * 1024 * 1024

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
_SAME_BY_OPERATOR = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def tune_memory(environment: Mapping[str, str] = os.environ) -> None:
    """Set allocator and collector up for records that live for a batch; call it when all is imported.

    Records hold no cycles: the collector looks for cycles rarely, and never at what is there already.
    """
    if not any(name in environment for name in _SAME_BY_OPERATOR):
        _tune_allocator()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _tune_allocator() -> None:
    """What glibc keeps of freed memory; other C libraries have no such settings.

    It gives the top of the heap back to the system whenever 128 KiB of it are free, so each batch would fault
    its pages in again (up to 2 µs a record). And it keeps freed blocks of up to 32 MiB once one of that size
    has been freed, in a heap for each thread, so that a huge record, of which several threads hold copies in
    turn, would take twice the memory of its copies.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _HUGE_BLOCK_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
