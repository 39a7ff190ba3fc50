"""Delivery at least once (KIP-26): offsets follow what was acknowledged, in order.

That holds per source partition (:mod:`connectkit.runner.ledger`). After a crash, what was acknowledged and
not yet stored is read and sent again. A record that the log will never take goes the way the error policy
says; one that it could not take in time fails the task, whatever is tolerated.

Threads: the task's own, producer callbacks included; only ``commit_offsets`` is called by the worker's
commit thread, and a last time by the task.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from connectkit.errors import ConnectError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.creation import TopicCreator
from connectkit.runner.failing import PRODUCER, Stage, Subject
from connectkit.runner.flight import Flight
from connectkit.runner.ledger import Ledger
from connectkit.runner.log.api import OutRecord, Producer
from connectkit.runner.offsets import OffsetStore
from connectkit.runner.outlet import Owner, SourceTimes, where_of
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20_000
"""Records sent and not yet acknowledged, beyond which the task waits. (Bytes: the producer's buffer.)"""


class AtLeastOnce:
    """The outlet of a source task that delivers at least once."""

    scheduled = True
    cuts = False
    transaction_context = None

    def __init__(
        self,
        owner: Owner,
        producer: Producer,
        creator: TopicCreator | None,
        store: OffsetStore,
        times: SourceTimes,
    ) -> None:
        self._owner = owner
        self._producer = producer
        self._creator = creator
        self._store = store
        self._times = times
        self._ledger = Ledger()
        self._committing = threading.Lock()
        self.in_flight = 0

    def begin(self) -> None:
        """Nothing: the producer is ready."""

    def cut(self, batch: Sequence[SourceRecord | Checkpoint]) -> Sequence[int]:
        return ()

    def reached(self, record: SourceRecord) -> None:
        """Nothing: there are no transactions."""

    def end_batch(self) -> None:
        """Nothing: there are no transactions."""

    # --- records ---------------------------------------------------------------------------------

    def send(
        self,
        out: list[OutRecord],
        originals: list[SourceRecord],
        origin: list[int] | None,
        topics: dict[str, None],
    ) -> None:
        if self._creator is not None:
            self._creator.ensure(topics)
        flight = Flight(
            out,
            originals,
            origin,
            topics,
            self._ledger.enter(originals),
            self._landed,
            self._owner.committed if self._owner.listens else None,
            keeps=self._owner.tolerance.letters is not None,
        )
        self.in_flight += flight.count
        try:
            self._producer.send(out, flight.done, flight.each if flight.listens else None)
        except BaseException:
            self.in_flight -= flight.count
            flight.submission.withdraw()
            raise

    def skip(self, records: Sequence[SourceRecord]) -> None:
        self._owner.counters.finished += len(records)
        if self._owner.listens:
            for record in records:
                self._owner.committed(record, None)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        self._ledger.note(checkpoint)

    def _landed(self, flight: Flight, failures: Sequence[tuple[int, ConnectError]]) -> None:
        """A batch is settled. Task thread, inside a call of the producer."""
        owner = self._owner
        count = flight.count
        self.in_flight -= count
        owner.counters.finished += flight.records
        if not failures:
            flight.submission.settle()
            owner.counters.written.record(count, owner.clock())
            return
        reported = -1
        for index, error in sorted(failures, key=lambda failure: failure[0]):
            number = flight.number(index)
            # Only a DataError is a matter of one record. Skipping what the log could not take in time
            # would lose the records of an outage, whatever is tolerated.
            fatal = not isinstance(error, DataError)
            if number == reported and not fatal:
                continue  # it was made of a record that is reported already
            original = flight.original(number)
            produced = flight.made(index)
            subject = Subject(where_of(original, flight.topic(index)), original, produced=produced)
            try:
                if fatal:
                    raise FatalTaskError(
                        f"{subject.where} could not be written: {describe(error)}"
                    ) from error
                owner.tolerance.drop(Stage.KAFKA_PRODUCE, PRODUCER, error, subject, wait=True)
            except FatalTaskError as exc:
                owner.fail(error if isinstance(error, FencedError) else exc)
                if flight.submission.whole:
                    flight.settle_before(index)
                return
            reported = number
            if owner.listens:
                owner.committed(original, None)
        owner.counters.written.record(count - len(failures), owner.clock())
        flight.submission.settle()

    # --- waiting ---------------------------------------------------------------------------------

    def serve(self, timeout_s: float) -> None:
        self._producer.poll(timeout_s)

    def wait_for_room(self) -> None:
        while self.in_flight > MAX_IN_FLIGHT and not self._owner.control.stopping:
            self._producer.poll(0.05)
            self._owner.check_failure()

    def pause(self) -> None:
        """Acknowledgements go on arriving and are worth storing."""
        control = self._owner.control
        while self.in_flight and control.paused and not control.stopping:
            self._producer.poll(0.05)
            self._owner.check_failure()

    # --- offsets ---------------------------------------------------------------------------------

    def commit_offsets(self) -> bool:
        """Store the offsets of what was acknowledged, then call ``task.commit``.

        Any thread, one at a time.
        """
        owner = self._owner
        if not self._committing.acquire(timeout=self._times.flush_timeout_s):
            log.error("An earlier commit of the offsets of task %s still runs; this one is skipped", owner.id)
            return False
        try:
            if owner.control.cancelled:
                return False
            began = owner.clock()
            success = self._store_offsets()
            if success:
                owner.committed_all()
            now = owner.clock()
            owner.counters.commits.committed(now - began, now, success=success)
            return success
        finally:
            self._committing.release()

    def _store_offsets(self) -> bool:
        places = self._ledger.take()
        if not places:
            return True
        task_id = self._owner.id
        try:
            # Before any of these was sent, what was dropped earlier had been reported.
            if not self._owner.tolerance.await_reports(
                self._owner.control.share_s(self._times.flush_timeout_s)
            ):
                self._ledger.give_back(places)
                return False
            self._store.write(
                task_id.connector,
                {key: (partition or {}, offset) for key, (partition, offset) in places.items()},
            )
            return True
        except RetriableError as exc:
            log.warning("Offsets of task %s could not be stored and are kept: %s", task_id, describe(exc))
        except DataError as exc:
            log.critical("Offsets of task %s can never be stored: %s", task_id, describe(exc))
            self._owner.counters.errors.note(
                f"its offsets can never be stored: {describe(exc)}", self._owner.clock()
            )
        except Exception as exc:  # noqa: BLE001 - the task must not go on as if its offsets were safe
            log.error("Offsets of task %s could not be stored: %s", task_id, describe(exc))  # noqa: TRY400 - raised later
            self._owner.fail(exc)
        self._ledger.give_back(places)
        return False

    # --- the end ---------------------------------------------------------------------------------

    def finish(self, *, good: bool) -> None:
        """The last commit, whether the loop ended well or not."""
        try:
            self._settle_in_flight()
        finally:
            self.commit_offsets()

    def _settle_in_flight(self) -> None:
        """Wait for outstanding acknowledgements, at most for the flush timeout, and leave time to close."""
        if self.in_flight:
            left = self._producer.flush(self._owner.control.share_s(self._times.flush_timeout_s))
            if left:
                log.warning(
                    "%d records of task %s were not acknowledged in time; their offsets are not stored and "
                    "they will be read again",
                    left,
                    self._owner.id,
                )

    def close(self) -> Sequence[Callable[[], None]]:
        control = self._owner.control
        # What could not be settled before its offsets were stored will be read again: no use to wait.
        wait_s = 0.0 if control.cancelled or self.in_flight else self._times.close_s
        steps: list[Callable[[], None]] = [lambda: self._producer.close(control.share_s(wait_s))]
        if self._creator is not None:
            steps.append(self._creator.close)
        return steps

    def fence(self) -> None:
        closing = threading.Thread(target=self._producer.close, args=(0.0,), daemon=True)
        closing.name = f"fence-{self._owner.id}"
        closing.start()
