"""The file of an embedded log: opened or refused, written in transactions, its errors named.

One SQLite database per folder (``log.db``) in WAL mode with ``synchronous=FULL``: a commit is on disk
when it returns, readers never wait for writers, and one writer at a time is let in, over all processes
of the machine. A power cut or ``kill -9`` leaves the last commit, whole.
"""

from __future__ import annotations

import base64
import errno
import os
import sqlite3
import stat
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connectkit.errors import ConfigError, ConnectError, FatalTaskError, RetriableError
from connectkit.runner.log.embedded.clock import Clock
from connectkit.runner.log.embedded.signal import Signal
from connectkit.runner.log.embedded.write_turns import LOOK_S, PATIENCE_MS, Courtesy, Waiting

FILE_NAME = "log.db"
_APPLICATION_ID = 0x434B4C47  # "CKLG"
_FORMAT = 1
_BUSY_TIMEOUT_S = 30.0
_SMALLEST_BYTES = 512
"""The smallest page of SQLite."""
_CHECKED_WHOLE_BYTES = 16 * 1024 * 1024
"""Files up to this size are checked page by page when opened; larger ones when they are read."""
_FILLED_BYTES = 1024 * 1024
"""Stored batches of this size are written part by part."""

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, config TEXT NOT NULL);
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL, number INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,
    compacted_to INTEGER NOT NULL DEFAULT 0, size_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic_id, number));
CREATE TABLE batches (
    partition_id INTEGER NOT NULL, base_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL,
    count INTEGER NOT NULL, newest_ms INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    txn_id INTEGER, data BLOB NOT NULL, PRIMARY KEY (partition_id, base_offset));
