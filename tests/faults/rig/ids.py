"""What a record of the rig holds: a payload that follows from its id, so that any change of it shows."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

FIELDS = {"task", "seq", "text"}


def payload(task: int, seq: int, size: int = 0) -> dict[str, Any]:
    """The one payload of this id; ``size``: how many characters of text, 0 for a few."""
    text = blake2b(b"%d/%d" % (task, seq), digest_size=4 + seq % 24).hexdigest()
    if size:
        text = (text * (size // len(text) + 1))[:size]
    return {"task": task, "seq": seq, "text": text}


def encoded(task: int, seq: int, size: int = 0) -> bytes:
    """The payload as JSON, for those who write to a log without a worker."""
    return json.dumps(payload(task, seq, size)).encode()


def identify(value: Any) -> tuple[int, int, bool] | None:
    """``(task, seq, unaltered)`` of a payload that was read; None if it is none of the rig's."""
    if isinstance(value, bytes | bytearray | str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    task, seq = value.get("task"), value.get("seq")
    if type(task) is not int or type(seq) is not int or task < 0 or seq < 0:
        return None
    text = value["text"]
    whole = value == payload(task, seq) or (len(text) > 64 and value == payload(task, seq, len(text)))
    return task, seq, whole and set(value) == FIELDS
