"""AvroConverter: messages, registered schemas, subjects and what comes back, over a registry in memory.

Recorded from Confluent's 7.0.16, which reads a union of one type as a union: later releases, and ours by
default, read it as that type, so the option that says so is set here. The subject strategy of 7.0.16 is
the topic's name.
"""

from __future__ import annotations

from typing import Any

from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.converters.avro.from_avro import from_avro
from connectkit.converters.avro.parse import parse
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.to_avro import to_avro
from connectkit.converters.registry.opening import mock_registry
from connectkit.converters.registry.port import SchemaText
from tests.golden.areas.registry_frame import SCOPE, URL, Frame, new_registry
from tests.golden.codec import schema_of
from tests.golden.compare import Outcome, expect, schema_difference, text_difference

Case = dict[str, Any]


def _register(case: Case, subject: str) -> None:
    given = case["in"]
    texts = list(given.get("registered", ()))
    if not texts and "avro" in given:
        texts = [given["avro"]]
    for text in texts:
        mock_registry(SCOPE).register(subject, SchemaText(text))


FRAME = Frame("avro", AvroConfig, AvroConverter, _register, {**URL, "flatten.singleton.unions": "false"})


def run(case: Case) -> Outcome:
    new_registry()
    ways = {
        "avro-from": FRAME.write,
        "avro-to": FRAME.read,
        "avro-schema-from": _schema_from,
        "avro-schema-to": _schema_to,
    }
    return ways[case["op"]](case)


def _schema_from(case: Case) -> Outcome:
    return expect(
        case,
        lambda: to_text(to_avro(schema_of(case["in"]["schema"]), FRAME.config_of(case)[0].options)),
        lambda out, got: text_difference(out["avro"], got, "avro"),
    )


def _schema_to(case: Case) -> Outcome:
    return expect(
        case,
        lambda: from_avro(parse(case["in"]["avro"]), FRAME.config_of(case)[0].options),
        lambda out, got: schema_difference(out["schema"], got, ordered=False),
    )
