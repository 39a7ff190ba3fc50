"""What a plugin author writes against: connectors, tasks, converters, transforms and predicates.

Every plugin is one class with one typed config (:mod:`connectkit.config`), made by the registry
(:mod:`connectkit.plugin`) as ``cls(config, …)``. The contracts are Kafka Connect's (package
``org.apache.kafka.connect``), in Python dress. Unless a method says otherwise, it is called by one
thread: a task's own.

What an error causes: ``RetriableError`` the call is made again; ``DataError`` the record goes the way
``errors.tolerance`` says; anything else stops the task and shows in its status (but see ``SinkTask.put``).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from connectkit.config import Config
from connectkit.plugin import Plugin, PluginKind
from connectkit.record import Checkpoint, ConnectRecord, SchemaPair, SinkRecord, SourceRecord
from connectkit.schema import Schema, SchemaAndValue

C = TypeVar("C", bound=Config)

Partition = Mapping[str, Any]
"""Names a part of a source (a file, a table): string keys, primitive values."""
Offset = Mapping[str, Any]
"""Names a place in it, in the connector's own terms: string keys, primitive values."""
RawHeaders = list[tuple[str, bytes | None]]
"""Headers as the log holds them."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class RecordMetadata(NamedTuple):
    """Where the log put a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None


# --- connectors ------------------------------------------------------------------------------------


class Support(enum.Enum):
    """Whether a connector supports exactly-once, or own transaction boundaries (KIP-618)."""

    SUPPORTED = "SUPPORTED"
    UNSUPPORTED = "UNSUPPORTED"


class ConnectorContext(Protocol):
    """What the worker offers a connector. Thread-safe."""

    def request_task_reconfiguration(self) -> None:
        """Ask for ``task_configs`` to be called again, because the outside has changed."""

    def raise_error(self, error: Exception) -> None:
        """Fail the connector (its tasks run on)."""


class Connector(Plugin[C], ABC, Generic[C]):
    """Plans the work: checks the configuration and splits it into task configurations.

    Life: ``cls(config)``, ``initialize``, ``start``, ``task_configs`` (again after each request),
    ``stop``. Runs on a thread of its own, never beside its own calls.
    """

    task_class: ClassVar[type[Task[Any]]]
    context: ConnectorContext

    def initialize(self, context: ConnectorContext) -> None:
        self.context = context

    def start(self) -> None:
        """Begin to watch the outside, if need be. Errors fail the connector."""

    @abstractmethod
    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """One configuration for each task, at most ``max_tasks``; it must suit the task's config class."""

    def stop(self) -> None:
        """Let go of everything ``start`` took."""

    @classmethod
    def check_config(cls, raw: Mapping[str, str | None]) -> Mapping[str, Sequence[str]]:
        """Problems beyond what the typed config sees (between options, or with the outside), by key."""
        return {}


class SourceConnector(Connector[C], Generic[C]):
    """A connector that reads another system."""

    plugin_kind = "source"

    def exactly_once_support(self) -> Support:
        """Whether its tasks can resume at every offset they ever emitted (KIP-618)."""
        return Support.UNSUPPORTED

    def can_define_transaction_boundaries(self) -> Support:
        return Support.UNSUPPORTED

    def alter_offsets(self, offsets: Mapping[tuple[tuple[str, Any], ...], Offset | None]) -> bool:
        """Check offsets that an operator sets (KIP-875); keys are partitions as tuples of items.

        True: checked and good; False: not checked. Raises ``ConnectError`` to refuse.
        """
        return False


class SinkConnector(Connector[C], Generic[C]):
    """A connector that writes to another system."""

    plugin_kind = "sink"

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Check, or note, consumer offsets that an operator sets (KIP-875)."""
        return False


# --- tasks -----------------------------------------------------------------------------------------


class Task(Plugin[C], ABC, Generic[C]):
    """Does the work. ``self.config`` is parsed from one of the connector's ``task_configs``."""

    @abstractmethod
    def start(self) -> None:
        """Open what the task needs. Errors fail the task."""

    @abstractmethod
    def stop(self) -> None:
        """Let go of everything; called once, on the task's thread, after its last call."""


class OffsetReader(Protocol):
    """Reads the offsets this connector has stored. Thread-safe."""

    def offset(self, partition: Partition) -> dict[str, Any] | None:
        """The last committed offset of a partition, or None. Integers come back as written."""

    def offsets(self, partitions: Collection[Partition]) -> list[dict[str, Any] | None]:
        """The same for several, in the order asked."""
        ...


