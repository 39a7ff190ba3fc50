"""What bombs cost: ``python -m benchmarks.bombs``; it exits with 1 if one costs more than it may.

Data must be refused in 50 ms, since every record may be such; the text of a schema, which is read once, in a
second; both within 64 MiB.

The tables are those of the tests, which check that each is refused; here each runs in a child of its own,
twice, since code that runs for the first time is slower. Times are CPU times of the faster run.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from connectkit.converters.avro.parse import parse as parse_avro
from connectkit.converters.json_schema.from_json_schema import from_json_schema
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.payload import compile_decoder
from connectkit.converters.json_schema.read_values import ValueReader
from connectkit.converters.protobuf.parse import parse as parse_proto
from connectkit.converters.variant import decoded
from connectkit.errors import ConnectError
from tests.unit import test_converters_avro_bombs as avro
from tests.unit import test_converters_json_schema_bombs as json_schema
from tests.unit import test_converters_protobuf_bombs as protobuf

MAX_DATA_MS = 50.0
MAX_SCHEMA_MS = 1000.0
MAX_MIB = 64.0
Take = Callable[[], Any]


def bombs() -> Iterator[tuple[str, Take]]:
    """Names, and what sets them off."""
    for name, (text, data) in avro.BOMBS.items():
        yield f"Avro data: {name}", partial(avro.reader(text), data)
    for kind in ("array", "map", "union", "record"):
        yield f"Avro schema: 5,000 {kind}s in each other", partial(parse_avro, avro.nested(5000, kind))
    for name, text in protobuf.TEXTS.items():
        yield f"Protobuf schema: {name}", partial(parse_proto, text)
    yield "Protobuf data: nested 5,000 deep", partial(protobuf.reader(protobuf.NODE), protobuf.nested(5000))
    for name, text in json_schema.BOMBS.items():
        yield f"JSON schema: {name}", partial(read_schema, text)
    anything = compile_decoder(from_json_schema(load("{}"), json_schema.OPTIONS), ValueReader())
    for name, payload in {
        "100,000 brackets": b"[" * 100_000,
        "5,000 digits": b"9" * 5000,
        "a decimal's exponent of 3,000,000": b'{"a":1E+3000000}',
        "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    }.items():
        yield f"JSON data: {name}", partial(anything, payload, 0)
    level = b"\x41" + b"a" * 16
    for _ in range(6):
        level = b"\x0f" + bytes([100]) + b"\0\0\0\0" * 101 + level
    yield "variant: the same bytes 10^12 times", partial(decoded, b"\x01\0\0", level)


def read_schema(text: str) -> Any:
    return from_json_schema(load(text), json_schema.OPTIONS)


def measured(take: Take) -> tuple[float, float, str]:
    """Milliseconds, MiB more than before, and the error's class, of a child."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        least_ms, error = float("inf"), "none"
        for _ in range(2):
            began = time.process_time()
            try:
                take()
            except ConnectError as exc:
                error = type(exc).__name__
            least_ms = min(least_ms, (time.process_time() - began) * 1000)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os.write(into, json.dumps([least_ms, more / 1024, error]).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as told:
        data = told.read()
    os.waitpid(child, 0)
    found: tuple[float, float, str] = tuple(json.loads(data)) if data else (float("inf"), 0.0, "a crash")
    return found


def main() -> None:
    bad = 0
    for name, take in bombs():
        ms, mib, error = measured(take)
        most_ms = MAX_SCHEMA_MS if " schema: " in name else MAX_DATA_MS
        mark = "" if ms < most_ms and mib < MAX_MIB else "   OVER THE BOUND"
        bad += bool(mark)
        print(f"{name:58} {ms:9.2f} ms {mib:7.1f} MiB  {error}{mark}")
    print(f"bounds: data {MAX_DATA_MS:.0f} ms, schemas {MAX_SCHEMA_MS:.0f} ms, {MAX_MIB:.0f} MiB; {bad} over")
    if bad and __name__ == "__main__":
        sys.exit(1)


if __name__ == "__main__":
    main()
