"""ProtobufConverter: messages, registered schemas, what comes back, and texts as they are printed.

Recorded from Confluent's 7.0.16. Two of its habits that later releases, and ours, do not have are taken out
of what was recorded: ``[deprecated = false]`` on fields that it labels optional, and members of a oneof
that are required (so that no struct of it can be read).
"""

from __future__ import annotations

import base64
import copy
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
from connectkit.converters.registry.opening import mock_registry
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConnectError, DataError
from tests.golden.areas.registry_frame import SCOPE, URL, Frame, new_registry
from tests.golden.codec import schema_of
from tests.golden.compare import Outcome, error_difference, expect, schema_difference, text_difference

Case = dict[str, Any]


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


def _register(case: Case, subject: str) -> None:
    given, registry = case["in"], mock_registry(SCOPE)
    references: list[Reference] = []
    for path, text in (given.get("imports") or {}).items():
        registry.register(path, SchemaText(text, "PROTOBUF", tuple(references)))
        references.append(Reference(path, path, 1))
    texts = list(given.get("registered", ()))
    if not texts and "proto" in given:
        texts = [given["proto"]]
    for text in texts:
        registry.register(subject, SchemaText(text, "PROTOBUF", tuple(references)))


FRAME = Frame("proto", ProtobufConfig, ProtobufConverter, _register, URL, _later, _later_schema)


def run(case: Case) -> Outcome:
    new_registry()
    ways = {
        "proto-from": FRAME.write,
        "proto-to": FRAME.read,
        "proto-schema-from": _schema_from,
        "proto-schema-to": _schema_to,
        "proto-print": _print,
        "proto-indexes": _indexes,
    }
    return ways[case["op"]](case)


# --- schemas and texts


def _schema_from(case: Case) -> Outcome:
    def produce() -> str:
        schema = schema_of(case["in"]["schema"])
        assert schema is not None
        made = to_proto(schema, FRAME.config_of(case)[0].options)
        link(made.file)
        return to_text(made.file)

    return expect(case, produce, lambda out, got: text_difference(_later(out["proto"]), got, "proto"))


def _schema_to(case: Case) -> Outcome:
    return expect(
        case,
        lambda: from_proto(link(parse(case["in"]["proto"])).at((0,)), FRAME.config_of(case)[0].options),
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
