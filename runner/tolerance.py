"""What becomes of a record that fails: retried, reported, and skipped or the end of its task.

Source: KIP-298 and the options ``errors.*``. Every record that a task drops because of an error goes
through :meth:`Tolerance.run`, :meth:`skip` or :meth:`drop`, is counted and reported. Departures from Kafka
Connect, all so that nothing is lost in silence: a ``RetriableError`` that outlasts ``errors.retry.timeout``
is subject to ``errors.tolerance`` like any other error (Connect skips the record even under ``none``); a
retry that is cut short because the task stops does not skip the record; offsets wait for the reports; and a
row of failures opens a circuit breaker (:mod:`connectkit.runner.breaker`).

What ``run`` and ``skip`` drop is reported when its batch is through (:meth:`batch_done`), because a batch
that goes back is read again, poison included.

Threads: the task's own, except :meth:`drop`, which errant-record reports call from any thread, and
:meth:`take_reports`.
"""

from __future__ import annotations

import logging
import random as random_module
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.runner.breaker import Breaker, BreakerPolicy
from connectkit.runner.control import Control
from connectkit.runner.counters import ErrorCounters
from connectkit.runner.failing import Culprit, Stage, Subject
from connectkit.runner.withheld import Failed, Withheld, starts

log = logging.getLogger(__name__)


class Skipped:
    """The type of ``SKIPPED``."""

    __slots__ = ()


SKIPPED = Skipped()
"""What :meth:`Tolerance.run` returns in place of a result when the record was dropped."""


class Letters(Protocol):
    """The dead letter queue among the reporters."""

    topic: str
    waiting: int

    def wait(self, futures: Sequence[Future[None]], timeout_s: float) -> list[Future[None]]: ...
    def check(self) -> None: ...
    def serve(self) -> None: ...
    def close(self, timeout_s: float) -> None: ...


class StoppedRetryingError(RetriableError):
    """The task shall stop while a call is being retried: the record is as if it had not been read."""


class BreakerOpenError(RetriableError):
    """Too many records in a row have failed: those of the row are as if they had not been read."""


