"""Delivery exactly once (KIP-618): records and offsets in one transaction, one owner.

A reader with ``isolation.level=read_committed`` sees each record once. The task takes over its
transactional id before it reads its offsets, which fences whoever held it and ends what that left open. A
transaction is begun with its first record, and ended where ``transaction.boundary`` says: the offsets are
written into it, everything is acknowledged, it is committed; only then the task hears of its records
(``commit_record``, in order, then ``commit``). If nothing was sent and no offset moved there is none.

An answer that does not come leaves open whether the transaction was committed. Its producer is never used
again: a delayed commit could reach a later transaction, and records sent again could arrive twice. The task
begins again instead (``LifeLostError``): a new producer settles the old transaction one way or the other,
and a new plugin task reads on from the offsets that were committed. Java's worker fails the task there.

A record that cannot be written fails the task, whatever ``errors.tolerance`` says, and so does a newer
owner (``FencedError``). Threads: the task's own, but for ``fence``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from connectkit.api import Offset, Partition, RecordMetadata, TransactionContext
from connectkit.errors import ConnectError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.record import Checkpoint, SourceRecord
from connectkit.runner.boundaries import Boundaries, End
from connectkit.runner.creation import TopicCreator
from connectkit.runner.log.api import Delivery, OutRecord, Producer
from connectkit.runner.offset_key import partition_key
from connectkit.runner.offset_stores import TransactionalStore
from connectkit.runner.outlet import LifeLostError, Owner, where_of
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20_000
"""Records sent and not yet acknowledged, beyond which the task waits."""
FLUSH_S = 1.0
"""How long it waits for acknowledgements before it looks whether it shall stop."""
INIT_S = 30.0
"""How long one attempt to take over the transactional id may take."""
HEARD_S = 5.0
"""How long the brokers have to hear of a transaction before it is aborted."""
ABORT_S = 5.0
"""How long a task that has failed tries to abort its transaction; the next one of its name does it anyway."""


class _Heard:
    """A record whose task will hear of it once its transaction is committed."""

    __slots__ = ("metadata", "record")

    def __init__(self, record: SourceRecord) -> None:
        self.record = record
        self.metadata: RecordMetadata | None = None


class _Transaction:
    """What was sent since the last one ended."""

    __slots__ = ("failure", "heard", "offsets", "records", "sent", "unsettled")

    def __init__(self) -> None:
        self.sent = 0
        """Records in it, offsets aside."""
        self.records = 0
        """Records of the task in it."""
        self.unsettled = 0
        self.failure: ConnectError | None = None
        """The first, or the gravest, that was heard of."""
        self.offsets: dict[str, tuple[Partition, Offset | None]] = {}
        self.heard: list[_Heard] = []

    def fail(self, error: ConnectError) -> None:
        if self.failure is None or (_gravity(error) > _gravity(self.failure)):
            self.failure = error


def _gravity(error: ConnectError) -> int:
    return 2 if isinstance(error, FencedError) else 0 if isinstance(error, RetriableError) else 1


class ExactlyOnce:
    """The outlet of a source task that delivers exactly once."""

    scheduled = False

    def __init__(
        self,
        owner: Owner,
        *,
        make_producer: Callable[[], Producer],
        make_boundaries: Callable[[], Boundaries],
        creator: TopicCreator | None,
        store: TransactionalStore,
        fence: Callable[[], None],
        timeout_s: float = 60.0,
    ) -> None:
        """``fence``: keeps out the connector's earlier tasks. ``timeout_s``: for Kafka to end one."""
        self._owner = owner
        self._make_producer = make_producer
        self._make_boundaries = make_boundaries
        self._creator = creator
        self._store = store
        self._fence = fence
        self._timeout_s = timeout_s
        self._boundaries = make_boundaries()
        self._producer: Producer | None = None
        self._lost = False
        """An outcome is not known: this producer is not to be used any more."""
        self._open = False
        self._now = _Transaction()

    @property
    def cuts(self) -> bool:
        return self._boundaries.context is not None

    @property
    def in_flight(self) -> int:
        """Records that no reader can be sure of yet."""
        return self._now.sent

    @property
    def transaction_context(self) -> TransactionContext | None:
        return self._boundaries.context

    def begin(self) -> None:
        self._let_go()
        self._boundaries = self._make_boundaries()
        try:
            self._fence()
            self._producer = self._make_producer()
            self._producer.init_transactions(self._owner.control.share_s(min(self._timeout_s, INIT_S)))
        except RetriableError as exc:
            self._let_go()
            raise LifeLostError(exc) from exc

    def _let_go(self) -> None:
        """Of a producer of which nothing more is to be known, and of what it had sent."""
        producer, self._producer = self._producer, None
        self._lost, self._open, self._now = False, False, _Transaction()
        if producer is not None:
            try:
                producer.close(0.0)
            except ConnectError as exc:
                log.debug("Closing a producer of task %s failed: %s", self._owner.id, exc)

    # --- records ---------------------------------------------------------------------------------

    def cut(self, batch: Sequence[SourceRecord | Checkpoint]) -> Sequence[int]:
        context = self._boundaries.context
        return () if context is None else context.cut(batch)

    def send(
        self,
        out: list[OutRecord],
        originals: list[SourceRecord],
        origin: list[int] | None,
        topics: dict[str, None],
    ) -> None:
        if self._store.topic in topics:
            raise FatalTaskError(
                f"Task {self._owner.id} has a record for topic {self._store.topic}, which holds its offsets; "
                "give the record another topic, or the connector another offsets.storage.topic"
            )
        self._raise_failure()
        if self._creator is not None:
            self._creator.ensure(topics)
        places = _places(originals)
        now = self._now
        heard = [_Heard(record) for record in originals] if self._owner.listens else []

        def done(failures: Sequence[tuple[int, ConnectError]]) -> None:
            now.unsettled -= len(out)
            for index, error in failures:
                number = index if origin is None else origin[index]
                now.fail(_unwritten(error, originals[number], out[index][0]))

        def each(index: int, delivery: Delivery) -> None:
            if delivery.error is None:
                heard[index if origin is None else origin[index]].metadata = RecordMetadata(
                    delivery.topic, delivery.partition, delivery.offset, delivery.timestamp
                )

        self._begin_transaction()
        producer = self._ready()
        try:
            producer.send(out, done, each if heard else None)
        except DataError as exc:
            raise _unwritten(exc, originals[0], out[0][0]) from exc
        except FencedError as exc:
            raise self._fenced(exc) from exc
        now.unsettled += len(out)
        now.sent += len(out)
        now.records += len(originals)
        now.heard += heard
        now.offsets.update(places)

    def skip(self, records: Sequence[SourceRecord]) -> None:
        self._owner.counters.finished += len(records)
        if self._owner.listens:
            self._now.heard += map(_Heard, records)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        self._now.offsets.update(_places([checkpoint]))

    def reached(self, record: SourceRecord) -> None:
        context = self._boundaries.context
        if context is not None:
            self._end(context.take_record(record))

    def end_batch(self) -> None:
        self._end(self._boundaries.after_batch())

    # --- waiting ---------------------------------------------------------------------------------

    def serve(self, timeout_s: float) -> None:
        if self._producer is not None:
            self._producer.poll(timeout_s)

    def wait_for_room(self) -> None:
        while self._now.unsettled > MAX_IN_FLIGHT and not self._owner.control.stopping:
            self.serve(0.05)
            self._raise_failure()

    def pause(self) -> None:
        """End what is open; what the task alone could end is aborted, and read again."""
        self._end(self._boundaries.at_end())
        if self._open:
            self._abort_quietly()
            self._lost = True
            raise LifeLostError(ConnectError("it was paused within a transaction that only it could end"))
        self._boundaries.begin()

    # --- transactions ----------------------------------------------------------------------------

    def _begin_transaction(self) -> None:
        if not self._open:
            self._known(lambda: self._ready().begin_transaction())
            self._open = True

    def _ready(self) -> Producer:
        if self._producer is None:
            raise ConnectError(f"The producer of task {self._owner.id} is closed")
        return self._producer

    def _end(self, end: End | None) -> None:
        if end is End.ABORT:
            self._abort()
        if end is not None:
            # The offsets of records that were dropped on purpose move too: they are not to come again.
            self._commit()

    def _commit(self) -> None:
        owner, now = self._owner, self._now
        self._raise_failure()
        began = owner.clock()
        if not owner.tolerance.await_reports(owner.control.share_s(self._timeout_s)):
            # An offset beyond a dropped record is stored only once its dead letter is.
            self._lost = True
            raise LifeLostError(
                RetriableError(f"Dead letters of task {owner.id} were not acknowledged in time")
            )
        if self._open or now.offsets:
            try:
                self._known(lambda: self._commit_open(now))
            except BaseException:
                owner.counters.commits.committed(owner.clock() - began, owner.clock(), success=False)
                raise
        if owner.control.cancelled:
            return
        self._now = _Transaction()
        ended = owner.clock()
        if now.sent:
            owner.counters.transactions.record(now.sent, ended)
            owner.counters.written.record(now.sent, ended)
            owner.counters.finished += now.records
        owner.counters.commits.committed(ended - began, ended, success=True)
        if now.offsets:
            self._store.copy(owner.id.connector, now.offsets)
        for heard in now.heard:
            owner.committed(heard.record, heard.metadata)
        owner.committed_all()

    def _commit_open(self, now: _Transaction) -> None:
        """Offsets into the transaction, everything acknowledged, and the end of it."""
        task_id, control = self._owner.id, self._owner.control
        producer = self._ready()
        if now.offsets:
            try:
                offsets = self._store.records(task_id.connector, now.offsets)
            except DataError as exc:
                raise FatalTaskError(
                    f"The offsets of task {task_id} can never be stored: {describe(exc)}"
                ) from exc
            self._begin_transaction()
            now.unsettled += len(offsets)

            def done(failures: Sequence[tuple[int, ConnectError]]) -> None:
                now.unsettled -= len(offsets)
                for _, error in failures:
                    now.fail(_offsets_unwritten(error, self._store.topic))

            producer.send(offsets, done)
        self._settle(producer)
        if control.cancelled:  # another task may have taken its place
            self._abort_quietly()
            return
        producer.commit_transaction(control.share_s(self._timeout_s))
        self._open = False

    def _settle(self, producer: Producer) -> None:
        """Wait until all that was sent is acknowledged; less patiently once the task shall stop."""
        owner = self._owner
        until = owner.clock() + self._timeout_s
        while True:
            left_s = until - owner.clock()
            left = producer.flush(max(min(left_s, owner.control.share_s(FLUSH_S)), 0.0))
            self._raise_failure()
            if owner.control.cancelled:
                return
            # What was dropped is to be in the dead letter queue before its offset is.
            if not left and owner.tolerance.await_reports(owner.control.share_s(FLUSH_S)):
                return
            if left_s <= 0 or owner.control.share_s(FLUSH_S) < FLUSH_S / 10:
                raise RetriableError(
                    f"{left} records of a transaction of task {owner.id} were not acknowledged in time"
                )

    def _abort(self) -> None:
        """As the task asked: its records of this transaction are dropped."""
        now = self._now
        if not self._open:
            log.warning("Task %s asked to abort a transaction, but none is open", self._owner.id)
            return
        # What the brokers have not heard of yet, because they still are at the one before, cannot be aborted.
        self._known(lambda: self._ready().flush(self._owner.control.share_s(HEARD_S)))
        self._known(lambda: self._ready().abort_transaction(self._timeout_s))
        self._open = False
        self._owner.counters.finished += now.records
        self._now = _Transaction()
        self._now.offsets = now.offsets
        self._now.heard = [_Heard(heard.record) for heard in now.heard]

    def _abort_quietly(self) -> None:
        """Make readers wait no longer than they must; if it does not work, the next begin ends it."""
        if not self._open or self._producer is None:
            return
        self._open, self._now = False, _Transaction()
        try:
            self._producer.abort_transaction(self._owner.control.share_s(ABORT_S))
        except ConnectError as exc:
            log.debug("A transaction of task %s could not be aborted: %s", self._owner.id, exc)

    def _raise_failure(self) -> None:
        failure = self._now.failure
        if failure is not None:
            self._known(lambda: _raise(failure))

    def _known(self, step: Callable[[], object]) -> None:
        """Take a step whose outcome must be known: if it is not, this producer's life ends."""
        try:
            step()
        except RetriableError as exc:
            self._lost = True
            raise LifeLostError(exc) from exc
        except FencedError as exc:
            raise self._fenced(exc) from exc

    def _fenced(self, error: FencedError) -> FencedError:
        return FencedError(
            f"Task {self._owner.id} has lost its transactional id: another worker runs a task of this name, "
            "or a transaction was open for longer than transaction.timeout.ms, which a shorter "
            f"transaction.boundary.interval.ms avoids ({describe(error)})"
        )

    # --- the end ---------------------------------------------------------------------------------

    def finish(self, *, good: bool) -> None:
        """A last commit if all is well; otherwise nothing of what is open is to be seen."""
        if self._producer is None or self._lost:
            return
        try:
            if good:
                self._owner.check_failure()
                self._end(self._boundaries.at_end())
        finally:
            self._abort_quietly()

    def commit_offsets(self) -> bool:
        """Nothing: offsets move with the transactions."""
        return True

    def close(self) -> Sequence[Callable[[], None]]:
        steps: list[Callable[[], None]] = [self._let_go]
        if self._creator is not None:
            steps.append(self._creator.close)
        return steps

    def fence(self) -> None:
        producer = self._producer
        if producer is not None:
            closing = threading.Thread(target=producer.close, args=(0.0,), daemon=True)
            closing.name = f"fence-{self._owner.id}"
            closing.start()


