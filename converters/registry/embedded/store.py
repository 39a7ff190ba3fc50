"""The tables of an embedded registry: schemas, versions and levels, in one SQLite file.

Any number of processes may use one file: writers take turns, and a commit is on disk when it returns.
Thread-safe by one lock and one connection. Source: spec registry 7.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from connectkit.converters.registry.port import Reference, SchemaKind, SchemaText
from connectkit.errors import ConfigError, RetriableError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS schemas (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, refs TEXT NOT NULL, guid TEXT NOT NULL,
    contract TEXT NOT NULL DEFAULT '[null, null]');
CREATE UNIQUE INDEX IF NOT EXISTS schemas_by_guid ON schemas (guid, kind);
CREATE TABLE IF NOT EXISTS versions (
    subject TEXT NOT NULL, version INTEGER NOT NULL, schema_id INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (subject, version)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS versions_by_schema ON versions (schema_id, subject);
CREATE TABLE IF NOT EXISTS settings (
    subject TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (subject, name)) WITHOUT ROWID;
"""
_COLUMNS: Final = "PRAGMA table_info(schemas)"
_ADD_CONTRACT: Final = "ALTER TABLE schemas ADD COLUMN contract TEXT NOT NULL DEFAULT '[null, null]'"
_VERSIONS: Final = """
SELECT v.subject, v.version, v.schema_id, v.deleted, s.guid, s.text, s.kind, s.refs, s.contract
FROM versions v JOIN schemas s ON s.id = v.schema_id WHERE v.subject = ? ORDER BY v.version
"""
_NEWEST: Final = """
SELECT v.subject, v.version, v.schema_id, v.deleted, s.guid, s.text, s.kind, s.refs, s.contract
FROM versions v JOIN schemas s ON s.id = v.schema_id
WHERE v.subject = ? AND v.deleted <= ? ORDER BY v.version DESC LIMIT 1
"""
_VERSION: Final = """
SELECT v.subject, v.version, v.schema_id, v.deleted, s.guid, s.text, s.kind, s.refs, s.contract
FROM versions v JOIN schemas s ON s.id = v.schema_id WHERE v.subject = ? AND v.version = ?
"""
_OF_SCHEMA: Final = """
SELECT v.subject, v.version, v.schema_id, v.deleted, s.guid, s.text, s.kind, s.refs, s.contract
FROM versions v JOIN schemas s ON s.id = v.schema_id
WHERE v.schema_id = ? AND v.subject = ? ORDER BY v.version
"""
_USES: Final = """
SELECT v.subject, v.version, v.schema_id, v.deleted, s.guid, s.text, s.kind, s.refs, s.contract
FROM versions v JOIN schemas s ON s.id = v.schema_id WHERE v.schema_id = ? ORDER BY v.subject, v.version
"""
_BUSY_TIMEOUT_S: Final = 30.0


class Row(NamedTuple):
    """One version of a subject."""

    subject: str
    version: int
    schema_id: int
    deleted: bool
    guid: str
    schema: SchemaText


