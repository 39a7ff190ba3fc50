"""The JSON of the registry's REST interface: bodies that come in and answers that go out.

Source: spec registry 7. Pure functions; members that are empty are left out of answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectkit.converters.registry.embedded.errors import NotTakenError
from connectkit.converters.registry.port import LATEST, Reference, Registered, SchemaKind, SchemaText

_KINDS: Final[dict[str, SchemaKind]] = {"AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON"}
_PARTS_OF_METADATA: Final = {"tags": dict, "properties": dict, "sensitive": list}
_PARTS_OF_RULES: Final = {
    "migrationRules": list, "domainRules": list, "encodingRules": list, "enableAt": str,
}  # fmt: skip
_BAD_RULES: Final = 42210
_MAX_VERSION: Final = 2**31 - 1


def schema_of(body: Mapping[str, Any]) -> SchemaText:
    """The schema that a request is about; 42201 if it is none."""
    text, kind = body.get("schema"), body.get("schemaType") or "AVRO"
    if not isinstance(text, str) or not text:
        raise NotTakenError(42201, "Empty schema: 'schema' must be the text of one")
    if not isinstance(kind, str) or kind.upper() not in _KINDS:
        raise NotTakenError(42201, f"Invalid schema type: 'schemaType' must be one of {', '.join(_KINDS)}")
    return SchemaText(
        text,
        _KINDS[kind.upper()],
        _references(body.get("references")),
        _member(body, "metadata", _PARTS_OF_METADATA),
        _member(body, "ruleSet", _PARTS_OF_RULES),
    )


def _member(body: Mapping[str, Any], name: str, parts: Mapping[str, type]) -> Mapping[str, Any] | None:
    """Metadata or rules, of which only the outer shape is looked at; what is empty is none."""
    found = body.get(name)
    if found is None or found == {}:
        return None
    if not isinstance(found, dict):
        raise NotTakenError(_BAD_RULES, f"Invalid schema: '{name}' must be an object")
    for key, value in found.items():
        if value is not None and not isinstance(value, parts.get(key, object)):
            raise NotTakenError(_BAD_RULES, f"Invalid schema: '{key}' of '{name}' is of another kind")
        for each in value if isinstance(value, list) else ():
            if key.endswith("Rules") and not (isinstance(each, dict) and isinstance(each.get("name"), str)):
                raise NotTakenError(_BAD_RULES, f"Invalid schema: a rule of '{key}' has a name")
    kept = {key: value for key, value in found.items() if value not in (None, [], {})}
    return kept or None


def _references(found: Any) -> tuple[Reference, ...]:
    if found is None:
        return ()
    if not isinstance(found, list):
        raise NotTakenError(42201, "Invalid schema: 'references' must be a list")
    made = []
    for each in found:
        members: dict[str, Any] = each if isinstance(each, dict) else {}
        name, subject, version = (members.get(key) for key in ("name", "subject", "version"))
        if not isinstance(name, str) or not isinstance(subject, str) or not is_number(version, least=LATEST):
            raise NotTakenError(42201, "Invalid schema: a reference has a name, a subject and a version")
        assert isinstance(version, int)
        made.append(Reference(name, subject, version))
    return tuple(made)


def is_number(found: Any, *, least: int = 1) -> bool:
    """Whether JSON holds an id or a version."""
    return type(found) is int and least <= found <= _MAX_VERSION


def number_of(body: Mapping[str, Any], name: str) -> int | None:
    """An id or a version that may be given in mode IMPORT; -1 is none."""
    found = body.get(name)
    if found is None or found == -1:
        return None
    if not is_number(found):
        raise NotTakenError(42201, f"Invalid schema: '{name}' must be a positive number")
    number: int = found
    return number


def version_of(text: str) -> int:
    """A version of a path: a number, ``latest`` or -1; 42202 otherwise."""
    if text in ("latest", "-1"):
        return LATEST
    if text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= _MAX_VERSION:
        return int(text)
    raise NotTakenError(
        42202,
        "The specified version is not a valid version id. Allowed values are between [1, 2^31-1] and the "
        'string "latest"',
    )


def registered(found: Registered, *, full: bool = True) -> dict[str, Any]:
    """A schema with id, version and subject; without these (``full=False``) as it is read by its id."""
    made: dict[str, Any] = {}
    if full:
        made = {"subject": found.subject, "version": found.version, "id": found.id}
    made["guid"] = found.guid
    made["schemaType"] = found.schema.kind
    if found.schema.references:
        made["references"] = [each._asdict() for each in found.schema.references]
    made["metadata"] = found.schema.metadata
    made["ruleSet"] = found.schema.rule_set
    made["schema"] = found.schema.text
    return {name: value for name, value in made.items() if value is not None}
