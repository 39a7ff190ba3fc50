"""The line between the worker and the process of a task: JSON messages over a socket pair.

A message is a dictionary, with its kind under ``t``. Secrets travel here and nowhere else: not in arguments,
not in the environment. Threads: any may send; one receives.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any

from connectkit.errors import (
    ConfigError,
    ConnectError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)
from connectkit.secret import HiddenText

_LENGTH = struct.Struct("<I")
MOST_BYTES = 256 * 1024 * 1024

Message = dict[str, Any]


class Channel:
    """One end."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> bool:
        """Whether it could be handed over; False once the other end is gone."""
        data = json.dumps(message).encode()
        try:
            with self._sending:
                self._socket.sendall(_LENGTH.pack(len(data)) + data)
        except OSError:
            return False
        return True

    def receive(self) -> Message | None:
        """The next message; None at the end."""
        head = self._read(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        data = self._read(length) if length <= MOST_BYTES else None
        if data is None:
            return None
        found: Message = json.loads(data)
        return found

    def _read(self, count: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._socket.recv(min(count - len(parts), 1 << 20))
            except OSError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def pack(config: Mapping[str, Any]) -> list[Any]:
    """A configuration for the other side, and the keys whose values a config provider gave."""
    return [
        {key: None if value is None else str(value) for key, value in config.items()},
        [key for key, value in config.items() if isinstance(value, HiddenText)],
    ]


def unpack(found: list[Any]) -> dict[str, str | None]:
    """What ``pack`` made, as it was."""
    config, hidden = found
    return {**config, **{key: HiddenText(config[key]) for key in hidden}}


_ERRORS: dict[str, type[ConnectError]] = {
    cls.__name__: cls for cls in (ConfigError, DataError, FatalTaskError, FencedError, RetriableError)
}


def error_to_json(error: BaseException) -> Message:
    """An error as the other side may raise it: its kind and its sentence, nothing foreign."""
    from connectkit.runner.tolerance import describe

    kind = next((name for name, cls in _ERRORS.items() if isinstance(error, cls)), "ConnectError")
    found: Message = {"kind": kind, "text": describe(error)}
    if isinstance(error, RetriableError) and error.wait_s is not None:
        found["wait_s"] = error.wait_s
    return found


def error_from_json(found: Mapping[str, Any]) -> ConnectError:
    """What ``error_to_json`` made of an error."""
    text = str(found["text"])
    if found["kind"] == "RetriableError":
        return RetriableError(text, wait_s=found.get("wait_s"))
    return _ERRORS.get(str(found["kind"]), ConnectError)(text)
