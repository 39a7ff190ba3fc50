"""The crash journal: what each task has in hand, in a file that outlives the process.

Before a batch is converted, a task notes where it stands; before each call of its plugin, which call it is.
After an end that nobody asked for, the next process reads the file, holds the death against the task that
was at it (:mod:`connectkit.runner.crashes`), has it take its records one at a time, and parks it when it
crashes there again: one record must not take all connectors down for ever. A clean end forgets everything,
and so does whatever an operator does to the task.

The file holds one slot a task. Writing is a byte, or one ``struct.pack_into`` a batch; nothing is synced, as
the pages survive the process, and the end of the machine is no crash of a task. Threads: a slot is written
by its task's thread alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectkit.runner.activity import CALLS, Placed
from connectkit.runner.causes import DiedError, ParkedError
from connectkit.runner.control import TaskId
from connectkit.runner.crashes import Care, Crash, Doing, Place, Verdict, judge, verdict, wait_s
from connectkit.runner.faults import FaultFile, fault_name, faulted_thread, give_signal_stack, stack_in

log = logging.getLogger(__name__)

SLOTS = 512
SLOT_BYTES = 1024
MAGIC = b"connectkit journal 1\n"
HEADER_BYTES = 64
CLEAN_AT = 63
_CODES = {call: number for number, call in enumerate(CALLS)}

# call, used, spare, partitions of the first and last record, count, thread, their offsets, lengths of texts
_SLOT = struct.Struct("<BBHiiIQqqHHH")
_BATCH = struct.Struct("<iiI")  # at 4: partitions and count
_OFFSETS = struct.Struct("<qq")
_THREAD_AT, _BATCH_AT, _OFFSETS_AT = 16, 4, 24
_LENGTHS_AT, _TEXT_AT, _TEXT_BYTES = 40, 64, 256
HEALTHY_S = 60.0
"""What is held against a task is forgotten once it has run so long past the place."""


class TaskSlot:
    """A task's place in the journal. Nothing here raises: the journal must never fail a task."""

    __slots__ = (
        "_care",
        "_last_topic",
        "_map",
        "_topic",
        "at",
        "careful_until",
        "crash",
        "thread_id",
    )

    def __init__(self, mapped: mmap.mmap, at: int, crash: Crash | None) -> None:
        self._map = mapped
        self.at = at
        self._topic = self._last_topic = ""
        self.crash = crash
        self.thread_id = 0
        self._care = Care(crash)
        self.careful_until: float | None = None
        """When the task was past the batch that died; None before."""

    @property
    def careful(self) -> bool:
        """Whether records are to be taken one at a time."""
        return self._care.careful

    @property
    def watching(self) -> bool:
        """Whether the batch that died is still to come."""
        return self._care.watching

    def doing(self, call: str) -> None:
        self._map[self.at] = _CODES.get(call, 0)

    def runs_here(self) -> None:
        """The calling thread is the task's from now on."""
        give_signal_stack()
        self.thread_id = threading.get_ident()
        struct.pack_into("<Q", self._map, self.at + _THREAD_AT, threading.get_ident())

    def batch(self, first: Placed, last: Placed, count: int) -> None:
        mapped, at = self._map, self.at
        topic, last_topic = first.topic(), last.topic()
        if topic != self._topic or last_topic != self._last_topic:
            self._topic, self._last_topic = topic, last_topic
            _write_text(mapped, at, 1, topic)
            _write_text(mapped, at, 2, last_topic)
        _BATCH.pack_into(mapped, at + _BATCH_AT, first.partition(), last.partition(), count)
        _OFFSETS.pack_into(mapped, at + _OFFSETS_AT, first.offset(), last.offset())
        mapped[at] = _CODES["convert"]
        if self._care.watching:
            self._care.step(Place(last_topic, last.partition(), last.offset()), count)


def map_slot(path: str, at: int, crash: Crash | None) -> TaskSlot:
    """A slot of the worker's journal, from the process of its task."""
    with Path(path).open("r+b") as file:
        return TaskSlot(mmap.mmap(file.fileno(), 0), at, crash)


