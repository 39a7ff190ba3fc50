"""What becomes of a record that fails: retried, reported, and skipped or the end of its task.

Source: KIP-298 and the options ``errors.*``. Every record that a task drops because of an error goes
through :meth:`Tolerance.drop`, is counted and reported. Three departures from Kafka Connect, all so that
nothing is lost in silence: a ``RetriableError`` that outlasts ``errors.retry.timeout`` is subject to
``errors.tolerance`` like any other error (Connect skips the record even under ``none``); a retry that is cut
short because the task stops does not skip the record; and offsets wait for the reports.

Threads: the task's own, except :meth:`drop`, which errant-record reports call from any thread.
"""

from __future__ import annotations

import logging
import random as random_module
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from connectkit.errors import ConnectError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.runner.control import Control
from connectkit.runner.counters import ErrorCounters

log = logging.getLogger(__name__)


class Stage(Enum):
    """Where a record fails; the names stand in logs and in headers of dead letters."""

    TASK_POLL = "polling the source task"
    TASK_PUT = "writing in the sink task"
    TRANSFORMATION = "transforming"
    KEY_CONVERTER = "converting the key"
    VALUE_CONVERTER = "converting the value"
    HEADER_CONVERTER = "converting a header"
    KAFKA_PRODUCE = "producing"
    KAFKA_CONSUME = "consuming"


class Skipped:
    """The type of ``SKIPPED``."""

    __slots__ = ()


SKIPPED = Skipped()
"""What :meth:`Tolerance.run` returns in place of a result when the record was dropped."""


class StoppedRetryingError(RetriableError):
    """The task shall stop while a call is being retried: the record is as if it had not been read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that fails: where it stands, and what it was before anything was done to it."""

    where: str
    """``topic-partition@offset``, or the topic and place of a source record. Never a value."""
    original: Any
    """The consumed message, or the source record as polled; reporters know which."""


class Reporter(Protocol):
    """Takes notice of a failed record: a log line, a dead letter. Any thread."""

    def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> Future[None] | None:
        """Returns what to wait for before the record's offset may be committed, if anything."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPolicy:
    """``errors.*`` of a connector. Times in seconds; ``retry_timeout_s`` None retries for ever."""

    tolerate_all: bool = False
    retry_timeout_s: float | None = 0.0
    retry_delay_max_s: float = 60.0


_TIDY_AT = 1_000
"""Reports kept, from which on those that were acknowledged are forgotten: a commit may be a minute away."""


class Tolerance:
    """Runs what may fail for one record, by a connector's error policy."""

    def __init__(
        self,
        policy: ErrorPolicy,
        counters: ErrorCounters,
        control: Control,
        *,
        reporters: Sequence[Reporter] = (),
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.policy = policy
        self.counters = counters
        self.reporters = list(reporters)
        self._control = control
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._lock = threading.Lock()
        self._reports: list[Future[None]] = []
        self._tidy_at = _TIDY_AT

    def run(self, stage: Stage, plugin: str, subject: Subject, call: Callable[[], Any]) -> Any:
        """The call's result, or ``SKIPPED``; ``FatalTaskError`` if the error is not tolerated."""
        attempt, began = 0, 0.0
        while True:
            try:
                return call()
            except (FencedError, FatalTaskError):
                raise
            except RetriableError as exc:
                self._note()
                now = self._clock()
                attempt += 1
                if attempt == 1:
                    began = now
                timeout_s = self.policy.retry_timeout_s
                left_s = None if timeout_s is None else began + timeout_s - now
                if self._control.stopping and timeout_s != 0:
                    raise StoppedRetryingError("The task stops while a record is retried") from exc
                if left_s is not None and left_s <= 0:
                    self._keep(self._settle(stage, plugin, exc, subject, skipped=True))
                    return SKIPPED
                self.counters.total_retries += 1
                if self._control.sleep(self._delay_s(attempt, left_s)):
                    raise StoppedRetryingError("The task stops while a record is retried") from exc
            except Exception as exc:  # noqa: BLE001 - whatever a plugin raises is the record's failure
                self._note()
                self._keep(self._settle(stage, plugin, exc, subject, skipped=True))
                return SKIPPED

    def _keep(self, reports: list[Future[None]]) -> None:
        self._reports += reports
        if len(self._reports) >= self._tidy_at:
            self._reports = [report for report in self._reports if not succeeded(report)]
            self._tidy_at = max(2 * len(self._reports), _TIDY_AT)

    def take_reports(self) -> list[Future[None]]:
        """The reports that :meth:`run` has made since the last call. Task thread."""
        taken, self._reports = self._reports, []
        return taken

    def _delay_s(self, attempt: int, left_s: float | None) -> float:
        """KIP-298's back-off: 300 ms doubled each time, then anything below the maximum."""
        delay_s = 0.3 * float(1 << min(attempt - 1, 60))
        if delay_s > self.policy.retry_delay_max_s:
            delay_s = self._random() * self.policy.retry_delay_max_s
        return delay_s if left_s is None else min(delay_s, left_s)

    def drop(
        self, stage: Stage, plugin: str, error: Exception, subject: Subject, *, skipped: bool = True
    ) -> list[Future[None]]:
        """A record failed outside :meth:`run`: report it, and raise ``FatalTaskError`` unless tolerated."""
        self._note()
        return self._settle(stage, plugin, error, subject, skipped=skipped)

    def _note(self) -> None:
        with self._lock:
            self.counters.total_record_failures += 1
            self.counters.last_error_timestamp = int(self._wall_clock() * 1000)

    def _settle(
        self, stage: Stage, plugin: str, error: Exception, subject: Subject, *, skipped: bool
    ) -> list[Future[None]]:
        with self._lock:
            self.counters.total_record_errors += 1
        reports = [reporter.report(stage, plugin, error, subject) for reporter in self.reporters]
        if not self.policy.tolerate_all:
            raise FatalTaskError(
                f"{stage.value.capitalize()} failed in {plugin} for {subject.where}: {describe(error)}; mend "
                "the cause, or set errors.tolerance=all to skip such records"
            ) from error
        if skipped:
            with self._lock:
                self.counters.total_records_skipped += 1
        return [report for report in reports if report is not None]


def succeeded(report: Future[None]) -> bool:
    """Whether a report has been acknowledged."""
    return report.done() and not report.cancelled() and report.exception() is None


def describe(error: BaseException) -> str:
    """An error in words that are safe to show: foreign messages may carry the value of a record."""
    if isinstance(error, ConnectError):
        text = str(error).rstrip(".") or type(error).__name__
        path = error.path if isinstance(error, DataError) else None
        return f"{text} (at {path})" if path is not None and path not in text else text
    if isinstance(error, OSError) and error.strerror:
        named = f": {error.filename}" if error.filename is not None else ""
        return f"{error.strerror}{named}"
    return type(error).__name__
