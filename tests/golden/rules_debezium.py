"""The differences from Debezium's transforms that we know of (see :mod:`tests.golden.rules`)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from connectkit.transforms.debezium.zones import Zone

Case = dict[str, Any]
_TIMES = re.compile(r": '\d\d:\d\d:\d\d\S*' \(str\), not string \d\d:\d\d:\d\d")
_MONTHS_S = [1767225600 + month * 30 * 86_400 for month in range(12)]
_OPTIONAL_KEPT = re.compile(r"value schema\.\S+optional: True, not False\Z")
_PLACEMENTS = frozenset(("header", "envelope", "partition"))


def _is(case: Case, name: str) -> bool:
    return str(case.get("class", "")).startswith("io.debezium.") and case["class"].endswith(f".{name}")


def _error(case: Case) -> dict[str, Any]:
    out = case.get("out")
    found: dict[str, Any] = out.get("error", {}) if isinstance(out, dict) else {}
    return found


def _schema_of(case: Case, side: str) -> dict[str, Any]:
    """The value's schema in the record that goes in or comes out; empty where there is none."""
    record = case.get(side)
    found = record.get("value_schema") if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}


def _envelope_fields(case: Case) -> dict[str, Any]:
    return {field["name"]: field["schema"] for field in _schema_of(case, "in").get("fields") or ()}


def late_configuration(case: Case, difference: str) -> bool:
    """A mistake in the configuration that Java finds with the first record it concerns, or passes over."""
    if not difference.startswith("refused the configuration"):
        return False
    config = case.get("config", {})
    if _is(case, "TimezoneConverter"):
        try:
            Zone.parse(str(config.get("converted.timezone")))
        except ValueError:
            return "converted.timezone" in difference
        return False
    if _is(case, "EventRouter"):
        items = str(config.get("table.fields.additional.placement") or "").split(",")
        placements = {item.split(":")[1].strip().lower() for item in items if item.count(":") in (1, 2)}
        return bool(placements - _PLACEMENTS) or "route.topic.replacement: " in difference
    if _is(case, "ExtractNewRecordState"):
        return "replace.null.with.default: " in difference
    if _is(case, "PartitionRouting"):
        return "partition.hash.function: " in difference
    if _is(case, "ByLogicalTableRouter"):
        return config.get("key.field.name") == "" or "replacement: " in difference
    return False


def tombstone_without_schema(case: Case, _difference: str) -> bool:
    """Java looks for fields to drop in the schema that a tombstone does not have."""
    mode = str(case.get("config", {}).get("delete.tombstone.handling.mode")).strip().lower()
    return (
        _is(case, "ExtractNewRecordState")
        and mode == "delete-to-tombstone"
        and "Schema.fields()" in str(_error(case).get("message"))
    )


def envelope_without_before(case: Case, _difference: str) -> bool:
    """Java takes it for granted that an envelope has a field ``before``."""
    fields = _envelope_fields(case)
    return (
        _is(case, "ByLogicalTableRouter")
        and "before" not in fields
        and "after" in fields
        and str(_error(case).get("class")).endswith("NullPointerException")
    )


def deep_header_path(case: Case, _difference: str) -> bool:
    """A path of three or more steps, of which Java puts the value nowhere if a struct on it is new."""
    paths = str(case.get("config", {}).get("fields") or "").split(",")
    return _is(case, "HeaderToValue") and any(path.count(".") >= 2 for path in paths)


def optional_kept(case: Case, difference: str) -> bool:
    """A struct that a header goes into, which Java makes required although it can be null."""
    paths = str(case.get("config", {}).get("fields") or "").split(",")
    inside = any("." in path for path in paths)
    return _is(case, "HeaderToValue") and inside and _OPTIONAL_KEPT.match(difference) is not None


def _expands(case: Case) -> bool:
    wanted = str(case.get("config", {}).get("table.expand.json.payload", "")).strip().lower()
    return _is(case, "EventRouter") and wanted == "true"


def half_expanded(case: Case, _difference: str) -> bool:
    """Java gives up on the payload when its schema is made, and sends the text with that schema."""
    out = case.get("out")
    if not _expands(case) or not isinstance(out, dict):
        return False
    if "error" in out:
        message = str(_error(case).get("message"))
        return message.startswith("Invalid Java object") and message.endswith('for field: "payload"')
    return "string" in (out.get("value") or {}) and _schema_of(case, "out").get("type") != "string"


def _parts(found: Any) -> Iterator[Any]:
    yield found
    if isinstance(found, dict | list):
        for item in found.values() if isinstance(found, dict) else found:
            yield from _parts(item)


def _payloads(case: Case) -> Iterator[Any]:
    name = case.get("config", {}).get("table.field.event.payload", "payload")
    value = (case.get("in") or {}).get("value") or {}
    row = dict(value.get("struct") or ()).get("after") or {}
    text = (dict(row.get("struct") or ()).get(name) or {}).get("string")
    if isinstance(text, str):
        try:
            yield json.JSONDecoder().raw_decode(text)[0]
        except ValueError:
            return


def joined_items(case: Case, _difference: str) -> bool:
    """Objects in one array with different fields: Java's order is a hash table's, and inner ones are lost."""
    if not _expands(case):
        return False
    for payload in _payloads(case):
        for part in _parts(payload):
            if isinstance(part, list) and len({_outline(i) for i in part if isinstance(i, dict)}) > 1:
                return True
    return False


def _outline(found: Any) -> str:
    """What fields an object has, and what fields those have."""
    if isinstance(found, dict):
        return "{" + ",".join(f"{key}:{_outline(item)}" for key, item in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ",".join(sorted({_outline(item) for item in found})) + "]"
    return "-" if found is None else type(found).__name__


def time_of_this_day(case: Case, difference: str) -> bool:
    """A time of day without a date gets the offset that the zone has on the day it is converted."""
    if not _is(case, "TimezoneConverter") or _TIMES.search(difference) is None:
        return False
    zone = Zone.parse(str(case["config"]["converted.timezone"]))
    return len({zone.offset_at_s(moment_s) for moment_s in _MONTHS_S}) > 1


def struct_as_field(case: Case, _difference: str) -> bool:
    """A struct or map among the added fields: Java gives it a schema without fields."""
    config = case.get("config", {})
    listed = f"{config.get('add.fields') or ''},{config.get('add.headers') or ''}"
    names = {item.split(":")[0].strip().rsplit(".", 1)[-1] for item in listed.split(",")}
    outer = _envelope_fields(case)
    inner = {f["name"]: f["schema"] for s in outer.values() for f in s.get("fields") or ()}
    found = [(outer.get(name) or inner.get(name) or {}).get("type") for name in names]
    return _is(case, "ExtractNewRecordState") and any(kind in ("struct", "map") for kind in found)


DEBEZIUM_RULES: dict[str, Callable[[Case, str], bool]] = {
    "debezium-late-configuration": late_configuration,
    "debezium-tombstone-without-schema": tombstone_without_schema,
    "debezium-envelope-without-before": envelope_without_before,
    "debezium-deep-header-path": deep_header_path,
    "debezium-optional-kept": optional_kept,
    "debezium-half-expanded": half_expanded,
    "debezium-joined-items": joined_items,
    "debezium-time-of-this-day": time_of_this_day,
    "debezium-struct-as-field": struct_as_field,
}
