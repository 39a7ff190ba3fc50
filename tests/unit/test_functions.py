"""Plugins as functions: what each decorator makes, in the harnesses that any plugin runs in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import connectkit
from connectkit import (
    Checkpoint,
    Config,
    DataError,
    Emit,
    Schema,
    SinkRecord,
    SourceRecord,
    option,
    schema_of,
)
from connectkit.errors import BatchError, ConfigError, FatalTaskError
from connectkit.testing import SinkHarness, SourceHarness, StoredOffsets, sink_record


@dataclass
class Order:
    id: int
    name: str | None = None


class NumbersConfig(Config):
    topic: str = option(doc="The topic.")
    until: int = option(5, doc="How many.")


@connectkit.source
def numbers(config: NumbersConfig, offset: dict[str, Any] | None) -> Iterator[Emit]:
    """Numbers from zero."""
    for number in range(offset["next"] if offset else 0, config.until):
        yield Emit(Order(number), offset={"next": number + 1}, key=str(number), key_schema=Schema.STRING)


def test_a_generator_is_a_source() -> None:
    assert numbers.__name__ == "numbers"
    assert numbers.__doc__ == "Numbers from zero."
    stored = StoredOffsets()
    with SourceHarness(numbers, {"topic": "t", "until": "3"}, stored=stored) as source:
        found = source.drain()
        assert source.context.done
        source.commit(found[:2])
    assert [(r.topic, r.value.get("id"), r.key) for r in found if isinstance(r, SourceRecord)] == [
        ("t", 0, "0"), ("t", 1, "1"), ("t", 2, "2"),
    ]  # fmt: skip
    assert isinstance(found[0], SourceRecord)
    assert found[0].value_schema == schema_of(Order)
    with SourceHarness(numbers, {"topic": "t", "until": "3"}, stored=stored) as source:
        (last,) = source.drain()
        assert isinstance(last, SourceRecord)
        assert last.value.get("id") == 2


def test_none_hands_over_and_checkpoints_move_offsets() -> None:
    @connectkit.source
    def slow() -> Iterator[Any]:
        yield Emit("a", offset={"n": 1}, topic="t")
        yield None
        yield Checkpoint({"source": "default"}, {"n": 2})
        yield SourceRecord({"p": 1}, {"n": 3}, "t", None, "b")

    with SourceHarness(slow, {}) as source:
        assert len(source.poll()) == 1
        rest = source.poll()
        assert [type(each) for each in rest] == [Checkpoint, SourceRecord]


def test_a_generator_is_closed_when_its_task_stops() -> None:
    closed = []

    @contextlib.contextmanager
    def connection(config: NumbersConfig) -> Iterator[str]:
        yield config.topic
        closed.append("connection")

    @connectkit.source(resource=connection)
    def endless(config: NumbersConfig, resource: str) -> Iterator[Any]:
        try:
            while True:
                yield Emit(resource, offset={"n": 1})
                yield None
        finally:
            closed.append("generator")

    with SourceHarness(endless, {"topic": "t"}) as source:
        (record,) = source.poll()
        assert isinstance(record, SourceRecord)
        assert record.value == "t"
    assert closed == ["generator", "connection"]


def test_an_async_generator_is_a_source_and_is_cancelled_for_real() -> None:
    cancelled = threading.Event()

    @connectkit.source
    async def feed() -> AsyncIterator[Emit]:
        yield Emit(1, offset={"n": 1}, topic="t")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    source = SourceHarness(feed, {}).start()
    found = source.drain(idle_polls=2)
    assert [r.value for r in found if isinstance(r, SourceRecord)] == [1]
    source.stop()
    assert cancelled.is_set()


def test_an_async_generator_ends_or_fails_its_task() -> None:
    @connectkit.source
    async def two() -> AsyncIterator[Emit]:
        for n in range(2):
            yield Emit(n, offset={"n": n}, topic="t")

    with SourceHarness(two, {}) as source:
        assert len(source.drain(idle_polls=20)) == 2
        assert source.context.done

    @connectkit.source
    async def bad() -> AsyncIterator[Emit]:
        yield Emit(1, offset={"n": 1}, topic="t")
        raise OSError("gone")

    with SourceHarness(bad, {}) as source, pytest.raises(OSError, match="gone"):
        source.drain(idle_polls=20)


def test_tasks_can_share_a_source() -> None:
    def split(config: NumbersConfig, most: int) -> Sequence[dict[str, str]]:
        return [{"until": str(n)} for n in range(1, most + 1)]

    @connectkit.source(tasks=split, exactly_once=True)
    def shared(config: NumbersConfig) -> Iterator[Emit]:
        for number in range(config.until):
            yield Emit(number, offset={"n": number})

    made = shared(NumbersConfig.parse({"topic": "t"}))
    assert [each["until"] for each in made.task_configs(3)] == ["1", "2", "3"]
    assert made.exactly_once_support() is connectkit.Support.SUPPORTED


def test_what_a_source_yields_is_checked() -> None:
    @connectkit.source
    def odd() -> Iterator[Any]:
        yield 5

    with SourceHarness(odd, {}) as source, pytest.raises(FatalTaskError, match="yield Emit"):
        source.poll()

    @connectkit.source
    def lost() -> Iterator[Any]:
        yield Emit(5, offset={"n": 1})

    with SourceHarness(lost, {}) as source, pytest.raises(ConfigError, match="which topic"):
        source.poll()


def test_functions_that_cannot_be_called_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match="must be a generator"):

        @connectkit.source
        def plain() -> None: ...

    with pytest.raises(TypeError, match="asks for 'nothing'"):

        @connectkit.sink
        def odd(batch: list[SinkRecord], nothing: int) -> None: ...

    with pytest.raises(TypeError, match="needs a parameter"):

        @connectkit.transform
        def empty() -> None: ...


class FileConfig(Config):
    file: str = option(doc="The file.")


@connectkit.sink
def append(batch: list[SinkRecord], config: FileConfig) -> None:
    """Lines of a file."""
    with Path(config.file).open("a") as file:
        file.writelines(f"{record.value}\n" for record in batch)


def test_a_function_of_a_batch_is_a_sink(tmp_path: Path) -> None:
    with SinkHarness(append, {"file": str(tmp_path / "f")}) as sink:
        sink.put(*(sink_record(n, offset=n) for n in range(3)))
        assert sum(sink.commit().values()) == 3
    assert (tmp_path / "f").read_text() == "0\n1\n2\n"


def test_a_batch_of_a_class_and_what_does_not_fit_it() -> None:
    written: list[Order] = []

    @connectkit.sink
    def orders(batch: list[Order]) -> dict[int, Exception] | None:
        written.extend(batch)
        return {n: ValueError("no name") for n, order in enumerate(batch) if order.name == "bad"}

    with SinkHarness(orders, {}) as sink, pytest.raises(BatchError) as caught:
        sink.put(
            sink_record({"id": 1}, offset=0),
            sink_record({"id": "x"}, offset=1),
            sink_record({"id": 2, "name": "bad"}, offset=2),
            sink_record(None, offset=3),
        )
    assert sorted(caught.value.failures) == [1, 2, 3]
    assert isinstance(caught.value.failures[2], ValueError)
    assert caught.value.written
    assert written == [Order(1), Order(2, "bad")]


def test_a_batch_error_of_the_function_names_places_among_all_records() -> None:
    @connectkit.sink(repeatable=True)
    def strict(batch: list[Order]) -> None:
        raise BatchError("no", {0: DataError("bad")}, written=False)

    with SinkHarness(strict, {}) as sink, pytest.raises(BatchError) as caught:
        assert sink.task.put_is_repeatable
        sink.put(sink_record("x", offset=0), sink_record({"id": 1}, offset=1))
    assert sorted(caught.value.failures) == [1]
    assert not caught.value.written


def test_an_async_sink_runs_on_a_loop_and_is_cancelled_when_its_task_stops() -> None:
    seen: list[Any] = []

    @connectkit.sink
    async def write(batch: list[SinkRecord]) -> None:
        await asyncio.sleep(0)
        seen.extend(record.value for record in batch)

    with SinkHarness(write, {}) as sink:
        sink.put(sink_record("a"), sink_record("b", offset=1))
    assert seen == ["a", "b"]
    cancelled = threading.Event()

    @connectkit.sink
    async def hang(batch: list[SinkRecord]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    sink = SinkHarness(hang, {}).start()
    sink.context.stopping = True
    with pytest.raises(connectkit.RetriableError):
        sink.task.put([sink_record("a")])
    assert cancelled.is_set()
    sink.task.stop()


def transformed(
    cls: Any, value: Any, schema: Schema | None = None, config: dict[str, str] | None = None
) -> Any:
    return cls(cls.config_type.parse(config or {})).apply(sink_record(value, schema))


class TimesConfig(Config):
    times: int = option(2, doc="How often.")


def test_a_function_of_a_value_is_a_transform() -> None:
    @connectkit.transform
    def shout(value: str, config: TimesConfig, topic: str) -> str:
        return value.upper() * config.times + topic

    made = transformed(shout, "a", Schema.STRING, {"times": "3"})
    assert (made.value, made.value_schema) == ("AAAt", Schema.STRING)
    assert transformed(shout, None, Schema.STRING).value is None
    keyed = shout(shout.config_type.parse({}), side="key")  # type: ignore[call-arg]  # a sided plugin
    made = keyed.apply(sink_record("v", key="k", key_schema=Schema.STRING))
    assert isinstance(made, SinkRecord)
    assert made.key == "KKt"


def test_classes_dicts_drops_and_many() -> None:
    @connectkit.transform
    def total(value: Order) -> Order | None:
        return Order(value.id + 1, "x") if value.id else None

    made = transformed(total, {"id": 1})
    assert made.value_schema == schema_of(Order)
    assert (made.value.get("id"), made.value.get("name")) == (2, "x")
    assert transformed(total, {"id": 0}) is None
    assert total(Config.parse({})).output_schemas(None, Schema.STRING) == {(None, schema_of(Order))}

    @connectkit.transform
    def several(value: dict[str, Any]) -> list[Order]:
        return [Order(n) for n in range(value["id"])]

    assert [r.value.get("id") for r in transformed(several, {"id": 2})] == [0, 1]

    @connectkit.transform
    def plain(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "more": True}

    codec = connectkit.typed.type_codec(Order)
    made = transformed(plain, codec.to_connect(Order(1)), codec.schema)
    assert (made.value, made.value_schema) == ({"id": 1, "name": None, "more": True}, None)


def test_a_function_of_a_record_is_a_transform() -> None:
    @connectkit.transform
    def route(record: SinkRecord | SourceRecord) -> SinkRecord | SourceRecord | None:
        return record.new_record(topic="other") if record.value else None

    assert transformed(route, "x").topic == "other"
    assert transformed(route, "") is None


def test_a_pair_of_functions_is_a_converter() -> None:
    @connectkit.converter
    def lines(value: list[str]) -> bytes:
        return "\n".join(value).encode()

    @lines.reads
    def _(data: bytes) -> list[str]:
        return data.decode().split("\n")

    made = lines(Config.parse({}))
    data = made.from_connect_data("t", schema_of(list[str]), ["a", "b"])
    assert data == b"a\nb"
    assert made.to_connect_data("t", data) == (schema_of(list[str]), ["a", "b"])
    assert made.to_connect_data("t", None) == (None, None)
    with pytest.raises(DataError):
        made.to_connect_data("t", b"\xff")
    with pytest.raises(DataError):
        made.from_connect_data("t", None, 5)


def test_a_converter_without_a_type_takes_plain_values() -> None:
    def loads(data: bytes, config: TimesConfig) -> Any:
        return json.loads(data) * config.times

    @connectkit.converter(reads=loads)
    def dumps(value: Any, config: TimesConfig, topic: str) -> bytes:
        return json.dumps([value, topic]).encode()

    made = dumps(TimesConfig.parse({"times": "2"}))
    assert made.from_connect_data("t", None, {"a": 1}) == b'[{"a": 1}, "t"]'
    assert made.to_connect_data("t", b"[1]") == (None, [1, 1])

    @connectkit.converter
    def only_writes(value: Any) -> bytes:
        return b""

    with pytest.raises(DataError, match="only writes"):
        only_writes(Config.parse({})).to_connect_data("t", b"")
