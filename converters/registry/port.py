"""What a schema registry is asked, whichever it is: over HTTP or embedded in a folder.

A schema is a text of one of three kinds with references to others; a registry gives it an id that is
unique in the registry, and a version under each subject it is registered for.
Source: spec registry 7; the Schema Registry's REST API, of which each method here is one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

SchemaKind = Literal["AVRO", "PROTOBUF", "JSON"]
LATEST = -1
"""In place of a version: the newest that is not deleted."""
NO_ID = -1
"""In place of an id that was not told."""


class Reference(NamedTuple):
    """A schema used by another: by what name the other calls it, and where it is registered."""

    name: str
    subject: str
    version: int


class ReferredText(str):
    """The text of a schema that others refer to, with the names that they have for it."""

    __slots__ = ("names",)
    names: tuple[str, ...]

    @classmethod
    def of(cls, text: str, names: Iterable[str]) -> ReferredText:
        """The text with these names, each once."""
        made = cls(text)
        made.names = tuple(dict.fromkeys(names))
        return made


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema as it is registered. Equal texts with equal references are one schema."""

    text: str
    kind: SchemaKind = "AVRO"
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    rule_set: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema with what the registry calls it; what was not asked for, or not told, is None.

    The id of a schema that was read by its GUID may be ``NO_ID``: a look-up under a subject tells it.
    """

    schema: SchemaText
    id: int
    subject: str | None = None
    version: int | None = None
    guid: str | None = None


class Problem(NamedTuple):
    """Why data of one schema cannot be read with another: Confluent's name for it, and a sentence."""

    type: str
    description: str


class Registry(Protocol):
    """One registry. Thread-safe; every call may take a network round trip, and none is cached.

    Raises ``NotFoundError`` (40401, 40402, 40403), ``ConflictError`` (409: incompatible), ``DataError`` (422:
    the schema is not one), ``RetriableError`` (timeouts, 5xx that may pass, after the registry's own retries)
    and ``FatalTaskError`` (401, 403: no retry helps); spec registry 8.
    """

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        """The schema under the subject, registered now unless it was."""
        ...

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        """The schema as it is registered under the subject already."""
        ...

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        """The schema of an id."""
        ...

    def by_guid(self, guid: str) -> Registered:
        """The schema of a GUID."""
        ...

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        """One version of a subject."""
        ...

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        """The newest version of a subject whose metadata has these properties."""
        ...

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        """The subjects that are associated with a topic; none where the registry knows no associations."""
        ...

    def subjects(self) -> list[str]:
        """All subjects that are not deleted, sorted."""
        ...

    def versions(self, subject: str) -> list[Registered]:
        """The versions of a subject that are not deleted, oldest first."""
        ...

    def level(self, subject: str) -> str:
        """The compatibility level that holds for a subject, which need not be there yet."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
