"""Tells whether the holder of a lease still lives: a file lock goes when its process goes.

A lock file per consumer or transactional producer, held with ``flock`` for its whole life. After
``kill -9`` the kernel drops the lock at once, so nobody waits out a lease. Where the system has no
``flock``, holders count as alive and only their lease ends them.
"""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is absent there


class ProcessLock:
    """An exclusive lock on one file of the log's ``members`` folder, from construction to ``release``."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.lock"
        self._descriptor = -1
        folder.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Drop the lock and its file; harmless when repeated."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.release()  # its holder was dropped without being closed


def is_alive(folder: Path, name: str) -> bool:
    """Whether some process holds the lock ``name``; the file of a dead holder is removed."""
    path = folder / f"{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if fcntl is None:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
