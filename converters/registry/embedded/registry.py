"""The embedded registry: registration, look-ups, compatibility and deletion, as Confluent's does them.

Source: spec registry 7. Thread-safe; several processes may share a folder.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from connectkit.converters.registry.embedded.store import Row, Store
from connectkit.converters.registry.kinds import rules_of
from connectkit.converters.registry.port import LATEST, Problem, Reference, Registered, SchemaText
from connectkit.errors import ConfigError, ConflictError, NotFoundError, SchemaError

LEVELS: Final = (
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
)  # fmt: skip
DEFAULT_LEVEL: Final = "BACKWARD"
FILE_NAME: Final = "schemas.db"
_MAX_REFERENCES: Final = 1000


class EmbeddedRegistry:
    """A registry in a folder, which is made if it is not there; without one, in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        path = None
        if folder is not None:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as exc:
                raise ConfigError(
                    f"The schema registry's folder {folder} cannot be made ({exc.strerror}); choose another "
                    "in schema.registry.url=embedded:DIR"
                ) from exc
            path = folder / FILE_NAME
        self._store = Store(path)

    # --- registration

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        _check_subject(subject)
        made = self._canonical(schema, normalize=normalize)
        with self._store.writing():
            rows = self._store.versions(subject)
            known = _same(rows, made)
            if known is not None:
                return _registered(known)
            self._check_compatible(subject, made, [row for row in rows if not row.deleted])
            schema_id = self._id_of(made)
            version = max((row.version for row in rows), default=0) + 1
            self._store.add_version(subject, version, schema_id)
        return Registered(made, schema_id, subject, version, guid_of(made))

    def _id_of(self, schema: SchemaText) -> int:
        guid = guid_of(schema)
        known = self._store.id_of_guid(guid, schema.kind)
        return self._store.add_schema(schema, guid) if known is None else known

    def _canonical(self, schema: SchemaText, *, normalize: bool) -> SchemaText:
        rules = rules_of(schema.kind)
        references = self._texts(schema.references)
        if rules is None:
            return schema
        make = rules.normalized if normalize else rules.canonical
        return SchemaText(make(schema.text, references), schema.kind, schema.references)

    def _texts(self, references: Sequence[Reference]) -> list[str]:
        """The texts that references lead to, those that others need first."""
        found: dict[tuple[str, int], str] = {}
        self._collect(references, found, set())
        return list(found.values())

    def _collect(
        self,
        references: Sequence[Reference],
        found: dict[tuple[str, int], str],
        under_way: set[tuple[str, int]],
    ) -> None:
        for each in references:
            row = self._row(each.subject, each.version, deleted=True)
            key = (row.subject, row.version)
            if key in found or key in under_way:
                continue
            if len(under_way) + len(found) > _MAX_REFERENCES:
                raise SchemaError("The schema refers to more schemas than a registry takes")
            under_way.add(key)
            self._collect(row.schema.references, found, under_way)
            found[key] = row.schema.text

    # --- look-ups

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        rows = self._store.versions(subject)
        if not any(deleted or not row.deleted for row in rows):
            raise _no_subject(subject)
        known = _same(rows, self._canonical(schema, normalize=normalize), deleted=deleted)
        if known is None:
            raise NotFoundError(f"The schema is not registered under subject '{subject}'")
        return _registered(known)

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        found = self._store.schema(schema_id)
        if found is None:
            raise NotFoundError(f"The schema registry has no schema of id {schema_id}")
        return Registered(found[0], schema_id, guid=found[1])

    def by_guid(self, guid: str) -> Registered:
        known = self._store.id_of_guid(guid)
        if known is None:
            raise NotFoundError(f"The schema registry has no schema of GUID {guid}")
        return self.by_id(known)

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        return _registered(self._row(subject, version, deleted=deleted))

    def _row(self, subject: str, version: int, *, deleted: bool) -> Row:
        rows = [row for row in self._store.versions(subject) if deleted or not row.deleted]
        if not rows:
            raise _no_subject(subject)
        for row in reversed(rows):
            if version in (LATEST, row.version):
                return row
        raise NotFoundError(f"Subject '{subject}' has no version {version}")

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        raise NotFoundError(f"Subject '{subject}' has no schema with that metadata: this registry keeps none")

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        return []

    def subjects(self) -> list[str]:
        return self._store.subjects()

    def versions(self, subject: str) -> list[Registered]:
        """The versions of a subject that are not deleted, oldest first."""
        found = [_registered(row) for row in self._store.versions(subject) if not row.deleted]
        if not found:
            raise _no_subject(subject)
        return found

    # --- compatibility

    def level(self, subject: str) -> str:
        """The compatibility level that holds for a subject; of all with the subject ``""``."""
        own = self._store.setting(subject, "level")
        return own or self._store.setting("", "level") or DEFAULT_LEVEL

    def set_level(self, subject: str, level: str) -> None:
        """Change it; ``ConfigError`` if there is none of that name."""
        if level.upper() not in LEVELS:
            raise ConfigError(f"A compatibility level is one of {', '.join(LEVELS)}")
        with self._store.writing():
            self._store.set_setting(subject, "level", level.upper())

    def problems(self, subject: str, schema: SchemaText) -> list[Problem]:
        """What keeps a schema from being the subject's next one; empty if nothing does."""
        rows = [row for row in self._store.versions(subject) if not row.deleted]
        return self._problems(subject, self._canonical(schema, normalize=False), rows)

    def _problems(self, subject: str, schema: SchemaText, rows: Sequence[Row]) -> list[Problem]:
        level = self.level(subject)
        if level == "NONE" or not rows:
            return []
        for row in reversed(rows) if level.endswith("_TRANSITIVE") else rows[-1:]:
            found = self._between(schema, row.schema, level)
            if found:
                return found
        return []

    def _between(self, new: SchemaText, old: SchemaText, level: str) -> list[Problem]:
        if new.kind != old.kind:
            return [Problem("DIFFERENT_SCHEMA_TYPE", "Incompatible because of different schema type")]
        rules = rules_of(new.kind)
        if rules is None:
            return []
        ours, theirs = self._texts(new.references), self._texts(old.references)
        found: list[Problem] = []
        if level.startswith(("BACKWARD", "FULL")):
            found += rules.problems(new.text, ours, old.text, theirs)
        if level.startswith(("FORWARD", "FULL")):
            found += rules.problems(old.text, theirs, new.text, ours)
        return found

    def _check_compatible(self, subject: str, schema: SchemaText, rows: Sequence[Row]) -> None:
        found = self._problems(subject, schema, rows)
        if found:
            raise ConflictError(
                f"The schema is not compatible with subject '{subject}' (level {self.level(subject)}): "
                f"{found[0].description}"
                + (f", and {len(found) - 1} more" if len(found) > 1 else "")
                + "; change the schema, or the subject's compatibility level"
            )

    # --- deletion

    def delete_version(self, subject: str, version: int, *, permanent: bool = False) -> int:
        """Delete one version, softly first, and for good once it was; returns its number."""
        with self._store.writing():
            row = self._row(subject, version, deleted=permanent)
            if self._store.referenced_by(subject, row.version):
                raise ConflictError(
                    f"Version {row.version} of subject '{subject}' is referenced by other schemas; "
                    "delete them first"
                )
            if not permanent:
                self._store.mark_deleted(subject, row.version)
            elif row.deleted:
                self._store.remove(subject, row.version)
            else:
                raise ConflictError(
                    f"Version {row.version} of subject '{subject}' has to be deleted softly first"
                )
            return row.version

    def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete all versions of a subject; returns their numbers."""
        rows = [row for row in self._store.versions(subject) if permanent or not row.deleted]
        if not rows:
            raise _no_subject(subject)
        return [self.delete_version(subject, row.version, permanent=permanent) for row in rows]

    def close(self) -> None:
        self._store.close()


def guid_of(schema: SchemaText) -> str:
    """The GUID of a schema: it follows from the text and the references alone (spec registry 5)."""
    digest = hashlib.md5(schema.text.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for each in schema.references:
        digest.update(
            each.name.encode() + each.subject.encode() + each.version.to_bytes(4, "big", signed=True)
        )
    return str(uuid.UUID(bytes=digest.digest()))


def _same(rows: Sequence[Row], schema: SchemaText, *, deleted: bool = False) -> Row | None:
    for row in reversed(rows):
        if (deleted or not row.deleted) and row.schema == schema:
            return row
    return None


def _registered(row: Row) -> Registered:
    return Registered(row.schema, row.schema_id, row.subject, row.version, row.guid)


def _no_subject(subject: str) -> NotFoundError:
    return NotFoundError(f"The schema registry has no subject '{subject}'")


def _check_subject(subject: str) -> None:
    if not subject or not subject.isprintable() or len(subject) > 1000:
        raise SchemaError("A subject is a text of 1 to 1000 printable characters")
