"""One converter's view of a registry: every question is asked once, and its answer kept.

Source: spec registry 6.4, reliability F11. Thread-safe: a question that several threads have at once is
asked by one of them, and one that is under way keeps nobody from answers that are there already. An error
is kept for a second, so that a million bad records do not become a million requests.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Literal, TypeVar

from connectkit.converters.registry.port import (
    LATEST,
    Reference,
    ReferredText,
    Registered,
    Registry,
    SchemaText,
)
from connectkit.errors import ConnectError, RetriableError, SchemaError

T = TypeVar("T")
ERROR_TTL_S: Final = 1.0
_MAX_REFERENCES: Final = 1000


class RegistryClient:
    """Wraps a registry. ``latest_ttl_s`` is how long an answer about the newest version is believed."""

    def __init__(
        self,
        registry: Registry,
        *,
        size: int = 1000,
        latest_ttl_s: float | None = None,
        error_ttl_s: float = ERROR_TTL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._size = size
        self._latest_ttl_s = latest_ttl_s
        self._error_ttl_s = error_ttl_s
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[Any, float | None]] = OrderedDict()
        self._errors: OrderedDict[Hashable, tuple[ConnectError, float]] = OrderedDict()
        self._under_way: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    @property
    def registry(self) -> Registry:
        """The registry itself, which keeps no answers."""
        return self._registry

    def _once(self, question: Hashable, ask: Callable[[], T], *, ttl_s: float | None = None) -> T:
        with self._lock:
            now = self._clock()
            found = self._answers.get(question)
            if found is not None and (found[1] is None or now < found[1]):
                self._answers.move_to_end(question)
                answer: T = found[0]
                return answer
            failed = self._errors.get(question)
            if failed is not None and now < failed[1]:
                raise _again(failed[0], failed[1] - now) from failed[0]
            pending = self._under_way.get(question)
            is_mine = pending is None
            if pending is None:
                pending = self._under_way[question] = Future()
        if is_mine:
            self._answer(question, ask, ttl_s, pending)
        try:
            given: T = pending.result()
        except ConnectError as error:
            if is_mine:
                raise
            raise _again(error, self._error_ttl_s) from error
        return given

    def _answer(self, question: Hashable, ask: Callable[[], T], ttl_s: float | None, to: Future[T]) -> None:
        try:
            answer = ask()
        except BaseException as error:  # noqa: BLE001 - it is handed to all who wait, and raised
            with self._lock:
                self._under_way.pop(question, None)
                if isinstance(error, ConnectError):
                    _keep(self._errors, question, (error, self._clock() + self._error_ttl_s), self._size)
            to.set_exception(error)
            return
        with self._lock:
            self._under_way.pop(question, None)
            self._errors.pop(question, None)
            until = None if ttl_s is None else self._clock() + ttl_s
            _keep(self._answers, question, (answer, until), self._size)
        to.set_result(answer)

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        """The schema under the subject, registered at the first call."""

        def ask() -> Registered:
            found = self._registry.register(subject, schema, normalize=normalize)
            with self._lock:
                self._answers.pop(("latest", subject), None)
            return found

        return self._once(("register", subject, schema, normalize), ask)

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        """The schema as it is registered under the subject."""
        return self._once(
            ("lookup", subject, schema, normalize, deleted),
            lambda: self._registry.lookup(subject, schema, normalize=normalize, deleted=deleted),
        )

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        """The schema of an id."""
        return self._once(
            ("id", schema_id, subject), lambda: self._registry.by_id(schema_id, subject=subject)
        )

    def by_guid(self, guid: str) -> Registered:
        """The schema of a GUID."""
        return self._once(("guid", guid), lambda: self._registry.by_guid(guid))

    def latest(self, subject: str) -> Registered:
        """The newest version of a subject, as new as ``latest_ttl_s`` says."""
        return self._once(
            ("latest", subject),
            lambda: self._registry.version(subject, LATEST),
            ttl_s=self._latest_ttl_s,
        )

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        """The newest version of a subject with that metadata."""
        return self._once(
            ("metadata", subject, tuple(sorted(metadata.items()))),
            lambda: self._registry.with_metadata(subject, metadata),
            ttl_s=self._latest_ttl_s,
        )

    def reference(self, reference: Reference) -> Registered:
        """What a reference leads to."""
        return self._once(
            ("version", reference.subject, reference.version),
            lambda: self._registry.version(reference.subject, reference.version, deleted=True),
        )

    def texts_of(self, schema: SchemaText) -> list[str]:
        """The :class:`ReferredText` of the schemas that one refers to, those that others need first."""
        found: dict[tuple[str, int], str] = {}
        names: dict[tuple[str, int], list[str]] = {}
        pending = [(each, False) for each in reversed(schema.references)]
        open_: set[tuple[str, int]] = set()
        while pending:
            reference, inside_is_done = pending.pop()
            key = (reference.subject, reference.version)
            names.setdefault(key, []).append(reference.name)
            if key in found or (key in open_ and not inside_is_done):
                continue
            if len(open_) > _MAX_REFERENCES:
                raise SchemaError(f"The schema refers to more than {_MAX_REFERENCES} others")
            registered = self.reference(reference)
            if inside_is_done:
                found[key] = registered.schema.text
                continue
            open_.add(key)
            pending.append((reference, True))
            pending.extend((each, False) for each in reversed(registered.schema.references))
        return [ReferredText.of(text, names[key]) for key, text in found.items()]

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        """The subjects associated with a topic."""
        return self._once(
            ("associated", namespace, topic, kind),
            lambda: self._registry.associated_subjects(namespace, topic, kind),
        )

    def close(self) -> None:
        """Let go of connections."""
        self._registry.close()


def _keep(table: OrderedDict[Hashable, T], key: Hashable, value: T, size: int) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > size:
        table.popitem(last=False)


def _again(error: ConnectError, wait_s: float) -> ConnectError:
    """The same error for another caller: an exception belongs to the thread that raises it."""
    found = copy.copy(error)
    if isinstance(found, RetriableError):
        found.wait_s = wait_s
    return found
