"""Registries that fail, and schemas without end: bounded memory, few requests, the right class of error.

A bomb in a message or an answer takes less than 64 MiB, a question that fails is asked once a second, caches
stay at their size. What bombs cost in time is measured by ``benchmarks.bombs``.
"""

from __future__ import annotations

import itertools
import json
import time
import zlib
from contextlib import closing
from typing import Any

import pytest

from connectkit.builder import SchemaBuilder
from connectkit.converters.avro import converter as avro_converter
from connectkit.converters.avro import encode
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.json_schema.config import JsonSchemaConfig
from connectkit.converters.json_schema.converter import JsonSchemaConverter
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.registry.converter import RegistryConverter
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.errors import ConversionError, DataError, FatalTaskError, LimitError, RetriableError
from connectkit.schema import Schema
from connectkit.struct import Struct
from tests.support.memory import little_memory
from tests.support.registry_server import answer, misbehaving

MAX_BYTES = 64 << 20
RECORD = SchemaBuilder.struct().name("R").field("a", Schema.INT64).build()
VALUE = Struct.of(RECORD, [1])
KINDS: dict[str, tuple[type[Any], type[RegistryConverter[Any]]]] = {
    "avro": (AvroConfig, AvroConverter),
    "protobuf": (ProtobufConfig, ProtobufConverter),
    "json": (JsonSchemaConfig, JsonSchemaConverter),
}


def converter(kind: str, url: str, **options: str) -> RegistryConverter[Any]:
    config, cls = KINDS[kind]
    raw = {name.replace("_", "."): value for name, value in options.items()}
    return cls(config.parse({"schema.registry.url": url, "max.retries": "0", **raw}))


def gzip_of_spaces(size_bytes: int) -> bytes:
    """As gzip, without having all of it at once."""
    maker = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = b" " * (1 << 20)
    parts = [maker.compress(chunk) for _ in range(size_bytes >> 20)]
    return b"".join([*parts, maker.flush()])


def test_half_a_gigabyte_in_half_a_megabyte_is_not_unpacked() -> None:
    bomb = gzip_of_spaces(512 << 20)
    assert len(bomb) < 600 << 10
    for headers in (
        ["Content-Encoding: gzip"],
        ["Content-Encoding: GZip"],
        ["Content-Encoding: deflate"],
        [],
    ):
        with (
            misbehaving(answer(200, bomb, *headers)) as (url, _),
            closing(converter("avro", url)) as made,
            little_memory(MAX_BYTES),
            pytest.raises(RetriableError),
        ):
            made.to_connect_data("t", b"\0\0\0\0\1\2")


def test_an_answer_of_a_hundred_megabytes_is_left_at_four() -> None:
    sent = 0

    def much(connection: Any, request: bytes) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1600):
            connection.sendall(b" " * 65536)
            sent += 65536

    with misbehaving(much) as (url, _), closing(converter("avro", url)) as made, little_memory(MAX_BYTES):
        with pytest.raises(RetriableError, match="larger than 4,194,304 bytes"):
            made.to_connect_data("t", b"\0\0\0\0\1\2")
        assert sent < 64 << 20, "what the system's buffers took, and no more"


def test_a_schema_text_that_is_a_bomb_is_a_limit() -> None:
    deep = '{"type":"array","items":' * 5000 + '"int"' + "}" * 5000
    body = json.dumps({"schema": deep}).encode()
    with (
        misbehaving(answer(200, body)) as (url, _),
        closing(converter("avro", url)) as made,
        little_memory(MAX_BYTES),
        pytest.raises(LimitError),
    ):
        made._parse(made._serde.client.by_id(1).schema)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("status", [500, 503, 404])
def test_a_question_that_fails_is_asked_once_a_second_however_many_records_ask(
    kind: str, status: int
) -> None:
    body = json.dumps({"error_code": 40403 if status == 404 else 50001, "message": "no"}).encode()
    with misbehaving(answer(status, body)) as (url, asked), closing(converter(kind, url)) as made:
        began_s = time.monotonic()
        for _ in range(300):
            with pytest.raises((RetriableError, ConversionError)):
                made.to_connect_data("t", b"\0\0\0\0\7\0\2")
            with pytest.raises((RetriableError, ConversionError)):
                made.from_connect_data("t", RECORD, VALUE)
        seconds = time.monotonic() - began_s
    questions = {request.split(b" HTTP")[0] for request in asked}
    assert len(asked) <= len(questions) * (1 + seconds)


def test_a_registry_that_comes_and_goes_is_used_when_it_is_there() -> None:
    good = json.dumps({"schema": '"long"', "id": 1, "version": 1, "subject": "t-value"}).encode()
    turns = itertools.cycle([answer(500, b"{}"), answer(200, good), answer(503, b"{}"), answer(200, good)])
    clock = itertools.count()
    with misbehaving(lambda connection, request: next(turns)(connection, request)) as (url, asked):
        made = converter("avro", url, value_subject_name_strategy="TopicNameStrategy")
        made._serde.client._clock = lambda: 2.0 * next(clock)
        answers = []
        for _ in range(8):
            try:
                answers.append(made.to_connect_data("t", b"\0\0\0\0\1\x0e").value)
            except RetriableError:
                answers.append(None)
        made.close()
    assert answers[-1] == 7
    assert len(asked) == 4, "what was answered once is not asked again"


def test_a_redirect_to_another_host_is_refused() -> None:
    with misbehaving(answer(200, b'{"schema":"\\"long\\""}')) as (elsewhere, asked):
        hop = answer(302, b"", f"Location: {elsewhere.replace('127.0.0.1', 'localhost')}/schemas/ids/1")
        with (
            misbehaving(hop) as (url, _),
            closing(converter("avro", url)) as made,
            pytest.raises(FatalTaskError, match="redirects"),
        ):
            made.to_connect_data("t", b"\0\0\0\0\1\2")
    assert asked == []


@pytest.mark.parametrize(("kind", "count"), [("avro", 10_000), ("protobuf", 600), ("json", 1500)])
def test_a_schema_a_record_keeps_to_the_bounds(
    kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = 0
    compile_encoder = encode.compile_encoder

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal compiled
        compiled += 1
        return compile_encoder(*arguments, **options)

    monkeypatch.setattr(avro_converter, "compile_encoder", counted)
    forget_mock_registry("churn")
    mock_registry("churn").set_level("", "NONE")
    bounds = {"schemas_cache_config": "50", "max_schemas_per_subject": "40", "missing_cache_size": "30"}
    made = converter(kind, "mock://churn", **bounds)
    encoded = []
    for number in range(count):
        schema = SchemaBuilder.struct().name("R").field(f"f{number}", Schema.INT64).build()
        encoded.append(made.from_connect_data("t", schema, Struct.of(schema, [number])))
    if kind == "avro":
        assert compiled == count, "once a schema"
    decode = made.decoder("t")
    assert decode is not None
    for number, data in enumerate(encoded):
        assert decode(data)[1].values == [number]
    for number in range(100):
        with pytest.raises(DataError):
            decode(b"\0" + (count + 1 + number).to_bytes(4, "big") + b"\0\2")
    client = made._serde.client
    assert len(made._writing["t"].table) == 50
    assert len(made._reading) == 50
    assert {len(table) for about, table in client._answers.items() if not about} == {40}
    assert len(client._errors) == 30
    forget_mock_registry("churn")