class TransactionContext(Protocol):
    """Lets a task with ``transaction.boundary=connector`` say where transactions end (KIP-618)."""

    def commit_transaction(self, record: SourceRecord | None = None) -> None: ...
    def abort_transaction(self, record: SourceRecord | None = None) -> None: ...


class SourceTaskContext(Protocol):
    """What the worker offers a source task."""

    @property
    def configs(self) -> Mapping[str, str]: ...
    @property
    def offset_reader(self) -> OffsetReader: ...
    @property
    def transaction_context(self) -> TransactionContext | None: ...
    @property
    def stopping(self) -> bool:
        """True once the task shall end: a ``poll`` that loops must look at it."""
        ...

    def sleep(self, seconds: float) -> bool:
        """Wait, but not longer than until the task shall end; returns ``stopping``."""
        ...

    def finished(self) -> None:
        """Nothing more will come from this task, beyond what the ``poll`` that says so still returns.

        The task runs on, may be polled, and must then return None. A worker started to run until all
        is done ends when every source has said so and every sink has caught up. More calls change nothing.
        """
        ...


class SourceTask(Task[C], Generic[C]):
    """Reads records. Life: ``initialize``, ``start``, ``poll`` …, ``stop``."""

    context: SourceTaskContext

    def initialize(self, context: SourceTaskContext) -> None:
        self.context = context

    @abstractmethod
    def poll(self) -> Sequence[SourceRecord | Checkpoint] | None:
        """The next records, as a list that is the worker's afterwards; None if there are none just now.

        May block, best in ``context.sleep``. Records of one source partition are delivered in the order
        given; the offset of each is where to go on after it. A ``Checkpoint`` among them moves the offset
        of its partition and is not delivered.
        """

    def commit(self) -> None:
        """Offsets of earlier records were stored. Called by the worker's commit thread."""

    def commit_record(self, record: SourceRecord, metadata: RecordMetadata | None) -> None:
        """The record (as polled) was acknowledged, or dropped (``metadata`` None).

        Costs a call a record, and only if the class defines it. Its errors are logged, not raised.
        """


class ErrantRecordReporter(Protocol):
    """Takes records that a sink task cannot write (KIP-610). Thread-safe."""

    def report(self, record: SinkRecord, error: Exception) -> Future[None]:
        """Hand the record over; with ``errors.tolerance=none`` it raises, and the task fails.

        It raises a ``RetriableError``, to be passed on, when record after record has been handed over and
        none was written (``errors.breaker.failures``): then the batch is put again later.
        """
        ...


