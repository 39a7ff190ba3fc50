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
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from connectkit.converters.registry.port import (
    LATEST,
    Reference,
    ReferredText,
    Registered,
    Registry,
    SchemaText,
)
from connectkit.errors import ConnectError, NotFoundError, RetriableError, SchemaError

T = TypeVar("T")
ERROR_TTL_S: Final = 1.0
_MAX_REFERENCES: Final = 1000


LATEST_OF: Final = "latest"
SUBJECTS_OF: Final = "subjects"


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept of the answers of a registry, and for how long; None is for ever."""

    schemas: int = 1000
    latest: int = 1000
    latest_ttl_s: float | None = None
    subjects: int = 1000
    subjects_ttl_s: float | None = None
    missing: int = 10_000
    missing_ttl_s: Mapping[str, float] = field(default_factory=dict)
    """How long it is believed that an id, a version, or the schema of a lookup is not there."""


class RegistryClient:
    """Wraps a registry. The newest version of a subject is asked for again when its time is over."""

    def __init__(
        self,
        registry: Registry,
        *,
        keep: Keep | None = None,
        error_ttl_s: float = ERROR_TTL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._keep = keep or Keep()
        self._error_ttl_s = error_ttl_s
        self._clock = clock
        self._answers: dict[str, OrderedDict[Hashable, tuple[Any, float | None]]] = {}
        """By what they are about: each kind has a bound of its own."""
        self._errors: OrderedDict[Hashable, tuple[ConnectError, float]] = OrderedDict()
        self._under_way: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    @property
    def registry(self) -> Registry:
        """The registry itself, which keeps no answers."""
        return self._registry

    def _once(
        self, question: tuple[Any, ...], ask: Callable[[], T], *, about: str = "", ttl_s: float | None = None
    ) -> T:
        with self._lock:
            now = self._clock()
            answers = self._answers.setdefault(about, OrderedDict())
            found = answers.get(question)
            if found is not None and (found[1] is None or now < found[1]):
                answers.move_to_end(question)
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
            self._answer(question, ask, about, ttl_s, pending)
        try:
            given: T = pending.result()
        except ConnectError as error:
            if is_mine:
                raise
            raise _again(error, self._error_ttl_s) from error
        return given

    def _answer(
        self, question: tuple[Any, ...], ask: Callable[[], T], about: str, ttl_s: float | None, to: Future[T]
    ) -> None:
        try:
            answer = ask()
        except BaseException as error:  # noqa: BLE001 - it is handed to all who wait, and raised
            with self._lock:
                self._under_way.pop(question, None)
                if isinstance(error, ConnectError):
                    error_until = self._clock() + self._error_ttl(question[0], error)
                    _keep(self._errors, question, (error, error_until), self._keep.missing)
            to.set_exception(error)
            return
        with self._lock:
            self._under_way.pop(question, None)
            self._errors.pop(question, None)
            until = None if ttl_s is None else self._clock() + ttl_s
            size = {LATEST_OF: self._keep.latest, SUBJECTS_OF: self._keep.subjects}.get(
                about, self._keep.schemas
            )
            _keep(self._answers[about], question, (answer, until), size)
        to.set_result(answer)

    def _error_ttl(self, kind: str, error: ConnectError) -> float:
        if not isinstance(error, NotFoundError):
            return self._error_ttl_s
        return max(self._error_ttl_s, self._keep.missing_ttl_s.get(kind, 0.0))

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        """The schema under the subject, registered at the first call."""

        def ask() -> Registered:
            found = self._registry.register(subject, schema, normalize=normalize)
            with self._lock:
                if LATEST_OF in self._answers:
                    self._answers[LATEST_OF].pop(("latest", subject), None)
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
            about=LATEST_OF,
            ttl_s=self._keep.latest_ttl_s,
        )

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        """The newest version of a subject with that metadata."""
        return self._once(
            ("metadata", subject, tuple(sorted(metadata.items()))),
            lambda: self._registry.with_metadata(subject, metadata),
            about=LATEST_OF,
            ttl_s=self._keep.latest_ttl_s,
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
            about=SUBJECTS_OF,
            ttl_s=self._keep.subjects_ttl_s,
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
