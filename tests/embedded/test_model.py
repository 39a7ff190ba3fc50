"""The embedded log against a model of twenty lines, through random steps."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connectkit.api import TopicPartition
from connectkit.errors import FencedError
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog
from connectkit.runner.log.embedded.producer import EmbeddedProducer
from connectkit.runner.log.partitioner import partition_for
from tests.embedded.clocks import FakeClock

PARTITIONS = 2
HOUR_MS = 3_600_000

texts = st.none() | st.binary(max_size=12)
header_lists = st.none() | st.lists(st.tuples(st.text(max_size=4), texts), max_size=2)
batches = st.lists(
    st.tuples(
        st.none() | st.integers(0, PARTITIONS - 1),
        texts,
        texts,
        st.none() | st.integers(0, 2_000_000_000_000),
        header_lists,
    ),
    max_size=8,
)


class Entry:
    """A record in the model: its content, when it was written, and its transaction's outcome."""

    def __init__(self, record: OutRecord, stamp_ms: int, state: str) -> None:
        self.record = record
        self.stamp_ms = stamp_ms
        self.state = state


class EmbeddedLogMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="connectkit-model-"))
        self.clock = FakeClock()
        self.open()
        admin = self.log.admin()
        admin.create_topic("t", partitions=PARTITIONS, config={"retention.ms": "-1"})
        admin.close()
        self.model: list[list[Entry]] = [[] for _ in range(PARTITIONS)]
        self.offsets: dict[TopicPartition, int] = {}
        self.pending: dict[TopicPartition, int] = {}
        self.open_entries: list[Entry] = []
        self.in_transaction = False
        self.transactional: EmbeddedProducer | None = None

    def open(self) -> None:
        self.log = EmbeddedLog(self.folder, {}, clock=self.clock)
        self.producer = self.log.producer({})

    # --- steps ---

    @rule(batch=batches)
    def append(self, batch: list[tuple[int | None, bytes | None, bytes | None, int | None, object]]) -> None:
        self._append(self.producer, batch, "committed")

    @rule(batch=batches)
    @precondition(lambda self: self.in_transaction)
    def append_in_transaction(
        self, batch: list[tuple[int | None, bytes | None, bytes | None, int | None, object]]
    ) -> None:
        assert self.transactional is not None
        self.open_entries += self._append(self.transactional, batch, "open")

    def _append(self, producer: EmbeddedProducer, batch: object, state: str) -> list[Entry]:
        records = [OutRecord("t", *fields) for fields in batch]  # type: ignore[attr-defined]
        where: dict[int, tuple[int, int]] = {}
        outcomes: list[object] = []
        producer.send(records, outcomes.append, lambda i, d: where.__setitem__(i, (d.partition, d.offset)))
        producer.flush(1)
        assert outcomes == [[]]
        entries = []
        for index, record in enumerate(records):
            number, offset = where[index]
            if record.partition is not None:
                assert number == record.partition
            elif record.key is not None:
                assert number == partition_for(record.key, PARTITIONS)
            assert offset == len(self.model[number])
            stamp_ms = self.clock.now_ms() if record.timestamp is None else record.timestamp
            entry = Entry(record, stamp_ms, state)
            self.model[number].append(entry)
            entries.append(entry)
        return entries

    @rule()
    @precondition(lambda self: not self.in_transaction)
    def begin(self) -> None:
        if self.transactional is None:
            self.transactional = self.log.producer({"transactional.id": "x"})
            self.transactional.init_transactions(1)
        self.transactional.begin_transaction()
        self.in_transaction = True

    @rule(number=st.integers(0, PARTITIONS - 1), offset=st.integers(0, 100))
    @precondition(lambda self: self.in_transaction)
    def offset_in_transaction(self, number: int, offset: int) -> None:
        assert self.transactional is not None
        self.transactional.send_offsets({TopicPartition("t", number): offset}, "g", 1)
        self.pending[TopicPartition("t", number)] = offset

    @rule(commit=st.booleans())
    @precondition(lambda self: self.in_transaction)
    def end(self, commit: bool) -> None:
        assert self.transactional is not None
        if commit:
            self.transactional.commit_transaction(1)
            self.offsets.update(self.pending)
        else:
            self.transactional.abort_transaction(1)
        self._settle("committed" if commit else "aborted")

    @rule()
    @precondition(lambda self: self.in_transaction)
    def fence(self) -> None:
        newer = self.log.producer({"transactional.id": "x"})
        newer.init_transactions(1)
        older, self.transactional = self.transactional, newer
        assert older is not None
        try:
            older.commit_transaction(1)
            raise AssertionError("an older producer committed")
        except FencedError:
            older.close(1)
        self._settle("aborted")

    def _settle(self, state: str) -> None:
        for entry in self.open_entries:
            entry.state = state
        self.open_entries, self.pending, self.in_transaction = [], {}, False

    @rule(number=st.integers(0, PARTITIONS - 1), offset=st.integers(0, 100))
    def commit_offset(self, number: int, offset: int) -> None:
        consumer = self.log.consumer({"group.id": "g", "enable.auto.commit": "false"})
        consumer.commit({TopicPartition("t", number): offset})
        consumer.close()
        self.offsets[TopicPartition("t", number)] = offset

    @rule()
    def reopen(self) -> None:
        self.producer.close(1)
        if self.transactional is not None:
            self.transactional.close(1)  # which aborts what is open
            self.transactional = None
            self._settle("aborted")
        self.open()

    @rule(hours=st.integers(1, 5))
    def pass_time(self, hours: int) -> None:
        if not self.in_transaction:
            self.clock.move(hours * HOUR_MS)

    # --- what must hold ---

    @invariant()
    def uncommitted_readers_see_everything(self) -> None:
        self._compare("read_uncommitted", [list(entries) for entries in self.model])

    @invariant()
    def committed_readers_see_what_is_stable(self) -> None:
        expected = []
        for entries in self.model:
            stable = next((i for i, e in enumerate(entries) if e.state == "open"), len(entries))
            expected.append([e for e in entries[:stable] if e.state == "committed"])
        self._compare("read_committed", expected)

    def _compare(self, isolation: str, expected: list[list[Entry]]) -> None:
        consumer = self.log.consumer({"isolation.level": isolation})
        consumer.assign({TopicPartition("t", n): -2 for n in range(PARTITIONS)})
        found: list[list[tuple[object, ...]]] = [[] for _ in range(PARTITIONS)]
        while messages := consumer.consume(3, 0):
            for m in messages:
                found[m.partition()].append(
                    (m.offset(), m.key(), m.value(), m.timestamp(), m.headers() or None)
                )
        consumer.close()
        places = [{id(entry): at for at, entry in enumerate(entries)} for entries in self.model]
        assert found == [
            [
                (
                    places[n][id(e)],
                    e.record.key,
                    e.record.value,
                    (1, e.stamp_ms),
                    e.record.headers or None,
                )
                for e in entries
            ]
            for n, entries in enumerate(expected)
        ]

    @invariant()
    def offsets_are_as_committed(self) -> None:
        admin = self.log.admin()
        assert admin.group_offsets("g") == self.offsets
        ends = admin.offsets([TopicPartition("t", n) for n in range(PARTITIONS)])
        assert list(ends.values()) == [len(entries) for entries in self.model]
        admin.close()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.producer.close(1)
            if self.transactional is not None:
                self.transactional.close(1)
            shutil.rmtree(self.folder, ignore_errors=True)


EmbeddedLogMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestEmbeddedLog = EmbeddedLogMachine.TestCase
