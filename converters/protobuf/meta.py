"""``confluent.Meta`` in descriptors: the one extension of options that data depend on.

A descriptor holds it as bytes under its number, whether or not its reader knows it.
Source: Confluent's ``confluent/meta.proto``. Pure functions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from connectkit.converters.protobuf.linked import link
from connectkit.converters.protobuf.model import Constant, Option, Text
from connectkit.converters.protobuf.parse import parse
from connectkit.converters.protobuf.runtime import message_class

FIELD: Final = "(confluent.field_meta)"
MESSAGE: Final = "(confluent.message_meta)"
_HOLDER: Final = (
    'syntax = "proto3"; message Holder { Meta meta = 1088; } '
    "message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; "
    "repeated Rule rules = 4; } "
    "message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }"
)
_RULE: Final = {"f1": "name", "f2": "doc", "f3": "expr", "f4": "sql"}


@lru_cache(maxsize=1)
def _holder() -> Any:
    return message_class(link(parse(_HOLDER)).at((0,)))


def param(key: str, value: str) -> dict[str, Constant]:
    """One entry of ``params``, in the order in which Confluent's client prints its two members."""
    if key in ("precision", "scale"):
        return {"value": Text(value), "key": Text(key)}
    return {"key": Text(key), "value": Text(value)}


def read_meta(options: Any, name: str) -> Option | None:
    """The option of that name that a descriptor's options hold."""
    data = options.SerializeToString()
    holder = _holder().FromString(data) if data else None
    if holder is None or not holder.HasField("f1088"):
        return None
    meta = holder.f1088
    value: dict[str, Constant] = {}
    if meta.f1:
        value["doc"] = Text(meta.f1)
    if meta.f2:
        value["params"] = [param(each.f1, each.f2) for each in meta.f2]
    if meta.f3:
        value["tags"] = [Text(each) for each in meta.f3]
    if meta.f4:
        value["rules"] = [
            {name: Text(getattr(rule, field)) for field, name in _RULE.items() if rule.HasField(field)}
            for rule in meta.f4
        ]
    return Option(name, value)


def write_meta(options: Any, made: list[Option], name: str) -> None:
    """Put the option of that name into a descriptor's options."""
    said = _said(made, name)
    if not said:
        return
    doc = said.get("doc")
    entries = [each for each in _items(said.get("params")) if isinstance(each, dict)]
    rules = [each for each in _items(said.get("rules")) if isinstance(each, dict)]
    meta = {
        "f1": str(doc) if isinstance(doc, Text) else None,
        "f2": [{"f1": str(each.get("key", "")), "f2": str(each.get("value", ""))} for each in entries],
        "f3": [str(each) for each in _items(said.get("tags")) if isinstance(each, Text)],
        "f4": [
            {field: str(each[part]) for field, part in _RULE.items() if isinstance(each.get(part), Text)}
            for each in rules
        ],
    }
    options.MergeFromString(_holder()(f1088=meta).SerializeToString())


def _said(made: list[Option], name: str) -> dict[str, Constant]:
    """What the option says, be it as a whole or a member at a time (``(confluent.field_meta).tags``)."""
    found: dict[str, Constant] = {}
    for option in made:
        place = option.name.replace("(.", "(")
        if place == name and isinstance(option.value, dict):
            for member, value in option.value.items():
                found[member] = [*_items(found.get(member)), *_items(value)] if member in found else value
        elif place.startswith(f"{name}.") and "." not in place[len(name) + 1 :]:
            member = place[len(name) + 1 :]
            found[member] = (
                [*_items(found.get(member)), *_items(option.value)] if member in found else option.value
            )
    return found


def _items(value: Constant | None) -> list[Constant]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
