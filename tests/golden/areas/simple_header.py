"""SimpleHeaderConverter both ways."""

from __future__ import annotations

import base64
from typing import Any

from connectkit.config import Config
from connectkit.converters.charsets import encode_utf8
from connectkit.converters.header import SimpleHeaderConverter
from tests.golden.areas.json import float32_difference
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import Outcome, expect, pair_difference

Case = dict[str, Any]


def run(case: Case) -> Outcome:
    converter = SimpleHeaderConverter(Config.parse(case.get("config", {})))
    if case["op"] == "header-to":
        data = None if case["in"]["bytes"] is None else base64.b64decode(case["in"]["bytes"])
        return expect(
            case,
            lambda: converter.to_connect_header("t", "h", data),
            lambda out, got: pair_difference(out["result"], got),
        )
    schema = schema_of(case["in"]["schema"])

    def produce() -> bytes | None:
        value = value_of(case["in"]["value"], schema)
        return converter.from_connect_header("t", "h", schema, value)

    def compare(out: dict[str, Any], got: bytes | None) -> Outcome:
        expected = None if out["text"] is None else encode_utf8(out["text"])
        if expected is None or got is None:
            return None if expected is got else f"{got!r}, not {expected!r}"
        return float32_difference(case, expected.decode("latin-1"), got.decode("latin-1"))

    return expect(case, produce, compare)