class SinkTaskContext(Protocol):
    """What the worker offers a sink task."""

    @property
    def configs(self) -> Mapping[str, str]: ...
    @property
    def assignment(self) -> frozenset[TopicPartition]: ...
    @property
    def errant_record_reporter(self) -> ErrantRecordReporter | None: ...
    @property
    def stopping(self) -> bool: ...
    def sleep(self, seconds: float) -> bool: ...
    def offset(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Go on reading from these offsets, from the next poll on."""

    def timeout(self, timeout_ms: int) -> None:
        """Come back after this many milliseconds at the latest; holds for one poll."""

    def pause(self, *partitions: TopicPartition) -> None: ...
    def resume(self, *partitions: TopicPartition) -> None: ...
    def request_commit(self) -> None: ...


class SinkTask(Task[C], Generic[C]):
    """Writes records.

    Life: ``initialize``, ``start``, then for each assignment ``open``, ``put`` …, ``close``; ``stop``.
    Topic-partitions and offsets are the originals, whatever transforms made of them (KIP-793).
    """

    context: SinkTaskContext
    put_is_repeatable: ClassVar[bool] = False
    """Whether records may be put again that a ``put`` which failed had written already.

    It is so where writing is all or nothing, or overwrites. Then, with ``errors.tolerance=all``, the worker
    puts a batch that failed in ever smaller parts, until it has found the records that cannot be written.
    """

    def initialize(self, context: SinkTaskContext) -> None:
        self.context = context

    def open(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions are now this task's."""

    @abstractmethod
    def put(self, records: list[SinkRecord]) -> None:
        """Take records; they need not be written before ``flush``. The list may be empty, and is the task's.

        ``RetriableError`` has the same records put again. ``BatchError`` names the records that cannot be
        written, which go the way ``errors.tolerance`` says. Any other error stops the task, unless the worker
        may look for the guilty records itself (``put_is_repeatable``, ``put.bisect``).
        """

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Make everything put so far durable: afterwards these offsets are committed."""

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the offsets that are safe to commit; by default all, after ``flush``."""
        self.flush(offsets)
        return offsets

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions are no longer this task's (their offsets were just asked for)."""


# --- converters ------------------------------------------------------------------------------------

Encoder = Callable[[Any], bytes | None]
"""Value to bytes, for one topic and schema."""
Decoder = Callable[[bytes | None], tuple[Schema | None, Any]]
"""Bytes to schema and value, for one topic."""


class Converter(Plugin[C], ABC, Generic[C]):
    """Bytes to typed values and back. Made as ``cls(config, is_key=…)``; used by one thread at a time."""

    plugin_kind: ClassVar[PluginKind | None] = "converter"

    def __init__(self, config: C, *, is_key: bool = False) -> None:
        super().__init__(config)
        self.is_key = is_key

    @abstractmethod
    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        """Encode; None is a null message. A converter may append to ``headers``."""

    @abstractmethod
    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        """Decode; null is ``(optional schema or None, None)``. Bad bytes raise ``DataError``."""

    def encoder(self, topic: str, schema: Schema | None) -> Encoder | None:
        """``from_connect_data`` with topic and schema bound, or None if it must see headers.

        The worker asks once for each topic and schema and calls the result a record: do the schema's
        work here. A bad schema raises ``DataError`` here or when called.
        """
        encode = self.from_connect_data
        return lambda value: encode(topic, schema, value)

    def decoder(self, topic: str) -> Decoder | None:
        """``to_connect_data`` with the topic bound, for messages without headers; None if there is none."""
        decode = self.to_connect_data
        return lambda data: decode(topic, data)

    def close(self) -> None:
        """Let go of connections and caches."""


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Whether a schema may be the next one of a subject in a schema registry."""

    lines: Sequence[str]
    """What was found, in sentences; ``problems`` are among them."""
    problems: Sequence[str]
    """Why it may not; empty if it may."""
    newest: Schema | None
    """The Connect schema of the subject's newest version; None if there is none."""


@runtime_checkable
class KeepsSchemas(Protocol):
    """A converter whose schemas are kept outside its messages, and change there."""

    def connect_schema(self, text: str) -> Schema | None:
        """The Connect schema of data that have a schema in the converter's own language."""
        ...

    def check_schema(self, topic: str, new: str | Schema) -> SchemaCheck:
        """Compare a schema, in that language or Connect's, with those before it; nothing is registered."""
        ...


class HeaderConverter(Plugin[C], ABC, Generic[C]):
    """The same for header values. Made as ``cls(config)``."""

    plugin_kind: ClassVar[PluginKind | None] = "header_converter"

    @abstractmethod
    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None: ...

    @abstractmethod
    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue: ...

    def close(self) -> None: ...


# --- transforms ------------------------------------------------------------------------------------

R = TypeVar("R", bound=ConnectRecord)


class Transform(Plugin[C], ABC, Generic[C]):
    """Changes records on their way. ``apply`` never changes the record it is given."""

    plugin_kind = "transform"

    @abstractmethod
    def apply(self, record: R) -> R | list[R] | None:
        """The record to go on with: the same, another, several, or None to drop it."""

    def output_schemas(
        self, key_schema: Schema | None, value_schema: Schema | None
    ) -> set[SchemaPair] | None:
        """The pairs of key and value schema that records with these come out with, without data.

        None: that cannot be told, because it is for plain code to decide or depends on values. Empty if
        all are dropped. Nulls aside. ``DataError`` says that no such record can pass.
        """
        return None

    def mark(self) -> None:
        """A batch begins. Of use to a transform that remembers records and decides by what it remembers."""

    def rewind(self) -> None:
        """What came since :meth:`mark` comes again, because of an error: forget it."""

    def close(self) -> None: ...


class Predicate(Plugin[C], ABC, Generic[C]):
    """Decides whether a transform is applied."""

    plugin_kind = "predicate"

    @abstractmethod
    def test(self, record: ConnectRecord) -> bool: ...

    def close(self) -> None: ...


# --- config providers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigData:
    """What a provider found; ``ttl_ms`` says when to ask again (None: never)."""

    data: Mapping[str, str]
    ttl_ms: int | None = None


class ConfigProvider(Plugin[C], ABC, Generic[C]):
    """Resolves ``${name:path:key}`` in configurations (KIP-297). Declared in the worker's file only."""

    plugin_kind = "config_provider"

    @abstractmethod
    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        """The values of these keys at this path; a key that is not there is left out."""

    def close(self) -> None: ...