class Store:
    """The tables. Methods that change something run inside ``with store.writing():``."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        try:
            self._sql = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=_BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._make_tables()
            except BaseException:
                self._sql.close()
                raise
        except sqlite3.DatabaseError as exc:
            raise ConfigError(
                f"The schema registry's file {path} cannot be opened ({exc}); is it damaged, or another's?"
            ) from exc

    def _make_tables(self) -> None:
        self._sql.execute("PRAGMA journal_mode=WAL")
        self._sql.execute("PRAGMA synchronous=FULL")
        self._sql.execute("BEGIN IMMEDIATE")  # several processes may open a new folder at once
        for statement in _TABLES.split(";"):
            self._sql.execute(statement)
        if "contract" not in [name for _, name, *_ in self._sql.execute(_COLUMNS)]:
            self._sql.execute(_ADD_CONTRACT)  # a file of an older release
        self._sql.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes in; an error undoes all of it."""
        with self._lock:
            try:
                self._sql.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._sql.execute("ROLLBACK")
                    raise
                self._sql.execute("COMMIT")
            except sqlite3.Error as exc:
                raise _unusable(exc) from exc

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            try:
                return self._sql.execute(query, values).fetchall()
            except sqlite3.Error as exc:
                raise _unusable(exc) from exc

    def _rows(self, query: str, *values: Any) -> list[Row]:
        return [
            Row(subject, version, schema_id, bool(deleted), guid, _schema(*schema))
            for subject, version, schema_id, deleted, guid, *schema in self._all(query, *values)
        ]

    def subjects(self, *, deleted: bool = False) -> list[str]:
        """Their names, sorted."""
        query = "SELECT DISTINCT subject FROM versions WHERE deleted <= ? ORDER BY subject"
        return [name for (name,) in self._all(query, int(deleted))]

    def versions(self, subject: str) -> list[Row]:
        """All versions of a subject, deleted ones too, oldest first."""
        return self._rows(_VERSIONS, subject)

    def newest(self, subject: str, *, deleted: bool = False) -> Row | None:
        """The newest version of a subject."""
        return next(iter(self._rows(_NEWEST, subject, int(deleted))), None)

    def version(self, subject: str, version: int) -> Row | None:
        """One version of a subject, deleted or not."""
        return next(iter(self._rows(_VERSION, subject, version)), None)

    def of_schema(self, subject: str, schema_id: int) -> list[Row]:
        """The versions of a subject that are this schema, oldest first."""
        return self._rows(_OF_SCHEMA, schema_id, subject)

    def uses(self, schema_id: int) -> list[Row]:
        """Where a schema is registered."""
        return self._rows(_USES, schema_id)

    def schema(self, schema_id: int) -> tuple[SchemaText, str] | None:
        """A schema by id, with its GUID."""
        found = self._all("SELECT guid, text, kind, refs, contract FROM schemas WHERE id = ?", schema_id)
        return None if not found else (_schema(*found[0][1:]), found[0][0])

    def id_of_guid(self, guid: str, kind: SchemaKind | None = None) -> int | None:
        """The id of a GUID; two kinds of schema may share one, if their texts are the same."""
        found = self._all(
            "SELECT id FROM schemas WHERE guid = ? AND kind = coalesce(?, kind) ORDER BY id", guid, kind
        )
        return found[0][0] if found else None

    def referenced_by(self, subject: str, version: int) -> list[int]:
        """Ids of schemas that refer to a version and are in use."""
        found = self._all(
            "SELECT DISTINCT s.id FROM schemas s JOIN versions v ON v.schema_id = s.id, json_each(s.refs) r "
            "WHERE v.deleted = 0 AND json_extract(r.value, '$[1]') = ? AND json_extract(r.value, '$[2]') = ? "
            "ORDER BY s.id",
            subject,
            version,
        )
        return [schema_id for (schema_id,) in found]

    def add_schema(self, schema: SchemaText, guid: str, schema_id: int | None = None) -> int:
        """Keep a schema under the next id, or under one that is given."""
        cursor = self._sql.execute(
            "INSERT INTO schemas (id, kind, text, refs, contract, guid) VALUES (?, ?, ?, ?, ?, ?)",
            (
                schema_id,
                schema.kind,
                schema.text,
                json.dumps(schema.references),
                json.dumps([schema.metadata, schema.rule_set]),
                guid,
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add_version(self, subject: str, version: int, schema_id: int) -> None:
        """Register a schema under a subject."""
        self._sql.execute(
            "INSERT OR REPLACE INTO versions (subject, version, schema_id, deleted) VALUES (?, ?, ?, 0)",
            (subject, version, schema_id),
        )

    def mark_deleted(self, subject: str, version: int) -> None:
        """Delete a version softly: it can still be read where that is asked for."""
        self._sql.execute(
            "UPDATE versions SET deleted = 1 WHERE subject = ? AND version = ?", (subject, version)
        )

    def remove(self, subject: str, version: int) -> None:
        """Delete a version for good; its schema keeps its id."""
        self._sql.execute("DELETE FROM versions WHERE subject = ? AND version = ?", (subject, version))

    def setting(self, subject: str, name: str) -> str | None:
        """A setting of a subject, or of all with the subject ``""``."""
        found = self._all("SELECT value FROM settings WHERE subject = ? AND name = ?", subject, name)
        return found[0][0] if found else None

    def set_setting(self, subject: str, name: str, value: str | None) -> None:
        """Change a setting; None removes it."""
        if value is None:
            self._sql.execute("DELETE FROM settings WHERE subject = ? AND name = ?", (subject, name))
        else:
            self._sql.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", (subject, name, value))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._sql.close()

    def __del__(self) -> None:
        """One in memory is at its end when nobody has it any more."""
        sql = getattr(self, "_sql", None)  # None: it could not be opened
        if sql is not None:
            sql.close()


def _unusable(error: sqlite3.Error) -> RetriableError:
    """A full disk, a busy file: all of these may pass."""
    return RetriableError(f"The schema registry's file cannot be used now ({error}); is there space left?")


def _schema(text: str, kind: SchemaKind, refs: str, contract: str) -> SchemaText:
    references = tuple(Reference(*each) for each in json.loads(refs))
    return SchemaText(text, kind, references, *json.loads(contract))
