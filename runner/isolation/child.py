"""The process of one task: ``python -m connectkit.runner.isolation.child FD FD``.

The descriptors are the channel's, and that of a file for the stacks of a crash.
The whole task lives here, with its plugins, converters, transforms and its own clients of the log; the
worker keeps its offsets, its state and its counters. It runs on the main thread. The process goes with the
worker (a death signal of the kernel, or the end of the channel), never hears a terminal's signals, and ends
when its task does.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from functools import partial
from typing import Any, cast

from connectkit.errors import ConnectError, RetriableError
from connectkit.plugin import plugins
from connectkit.runner.active_topics import ActiveTopics
from connectkit.runner.build import TaskBuilder
from connectkit.runner.causes import cause_of, wait_of
from connectkit.runner.commit_schedule import CommitSchedule
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Control, TaskId
from connectkit.runner.crashes import Crash
from connectkit.runner.fencing import Fencing
from connectkit.runner.isolation.channel import Channel, Message, unpack
from connectkit.runner.isolation.figures import freeze
from connectkit.runner.isolation.relay import RelayHandler, set_levels
from connectkit.runner.isolation.remote import Asking, RemoteFencing, RemoteOffsets
from connectkit.runner.journal import map_slot
from connectkit.runner.log.opening import EMBEDDED, open_log
from connectkit.runner.memory import tune_memory
from connectkit.runner.offset_stores import OffsetStores, open_store
from connectkit.runner.sink_task import WorkerSinkTask
from connectkit.runner.source_task import WorkerSourceTask
from connectkit.runner.status import State, trace_of
from connectkit.runner.tolerance import describe
from connectkit.runner.watchdog import Watchdog

log = logging.getLogger(__name__)

BEAT_S = 0.25
"""How often the worker is told how the task is doing."""


def main() -> None:
    """Hear what to run, run it, and end."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    _belong_to_parent()
    faulthandler.enable(file=int(sys.argv[2]), all_threads=True)
    begin = channel.receive()
    if begin is None:
        return
    logging.getLogger().handlers[:] = [RelayHandler(channel)]
    set_levels(begin["levels"])
    logging.raiseExceptions = False
    try:
        _Child(channel, begin).run()
    except BaseException as exc:  # noqa: BLE001 - whatever it is, the worker is told
        _tell_failure(channel, exc)
    channel.send({"t": "ended"})
    # Threads that a plugin has left running must not hold the process.
    os._exit(0)


def _belong_to_parent() -> None:
    """Go when the worker goes, leave no core behind, and let the worker decide about signals."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _tell_failure(channel: Channel, error: BaseException) -> None:
    channel.send(
        {
            "t": "failed",
            "text": describe(error),
            "cause": cause_of(error).name,
            "wait_s": wait_of(error),
            "trace": trace_of(error),
        }
    )


class _Child:
    """Builds the task out of the worker's message and runs it."""

    def __init__(self, channel: Channel, begin: Message) -> None:
        self._channel = channel
        self._control = Control()
        self._asking = Asking(channel)
        self._id = TaskId(*begin["task_id"])
        self._topics = ActiveTopics()
        self._over = threading.Event()
        threading.Thread(target=self._listen, name="from-worker", daemon=True).start()
        for kind, name, module, qualname in begin["plugins"]:
            plugins.register(kind, name, _attribute(module, qualname))
        if begin["allow"] is not None:
            plugins.allow(begin["allow"])
        self._task = self._build(begin)

    def _build(self, begin: Message) -> WorkerSinkTask | WorkerSourceTask:
        raw = unpack(begin["worker"])
        config = WorkerConfig.parse(raw, known=lambda key: True)
        embedded = config.bootstrap.startswith(EMBEDDED)
        self._log = open_log(config.bootstrap, cast("dict[str, str]", raw) if embedded else None)
        if config.offset_storage_topic is None:
            self._store: Any = RemoteOffsets(self._asking)
        else:
            self._store = open_store(config, self._log)
            if begin["source"]:
                self._store.start()
        self._schedule = CommitSchedule(config.offset_flush_interval_ms / 1000)
        builder = TaskBuilder(
            config,
            self._log,
            OffsetStores(config, self._log, self._store),
            plugins,
            self._status,
            fencing=cast(Fencing, RemoteFencing(self._asking)) if begin["fences"] else None,
        )
        task_config = cast("dict[str, str]", unpack(begin["task"]))
        task = builder.build(
            self._id, unpack(begin["connector"]), task_config, self._control, time.monotonic()
        )
        task.call_timeout_s = None  # the worker sees to it, and kills
        task.on_topics = partial(self._topics.add, self._id.connector)
        task.on_failed = lambda error, ran_s: _tell_failure(self._channel, error)
        if begin["journal"] is not None:
            path, at, crash = begin["journal"]
            task.activity.slot = map_slot(path, at, None if crash is None else Crash.from_json(crash))
        return task

    def run(self) -> None:
        task = self._task
        tune_memory()
        dog = Watchdog(lambda: [task])
        dog.begin()
        self._tell()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        if isinstance(task, WorkerSourceTask) and task.outlet.scheduled:
            self._schedule.add(task)
        task.run()
        self._schedule.stop()
        self._over.set()
        self._tell()
        self._log.close()

    def _status(self, task_id: TaskId, state: State, trace: str | None) -> None:
        if state in (State.RUNNING, State.PAUSED):  # how it ends is the worker's to tell
            self._channel.send({"t": "state", "state": state.value})

    # --- the worker's word -----------------------------------------------------------------------

    def _listen(self) -> None:
        while (message := self._channel.receive()) is not None:
            kind = message["t"]
            if kind == "answer":
                self._asking.answered(message)
            elif kind == "stop":
                self._control.stop(message["within_s"])
            elif kind in ("pause", "resume", "drain", "cancel", "wake"):
                getattr(self._control, kind)()
        os._exit(1)  # the worker has gone

    # --- how it goes -----------------------------------------------------------------------------

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            self._tell()

    def _tell(self) -> None:
        task = self._task
        activity = task.activity
        message: Message = {
            "t": "beat",
            "counters": freeze(task.counters),
            "call": activity.call,
            "since": activity.since,
            "commits_since": task.commits_since,
            "lag": task.lag,
            "note": task.note,
            "topics": self._topics.of(self._id.connector),
        }
        if isinstance(task, WorkerSinkTask):
            read_to = task.read_to
            message["read_to"] = None if read_to is None else [[*tp, at] for tp, at in read_to.items()]
        else:
            message["caught_up"] = task.caught_up
        self._channel.send(message)


def _attribute(module: str, qualname: str) -> Any:
    """A class that the worker's own process has registered; the names come from that class."""
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        if name == "<locals>":
            raise ConnectError(
                f"The plugin {qualname} is made inside a function, where no other process finds it; use "
                "task.isolation=thread, or move it to the top of its module"
            )
        found = getattr(found, name)
    return found


if __name__ == "__main__":
    try:
        main()
    except (OSError, RetriableError):
        os._exit(1)
