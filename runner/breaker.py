"""Tells bad records from a system that is down: too many failures in a row stop the flow.

Kafka Connect has nothing like it: with ``errors.tolerance=all`` it drains a topic into the dead letter queue
while the database is full. Here ``errors.breaker.failures`` failures in a row, with nothing succeeding,
*open* the breaker: the task pauses and goes back to where the row began. After a while, longer each time,
it is *half open*: one record is tried, the next time two, then four, because the first may be bad by itself;
one that passes closes it. Converting (with transforms) and writing are two rows, because a record that
converts says nothing of the system it is written to.

Not thread-safe: its owner (:class:`~connectkit.runner.tolerance.Tolerance`) locks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectkit.errors import DataError

SYSTEM_ERRORS = (ConnectionError, TimeoutError)
"""What a plugin raises when the other side is away: never a record's fault."""

_OF_RECORDS = (DataError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What converters and transforms, which look at nothing but the record, raise for its sake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """``errors.breaker.*``. Times in seconds; ``failures`` 0 is no breaker."""

    failures: int = 100
    counts_data_errors: bool = False
    """Errors that say of the record itself that it can never pass, which no waiting would change."""
    wait_s: float = 1.0
    wait_max_s: float = 30.0


class Breaker:
    """One task's breaker. ``writing`` says which of the two rows is meant."""

    __slots__ = (
        "_allowed",
        "_clock",
        "_policy",
        "_probes",
        "_rows",
        "_serials",
        "_tripped",
        "_wait_s",
        "is_open",
        "probing",
        "until",
    )

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._rows = [0, 0]
        self._serials = [0, 0]
        self._wait_s = policy.wait_s
        self._tripped = False  # the row that opened it
        self._probes = 1  # records that the next probe may lose
        self._allowed = 0  # of the probe at hand, how many are left
        self.is_open = False
        self.probing = False
        """Half open: the next records decide, one by one."""
        self.until = 0.0
        """When it is to be tried again, while it is open."""

    @property
    def enabled(self) -> bool:
        return self._policy.failures > 0

    @property
    def stirred(self) -> bool:
        """Whether there is a row of failures, or worse: only then ``passed`` has anything to do."""
        return self.probing or self._rows != [0, 0]

    def failed(self, error: Exception, *, writing: bool) -> int | None:
        """Note a failure; the serial of its row, or None if such an error does not count."""
        raised = getattr(error, "reason", error)  # a chain says in its own words what a transform raised
        of_record = DataError if writing else _OF_RECORDS
        if not self.enabled or (isinstance(raised, of_record) and not self._policy.counts_data_errors):
            return None
        self._rows[writing] += 1
        if self.probing and writing is self._tripped:
            self._allowed -= 1
            if self._allowed <= 0:
                self.open(writing=writing)
        elif self._rows[writing] >= self._policy.failures:
            self.open(writing=writing)
        return self._serials[writing]

    def open(self, *, writing: bool) -> None:
        """Stop the flow, for longer than the last time if nothing has succeeded since."""
        if self.is_open:
            return
        self._tripped = writing
        self.is_open = True
        self.probing = False
        self.until = self._clock() + self._wait_s
        self._wait_s = min(self._wait_s * 2, self._policy.wait_max_s)

    def probe(self) -> None:
        """The time is over: let a few records through, one after the other."""
        self.is_open = False
        self.probing = True
        self._allowed = self._probes
        self._probes = min(self._probes * 2, self._policy.failures)

    def passed(self, *, writing: bool) -> None:
        """Something has succeeded: the row ends."""
        if self._rows[writing]:
            self._rows[writing] = 0
            self._serials[writing] += 1
        if self.probing and self._tripped is writing:
            self.probing = False
            self._wait_s = self._policy.wait_s
            self._probes = 1

    def counts(self, serial: int | None, *, writing: bool) -> bool:
        """Whether the failure that was given this serial is of a row that has not ended."""
        return serial is not None and serial == self._serials[writing] and self._rows[writing] > 0
