"""What a task counts, under the names of Kafka Connect's metrics (spec of KIP-196 and KIP-298).

Counters are written once per batch by the task's own thread and read by anybody: totals are plain
integers, rates and averages come from two windows as in Kafka's ``SampledStat``. Times are seconds of a
monotonic clock; in the names of metrics they are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

WINDOW_S = 30.0
"""Length of one sample; two of them are kept (``metrics.sample.window.ms``, ``metrics.num.samples``)."""


class Windowed:
    """Rate, average and maximum over the last one to two windows, and the total since the start."""

    __slots__ = ("_began", "_now", "_then", "last", "total", "window_s")

    def __init__(self, now: float, *, window_s: float = WINDOW_S) -> None:
        self.window_s = window_s
        self.total = 0.0
        self.last: float | None = None
        """When a value that is not 0 was noted last."""
        self._began = now
        self._now = [now, 0.0, 0.0, 0.0, inf]  # began, sum, events, maximum, minimum
        self._then: list[float] | None = None

    def record(self, value: float, now: float) -> None:
        """Note a value (records of a batch, seconds of a call)."""
        self._turn(now)
        self.total += value
        if value:
            self.last = now
        window = self._now
        window[1] += value
        window[2] += 1
        if value > window[3]:
            window[3] = value
        if value < window[4]:
            window[4] = value

    def _turn(self, now: float) -> None:
        age = now - self._now[0]
        if age >= self.window_s:
            self._then = self._now if age < 2 * self.window_s else None
            self._now = [now, 0.0, 0.0, 0.0, inf]

    def _windows(self, now: float) -> Iterator[list[float]]:
        self._turn(now)
        then = self._then
        if then is not None and now - then[0] < 3 * self.window_s:
            yield then
        yield self._now

    def rate(self, now: float) -> float:
        """Sum per second; young counters are measured over the time they exist."""
        windows = list(self._windows(now))
        span = max(now - windows[0][0], 0.001)
        return sum(w[1] for w in windows) / span

    def average(self, now: float) -> float:
        windows = list(self._windows(now))
        events = sum(w[2] for w in windows)
        return sum(w[1] for w in windows) / events if events else 0.0

    def maximum(self, now: float) -> float:
        return max(w[3] for w in self._windows(now))

    def minimum(self, now: float) -> float:
        """0 if there was nothing."""
        found = min(w[4] for w in self._windows(now))
        return 0.0 if found == inf else found


class ErrorCounters:
    """``task-error-metrics``. Written by the task's thread, and by threads that report errant records."""

    __slots__ = (
        "deadletterqueue_produce_failures", "deadletterqueue_produce_requests", "last_error",
        "last_error_at", "last_error_timestamp",
        "total_errors_logged", "total_record_errors", "total_record_failures", "total_records_skipped",
        "total_retries",
    )  # fmt: skip

    def __init__(self) -> None:
        self.total_record_failures = 0
        self.total_record_errors = 0
        self.total_records_skipped = 0
        self.total_retries = 0
        self.total_errors_logged = 0
        self.deadletterqueue_produce_requests = 0
        self.deadletterqueue_produce_failures = 0
        self.last_error_timestamp = 0
        """Milliseconds since the epoch."""
        self.last_error: str | None = None
        """The sentence of the last failure that did not end the task; not a metric."""
        self.last_error_at: float | None = None
        """When that was, in seconds of the monotonic clock."""

    def note(self, sentence: str, now: float) -> None:
        """A failure that the task gets over, in a sentence without values."""
        self.last_error, self.last_error_at = sentence, now

    def metrics(self) -> dict[str, float]:
        names = (name for name in self.__slots__ if name not in ("last_error", "last_error_at"))
        return {name.replace("_", "-"): getattr(self, name) for name in names}


