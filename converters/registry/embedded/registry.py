"""The embedded registry: registration, look-ups, compatibility and deletion, as Confluent's does them.

Source: spec registry 7. Thread-safe; several processes may share a folder. Refusals carry the code of
Confluent's REST interface (:mod:`errors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from connectkit.converters.registry.compatibility import DEFAULT_LEVEL, LEVELS, problems
from connectkit.converters.registry.embedded.errors import (
    NotCompatibleError,
    NotTakenError,
    NotThereError,
    no_id,
    no_schema,
    no_subject,
    no_version,
)
from connectkit.converters.registry.embedded.store import Row, Store
from connectkit.converters.registry.guid import guid_of
from connectkit.converters.registry.kinds import rules_of
from connectkit.converters.registry.port import (
    LATEST,
    Problem,
    Reference,
    ReferredText,
    Registered,
    SchemaText,
)
from connectkit.errors import ConfigError, DataError, NotFoundError

FILE_NAME: Final = "schemas.db"
MODES: Final = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT")
DEFAULT_MODE: Final = "READWRITE"
_READ_ONLY: Final = ("READONLY", "READONLY_OVERRIDE")
_MAX_REFERENCES: Final = 1000
_MAX_SUBJECT_CHARS: Final = 1000


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

    def register(
        self,
        subject: str,
        schema: SchemaText,
        *,
        normalize: bool = False,
        schema_id: int | None = None,
        version: int | None = None,
    ) -> Registered:
        """The schema under the subject, registered now unless it was; in mode IMPORT with what is given."""
        _check_subject(subject)
        made = self._canonical(schema, normalize=normalize)
        with self._store.writing():
            self._check_writable(subject)
            made = self._with_contract(subject, made)
            importing = self.mode(subject) == "IMPORT"
            if not importing and (schema_id is not None or version is not None):
                raise NotTakenError(42205, f"Subject '{subject}' is not in mode IMPORT, which takes ids")
            known = self._known(subject, made, deleted=False)
            if known is not None:
                return _registered(known)
            if not importing:
                self._check_compatible(subject, made)
            found = self._id_of(made, schema_id)
            newest = self._store.newest(subject, deleted=True)
            number = version or (newest.version if newest is not None else 0) + 1
            if self._store.version(subject, number) is not None:
                raise NotTakenError(42207, f"Subject '{subject}' has another schema as version {number}")
            self._store.add_version(subject, number, found)
        return Registered(made, found, subject, number, guid_of(made))

    def _with_contract(self, subject: str, schema: SchemaText) -> SchemaText:
        """Metadata and rules that are not given stay those of the subject's newest version."""
        newest = self._store.newest(subject)
        if newest is None:
            return schema
        old = newest.schema
        return replace(
            schema, metadata=schema.metadata or old.metadata, rule_set=schema.rule_set or old.rule_set
        )

    def _known(self, subject: str, schema: SchemaText, *, deleted: bool) -> Row | None:
        """The newest version of a subject that is this schema, in canonical form."""
        schema_id = self._store.id_of_guid(guid_of(schema), schema.kind)
        rows = [] if schema_id is None else self._store.of_schema(subject, schema_id)
        for row in reversed(rows):
            if (deleted or not row.deleted) and row.schema == schema:
                return row
        return None

    def _id_of(self, schema: SchemaText, wanted: int | None) -> int:
        guid = guid_of(schema)
        known = self._store.id_of_guid(guid, schema.kind)
        if wanted is not None and (known or wanted) != wanted:
            raise NotTakenError(42207, f"The schema is registered under id {known}, not {wanted}")
        if known is not None:
            return known
        if wanted is not None and self._store.schema(wanted) is not None:
            raise NotTakenError(42207, f"Id {wanted} is another schema's")
        return self._store.add_schema(schema, guid, wanted)

    def _canonical(self, schema: SchemaText, *, normalize: bool) -> SchemaText:
        rules = rules_of(schema.kind)
        try:
            references = self._texts(schema.references)
            if rules is None:
                return schema
            make = rules.normalized if normalize else rules.canonical
            return replace(schema, text=make(schema.text, references))
        except (DataError, NotFoundError) as error:
            raise NotTakenError(42201, f"The schema is not taken: {error}") from error
        except RecursionError as error:
            raise NotTakenError(
                42201, "The schema refers to others that refer to others without end"
            ) from error

    def texts_of(self, schema: SchemaText) -> list[str]:
        """The texts of the schemas that one refers to, those that others need first."""
        return self._texts(schema.references)

    def _texts(self, references: Sequence[Reference]) -> list[str]:
        """The :class:`ReferredText` that references lead to, those that others need first."""
        found: dict[tuple[str, int], str] = {}
        names: dict[tuple[str, int], list[str]] = {}
        self._collect(references, found, names, set())
        return [ReferredText.of(text, names[key]) for key, text in found.items()]

    def _collect(
        self,
        references: Sequence[Reference],
        found: dict[tuple[str, int], str],
        names: dict[tuple[str, int], list[str]],
        under_way: set[tuple[str, int]],
    ) -> None:
        for each in references:
            row = self._row(each.subject, each.version, deleted=True)
            key = (row.subject, row.version)
            names.setdefault(key, []).append(each.name)
            if key in found or key in under_way:
                continue
            if len(under_way) + len(found) > _MAX_REFERENCES:
                raise NotTakenError(42201, "The schema refers to more schemas than a registry takes")
            under_way.add(key)
            self._collect(row.schema.references, found, names, under_way)
            found[key] = row.schema.text

    # --- look-ups

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        if self._store.newest(subject, deleted=deleted) is None:
            raise no_subject(subject)
        made = self._canonical(schema, normalize=normalize)
        known = self._known(subject, made, deleted=deleted) or self._alike(subject, made, deleted=deleted)
        if known is None:
            raise no_schema(f"The schema is not registered under subject '{subject}'")
        return _registered(known)

    def _alike(self, subject: str, schema: SchemaText, *, deleted: bool) -> Row | None:
        """The newest version of that text, for those who ask without its metadata and rules."""
        if schema.metadata or schema.rule_set:
            return None
        for row in reversed(self._store.versions(subject)):
            same = (row.schema.text, row.schema.kind, row.schema.references)
            if (deleted or not row.deleted) and same == (schema.text, schema.kind, schema.references):
                return row
        return None

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        found = self._store.schema(schema_id)
        if found is None:
            raise no_id(schema_id)
        return Registered(found[0], schema_id, guid=found[1])

    def by_guid(self, guid: str) -> Registered:
        known = self._store.id_of_guid(guid)
        if known is None:
            raise no_schema(f"The schema registry has no schema of GUID {guid}")
        return self.by_id(known)

    def uses(self, schema_id: int, *, deleted: bool = False) -> list[Registered]:
        """Where a schema is registered; refused if there is none of that id."""
        self.by_id(schema_id)
        return [_registered(row) for row in self._store.uses(schema_id) if deleted or not row.deleted]

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        return _registered(self._row(subject, version, deleted=deleted))

    def _row(self, subject: str, version: int, *, deleted: bool) -> Row:
        newest = self._store.newest(subject, deleted=deleted)
        if newest is None:
            raise no_subject(subject)
        found = newest if version == LATEST else self._store.version(subject, version)
        if found is None or (found.deleted and not deleted):
            raise no_version(subject, version)
        return found

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        for found in reversed(self.versions(subject)):
            properties = (found.schema.metadata or {}).get("properties") or {}
            if all(properties.get(name) == value for name, value in metadata.items()):
                return found
        raise no_schema(f"Subject '{subject}' has no schema with that metadata")

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        return []

    def subjects(self, *, deleted: bool = False) -> list[str]:
        return self._store.subjects(deleted=deleted)

    def versions(self, subject: str, *, deleted: bool = False) -> list[Registered]:
        found = [_registered(row) for row in self._store.versions(subject) if deleted or not row.deleted]
        if not found:
            raise no_subject(subject)
        return found

    def referenced_by(self, subject: str, version: int) -> list[int]:
        """Ids of the schemas that refer to a version."""
        return self._store.referenced_by(subject, self._row(subject, version, deleted=False).version)

    # --- levels and modes

    def level(self, subject: str) -> str:
        return self.own_level(subject) or self.own_level("") or DEFAULT_LEVEL

    def own_level(self, subject: str) -> str | None:
        """The level that was set for a subject, or for all with the subject ``""``."""
        return self._store.setting(subject, "level")

    def set_level(self, subject: str, level: str | None) -> None:
        """Change it, or with None have the one of all hold again."""
        if level is not None and level.upper() not in LEVELS:
            raise NotTakenError(
                42203, f"A compatibility level is one of {', '.join(LEVELS)}", "Invalid compatibility level"
            )
        with self._store.writing():
            self._store.set_setting(subject, "level", level and level.upper())

    def mode(self, subject: str) -> str:
        """What may be done with a subject."""
        return self.own_mode(subject) or self.own_mode("") or DEFAULT_MODE

    def own_mode(self, subject: str) -> str | None:
        """The mode that was set for a subject, or for all with the subject ``""``."""
        return self._store.setting(subject, "mode")

    def set_mode(self, subject: str, mode: str | None) -> None:
        """Change it, or with None have the one of all hold again."""
        if mode is not None and mode.upper() not in MODES:
            raise NotTakenError(42204, f"A mode is one of {', '.join(MODES)}", "Invalid mode")
        with self._store.writing():
            self._store.set_setting(subject, "mode", mode and mode.upper())

    def _check_writable(self, subject: str) -> None:
        if self.mode(subject) in _READ_ONLY:
            raise NotTakenError(42205, f"Subject '{subject}' is in read-only mode")

    # --- compatibility

    def problems(self, subject: str, schema: SchemaText, version: int | None = None) -> list[Problem]:
        """What keeps a schema from following a subject's versions, or one of them; empty if nothing does."""
        made = self._canonical(schema, normalize=False)
        level = self.level(subject)
        if version is None or version == LATEST:
            olds = self._earlier(subject, level)
            olds = olds[-1:] if version == LATEST else olds
        else:
            olds = [self.version(subject, version)]
        return problems(level, made, olds, lambda each: self._texts(each.references))[0]

    def _earlier(self, subject: str, level: str) -> list[Registered]:
        """The versions that a new one is compared with at a level, oldest first."""
        if level.endswith("_TRANSITIVE"):
            return [_registered(row) for row in self._store.versions(subject) if not row.deleted]
        newest = self._store.newest(subject)
        return [] if newest is None else [_registered(newest)]

    def _check_compatible(self, subject: str, schema: SchemaText) -> None:
        level = self.level(subject)
        olds = self._earlier(subject, level)
        found, version = problems(level, schema, olds, lambda each: self._texts(each.references))
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            told = ", ".join(
                f"{{errorType:'{each.type}', description:'{each.description}'}}" for each in found
            )
            raise NotCompatibleError(
                40901,
                f"The schema is not compatible with subject '{subject}' (level {level}): "
                f"{found[0].description}{more}; change the schema, or the subject's compatibility level",
                "Schema being registered is incompatible with an earlier schema for subject "
                f'"{subject}", details: [{told}, {{oldSchemaVersion: {version}}}, '
                f"{{validateFields: 'false', compatibility: '{level}'}}]",
            )

    # --- deletion

    def delete_version(self, subject: str, version: int, *, permanent: bool = False) -> int:
        """Delete one version, softly first, and for good once it was; returns its number."""
        with self._store.writing():
            self._check_writable(subject)
            row = self._row(subject, version, deleted=permanent or version != LATEST)
            self._delete(row, permanent=permanent)
            return row.version

    def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete all versions of a subject; returns their numbers."""
        with self._store.writing():
            self._check_writable(subject)
            rows = self._store.versions(subject)
            if not rows:
                raise no_subject(subject)
            live = [row for row in rows if not row.deleted]
            if permanent and live:
                raise NotThereError(
                    40405,
                    f"Subject '{subject}' has to be deleted softly first",
                    f"Subject '{subject}' was not deleted first before being permanently deleted",
                )
            if not permanent and not live:
                raise NotThereError(
                    40404,
                    f"Subject '{subject}' is deleted softly already",
                    f"Subject '{subject}' was soft deleted.Set permanent=true to delete permanently",
                )
            for row in rows if permanent else live:
                self._delete(row, permanent=permanent)
            if permanent:
                for name in ("level", "mode"):
                    self._store.set_setting(subject, name, None)
            return [row.version for row in (rows if permanent else live)]

    def _delete(self, row: Row, *, permanent: bool) -> None:
        place = f"Version {row.version} of subject '{row.subject}'"
        if self._store.referenced_by(row.subject, row.version):
            raise NotTakenError(
                42206,
                f"{place} is referenced by other schemas; delete them first",
                "One or more references exist",
            )
        if permanent and not row.deleted:
            raise NotThereError(40407, f"{place} has to be deleted softly first")
        if not permanent and row.deleted:
            raise NotThereError(40406, f"{place} is deleted softly already")
        if permanent:
            self._store.remove(row.subject, row.version)
        else:
            self._store.mark_deleted(row.subject, row.version)

    def close(self) -> None:
        self._store.close()


def _registered(row: Row) -> Registered:
    return Registered(row.schema, row.schema_id, row.subject, row.version, row.guid)


def _check_subject(subject: str) -> None:
    if not subject or not subject.isprintable() or len(subject) > _MAX_SUBJECT_CHARS:
        raise NotTakenError(42208, f"A subject is a text of 1 to {_MAX_SUBJECT_CHARS} printable characters")
