"""What REST answers: a status, a JSON body, headers; and which error becomes which status.

Kafka's rules (spec runtime 3.1): ``{"error_code", "message"}``; what is not found is 404, what exists or
is being changed 409, a wrong configuration 400. Beyond Kafka bad input is never a 500, and a failure that
nobody foresaw says only what kind it is, as a foreign message may carry a value. Immutable.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connectkit.errors import ConfigError, ConflictError, ConnectError, NotFoundError
from connectkit.secret import GIVEN

log = logging.getLogger(__name__)

JSON: Final = "application/json"
MAX_MESSAGE_BYTES: Final = 980
"""The longest message of an error, quotes included; the whole answer stays below 1 KiB."""

NOTHING: Final = object()
"""The body of an answer that has none (``None`` is JSON's null)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``body`` is JSON to be, or bytes of ``media_type``."""

    body: Any = NOTHING
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON

    def encoded(self) -> bytes:
        """The body's bytes. Texts that are no Unicode (lone surrogates) get a question mark, as in Java."""
        if self.body is NOTHING:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        text = json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class RestError(ConnectError):
    """An error whose status is known: the request itself is at fault, or the worker's state."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class BadRequestError(RestError):
    """The request cannot be understood, or asks for what cannot be."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Kafka's form of an error; a plugin's sentence may quote what a config provider gave, and shall not."""
    body = {"error_code": status, "message": shortened(GIVEN.hidden_in(message))}
    return Answer(body, status, dict(headers or {}))


def shortened(message: str) -> str:
    """A message that fits ``MAX_MESSAGE_BYTES`` as JSON writes it."""
    message = message.encode("utf-8", "replace").decode()
    if _written_bytes(message) <= MAX_MESSAGE_BYTES:
        return message
    cut = message[: MAX_MESSAGE_BYTES - 3]
    while (over := _written_bytes(cut) + 3 - MAX_MESSAGE_BYTES) > 0:
        cut = cut[: -max(over // 6, 1)]  # a character is written with six bytes at most
    return cut + "…"


def _written_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def failed(error: Exception, what: str) -> Answer:
    """The answer to a request that raised; ``what`` names the request for the log."""
    if isinstance(error, RestError):
        return error_answer(error.status, str(error), error.headers)
    if isinstance(error, NotFoundError):
        return error_answer(404, str(error))
    if isinstance(error, ConflictError):
        return error_answer(409, str(error))
    if isinstance(error, ConfigError):
        return error_answer(400, config_message(error))
    if isinstance(error, ConnectError):
        log.debug("%s failed", what, exc_info=error)
        return error_answer(500, str(error) or type(error).__name__)
    log.error("%s failed", what, exc_info=error)
    return error_answer(500, f"{what} failed with {type(error).__name__}; the worker's log shows where")


def config_message(error: ConfigError) -> str:
    """All problems of a configuration, as Kafka lists them: one a line."""
    if not error.problems:
        return str(error)
    found = [f"{key}: {sentence}" for key, sentences in error.problems.items() for sentence in sentences]
    return "\n".join(
        [
            f"Connector configuration is invalid and contains the following {len(found)} error(s):",
            *found,
            "The endpoint `/connector-plugins/{connectorType}/config/validate` lists them as well",
        ]
    )