class CommitCounters:
    """The part of ``connector-task-metrics`` about offset commits and batches."""

    __slots__ = ("batch", "failed", "succeeded", "time")

    def __init__(self, now: float) -> None:
        self.batch = Windowed(now)
        self.time = Windowed(now)
        self.succeeded = Windowed(now)
        self.failed = Windowed(now)

    def committed(self, seconds: float, now: float, *, success: bool) -> None:
        (self.succeeded if success else self.failed).record(1, now)
        self.time.record(seconds, now)

    def metrics(self, now: float) -> dict[str, float]:
        good, bad = self.succeeded.rate(now), self.failed.rate(now)
        both = good + bad
        return {
            "batch-size-avg": self.batch.average(now),
            "batch-size-max": self.batch.maximum(now),
            "offset-commit-avg-time-ms": self.time.average(now) * 1000,
            "offset-commit-max-time-ms": self.time.maximum(now) * 1000,
            "offset-commit-success-percentage": good / both if both else 0.0,
            "offset-commit-failure-percentage": bad / both if both else 0.0,
        }


class SourceCounters:
    """``source-task-metrics``: polled, written, and what is on its way between the two."""

    __slots__ = (
        "active_max", "commits", "errors", "finished", "poll_time", "polled", "transactions", "written",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.polled = Windowed(now)
        self.poll_time = Windowed(now)
        self.written = Windowed(now)
        self.transactions = Windowed(now)
        """Records in each committed transaction, of a task that delivers exactly once."""
        self.finished = 0
        """Records that need nothing more: acknowledged, filtered or skipped."""
        self.active_max = 0
        self.commits = CommitCounters(now)
        self.errors = ErrorCounters()

    @property
    def active(self) -> int:
        return int(self.polled.total) - self.finished

    def metrics(self, now: float) -> dict[str, float]:
        """Every metric by its Connect name."""
        return {
            "source-record-poll-rate": self.polled.rate(now),
            "source-record-poll-total": self.polled.total,
            "source-record-write-rate": self.written.rate(now),
            "source-record-write-total": self.written.total,
            "poll-batch-avg-time-ms": self.poll_time.average(now) * 1000,
            "poll-batch-max-time-ms": self.poll_time.maximum(now) * 1000,
            "source-record-active-count": self.active,
            "source-record-active-count-max": self.active_max,
            "transaction-size-avg": self.transactions.average(now),
            "transaction-size-max": self.transactions.maximum(now),
            "transaction-size-min": self.transactions.minimum(now),
            **self.commits.metrics(now),
            **self.errors.metrics(),
        }


class SinkCounters:
    """``sink-task-metrics``: read, sent to the task, committed."""

    __slots__ = (
        "active", "active_max", "commits", "completions", "errors", "partitions", "put_time", "read",
        "sent", "sequence", "skips",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.read = Windowed(now)
        self.sent = Windowed(now)
        self.put_time = Windowed(now)
        self.completions = Windowed(now)
        self.skips = Windowed(now)
        self.partitions = 0
        self.sequence = 0
        self.active = 0
        """Records read and not yet committed, over all partitions."""
        self.active_max = 0
        self.commits = CommitCounters(now)
        self.errors = ErrorCounters()

    def metrics(self, now: float) -> dict[str, float]:
        """Every metric by its Connect name."""
        return {
            "sink-record-read-rate": self.read.rate(now),
            "sink-record-read-total": self.read.total,
            "sink-record-send-rate": self.sent.rate(now),
            "sink-record-send-total": self.sent.total,
            "partition-count": self.partitions,
            "offset-commit-seq-no": self.sequence,
            "offset-commit-completion-rate": self.completions.rate(now),
            "offset-commit-completion-total": self.completions.total,
            "offset-commit-skip-rate": self.skips.rate(now),
            "offset-commit-skip-total": self.skips.total,
            "put-batch-avg-time-ms": self.put_time.average(now) * 1000,
            "put-batch-max-time-ms": self.put_time.maximum(now) * 1000,
            "sink-record-active-count": self.active,
            "sink-record-active-count-max": self.active_max,
            **self.commits.metrics(now),
            **self.errors.metrics(),
        }
