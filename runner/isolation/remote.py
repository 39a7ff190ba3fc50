"""What a task in its own process asks of the worker: offsets, and fencing.

Threads: any may ask; each waits for its own answer.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from itertools import count
from typing import Any, Protocol

from connectkit.api import Offset, Partition
from connectkit.errors import ConnectError, RetriableError
from connectkit.runner.isolation.channel import Channel, Message, error_from_json, error_to_json
from connectkit.runner.offsets import OffsetStore, plain

ANSWER_S = 60.0
"""How long the worker may take to answer."""


class Asking:
    """Questions over a channel. In the task's process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._numbers = count()
        self._open: dict[int, Future[Any]] = {}

    def ask(self, what: str, **details: Any) -> Any:
        """The worker's answer; raises what it raised, ``RetriableError`` if there is none."""
        future: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._open[number] = future
        try:
            if not self._channel.send({"t": "ask", "id": number, "what": what, **details}):
                raise RetriableError(f"The worker of this task could not be asked to {what}: it has gone")
            return future.result(ANSWER_S)
        except FutureTimeoutError:
            raise RetriableError(f"The worker did not {what} within {ANSWER_S:g} s") from None
        finally:
            with self._lock:
                del self._open[number]

    def answered(self, message: Message) -> None:
        """An answer has come. Reader's thread."""
        with self._lock:
            future = self._open.get(int(message["id"]))
        if future is None:
            return
        if "error" in message:
            future.set_exception(error_from_json(message["error"]))
        else:
            future.set_result(message["found"])


class RemoteOffsets:
    """The worker's store of offsets (``OffsetStore``), from a task's process."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def start(self) -> None:
        """It has been, by the worker."""

    def stop(self) -> None:
        """It will be, by the worker."""

    def write(self, connector: str, offsets: Mapping[str, tuple[Partition, Offset | None]]) -> None:
        made = {
            key: [plain(partition), None if offset is None else plain(offset)]
            for key, (partition, offset) in offsets.items()
        }
        self._asking.ask("store offsets", connector=connector, offsets=made)

    def read(self, connector: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._asking.ask(
            "read offsets", connector=connector, keys=list(keys)
        )
        return found

    def partitions(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found = self._asking.ask("list offsets", connector=connector)
        return [(dict(partition), dict(offset)) for partition, offset in found]


class RemoteFencing:
    """The worker's rounds of fencing, from a task's process."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def before_task(self, connector: str) -> None:
        self._asking.ask("fence earlier tasks", connector=connector)


class Fences(Protocol):
    """What makes the rounds, in the worker."""

    def before_task(self, connector: str) -> None: ...


def answer(message: Message, store: OffsetStore, fencing: Fences | None) -> Message:
    """The worker's answer to a question. Never raises."""
    try:
        found = _found(message, store, fencing)
    except Exception as exc:  # noqa: BLE001 - whoever asked is told
        return {"t": "answer", "id": message["id"], "error": error_to_json(exc)}
    return {"t": "answer", "id": message["id"], "found": found}


def _found(message: Message, store: OffsetStore, fencing: Fences | None) -> Any:
    what, connector = message["what"], str(message["connector"])
    if what == "store offsets":
        store.write(
            connector, {key: (partition, offset) for key, (partition, offset) in message["offsets"].items()}
        )
        return None
    if what == "read offsets":
        return store.read(connector, message["keys"])
    if what == "list offsets":
        return store.partitions(connector)
    if what == "fence earlier tasks" and fencing is not None:
        fencing.before_task(connector)
        return None
    raise ConnectError(f"The worker cannot {what} for the task of another process")