CREATE INDEX batches_txn ON batches (txn_id) WHERE txn_id IS NOT NULL;
CREATE TABLE producers (
    transactional_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE txns (
    id INTEGER PRIMARY KEY AUTOINCREMENT, transactional_id TEXT NOT NULL, holder TEXT NOT NULL,
    state TEXT NOT NULL, deadline_ms INTEGER NOT NULL);
CREATE INDEX txns_open ON txns (transactional_id) WHERE state = 'open';
CREATE TABLE txn_partitions (
    txn_id INTEGER NOT NULL, partition_id INTEGER NOT NULL, first_offset INTEGER NOT NULL,
    PRIMARY KEY (txn_id, partition_id)) WITHOUT ROWID;
CREATE TABLE txn_offsets (
    txn_id INTEGER NOT NULL, group_id TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (txn_id, group_id, topic, number)) WITHOUT ROWID;
CREATE TABLE group_offsets (
    group_id TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (group_id, topic, number)) WITHOUT ROWID;
CREATE TABLE members (
    id TEXT PRIMARY KEY, group_id TEXT NOT NULL, topics TEXT NOT NULL, pattern TEXT,
    lease_until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ownership (
    group_id TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL, owner TEXT, target TEXT,
    PRIMARY KEY (group_id, topic, number)) WITHOUT ROWID;
INSERT INTO counters VALUES ('catalog', 0), ('groups', 0), ('swept_ms', 0);
"""


class Store:
    """One folder opened; every producer, consumer and admin has its own connection to it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.locks = folder / "members"
        self.waiting = folder / "waiting.lock"
        self.clock = clock
        self.signal = Signal()
        self._prepare_folder()
        connection = Connection(self)
        try:
            self.cluster_id = connection.prepare()
        finally:
            connection.close()

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                self._create()
            found = self.path.stat()
        except OSError as exc:
            raise _refused(self.path, f"cannot be opened: {exc.strerror}") from exc
        if not stat.S_ISREG(found.st_mode):
            raise _refused(self.path, "is not a regular file")
        if os.name == "posix" and found.st_mode & 0o022:
            raise _refused(
                self.path,
                f"can be changed by other users (mode {found.st_mode & 0o777:o}); "
                "allow only its owner: chmod 600",
            )
        if found.st_size < _SMALLEST_BYTES:  # SQLite would take it for a new database
            raise _refused(self.path, "is empty or cut short")

    def _create(self) -> None:
        """Make the file aside and give it its name when it is whole: nobody ever sees half a log."""
        aside = self.path.with_name(f"{FILE_NAME}.{uuid.uuid4().hex}.new")
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        try:
            sql = sqlite3.connect(aside, isolation_level=None)
            try:
                sql.execute("PRAGMA journal_mode=WAL")
                sql.execute("BEGIN")
                for statement in _TABLES.strip().split(";\n"):
                    sql.execute(statement)
                identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
                sql.execute("INSERT INTO about VALUES ('cluster_id', ?)", (identity,))
                sql.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                sql.execute(f"PRAGMA user_version={_FORMAT}")
                sql.execute("COMMIT")
            finally:
                sql.close()
            try:
                os.link(aside, self.path)
            except FileExistsError:
                pass  # another process was faster: its log is as good
            _sync_folder(self.folder)
        except sqlite3.Error as exc:
            raise _refused(
                self.path, f"cannot be created ({getattr(exc, 'sqlite_errorname', None)})"
            ) from exc
        finally:
            aside.unlink(missing_ok=True)


class Connection:
    """A connection to the store. Used by one thread at a time; ``guard`` serializes a late ``close``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.guard = threading.RLock()
        self._closed = False
        self._courtesy = Courtesy(store.waiting)
        with self._refusals():
            self.sql = sqlite3.connect(
                store.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._check_identity()  # before anything is changed: the file may be somebody else's
                self.sql.execute("PRAGMA synchronous=FULL")
                self.sql.execute("PRAGMA trusted_schema=OFF")
                self.sql.execute("PRAGMA wal_autocheckpoint=4000")
                self.sql.execute("PRAGMA journal_size_limit=67108864")
                self.sql.execute("PRAGMA cache_size=-4000")
            except BaseException:
                self.sql.close()
                raise

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Errors while opening: the file is not, or no longer, a log."""
        try:
            yield
        except sqlite3.Error as exc:
            name = getattr(exc, "sqlite_errorname", None) or type(exc).__name__
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise self.translate(exc, "open") from exc
            if name == "SQLITE_NOTADB":
                raise _refused(self.store.path, "is not a log of connectkit") from exc
            if name.startswith("SQLITE_CORRUPT"):
                raise _refused(self.store.path, "is damaged") from exc
            if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")) and _is_passing(self.store.path):
                raise RetriableError(
                    f"The embedded log {self.store.path} could not be opened just now; if the process has "
                    "too many open files, raise that limit, or run fewer tasks"
                ) from exc
            raise _refused(self.store.path, f"cannot be opened ({name})") from exc

    def prepare(self) -> str:
        """Check the tables of the log that was opened; returns the cluster id."""
        with self._refusals():
            self._check_whole()
            row = self.sql.execute("SELECT value FROM about WHERE name = 'cluster_id'").fetchone()
        if row is None:
            raise _refused(self.store.path, "is damaged")
        return str(row[0])

    def _check_identity(self) -> None:
        (kind,) = self.sql.execute("PRAGMA application_id").fetchone()
        (form,) = self.sql.execute("PRAGMA user_version").fetchone()
        if kind != _APPLICATION_ID:
            raise _refused(self.store.path, "belongs to another program")
        if form != _FORMAT:
            raise _refused(
                self.store.path,
                f"has format {form}, which a newer connectkit wrote; this one reads {_FORMAT}",
            )

    def _check_whole(self) -> None:
        (pages,) = self.sql.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = self.sql.execute("PRAGMA page_size").fetchone()
        if pages * page_bytes <= _CHECKED_WHOLE_BYTES:
            (verdict,) = self.sql.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _refused(self.store.path, "is damaged")

    def changed(self) -> int:
        """A number that differs once any other connection, of any process, has committed."""
        with self.guard:  # SQLite crashes the process where a connection is closed in the midst of a call
            self._check_open("look for changes")
            (version,) = self.sql.execute("PRAGMA data_version").fetchone()
        return int(version)

    def counter(self, name: str) -> int:
        """The value of a counter: ``catalog`` counts changes of topics, ``groups`` of memberships."""
        with self.guard:
            self._check_open("read a counter")
            (value,) = self.sql.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(value)

    def bump(self, name: str) -> None:
        """Count a change, inside a write."""
        self.sql.execute("UPDATE counters SET value = value + 1 WHERE name = ?", (name,))

    @contextmanager
    def write(self, what: str) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it on disk afterwards, or nothing of it.

        Waits for other writers; ``what`` finishes the sentence "the embedded log cannot …".
        Nested calls join the outer transaction.
        """
        with self.guard:
            self._check_open(what)
            if self.sql.in_transaction:
                yield self.sql
                return
            with self.named_errors(what):
                self._begin()
                try:
                    yield self.sql
                    self.sql.execute("COMMIT")
                finally:
                    if self.sql.in_transaction:
                        self.sql.execute("ROLLBACK")

    def _begin(self) -> None:
        """Begin to write, in turn with the others."""
        until = time.monotonic() + _BUSY_TIMEOUT_S
        self._courtesy.step_back()
        sql = self.sql
        sql.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        try:
            if _has_begun(sql):
                return
            sql.execute("PRAGMA busy_timeout=0")
            with Waiting(self.store.waiting):
                while not _has_begun(sql, last=time.monotonic() >= until):
                    time.sleep(LOOK_S)
        finally:
            sql.execute(f"PRAGMA busy_timeout={int(_BUSY_TIMEOUT_S * 1000)}")

    @contextmanager
    def read(self, what: str) -> Iterator[sqlite3.Connection]:
        """A read of one state: what others commit meanwhile is not seen."""
        with self.guard:
            self._check_open(what)
            if self.sql.in_transaction:
                yield self.sql
                return
            with self.named_errors(what):
                self.sql.execute("BEGIN")
                try:
                    yield self.sql
                finally:
                    if self.sql.in_transaction:
                        self.sql.execute("COMMIT")

    @contextmanager
    def named_errors(self, what: str) -> Iterator[None]:
        """Turn SQLite's errors into errors named by recovery."""
        try:
            yield
        except sqlite3.Error as exc:
            raise self.translate(exc, what) from exc

    def translate(self, exc: sqlite3.Error, what: str) -> ConnectError:
        """The error named by recovery that ``exc`` amounts to."""
        name = getattr(exc, "sqlite_errorname", None) or type(exc).__name__
        failed = f"the embedded log {self.store.path} cannot {what}"
        if name == "SQLITE_FULL":
            return FatalTaskError(
                f"{failed}: the disk is full; nothing was written, free some space and restart"
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return RetriableError(
                f"{failed}: another process kept it locked for {_BUSY_TIMEOUT_S:.0f} s; "
                "look for a stopped or hanging worker on the same folder"
            )
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return FatalTaskError(
                f"{failed}: the file is damaged; restore it, or move the folder away to start empty"
            )
        if name.startswith("SQLITE_IOERR"):
            return FatalTaskError(
                f"{failed}: the disk reports an error ({name}); check the disk and its free space"
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return FatalTaskError(
                f"{failed}: the file or folder is not writable; check owner, mode and mount"
            )
        if isinstance(exc, sqlite3.ProgrammingError):
            return FatalTaskError(f"{failed}: its client is closed")
        return FatalTaskError(f"{failed} ({name})")

    def _check_open(self, what: str) -> None:
        if self._closed:
            raise FatalTaskError(f"the embedded log {self.store.path} cannot {what}: its client is closed")

    def close(self) -> None:
        """Let go; harmless when repeated."""
        with self.guard:
            self._closed = True
            self.sql.close()


def _has_begun(sql: sqlite3.Connection, *, last: bool = False) -> bool:
    """Begin to write; False if another connection does, which is raised at the ``last`` attempt."""
    try:
        sql.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as exc:
        if last or not (getattr(exc, "sqlite_errorname", None) or "").startswith("SQLITE_BUSY"):
            raise
        return False
    return True


def insert_batch(
    sql: sqlite3.Connection,
    about: tuple[int, int, int, int, int],
    txn_id: int | None,
    parts: Sequence[bytes],
) -> int:
    """Insert a stored batch (partition, first and last offset, count, newest time); its size in bytes.

    SQLite copies a value that it is given twice more; a large one is made empty and then filled.
    """
    size_bytes = sum(map(len, parts))
    row = (*about, size_bytes, txn_id)
    if size_bytes < _FILLED_BYTES:
        sql.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, b"".join(parts)))
        return size_bytes
    made = sql.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, zeroblob(?))", (*row, size_bytes))
    with sql.blobopen("batches", "data", made.lastrowid or 0) as blob:
        for part in parts:
            blob.write(part)
    return size_bytes


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_passing(path: Path) -> bool:
    """Whether SQLite's failure to open was, as it seems, a want of file descriptors: it does not say."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        return exc.errno in (errno.EMFILE, errno.ENFILE)
    return os.access(path.parent, os.W_OK)  # it could be opened now, so another thread took the last one


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError(
        problems={
            "bootstrap.servers": [
                f"the embedded log {path} {why}; name another folder, or move this one away to start empty"
            ]
        }
    )