class Journal:
    """The journal of one worker, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        watch_faults: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._watch_faults = watch_faults
        """Have the process write the stack of a fatal signal here: there is one such place a process."""
        self._clock = clock
        self._wall_clock = wall_clock
        self.stacks = folder / "frozen.txt" if watch_faults else None
        """Where the stacks of an interpreter that stands still are written."""
        self._lock = threading.Lock()
        self._faults = FaultFile(folder / "faults.txt", self._is_tasks)
        self._map: mmap.mmap | None = None
        self._lock_file: int | None = None
        self._crashes: dict[str, Crash] = {}
        self._retry_at: dict[str, float] = {}
        self._slots: dict[str, TaskSlot] = {}
        self._owners: dict[str, str] = {}
        """The connector of each task that was asked for."""
        self._began: dict[str, float] = {}

    # --- opening and closing ---------------------------------------------------------------------

    def open(self) -> None:
        """Judge the end of the last process, and begin anew; without a journal if there can be none."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read_crashes()
            path = self.folder / "live"
            doing = read_slots(path)
            if doing is not None:
                self._judge(doing)
            self._map = _new_map(path)
            if self._watch_faults:
                self._faults.watch()
        except (OSError, ValueError) as exc:
            log.warning(
                "There is no crash journal in %s, so a record that ends the process will do so again: %s",
                self.folder,
                exc.strerror if isinstance(exc, OSError) else exc,
            )
            self._drop_file()

    def close(self) -> None:
        """A clean end: nothing is held against anybody."""
        if self._map is None:
            return
        self._map[CLEAN_AT] = 1
        if self._watch_faults:
            self._faults.leave()
        with contextlib.suppress(OSError):
            (self.folder / "crashes.json").unlink(missing_ok=True)
        self._drop_file()

    def _drop_file(self) -> None:
        """Give the lock back. The map stays: an abandoned task may still write to it."""
        self._map = None
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _judge(self, doing: list[Doing]) -> None:
        text = self._faults.read()
        fault = fault_name(text)
        before = self._crashes
        self._crashes = judge(before, doing, fault=bool(fault), thread_id=faulted_thread(text))
        changed = [task for task, crash in self._crashes.items() if before.get(task) != crash]
        how = f"by {fault!r}" if fault else "without a trace, as a killed process does"
        if doing or fault:
            log.warning("The worker ended unasked the last time, %s", how)
            if fault:
                log.warning("The thread that was hit was here:\n%s", stack_in(text))
        now = self._wall_clock()
        for task in changed:
            crash = self._crashes[task]
            log.warning("Task %s was at it %s (%d so far)", task, crash.where, crash.deaths)
            if verdict(crash) is Verdict.WAIT:
                self._retry_at[task] = now + wait_s(crash)
        self._write_crashes()

    # --- tasks -----------------------------------------------------------------------------------

    def slot(self, task_id: TaskId) -> TaskSlot | None:
        """The task's slot, the same for each of its lives; None if there is no room or no journal."""
        key = _key(task_id)
        with self._lock:
            if self._map is None:
                return None
            known = self._slots.get(key)
            self._began[key] = self._clock()
            if known is not None:
                made = TaskSlot(self._map, known.at, self._crashes.get(key))
                self._slots[key] = made
                made.doing("")
                return made
            if len(self._slots) >= SLOTS:
                return None
            at = HEADER_BYTES + len(self._slots) * SLOT_BYTES
            _SLOT.pack_into(self._map, at, 0, 1, 0, -1, -1, 0, 0, -1, -1, 0, 0, 0)
            _write_text(self._map, at, 0, key)
            made = self._slots[key] = TaskSlot(self._map, at, self._crashes.get(key))
            return made

    def check(self, task_id: TaskId) -> None:
        """Raise why the task must not be started: ``ParkedError``, or ``DiedError`` with a wait."""
        key = _key(task_id)
        with self._lock:
            self._owners[key] = task_id.connector
            crash = self._crashes.get(key)
            retry_at = self._retry_at.get(key)
        if crash is None:
            return
        found = verdict(crash)
        what = "its process" if crash.alone else "the whole worker"
        if found is Verdict.PARK:
            raise ParkedError(
                f"Task {task_id} is parked: it crashed {crash.deaths}x {crash.where}, and {what} with it; "
                "mend the cause or skip the record, then restart the task"
            )
        if found is Verdict.WAIT and retry_at is not None:
            left_s = min(retry_at - self._wall_clock(), wait_s(crash))
            if left_s > 0:
                raise DiedError(
                    f"Task {task_id} waits: {what} crashed {crash.deaths}x {crash.where}, which this "
                    "task had in hand",
                    wait_s=left_s,
                )

    def _is_tasks(self, thread_id: int) -> bool:
        """Whether this thread runs a task. Takes no lock: the process is about to end."""
        return any(slot.thread_id == thread_id for slot in list(self._slots.values()))

    def place(self, task_id: TaskId) -> tuple[str, int, Crash | None] | None:
        """Where the task's process finds its slot, and what is held against it."""
        slot = self._slots.get(_key(task_id))
        return None if slot is None else (str(self.folder / "live"), slot.at, slot.crash)

    def died(self, task_id: TaskId, *, proven: bool) -> str | None:
        """The task's own process has died: hold it against it. Returns what it was at, if at anything."""
        key = _key(task_id)
        with self._lock:
            slot, mapped = self._slots.get(key), self._map
            if slot is None or mapped is None:
                return None
            doing = _read_slot(mapped, slot.at)
            mapped[slot.at] = 0
            if not doing.call:
                return None
            found = judge(
                {k: c for k, c in self._crashes.items() if k == key},
                [doing],
                fault=proven,
                thread_id=doing.thread_id,
            )
            if key not in found:
                return f"in {doing.call}"
            crash = self._crashes[key] = replace(found[key], alone=True)
            if verdict(crash) is Verdict.WAIT:
                self._retry_at[key] = self._wall_clock() + wait_s(crash)
        self._write_crashes()
        return f"{crash.where} ({crash.deaths}x)" if crash.deaths > 1 else crash.where

    def forgive(self, who: TaskId | str) -> None:
        """An operator restarts this task, or all tasks of the connector of this name."""
        if isinstance(who, TaskId):
            self._forget([_key(who)])
            return
        with self._lock:
            keys = [key for key, owner in self._owners.items() if owner == who]
        self._forget(keys)

    def tick(self) -> None:
        """Forget what is held against tasks that have long run past the place. Any thread, now and then."""
        now = self._clock()
        with self._lock:
            over = []
            for key, slot in self._slots.items():
                if key not in self._crashes:
                    continue
                if slot.watching:
                    slot.careful_until = None
                    continue
                if slot.careful_until is None:
                    slot.careful_until = now
                running = slot.crash is not None and verdict(slot.crash) is not Verdict.PARK
                if running and now - max(slot.careful_until, self._began[key]) >= HEALTHY_S:
                    over.append(key)
        self._forget(over)

    def _forget(self, keys: list[str]) -> None:
        with self._lock:
            gone = [key for key in keys if self._crashes.pop(key, None) is not None]
            for key in gone:
                self._retry_at.pop(key, None)
        if gone:
            self._write_crashes()

    # --- what is held against whom ---------------------------------------------------------------

    def _read_crashes(self) -> None:
        try:
            found: Any = json.loads((self.folder / "crashes.json").read_text(encoding="utf-8"))
            self._crashes = {str(key): Crash.from_json(each["crash"]) for key, each in found.items()}
            self._retry_at = {
                str(key): float(each["retry_at"]) for key, each in found.items() if "retry_at" in each
            }
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            log.warning("What crashes were held against tasks cannot be read: %s", type(exc).__name__)
            self._crashes, self._retry_at = {}, {}

    def _write_crashes(self) -> None:
        with self._lock:
            made: Mapping[str, Any] = {
                key: {"crash": crash.to_json()}
                | ({"retry_at": self._retry_at[key]} if key in self._retry_at else {})
                for key, crash in self._crashes.items()
            }
        path = self.folder / "crashes.json"
        part = path.with_suffix(".part")
        try:
            with part.open("w", encoding="utf-8") as file:
                part.chmod(0o600)
                json.dump(made, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as exc:
            log.warning("What crashes are held against tasks could not be written: %s", exc.strerror)


def _key(task_id: TaskId) -> str:
    """The task's name in the journal, which has room for so much."""
    name = str(task_id)
    return name if len(name.encode()) <= _TEXT_BYTES else hashlib.sha256(name.encode()).hexdigest()


def _new_map(path: Path) -> mmap.mmap:
    """A new file: what an old one's map sees must not shrink under it."""
    part = path.with_suffix(".part")
    size = HEADER_BYTES + SLOTS * SLOT_BYTES
    with part.open("w+b") as file:
        part.chmod(0o600)
        file.truncate(size)
        mapped = mmap.mmap(file.fileno(), size)
    mapped[: len(MAGIC)] = MAGIC
    part.replace(path)
    return mapped


def read_slots(path: Path) -> list[Doing] | None:
    """What each task was doing when its process ended; None if it ended well or there was none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC) or data[CLEAN_AT]:
        return None
    found = []
    for at in range(HEADER_BYTES, len(data) - SLOT_BYTES + 1, SLOT_BYTES):
        if not data[at + 1]:
            break
        found.append(_read_slot(data, at))
    return found


def _read_slot(data: bytes | mmap.mmap, at: int) -> Doing:
    call, _, _, first, last, count, thread, first_at, last_at, *_ = _SLOT.unpack_from(data, at)
    topic, last_topic = _read_text(data, at, 1), _read_text(data, at, 2)
    placed = count > 0 and topic is not None and last_topic is not None
    return Doing(
        _read_text(data, at, 0) or "",
        CALLS[call] if call < len(CALLS) else "",
        thread,
        Place(topic or "", first, first_at) if placed else None,
        Place(last_topic or "", last, last_at) if placed else None,
        count if placed else 0,
    )


def _write_text(mapped: mmap.mmap, at: int, number: int, text: str) -> None:
    data = text.encode()[:_TEXT_BYTES]
    where = at + _TEXT_AT + number * _TEXT_BYTES
    mapped[where : where + len(data)] = data
    struct.pack_into("<H", mapped, at + _LENGTHS_AT + 2 * number, len(data))


def _read_text(data: bytes | mmap.mmap, at: int, number: int) -> str | None:
    (length,) = struct.unpack_from("<H", data, at + _LENGTHS_AT + 2 * number)
    where = at + _TEXT_AT + number * _TEXT_BYTES
    return data[where : where + min(length, _TEXT_BYTES)].decode(errors="replace") or None
