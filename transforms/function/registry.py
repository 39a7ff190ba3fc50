"""Finds functions by name among the entry points of installed packages (``connectkit.functions``).

A configuration names a function; it does not say where to import it from. If it could, whoever may write
a connector's configuration could run any code there is on the worker's machine (``os.system`` is a function
of one text). So what can be called is decided by whoever installs packages. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from connectkit.errors import ConfigError
from connectkit.suggest import did_you_mean, shortened

GROUP = "connectkit.functions"


class Functions:
    """The functions a program may call. ``read`` gives the entry points, by default those installed."""

    def __init__(self, *, read: Callable[[], Iterable[EntryPoint]] | None = None) -> None:
        self._read = read or (lambda: entry_points(group=GROUP))
        self._lock = threading.Lock()
        self._found: dict[str, Callable[[], Any]] | None = None
        self._added: dict[str, Any] = {}

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Add a function of this program; it goes before an installed one of that name."""
        with self._lock:
            self._added[name] = function

    def names(self) -> list[str]:
        """All names, in order; nothing is imported."""
        with self._lock:
            return sorted({*self._installed(), *self._added})

    def find(self, name: str) -> Callable[..., Any]:
        """The function of that name; ``ConfigError`` says why there is none."""
        with self._lock:
            added = self._added.get(name)
            load = self._installed().get(name)
        if added is not None:
            return self._callable(name, added)
        if load is None:
            raise ConfigError(f"no function '{shortened(name)}' is installed{self._hint(name)}")
        try:
            found = load()
        except Exception as exc:
            raise ConfigError(
                f"the function '{shortened(name)}' cannot be imported: that raised {type(exc).__name__}"
            ) from exc
        return self._callable(name, found)

    def _callable(self, name: str, found: Any) -> Callable[..., Any]:
        if not callable(found) or isinstance(found, type):
            raise ConfigError(f"'{shortened(name)}' is installed as a function, and is none")
        made: Callable[..., Any] = found
        return made

    def _hint(self, name: str) -> str:
        names = self.names()
        if "." in name or ":" in name:
            return (
                "; functions are not imported by their path but named as their packages name them, in entry "
                f"points of the group {GROUP}"
            )
        return did_you_mean(name, names) or (
            f"; there are {', '.join(names)}" if names else "; there is none"
        )

    def _installed(self) -> dict[str, Callable[[], Any]]:
        if self._found is None:
            self._found = {point.name: point.load for point in self._read()}
        return self._found


functions = Functions()
"""The functions of all installed distributions."""
