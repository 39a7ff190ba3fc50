"""String, bytes, Boolean and number converters, each way, by the method and by the bound function."""

from __future__ import annotations

import base64
from typing import Any

from connectkit.errors import ConfigError, ConversionError
from connectkit.plugin import plugins
from connectkit.schema import SchemaAndValue
from tests.golden.areas.json import float32_difference
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import Outcome, expect, pair_difference, shown

Case = dict[str, Any]
_CLASSES = {
    "string": "org.apache.kafka.connect.storage.StringConverter",
    "bytes": "org.apache.kafka.connect.converters.ByteArrayConverter",
}


def run(case: Case) -> Outcome:
    name, way = case["op"].rsplit("-", 1)
    config = dict(case.get("config", {}))
    is_key = bool(config.pop("isKey", False))
    java_name = _CLASSES.get(name, f"org.apache.kafka.connect.converters.{name.title()}Converter")

    def converter() -> Any:
        try:
            return plugins.create("converter", java_name, config, is_key=is_key)
        except ConfigError as error:
            # Java finds an unknown character set later than other mistakes, and raises another class.
            if all(key.endswith(".encoding") for key in error.problems):
                raise ConversionError(str(error)) from error
            raise

    return _from(case, converter) if way == "from" else _to(case, converter)


def _from(case: Case, converter: Any) -> Outcome:
    schema = schema_of(case["in"]["schema"])

    def produce() -> bytes | None:
        value = value_of(case["in"]["value"], schema)
        made = converter()
        found: bytes | None = made.from_connect_data("t", schema, value)
        if (
            made.encoder("t", schema)(value) != found
            or made.from_connect_header("t", "h", schema, value) != found
        ):
            raise AssertionError("the converter's forms differ")
        return found

    def compare(out: dict[str, Any], got: bytes | None) -> Outcome:
        expected = None if out["bytes"] is None else base64.b64decode(out["bytes"])
        if expected == got:
            return None
        if expected is None or got is None or case["op"] != "string-from":
            return f"bytes: {got!r}, not {expected!r}"
        # Whatever the encoding, digits are ASCII: with the zeros of wide ones they can be compared.
        theirs, ours = (text.replace(b"\0", b"").decode("latin-1") for text in (expected, got))
        return float32_difference(case, theirs, ours) or f"bytes: {got!r}, not {expected!r}"

    return expect(case, produce, compare)


def _to(case: Case, converter: Any) -> Outcome:
    data = None if case["in"]["bytes"] is None else base64.b64decode(case["in"]["bytes"])

    def produce() -> SchemaAndValue:
        made = converter()
        found: SchemaAndValue = made.to_connect_data("t", data)
        if shown(SchemaAndValue(*made.decoder("t")(data))) != shown(found):
            raise AssertionError("the converter's forms differ")
        return found

    return expect(case, produce, lambda out, got: pair_difference(out["result"], got))
