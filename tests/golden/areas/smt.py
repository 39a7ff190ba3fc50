"""Transforms and predicates alone, and chains of them.

Every record goes through three times, so that the interpreted, the exact and the guarded form of the
edits all answer, and all must answer the same; the record given must be unchanged afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from connectkit.errors import ConfigError
from connectkit.headers import Header, Headers
from connectkit.plugin import plugins
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.runner.chain import Chain
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import (
    Outcome,
    error_difference,
    header_difference,
    schema_difference,
    shown,
    value_difference,
)

Case = dict[str, Any]
_TIMES = 3

# Missing fields are warned of, and the vectors are full of them.
logging.getLogger("connectkit").addHandler(logging.NullHandler())


def run(case: Case) -> Outcome:
    op = case["op"]
    many = op == "smt-seq"
    ins, outs = (case["in"], case["out"]) if many else ([case["in"]], [case["out"]])
    try:
        act = _made(case)
    except Exception as error:  # noqa: BLE001 - compared with what Java raised
        return _configure_difference(outs, error)
    if any(isinstance(out, dict) and out.get("phase") == "configure" for out in outs):
        return f"took a configuration that is refused: {outs[0]['error'].get('message')}"
    for _ in range(_TIMES):
        for spec, out in zip(ins, outs, strict=True):
            difference = _one(case, spec, out, act)
            if difference is not None:
                return difference
    return None


def _made(case: Case) -> Callable[[Any], Any]:
    if case["op"] == "chain":
        return Chain.build(case["config"], plugins).apply
    if case["op"] == "predicate" or ".predicates." in case["class"]:
        test: Callable[[Any], Any] = plugins.create("predicate", case["class"], case["config"]).test
        return test
    apply: Callable[[Any], Any] = plugins.create("transform", case["class"], case["config"]).apply
    return apply


def _configure_difference(outs: list[Any], error: Exception) -> Outcome:
    out = outs[0]
    if not (isinstance(out, dict) and "error" in out):
        return f"refused the configuration: {type(error).__name__}: {str(error)[:200]}"
    if out["phase"] == "configure":
        # Whatever class Java's error has, ours says that the configuration is wrong.
        return None if isinstance(error, ConfigError) else error_difference(out["error"], error)
    return f"refused the configuration, not the record: {str(error)[:200]}"


def _one(case: Case, spec: dict[str, Any], out: Any, act: Callable[[Any], Any]) -> Outcome:
    record = _record(case["kind"], spec)
    try:
        got = act(record)
    except Exception as error:  # noqa: BLE001 - compared with what Java raised
        if not (isinstance(out, dict) and "error" in out):
            return f"raised {type(error).__name__}: {str(error)[:200]}"
        step = getattr(error, "step", None)
        if "stage" in out and step != out["stage"]:
            return f"failed at step {step}, not {out['stage']}: {str(error)[:200]}"
        return error_difference(out["error"], error) or _changed(case, spec, record)
    if isinstance(out, dict) and "error" in out:
        return f"gave {shown(got)}, not an error: {out['error'].get('message')}"
    if isinstance(out, dict) and set(out) == {"bool"}:
        return None if got is out["bool"] else f"{got!r}, not {out['bool']!r}"
    if out is None or got is None:
        if out is got:
            return _changed(case, spec, record)
        return f"{shown(got)}, not {'a dropped record' if out is None else 'a record'}"
    return _record_difference(out, got) or _changed(case, spec, record)


def _changed(case: Case, spec: dict[str, Any], record: ConnectRecord) -> Outcome:
    found = _record_difference(spec, record)
    return None if found is None else f"changed the record it was given: {found}"


def _record(kind: str, spec: dict[str, Any]) -> ConnectRecord:
    headers = Headers([_header(*each) for each in spec["headers"]])
    key_schema, value_schema = schema_of(spec["key_schema"]), schema_of(spec["value_schema"])
    key, value = value_of(spec["key"], key_schema), value_of(spec["value"], value_schema)
    if kind == "sink":
        return SinkRecord(
            spec["topic"], spec["partition"], key_schema, key, value_schema, value, spec["offset"],
            timestamp=spec["timestamp"], headers=headers,
        )  # fmt: skip
    return SourceRecord(
        {}, {}, spec["topic"], value_schema, value, key_schema=key_schema, key=key,
        kafka_partition=spec["partition"], timestamp=spec["timestamp"], headers=headers,
    )  # fmt: skip


def _header(name: str, spec: Any, value: Any) -> Header:
    schema = schema_of(spec)
    return Header(name, schema, value_of(value, schema))


def _record_difference(expected: dict[str, Any], got: Any) -> Outcome:
    if not isinstance(got, ConnectRecord):
        return f"{shown(got)}, not a record"
    plain = [
        ("topic", expected["topic"], got.topic),
        ("partition", expected["partition"], got.kafka_partition),
        ("timestamp", expected["timestamp"], got.timestamp),
    ]
    if "offset" in expected:
        plain.append(("offset", expected["offset"], getattr(got, "kafka_offset", None)))
    for name, wanted, found in plain:
        if wanted != found:
            return f"{name}: {found!r}, not {wanted!r}"
    for side in ("key", "value"):
        difference = schema_difference(
            expected[f"{side}_schema"], getattr(got, f"{side}_schema"), f"{side} schema"
        ) or value_difference(expected[side], getattr(got, side), ordered=False, at=side)
        if difference is not None:
            return difference
    found_headers = list(got.headers)
    if len(found_headers) != len(expected["headers"]):
        return f"{len(found_headers)} headers, not {len(expected['headers'])}"
    for number, ((name, schema, value), header) in enumerate(
        zip(expected["headers"], found_headers, strict=True)
    ):
        spec = {"key": name, "schema": schema, "value": value}
        difference = header_difference(spec, header)
        if difference is not None:
            return f"header {number}: {difference}"
    return None
