"""What a record of the rig holds: a payload that follows from its id, so that any change of it shows."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

FIELDS = {"task", "seq", "text"}
_BLOCK = 1000
"""Repetitions that huge texts are made and compared by: no more of a text is ever held twice."""


def _unit(task: int, seq: int) -> str:
    return blake2b(b"%d/%d" % (task, seq), digest_size=4 + seq % 24).hexdigest()


def payload(task: int, seq: int, size: int = 0) -> dict[str, Any]:
    """The one payload of this id; ``size``: how many characters of text, 0 for a few."""
    text = _unit(task, seq)
    if size:
        block = text * _BLOCK
        whole, rest = divmod(size, len(block))
        text = "".join([block] * whole + [block[:rest]])
    return {"task": task, "seq": seq, "text": text}


def encoded(task: int, seq: int, size: int = 0) -> bytes:
    """The payload as JSON, for those who write to a log without a worker."""
    return json.dumps(payload(task, seq, size)).encode()


def identify(value: Any) -> tuple[int, int, bool] | None:
    """``(task, seq, unaltered)`` of a payload that was read; None if it is none of the rig's."""
    if isinstance(value, bytes | str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return None
    task, seq = value.get("task"), value.get("seq")
    if type(task) is not int or type(seq) is not int or task < 0 or seq < 0:
        return None
    return task, seq, set(value) == FIELDS and _is_text(task, seq, value["text"])


def _is_text(task: int, seq: int, text: str) -> bool:
    unit = _unit(task, seq)
    if len(text) <= len(unit):
        return text == unit
    block = unit * _BLOCK
    step = len(block)
    return all(block.startswith(text[at : at + step]) for at in range(0, len(text), step))
