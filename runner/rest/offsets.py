"""The operations on a connector's offsets (KIP-875; spec runtime 3.8)."""

from __future__ import annotations

from typing import Any, Final

from connectkit.runner.connector_offsets import OffsetPair
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, BadRequestError
from connectkit.runner.rest.calls import Call, as_list, no_strangers, plain
from connectkit.runner.rest.routes import Operation

_MEMBERS: Final = ("partition", "offset")


def offset_pairs(found: Any) -> list[OffsetPair]:
    """The offsets of a body; 400 if they are none, or not there at all."""
    if found is None or found == []:
        raise BadRequestError("Partitions / offsets need to be provided for an alter offsets request")
    return as_list(found, "The list of offsets", _pair)


def _pair(found: Any, what: str) -> OffsetPair:
    if not isinstance(found, dict):
        raise BadRequestError(f"{what} must be an object with partition and offset")
    no_strangers(found, _MEMBERS, what)
    parts = [found.get(name) for name in _MEMBERS]
    for name, part in zip(_MEMBERS, parts, strict=True):
        if part is not None and not isinstance(part, dict):
            raise BadRequestError(f"{what}.{name} must be an object, or null")
    return plain(parts[0]), plain(parts[1])


def _read(call: Call) -> Answer:
    found = call.service.herder.offsets(call.connector)
    return Answer({"offsets": [{"partition": where, "offset": offset} for where, offset in found]})


def _alter(call: Call) -> Answer:
    pairs = offset_pairs(call.object("offsets").get("offsets"))
    return Answer({"message": call.service.herder.alter_offsets(call.connector, pairs)})


def _reset(call: Call) -> Answer:
    return Answer({"message": call.service.herder.reset_offsets(call.connector)})


OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/connectors/{connector}/offsets",
        answer=_read,
        summary="Show a connector's offsets.",
        gives={200: schemas.OFFSETS},
        errors=(404, 500),
        pace="change",
    ),
    Operation(
        method="PATCH",
        path="/connectors/{connector}/offsets",
        answer=_alter,
        summary="Set offsets of a stopped connector; null takes one away.",
        takes=schemas.OFFSETS,
        gives={200: schemas.MESSAGE},
        errors=(400, 404, 409, 500),
        pace="change",
    ),
    Operation(
        method="DELETE",
        path="/connectors/{connector}/offsets",
        answer=_reset,
        summary="Take away all offsets of a stopped connector, so that it begins anew.",
        gives={200: schemas.MESSAGE},
        errors=(400, 404, 409, 500),
        pace="change",
    ),
]
