"""Wakes the consumers of this process as soon as one of its producers has committed."""

from __future__ import annotations

import threading


class Signal:
    """A counter to wait on. Other processes do not see it: they look at the file (``Store.changed``)."""

    __slots__ = ("_changed", "_count")

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often ``notify`` was called."""
        return self._count

    def notify(self) -> None:
        """Wake everyone who waits."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> None:
        """Return when ``count`` is no longer ``seen``, at the latest after ``timeout_s``."""
        with self._changed:
            if self._count == seen:
                self._changed.wait(timeout_s)
