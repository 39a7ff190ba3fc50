"""Every error connectkit raises, named by what the caller should do next.

    ConnectError
    ├── ConfigError          fix the configuration; ``problems`` maps each key to its sentences
    ├── RetriableError       try the same call again, after ``wait_s`` seconds if given
    ├── DataError            this record can never pass as it is; carries ``path``
    │   ├── SchemaError      a schema is malformed or does not allow what was asked of it
    │   ├── ConversionError  bytes do not decode, or a value does not fit its schema
    │   ├── ProjectionError  a value cannot be projected to another schema
    │   └── LimitError       a value, schema or message exceeds a limit
    ├── BatchError           some records of a batch cannot be written; it says which
    ├── FatalTaskError       stop this task, keep the others
    ├── FencedError          a newer owner exists: stop without committing
    ├── NotFoundError        the thing asked for does not exist
    └── ConflictError        the thing exists already, or is being changed by someone else

A message is one sentence: what failed, where, what would help. It never contains the value of a
record or of a secret. Source: design, section 3; the exception tree of Connect's ``errors`` package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ConnectError(Exception):
    """Base of all connectkit errors. Raised as such where no recovery is known."""


class ConfigError(ConnectError):
    """A configuration is wrong; ``problems`` holds every mistake found, not only the first.

    ``ConfigError("sentence")`` is one problem without a key;
    ``ConfigError(problems={"topics": ["..."]})`` names them by configuration key.
    """

    def __init__(
        self, message: str | None = None, *, problems: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.problems: dict[str, list[str]] = {k: list(v) for k, v in (problems or {}).items()}
        if message is None:
            message = "; ".join(
                f"{key}: {sentence}" for key, found in self.problems.items() for sentence in found
            )
        super().__init__(message)


class RetriableError(ConnectError):
    """A passing fault: the same call may succeed later. ``wait_s`` is a hint in seconds."""

    def __init__(self, message: str = "", *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class DataError(ConnectError):
    """This record can never pass as it is. ``path`` is where in the value, such as ``$.order.id``."""

    def __init__(self, message: str = "", *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class SchemaError(DataError):
    """A schema is malformed, or it does not allow the operation."""


class ConversionError(DataError):
    """Bytes do not decode, or a value does not fit its schema."""


class ProjectionError(DataError):
    """A value cannot be projected from its schema to the wanted one."""


class LimitError(DataError):
    """A value, schema or message exceeds one of :class:`connectkit.limits.Limits`."""


class BatchError(ConnectError):
    """``SinkTask.put`` could not write some of its records; ``failures`` maps their indexes to errors.

    The indexes are those of the list that ``put`` was given. ``written``: whether all the others have been
    written; if not (the batch was one transaction), they are put again without those. A
    ``RetriableError`` among the failures has its record put again, whatever it was.
    """

    def __init__(self, message: str, failures: Mapping[int, Exception], *, written: bool = True) -> None:
        super().__init__(message)
        self.failures = dict(failures)
        self.written = written


class FatalTaskError(ConnectError):
    """This task cannot go on; the other tasks of the worker are not affected."""


class FencedError(ConnectError):
    """A newer owner has taken over: stop at once and commit nothing. Never retried."""


class NotFoundError(ConnectError):
    """The connector, task, topic or plugin asked for does not exist (REST 404)."""


class ConflictError(ConnectError):
    """The thing exists already, or another change is under way (REST 409)."""