def _raise(error: ConnectError) -> None:
    raise error


def _unwritten(error: ConnectError, record: SourceRecord, topic: str) -> ConnectError:
    """What a record that failed means for its transaction."""
    if isinstance(error, FencedError | RetriableError):
        return error
    made = FatalTaskError(
        f"{where_of(record, topic)} could not be written, and exactly-once delivery skips nothing: "
        f"{describe(error)}"
    )
    made.__cause__ = error
    return made


def _offsets_unwritten(error: ConnectError, topic: str) -> ConnectError:
    if isinstance(error, FencedError | RetriableError):
        return error
    made = FatalTaskError(f"Source offsets could not be written to topic {topic}: {describe(error)}")
    made.__cause__ = error
    return made


def _places(
    records: Sequence[SourceRecord | Checkpoint],
) -> dict[str, tuple[Partition, Offset | None]]:
    """The last offset of each source partition among these."""
    places: dict[str, tuple[Partition, Offset | None]] = {}
    seen: set[int] = set()
    try:
        for record in reversed(records):
            partition = record.source_partition
            if id(partition) in seen:
                continue
            seen.add(id(partition))
            places.setdefault(partition_key(partition), (partition or {}, record.source_offset))
    except DataError as exc:
        raise FatalTaskError(f"The place of a source record can never be stored: {describe(exc)}") from exc
    return places