class Reporter(Protocol):
    """Takes notice of a failed record: a log line, a dead letter. Any thread."""

    def report(self, stage: Stage, plugin: str, error: Exception, subject: Subject) -> Future[None] | None:
        """Returns what to wait for before the record's offset may be committed, if anything.

        ``plugin`` is the full name of a class.
        """
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
        breaker: BreakerPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.policy = policy
        self.counters = counters
        self.reporters = list(reporters)
        self.letters: Letters | None = None
        """The dead letter queue, if there is one; it is one of the reporters."""
        self.breaker = Breaker(breaker or BreakerPolicy(failures=0), clock)
        self._control = control
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._lock = threading.RLock()
        self._withheld = Withheld()
        self._reports: list[Future[None]] = []
        self._tidy_at = _TIDY_AT
        self._unacknowledged: list[Future[None]] = []

    # --- one record ------------------------------------------------------------------------------

    def run(self, stage: Stage, culprit: Culprit, subject: Subject, call: Callable[[], Any]) -> Any:
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
                    self._drop(stage, culprit, exc, subject)
                    return SKIPPED
                self.counters.total_retries += 1
                if self._control.sleep(self._delay_s(attempt, left_s)):
                    raise StoppedRetryingError("The task stops while a record is retried") from exc
            except Exception as exc:  # noqa: BLE001 - whatever a plugin raises is the record's failure
                self._note()
                self._drop(stage, culprit, exc, subject)
                return SKIPPED

    def skip(self, stage: Stage, culprit: Culprit, error: Exception, subject: Subject) -> None:
        """A record failed outside :meth:`run`; as there, it is reported when its batch is through."""
        self._note()
        self._drop(stage, culprit, error, subject)

    def _drop(self, stage: Stage, culprit: Culprit, error: Exception, subject: Subject) -> None:
        self.counters.note(f"{stage.value} failed in {culprit.label}: {describe(error)}", self._clock())
        if not self.policy.tolerate_all:
            self._settle(stage, culprit, error, subject, skipped=True)
            return
        writing = stage is Stage.TASK_PUT
        with self._lock:
            serial = self.breaker.failed(error, writing=writing)
            self._withheld.batch.append(Failed(stage, culprit, error, subject, serial))
            if self.breaker.is_open:
                raise breaker_open(error)

    def _delay_s(self, attempt: int, left_s: float | None) -> float:
        """KIP-298's back-off: 300 ms doubled each time, then anything below the maximum."""
        delay_s = 0.3 * float(1 << min(attempt - 1, 60))
        if delay_s > self.policy.retry_delay_max_s:
            delay_s = self._random() * self.policy.retry_delay_max_s
        return delay_s if left_s is None else min(delay_s, left_s)

    def drop(
        self,
        stage: Stage,
        culprit: Culprit,
        error: Exception,
        subject: Subject,
        *,
        skipped: bool = True,
        wait: bool = False,
    ) -> list[Future[None]]:
        """A record failed outside :meth:`run`: report it now; ``FatalTaskError`` unless tolerated.

        ``wait``: the reports are among those of :meth:`take_reports`; else they are the caller's business.
        """
        self._note()
        reports = self._settle(stage, culprit, error, subject, skipped=skipped)
        if wait:
            with self._lock:
                self._keep(reports)
        return reports

    def _note(self) -> None:
        with self._lock:
            self.counters.total_record_failures += 1
            self.counters.last_error_timestamp = int(self._wall_clock() * 1000)

    def _settle(
        self, stage: Stage, culprit: Culprit, error: Exception, subject: Subject, *, skipped: bool
    ) -> list[Future[None]]:
        with self._lock:
            self.counters.total_record_errors += 1
        reports = [reporter.report(stage, culprit.class_name, error, subject) for reporter in self.reporters]
        if not self.policy.tolerate_all:
            raise FatalTaskError(
                f"{stage.value.capitalize()} failed in {culprit.label} for {subject.where}: "
                f"{describe(error)}; mend the cause, or set errors.tolerance=all to skip such records"
            ) from error
        if skipped:
            with self._lock:
                self.counters.total_records_skipped += 1
        return [report for report in reports if report is not None]

    # --- batches ---------------------------------------------------------------------------------

    def passed(self, *, writing: bool) -> None:
        """Something was converted, or written: a row of failures ends."""
        if self.breaker.stirred:
            with self._lock:
                self.breaker.passed(writing=writing)

    def trip(self) -> None:
        """The system that is written to is away: open the breaker at once."""
        with self._lock:
            self.breaker.open(writing=True)

    def batch_done(self) -> None:
        """The batch is through: report what it dropped, unless that is part of a row that goes on."""
        if self._withheld.batch or self._withheld.earlier:
            with self._lock:
                self._report(self._withheld.batch_done(self._counts))

    def rewind_to(self) -> dict[TopicPartition, int]:
        """Where the row of failures began that has opened the breaker."""
        with self._lock:
            return starts(filter(self._counts, [*self._withheld.earlier, *self._withheld.batch]))

    def withdraw(self, back: Mapping[TopicPartition, int]) -> None:
        """What stands at or after these offsets will be read again; what stands before is reported."""
        with self._lock:
            self._report(self._withheld.withdraw(back))

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """What stands in these partitions is read again, here or elsewhere."""
        if self._withheld.batch or self._withheld.earlier:
            with self._lock:
                self._withheld.forget(partitions)

    def forget_batch(self) -> None:
        """The batch at hand will be read again."""
        self._withheld.batch.clear()

    def _counts(self, failed: Failed) -> bool:
        return self.breaker.counts(failed.serial, writing=failed.stage is Stage.TASK_PUT)

    def _report(self, settled: Sequence[Failed]) -> None:
        for stage, culprit, error, subject, _ in settled:
            self._keep(self._settle(stage, culprit, error, subject, skipped=True))

    def _keep(self, reports: list[Future[None]]) -> None:
        self._reports += reports
        if len(self._reports) >= self._tidy_at:
            self._reports = [report for report in self._reports if not succeeded(report)]
            self._tidy_at = max(2 * len(self._reports), _TIDY_AT)

    def take_reports(self) -> list[Future[None]]:
        """What must be acknowledged before any offset beyond the batches that are through is stored."""
        with self._lock:
            self._report(self._withheld.settle())
            taken, self._reports = self._reports, []
            return taken

    def await_reports(self, timeout_s: float, more: Sequence[Future[None]] = ()) -> bool:
        """Whether all that was dropped so far is in the dead letter queue, after waiting this long at most.

        ``FatalTaskError`` if something never will be. One thread at a time.
        """
        reports = self.take_reports()  # also where nobody waits: what was withheld is reported
        if self.letters is None:
            return True
        self._unacknowledged = self.letters.wait([*self._unacknowledged, *reports, *more], timeout_s)
        return not self._unacknowledged


def breaker_open(error: BaseException) -> BreakerOpenError:
    """The error that takes a batch back."""
    found = BreakerOpenError(f"too many records in a row have failed, the last one with: {describe(error)}")
    found.__cause__ = error
    return found


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
    if isinstance(error, ModuleNotFoundError) and error.msg:
        return error.msg  # says what to install; it knows of no record
    return type(error).__name__


def log_failure(logger: logging.Logger, error: BaseException, message: str, *arguments: object) -> None:
    """Log an error of ours in one sentence, and where it was at DEBUG; any other with its traceback."""
    if isinstance(error, ConnectError):
        logger.error("%s: %s", message % arguments, describe(error))
        logger.debug("Where that was", exc_info=error)
    else:
        logger.error(message, *arguments, exc_info=error)
