"""JsonConverter beside bare orjson: microseconds a message, ``python -m benchmarks.json_codec``.

The record is the one of the worker benchmarks. Each figure is the least CPU time of several runs in one
process, so that ratios hold on a busy machine.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.workload import order
from connectkit.builder import SchemaBuilder
from connectkit.converters.json import JsonConfig, JsonConverter
from connectkit.schema import Schema
from connectkit.struct import Struct

NUMBER = 100_000
REPEATS = 7


def best_us(call: Callable[[Any], Any], argument: Any) -> float:
    """The least time of a call, in microseconds."""
    names = {"call": call, "argument": argument}
    loop = timeit.Timer("call(argument)", timer=time.thread_time, globals=names)
    return min(loop.repeat(REPEATS, NUMBER)) / NUMBER * 1e6


def converter(**config: str) -> JsonConverter:
    return JsonConverter(JsonConfig.parse({key.replace("_", "."): value for key, value in config.items()}))


def order_schema() -> Schema:
    builder = SchemaBuilder.struct().name("shop.Order")
    builder.field("id", Schema.INT64).field("name", Schema.STRING).field("price", Schema.FLOAT64)
    return builder.field("ts", Schema.INT64).field("active", Schema.BOOLEAN).build()


def report(name: str, us: float, bare_us: float) -> None:
    print(f"{name:<44} {us:7.3f} us {us - bare_us:+7.3f} {1e6 / us:12,.0f}/s")


def main() -> None:
    value = order(1_234_567)
    data = orjson.dumps(value)
    bare_out, bare_in = best_us(orjson.dumps, value), best_us(orjson.loads, data)
    print(f"{'message of ' + str(len(data)) + ' bytes':<44} {'':>10} {'bare':>7} {'a second':>14}")
    report("orjson.dumps", bare_out, bare_out)
    plain = converter(schemas_enable="false")
    encode, decode = plain.encoder("t", None), plain.decoder("t")
    report("write, schemaless", best_us(encode, value), bare_out)
    report("write, schemaless, a float in E notation", best_us(encode, {**value, "price": 1.5e9}), bare_out)
    report("write, schemaless, beyond ASCII", best_us(encode, {**value, "name": "日本語 é"}), bare_out)
    report("orjson.loads", bare_in, bare_in)
    report("read, schemaless", best_us(decode, data), bare_in)

    schema = order_schema()
    struct = Struct.of(schema, list(value.values()))
    for name, enveloped in (("with schema", "true"), ("struct, no envelope", "false")):
        made = converter(schemas_enable=enveloped)
        encode = made.encoder("t", schema)
        report(f"write, {name}", best_us(encode, struct), bare_out)
    made = converter()
    message = made.from_connect_data("t", schema, struct)
    decode = made.decoder("t")
    report(f"read, with schema ({len(message or b'')} bytes)", best_us(decode, message), bare_in)
    content = converter(schema_content=(message or b"")[10:].partition(b',"payload":')[0].decode())
    report("read, schema.content", best_us(content.decoder("t"), data), bare_in)


if __name__ == "__main__":
    main()
