"""ProtobufConverter: messages, registered schemas, what comes back, and texts as they are printed.

Recorded from Confluent's 7.0.16. Two of its habits that later releases, and ours, do not have are taken out
of what was recorded: ``[deprecated = false]`` on fields that it labels optional, and members of a oneof
that are required (so that no struct of it can be read).
"""

from __future__ import annotations

import base64
import copy
from contextlib import closing
from typing import Any

from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.converter import ProtobufConverter
from connectkit.converters.protobuf.from_proto import from_proto
from connectkit.converters.protobuf.linked import link
from connectkit.converters.protobuf.model import Message, Word
from connectkit.converters.protobuf.normalize import normalize
from connectkit.converters.protobuf.options import UNION_PREFIX
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.to_proto import to_proto
from connectkit.converters.registry import wire
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConnectError, DataError
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
_FIXED = {"schema.registry.url": f"mock://{SCOPE}"}


def run(case: Case) -> Outcome:
    forget_mock_registry(SCOPE)
    # 7.0.16's registry in memory checks nothing.
    mock_registry(SCOPE).set_level("", "NONE")
    ways = {
        "proto-from": _from,
        "proto-to": _to,
        "proto-schema-from": _schema_from,
        "proto-schema-to": _schema_to,
        "proto-print": _print,
        "proto-indexes": _indexes,
    }
    return ways[case["op"]](case)


def config_of(case: Case) -> tuple[ProtobufConfig, bool]:
    raw = dict(case.get("config", {}))
    is_key = bool(raw.pop("isKey", False))
    return ProtobufConfig.parse({**_FIXED, **raw}), is_key


def _later(text: str) -> str:
    """A recorded text as later releases write it."""
    if "deprecated = false" not in text:
        return text
    file = parse(text)
    pending: list[Message] = list(file.messages)
    while pending:
        message = pending.pop()
        pending += message.messages
        for field in [*message.fields, *(each for oneof in message.oneofs for each in oneof.fields)]:
            field.options = [
                each for each in field.options if (each.name, each.value) != ("deprecated", Word("false"))
            ]
    return to_text(file)


def _later_schema(schema: Any) -> Any:
    """A recorded schema with the members of oneofs as later releases have them."""
    if not isinstance(schema, dict):
        return schema
    found = copy.deepcopy(schema)
    pending = [found]
    while pending:
        each = pending.pop()
        for field in each.get("fields", ()):
            if str(each.get("name")).startswith(UNION_PREFIX):
                field["schema"]["optional"] = True
            pending.append(field["schema"])
        pending += [each[part] for part in ("key", "value") if isinstance(each.get(part), dict)]
    return found


# --- the converter


def _register(case: Case, is_key: bool) -> None:
    given, registry = case["in"], mock_registry(SCOPE)
    references: list[Reference] = []
    for path, text in (given.get("imports") or {}).items():
        registry.register(path, SchemaText(text, "PROTOBUF", tuple(references)))
        references.append(Reference(path, path, 1))
    texts = list(given.get("registered", ()))
    if not texts and "proto" in given:
        texts = [given["proto"]]
    for text in texts:
        registry.register("t-key" if is_key else "t-value", SchemaText(text, "PROTOBUF", tuple(references)))


def _from(case: Case) -> Outcome:
    schema = schema_of(case["in"]["schema"])

    def produce() -> tuple[ProtobufConverter, bytes | None, bytes | None]:
        value = value_of(case["in"]["value"], schema)
        config, is_key = config_of(case)
        _register(case, is_key)
        converter = ProtobufConverter(config, is_key=is_key)
        data = converter.from_connect_data("t", schema, value)
        encode = converter.encoder("t", schema)
        assert encode is not None
        return converter, data, encode(value)

    def compare(out: dict[str, Any], got: tuple[ProtobufConverter, bytes | None, bytes | None]) -> Outcome:
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
    if "proto" in out and "subject" in out:
        found = registry.version(out["subject"]).schema.text
        difference = text_difference(_later(out["proto"]), found, "proto")
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
    case: Case, out: dict[str, Any], converter: ProtobufConverter, data: bytes | None
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
        return f"back: gave {shown(got)}, not an error: {back['error'].get('message')}"
    schema = _later_schema(given["schema"] if back["schema"] == "same" else back["schema"])
    value = given["value"] if back["value"] == "same" else back["value"]
    return schema_difference(schema, got.schema, "back.schema", ordered=False) or value_difference(
        value, got.value, ordered=False, at="back.value"
    )


def _to(case: Case) -> Outcome:
    def produce() -> SchemaAndValue:
        config, is_key = config_of(case)
        _register(case, is_key)
        data = case["in"]["bytes"]
        with closing(ProtobufConverter(config, is_key=is_key)) as converter:
            return converter.to_connect_data("t", None if data is None else base64.b64decode(data))

    def compare(out: dict[str, Any], got: SchemaAndValue) -> Outcome:
        wanted = out["result"]
        if wanted is None:
            return None if got == NULL else f"{shown(got)}, not nothing"
        return pair_difference({**wanted, "schema": _later_schema(wanted["schema"])}, got, ordered=False)

    return expect(case, produce, compare)


# --- schemas and texts


def _schema_from(case: Case) -> Outcome:
    def produce() -> str:
        schema = schema_of(case["in"]["schema"])
        assert schema is not None
        made = to_proto(schema, config_of(case)[0].options)
        link(made.file)
        return to_text(made.file)

    return expect(case, produce, lambda out, got: text_difference(_later(out["proto"]), got, "proto"))


def _schema_to(case: Case) -> Outcome:
    return expect(
        case,
        lambda: from_proto(link(parse(case["in"]["proto"])).at((0,)), config_of(case)[0].options),
        lambda out, got: schema_difference(_later_schema(out["schema"]), got, ordered=False),
    )


def _print(case: Case) -> Outcome:
    def compare(out: dict[str, Any], got: str) -> Outcome:
        file = parse(case["in"]["proto"])
        normal = out["canonical"] if out["normalized"] == "same" else out["normalized"]
        return (
            text_difference(out["canonical"], got, "canonical")
            or _part("normalized", normal, lambda: to_text(normalize(file)))
            or _part("message", out["message"], lambda: link(file).first_name)
        )

    return expect(case, lambda: to_text(parse(case["in"]["proto"])), compare)


def _part(name: str, wanted: Any, produce: Any) -> Outcome:
    try:
        got = produce()
    except ConnectError as error:
        if isinstance(wanted, dict):
            return error_difference(wanted["error"], error)
        return f"{name}: raised {error}"
    if isinstance(wanted, dict):
        return f"{name}: gave {got!r}, not an error"
    return text_difference(wanted, got, name)


def _indexes(case: Case) -> Outcome:
    def produce() -> tuple[bytes, list[int]]:
        data = wire.id_prefix(1, case["in"]["indexes"])
        frame = wire.unframe(data, indexed=True)
        if frame.start != len(data):
            raise DataError("the indexes end elsewhere")
        return data[5:], list(frame.indexes)

    def compare(out: dict[str, Any], got: tuple[bytes, list[int]]) -> Outcome:
        wanted = base64.b64decode(out["bytes"]), out["back"]
        return None if got == wanted else f"{got}, not {wanted}"

    return expect(case, produce, compare)
