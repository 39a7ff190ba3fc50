"""``@connectkit.source``: a generator, plain or async, that yields records with their offsets.

It yields ``SourceRecord``, :class:`Emit` (a value with the offset behind it), ``Checkpoint`` (an offset
without a record), or None: nothing more just now, deliver what there is. When it returns, the source has
come to its end.
"""

from __future__ import annotations

import contextlib
import inspect
import queue
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, overload

from connectkit.api import SourceConnector, SourceTask, Support
from connectkit.config import Config
from connectkit.errors import ConfigError, FatalTaskError
from connectkit.functions.call import Resource, Signature, class_of, open_resource, signature_of, texts_of
from connectkit.functions.loop import TaskLoop
from connectkit.headers import Headers
from connectkit.record import Checkpoint, SourceRecord
from connectkit.schema import Schema
from connectkit.typed.codec import class_codec

BATCH_RECORDS = 500
"""The most records of one ``poll``."""
BATCH_S = 0.1
"""How long records are gathered before they are delivered, if they come slowly."""
IDLE_S = 0.2
"""How long to wait after the generator has said that there is nothing just now."""
_PARTITION: Mapping[str, Any] = {"source": "default"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extras:
    offset: Mapping[str, Any]
    partition: Mapping[str, Any] | None = None
    topic: str | None = None
    key: Any = None
    schema: Schema | None = None
    key_schema: Schema | None = None
    kafka_partition: int | None = None
    timestamp: int | None = None
    headers: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Emit(_Extras):
    """A value to be sent, and ``offset``: where to go on after it.

    ``partition`` names the part of the source that the offset is of (left out: there is only one);
    ``topic`` is the option of that name where left out. A dataclass, a pydantic or msgspec object gets its
    schema from its class; other values have the ``schema`` given here, or none.
    """

    value: Any


@overload
def source(function: Callable[..., Any], /) -> type[SourceConnector[Any]]: ...
@overload
def source(
    *,
    resource: Resource | None = ...,
    tasks: Callable[..., Sequence[Mapping[str, str]]] | None = ...,
    exactly_once: bool = ...,
) -> Callable[[Callable[..., Any]], type[SourceConnector[Any]]]: ...


def source(
    function: Callable[..., Any] | None = None,
    /,
    *,
    resource: Resource | None = None,
    tasks: Callable[..., Sequence[Mapping[str, str]]] | None = None,
    exactly_once: bool = False,
) -> Any:
    """Make a source connector of a generator function.

    The function may ask for its configuration (annotated with a ``Config`` class), for ``offset`` (what was
    stored for its only partition, or None), ``offsets`` (an ``OffsetReader``), ``context`` and ``resource``:
    what the context manager that ``resource`` made has entered. ``tasks(config, max_tasks)`` returns a
    configuration for each task, where there can be several. ``exactly_once`` says that the function can
    resume at every offset that it has yielded (KIP-618).
    """

    def make(function: Callable[..., Any]) -> Any:
        is_async = inspect.isasyncgenfunction(function)
        if not is_async and not inspect.isgeneratorfunction(function):
            raise TypeError(
                f"{function.__qualname__} must be a generator that yields records with their offsets"
            )
        found = signature_of(function, subject=None, known=("offset", "offsets", "context", "resource"))
        base = _AsyncTask if is_async else _GeneratorTask
        members: dict[str, Any] = {
            "signature": found,
            "resource": staticmethod(resource) if resource else None,
            "config_type": found.config_type,
        }
        task = class_of(base, function, "_task", members)
        members = {
            "task_class": task,
            "split": staticmethod(tasks) if tasks else None,
            "exact": exactly_once,
            "config_type": found.config_type,
        }
        return class_of(_FunctionSource, function, "", members)

    return make if function is None else make(function)


class _FunctionSource(SourceConnector[Config]):
    """The connector of a generator: one task, or those that ``tasks`` makes."""

    split: ClassVar[Callable[..., Sequence[Mapping[str, str]]] | None] = None
    exact: ClassVar[bool] = False

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        plain = texts_of(self.config)
        if self.split is None:
            return [plain]
        return [{**plain, **each} for each in self.split(self.config, max_tasks)]

    def exactly_once_support(self) -> Support:
        return Support.SUPPORTED if self.exact else Support.UNSUPPORTED


class _FunctionTask(SourceTask[Config]):
    """What plain and async generators share: their arguments, and records made of what they yield."""

    signature: ClassVar[Signature]
    resource: ClassVar[Resource | None] = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._stack = contextlib.ExitStack()
        self._topic: str | None = getattr(config, "topic", None)
        self._ended = False

    def _arguments(self) -> dict[str, Any]:
        reader = self.context.offset_reader
        return self.signature.arguments(
            {
                "config": self.config,
                "offset": reader.offset(_PARTITION) if "offset" in self.signature.wanted.values() else None,
                "offsets": reader,
                "context": self.context,
                "resource": open_resource(self.resource, self.config, self._stack),
            }
        )

    def _end(self) -> None:
        self._ended = True
        self.context.finished()

    def _record(self, given: Any) -> SourceRecord | Checkpoint:
        if isinstance(given, SourceRecord | Checkpoint):
            return given
        if isinstance(given, Emit):
            return self._emitted(given)
        raise FatalTaskError(
            f"{type(self).__name__} yielded a value of class {type(given).__name__}; yield "
            "Emit(value, offset=…), a SourceRecord, a Checkpoint or None"
        )

    def _emitted(self, given: Emit) -> SourceRecord:
        topic = given.topic if given.topic is not None else self._topic
        if topic is None:
            raise ConfigError(
                f"{type(self).__name__} does not say which topic its records go to: give its Config an "
                "option named topic, or Emit a topic"
            )
        schema, value = typed(given.schema, given.value)
        key_schema, key = typed(given.key_schema, given.key)
        headers = None
        if given.headers:
            headers = Headers()
            for name, item in given.headers.items():
                headers.add(name, item, None)
        return SourceRecord(
            _PARTITION if given.partition is None else given.partition,
            given.offset,
            topic,
            schema,
            value,
            key_schema=key_schema,
            key=key,
            kafka_partition=given.kafka_partition,
            timestamp=given.timestamp,
            headers=headers,
        )

    def stop(self) -> None:
        self._stack.close()


class _GeneratorTask(_FunctionTask):
    """Runs a plain generator on the task's thread."""

    _generator: Iterator[Any] | None = None

    def start(self) -> None:
        self._generator = self.signature.function(**self._arguments())

    def poll(self) -> list[SourceRecord | Checkpoint] | None:
        if self._ended or self._generator is None:
            self.context.sleep(IDLE_S)
            return None
        made: list[SourceRecord | Checkpoint] = []
        until = time.monotonic() + BATCH_S
        while len(made) < BATCH_RECORDS and not self.context.stopping:
            try:
                given = next(self._generator)
            except StopIteration:
                self._end()
                break
            if given is None:
                if not made:
                    self.context.sleep(IDLE_S)
                break
            made.append(self._record(given))
            if time.monotonic() > until:
                break
        return made or None

    def stop(self) -> None:
        if self._generator is not None:
            self._generator.close()  # type: ignore[attr-defined]  # a generator function made it
        super().stop()


_END = object()


class _AsyncTask(_FunctionTask):
    """Runs an async generator on a loop of its own; records wait in a short queue."""

    _loop: TaskLoop | None = None

    def start(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=2 * BATCH_RECORDS)
        self._failure: BaseException | None = None
        self._loop = TaskLoop(type(self).__name__)
        self._pump = self._loop.begin(self._gather(self.signature.function(**self._arguments())))

    async def _gather(self, generator: AsyncIterator[Any]) -> None:
        import asyncio

        try:
            async for given in generator:
                while self._queue.full():
                    await asyncio.sleep(0.01)
                self._queue.put_nowait(given)
        except BaseException as exc:
            self._failure = exc
            raise
        finally:
            await generator.aclose()  # type: ignore[attr-defined]  # an async generator function made it
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(_END)

    def poll(self) -> list[SourceRecord | Checkpoint] | None:
        if self._ended:
            self.context.sleep(IDLE_S)
            return None
        made: list[SourceRecord | Checkpoint] = []
        wait_s = BATCH_S
        while len(made) < BATCH_RECORDS and not self.context.stopping:
            try:
                given = self._queue.get(timeout=wait_s) if not made else self._queue.get_nowait()
            except queue.Empty:
                if self._pump.done() and self._queue.empty():
                    self._finish()
                break
            if given is _END:
                self._finish()
                break
            if given is None:
                break
            made.append(self._record(given))
        return made or None

    def _finish(self) -> None:
        if isinstance(self._failure, Exception):
            failure, self._failure = self._failure, None
            raise failure
        self._end()

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel(self._pump)
            self._loop.close()
        super().stop()


def typed(schema: Schema | None, value: Any) -> tuple[Schema | None, Any]:
    """A value with its schema: an object of a class with fields brings its own."""
    cls: Any = type(value)
    codec = class_codec(cls) if schema is None else None
    return (schema, value) if codec is None else (codec.schema, codec.to_connect(value))
