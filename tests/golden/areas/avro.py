"""AvroConverter: messages, registered schemas, subjects and what comes back, over a registry in memory.

Recorded from Confluent's 7.0.16, which reads a union of one type as a union: later releases, and ours by
default, read it as that type, so the option that says so is set here. The subject strategy of 7.0.16 is
the topic's name.
"""

from __future__ import annotations

import base64
from contextlib import closing
from typing import Any

from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import to_avro
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
from connectkit.schema import NULL, SchemaAndValue
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import (
    Outcome,
    error_difference,
    expect,
    pair_difference,
    schema_difference,
    shown,
    text_difference,
    value_difference,
)

Case = dict[str, Any]
SCOPE = "golden"
_FIXED = {"schema.registry.url": f"mock://{SCOPE}", "flatten.singleton.unions": "false"}


def run(case: Case) -> Outcome:
    forget_mock_registry(SCOPE)
    # 7.0.16's registry in memory checks nothing.
    mock_registry(SCOPE).set_level("", "NONE")
    ways = {
        "avro-from": _from,
        "avro-to": _to,
        "avro-schema-from": _schema_from,
        "avro-schema-to": _schema_to,
    }
    return ways[case["op"]](case)


def config_of(case: Case) -> tuple[AvroConfig, bool]:
    raw = dict(case.get("config", {}))
    is_key = bool(raw.pop("isKey", False))
    return AvroConfig.parse({**_FIXED, **raw}), is_key


def _register(case: Case, is_key: bool) -> None:
    given = case["in"]
    texts = list(given.get("registered", ()))
    if not texts and "avro" in given:
        texts = [given["avro"]]
    for text in texts:
        mock_registry(SCOPE).register("t-key" if is_key else "t-value", SchemaText(text))


def _from(case: Case) -> Outcome:
    schema = schema_of(case["in"]["schema"])

    def produce() -> tuple[AvroConverter, bytes | None, bytes | None]:
        value = value_of(case["in"]["value"], schema)
        config, is_key = config_of(case)
        _register(case, is_key)
        converter = AvroConverter(config, is_key=is_key)
        data = converter.from_connect_data("t", schema, value)
        encode = converter.encoder("t", schema)
        assert encode is not None
        return converter, data, encode(value)

    def compare(out: dict[str, Any], got: tuple[AvroConverter, bytes | None, bytes | None]) -> Outcome:
        converter, data, bound = got
        if data != bound:
            return f"the bound function gave {bound!r}, the method {data!r}"
        return _message_difference(case, out, data) or _back_difference(case, out, converter, data)

    return expect(case, produce, compare)


def _message_difference(case: Case, out: dict[str, Any], data: bytes | None) -> Outcome:
    registry = mock_registry(SCOPE)
    subjects = out.get("subjects", [out["subject"]] if "subject" in out else None)
    if subjects is not None and registry.subjects() != sorted(subjects):
        return f"subjects: {registry.subjects()}, not {subjects}"
    if "avro" in out and "subject" in out:
        found = registry.version(out["subject"]).schema.text
        difference = text_difference(out["avro"], found, "avro")
        if difference is not None:
            return difference
    wanted = None if out["bytes"] is None else base64.b64decode(out["bytes"])
    if wanted == data or (case.get("unordered") and _same_bytes(wanted, data)):
        return None
    return f"bytes: {data!r}, not {wanted!r}"


def _same_bytes(wanted: bytes | None, data: bytes | None) -> bool:
    """Maps may stand in another order; what is read of the two is compared with ``back``."""
    return wanted is not None and data is not None and sorted(wanted) == sorted(data)


def _back_difference(
    case: Case, out: dict[str, Any], converter: AvroConverter, data: bytes | None
) -> Outcome:
    back = out.get("back")
    if back is None:
        return None
    given = case["in"]
    back = given if back == "same" else back
    try:
        got = converter.to_connect_data("t", data)
    except Exception as error:  # noqa: BLE001 - compared with what Java raised
        if "error" in back:
            return error_difference(back["error"], error)
        return f"back: raised {type(error).__name__}: {error}"
    if "error" in back:
        return f"back: gave {shown(got)}, not an error"
    schema = given["schema"] if back["schema"] == "same" else back["schema"]
    value = given["value"] if back["value"] == "same" else back["value"]
    return schema_difference(schema, got.schema, "back.schema", ordered=False) or value_difference(
        value, got.value, ordered=False, at="back.value"
    )


def _to(case: Case) -> Outcome:
    def produce() -> SchemaAndValue:
        config, is_key = config_of(case)
        _register(case, is_key)
        data = case["in"]["bytes"]
        raw = None if data is None else base64.b64decode(data)
        with closing(AvroConverter(config, is_key=is_key)) as converter:
            found = converter.to_connect_data("t", raw)
            decode = converter.decoder("t")
            assert decode is not None
            for _ in range(2):
                if shown(SchemaAndValue(*decode(raw))) != shown(found):
                    raise AssertionError("the bound function reads something else than the method")
            return found

    def compare(out: dict[str, Any], got: SchemaAndValue) -> Outcome:
        if out["result"] is None:
            return None if got == NULL else f"{shown(got)}, not nothing"
        return pair_difference(out["result"], got, ordered=False)

    return expect(case, produce, compare)


def _schema_from(case: Case) -> Outcome:
    return expect(
        case,
        lambda: to_text(to_avro(schema_of(case["in"]["schema"]), config_of(case)[0].options)),
        lambda out, got: text_difference(out["avro"], got, "avro"),
    )


def _schema_to(case: Case) -> Outcome:
    return expect(
        case,
        lambda: from_avro(parse(case["in"]["avro"]), config_of(case)[0].options),
        lambda out, got: schema_difference(out["schema"], got, ordered=False),
    )
