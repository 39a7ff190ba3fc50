"""Keeps batches from costing more in the allocator and the collector than in the work on them."""

from __future__ import annotations

import gc

_LARGE_BLOCK_BYTES = 16 * 1024 * 1024


def tune_memory() -> None:
    """Set allocator and collector up for records that live for a batch; call it when all is imported.

    glibc gives the top of the heap back to the system whenever 128 KiB of it are free, so each batch would
    fault its pages in again (up to 2 µs a record). Freeing one large block, which is never touched, raises
    that threshold to twice its size. Records hold no cycles: the collector looks for cycles rarely, and
    never at what is there already.
    """
    large = bytes(_LARGE_BLOCK_BYTES)
    del large
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
