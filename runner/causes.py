"""What kind of failure ended something, and so whether starting it again can help.

An error is judged with its causes: ``FatalTaskError`` around a ``RetriableError`` is a passing fault that
outlasted its retries. Of foreign exceptions only those count as passing that say so by their type: the
operating system's network errors, PEP 249's ``OperationalError``, the usual names of time-outs.
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Iterator

from connectkit.errors import (
    ConfigError,
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)


class Cause(enum.Enum):
    """Why something failed; the value is for log lines."""

    TRANSIENT = "a passing fault"
    HUNG = "a call that did not return"
    DIED = "the end of its process"
    UNKNOWN = "an unexpected error"
    FATAL = "an error that its plugin calls final"
    DATA = "a record that cannot pass"
    CONFIG = "its configuration"
    FENCED = "a newer owner"
    PARKED = "a crash that would happen again"


class HungError(ConnectError):
    """A call of the plugin has not returned within its deadline; the task was fenced and abandoned."""


class DiedError(ConnectError):
    """The process a task ran in has ended. ``wait_s``: how long to wait at least before it runs again."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class ParkedError(ConnectError):
    """Running this again has crashed the process before; an operator must restart it."""


class RemoteError(ConnectError):
    """What a task in another process failed with: its sentence, its trace, its kind."""

    def __init__(
        self, message: str, cause: Cause, *, wait_s: float | None = None, trace: str | None = None
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.wait_s = wait_s
        self.trace = trace
        """As the other process would have shown it."""


PASSING_ERRNO = frozenset(
    getattr(errno, name)
    for name in (
        "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH",
        "EINTR", "EMFILE", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE", "ENOBUFS", "ENOMEM", "EPIPE",
        "ETIMEDOUT",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""What the operating system calls things that may be otherwise in a moment."""

_PASSING_NAMES = frozenset(
    (
        "ConnectionError", "NetworkError", "OperationalError", "ServiceUnavailable", "Timeout",
        "TimeoutError", "TransportError", "gaierror",
    )
)  # fmt: skip
"""Classes (or bases) of foreign exceptions that mean: the other side cannot be reached just now."""

_OURS: tuple[tuple[type[BaseException], Cause], ...] = (
    (ConfigError, Cause.CONFIG),
    (DataError, Cause.DATA),
    (RetriableError, Cause.TRANSIENT),
    (HungError, Cause.HUNG),
    (DiedError, Cause.DIED),
    (ParkedError, Cause.PARKED),
    (MemoryError, Cause.TRANSIENT),
)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and so on; each once."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def cause_of(error: BaseException) -> Cause:
    """What kind of failure this is."""
    chain = list(causes_of(error))
    if any(isinstance(each, FencedError) for each in chain):
        return Cause.FENCED
    for each in chain:
        found = _one(each)
        if found is not None:
            return found
    return Cause.FATAL if isinstance(error, FatalTaskError) and len(chain) == 1 else Cause.UNKNOWN


def _one(error: BaseException) -> Cause | None:
    """What this error says by itself; None if its cause must tell."""
    if isinstance(error, RemoteError):
        return error.cause
    for kind, cause in _OURS:
        if isinstance(error, kind):
            return cause
    if isinstance(error, ConnectError):
        return None
    if isinstance(error, OSError) and error.errno in PASSING_ERRNO:
        return Cause.TRANSIENT
    if isinstance(error, Exception) and any(cls.__name__ in _PASSING_NAMES for cls in type(error).__mro__):
        return Cause.TRANSIENT
    return None


def wait_of(error: BaseException) -> float | None:
    """How long the error asks to wait before another try, in seconds."""
    for each in causes_of(error):
        if isinstance(each, RetriableError | RemoteError | DiedError) and each.wait_s is not None:
            return each.wait_s
    return None
