"""Lets a writer of the file that has waited for long have its turn, over all processes.

SQLite's own waiting is a look every tenth of a second: where the disk is slow, somebody who writes one
batch after the other leaves gaps that a look never meets, and the others wait for many seconds (a commit
of offsets, a task that leaves its group). So whoever has waited for longer than ``PATIENCE_MS`` holds a
shared ``flock`` on a file while looking every millisecond, and whoever is about to write looks whether
anybody does, and steps back for a moment. Nobody waits for the lock itself: a stopped process can delay
others by ``_STEP_BACK_S`` twice a second, and a dead one cannot. Where the system has no ``flock``, turns
are as SQLite gives them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the module is absent there

PATIENCE_MS = 25
"""How long a writer waits in SQLite's way, which is the better one where everybody is quick."""
LOOK_S = 0.001
"""How often one looks who has waited longer."""
_STEP_BACK_S = 0.02
_UNHEARD_S = 0.5
"""For how long nobody steps back again after it was in vain: the one who waits is stopped, or starved."""


class Waiting:
    """As a context: says to all processes that a writer has waited for long."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        if fcntl is None:
            return
        try:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass  # too many open files, or just being looked at: it waits unannounced

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Courtesy:
    """One connection's stepping back. Used by one thread at a time."""

    __slots__ = ("_path", "_resumes_at")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._resumes_at = 0.0

    def step_back(self) -> None:
        """Come back once nobody has waited for long, or after a moment."""
        if not self._somebody_waits():
            return
        now = time.monotonic()
        if now < self._resumes_at:
            return
        until = now + _STEP_BACK_S
        while time.monotonic() < until:
            time.sleep(LOOK_S)
            if not self._somebody_waits():
                return
        self._resumes_at = time.monotonic() + _UNHEARD_S

    def _somebody_waits(self) -> bool:
        if fcntl is None:
            return False
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False  # nobody ever had to, or too many files are open
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False
