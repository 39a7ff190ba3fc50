"""The worker's side of a task in a process of its own: like any task, and killable.

A thread of the worker stands for the task: it starts the process, hears it, and outlives it. Stopping,
pausing and draining go over the channel; giving up and abandoning are SIGKILL. If the process dies, the task
is FAILED with what killed it, and healed like any other; the crash journal says which record it was at.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError
from connectkit.runner.activity import Slot
from connectkit.runner.causes import Cause, DiedError, RemoteError
from connectkit.runner.control import Control, TaskId
from connectkit.runner.counters import SinkCounters, SourceCounters
from connectkit.runner.isolation import relay
from connectkit.runner.isolation.channel import Channel, Message
from connectkit.runner.isolation.figures import thaw
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State, StatusListener
from connectkit.runner.worker_task import WorkerTask

log = logging.getLogger(__name__)

SILENT_S = 60.0
"""A process that has said nothing for so long holds its interpreter: it is killed."""
PULSE_S = 5.0
"""The shortest silence that counts as a call that has not returned."""
REAP_S = 10.0
"""How long an ended task's process may take to be gone."""


class RemoteControl(Control):
    """A control whose changes are heard in another process."""

    __slots__ = ("send",)

    def __init__(self, *, paused: bool = False) -> None:
        super().__init__(paused=paused)
        self.send: Callable[[Message], object] = lambda message: None

    def stop(self, within_s: float | None = None) -> None:
        super().stop(within_s)
        self.send({"t": "stop", "within_s": within_s})

    def cancel(self) -> None:
        super().cancel()
        self.send({"t": "cancel"})

    def pause(self) -> None:
        super().pause()
        self.send({"t": "pause"})

    def resume(self) -> None:
        super().resume()
        self.send({"t": "resume"})

    def drain(self) -> None:
        super().drain()
        self.send({"t": "drain"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the worker does for the process."""

    begin: Mapping[str, Any]
    """The first message: configurations, resolved, and what else the task is made of."""
    answer: Callable[[Message], Message]
    """Answers its questions."""
    died: Callable[[bool], str | None] = field(default=lambda proven: None)
    """Told that the process died; returns where it was at it, if that is known."""


class ProcessTask(WorkerTask):
    """Runs one task in a process of its own."""

    def __init__(
        self,
        task_id: TaskId,
        kind: str,
        control: RemoteControl,
        status: StatusListener,
        host: Host,
        *,
        settings: SinkSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(task_id, control, status, clock=clock)
        self.kind = kind
        self.counters = SinkCounters(clock()) if kind == "sink" else SourceCounters(clock())
        self.settings = settings or SinkSettings()
        self.read_to: dict[TopicPartition, int] | None = None
        self._caught_up = False
        self._remote = control
        self._host = host
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._faults: IO[bytes] | None = None
        self._heard = clock()
        self._beats = 0
        self._failure_told: RemoteError | None = None
        self._ended_well = False
        self._killed = False
        self._killing = threading.Lock()

    def counts(self) -> SinkCounters | SourceCounters:
        return self.counters

    @property
    def caught_up(self) -> bool:
        return self._caught_up

    def subscribes(self, topic: str) -> bool:
        """Whether a sink reads that topic."""
        return self.settings.subscribes(topic)

    def take_slot(self, slot: Slot | None) -> None:
        """The task's own process writes to it."""

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    # --- the life --------------------------------------------------------------------------------

    def _live(self) -> None:
        control = self.control
        if control.stopping:
            return
        if control.paused:
            self.tell(State.PAUSED)
            if control.wait_while_paused():
                return
        self.begin()
        self.execute()

    def begin(self) -> None:
        """Start the process and tell it what to run."""
        ours, theirs = socket.socketpair()
        self._faults = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has died
        descriptors = (theirs.fileno(), self._faults.fileno())
        try:
            with self._killing:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "connectkit.runner.isolation.child"),
                        *map(str, descriptors),
                    ],
                    pass_fds=descriptors,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        log.info("Task %s runs in process %d", self.id, self._process.pid)
        self.tell(State.UNASSIGNED)  # until the process says that it runs
        self._channel = Channel(ours)
        self._heard = self.clock()
        self._channel.send({**self._host.begin, "levels": relay.levels()})
        self._remote.send = self._channel.send
        # What was asked for before it could hear.
        if self.control.draining:
            self._channel.send({"t": "drain"})
        if self.control.paused:
            self._channel.send({"t": "pause"})
        if self.control.stopping:
            self._channel.send({"t": "stop", "within_s": None})

    def execute(self) -> None:
        """Hear the process until its end."""
        assert self._channel is not None
        while (message := self._channel.receive()) is not None:
            self._take(message)
        self._end()

    def _take(self, message: Message) -> None:
        kind = message["t"]
        self._heard = self.clock()
        if kind == "beat":
            self._note_beat(message)
        elif kind == "log":
            relay.write(message)
        elif kind == "ask":
            if self._channel is not None:
                self._channel.send(self._host.answer(message))
        elif kind == "state":
            self.tell(State(message["state"]))
        elif kind == "failed":
            self._failure_told = RemoteError(
                message["text"], Cause[message["cause"]], wait_s=message["wait_s"], trace=message["trace"]
            )
        elif kind == "ended":
            self._ended_well = True

    def _note_beat(self, message: Message) -> None:
        self._beats += 1
        thaw(self.counters, message["counters"])
        self.activity.call, self.activity.since = message["call"], message["since"]
        self.lag, self.note = message["lag"], message["note"]
        self.commits_since = message["commits_since"]
        self.on_topics(message["topics"])
        if "caught_up" in message:
            self._caught_up = message["caught_up"]
        elif message["read_to"] is None:
            self.read_to = None
        else:
            self.read_to = {
                TopicPartition(topic, partition): at for topic, partition, at in message["read_to"]
            }

    def _end(self) -> None:
        """The process has closed its end: did it end, and how?"""
        assert self._process is not None
        try:
            code = self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self.activity.leave()
        if self._failure_told is not None:
            raise self._failure_told
        if self._ended_well or self._killed:
            return
        raise DiedError(self._post_mortem(code))

    def _post_mortem(self, code: int) -> str:
        """What is known of a death, in a sentence; the stack goes to the log."""
        text = self._read_faults()
        if text:
            log.error("The process of task %s crashed; it was here:\n%s", self.id, text)
        how = f"with exit code {code}" if code >= 0 else f"by {_signal_name(-code)}"
        # Killed from outside, or by the kernel for want of memory, it need not be its own doing.
        proven = code >= 0 or -code not in (signal.SIGKILL, signal.SIGTERM)
        where = self._host.died(proven)
        at = f" {where}" if where else ""
        return f"The process of task {self.id} died {how}{at}"

    def _read_faults(self) -> str:
        if self._faults is None:
            return ""
        self._faults.seek(0)
        return self._faults.read(8_192).decode(errors="replace").strip()

    def close(self) -> None:
        """Let go of what the process has left."""
        self._remote.send = lambda message: None
        self.kill()
        if self._channel is not None:
            self._channel.close()
        if self._faults is not None:
            self._faults.close()

    # --- the end of patience ---------------------------------------------------------------------

    def overdue(self, now: float) -> str | None:
        late = super().overdue(now)
        if late is not None or self._process is None or self._over:
            return late
        silent_s = now - self._heard
        limit_s = self.call_timeout_s
        # A process that froze before it could say in which call it is: as long as a call, but not so short
        # that a busy machine looks like one. Until it has said anything it may still be starting.
        if silent_s < (SILENT_S if limit_s is None or not self._beats else max(limit_s, PULSE_S)):
            return None
        return (
            f"the process of task {self.id} has said nothing for {silent_s:.0f} s, so something in it holds "
            "the interpreter"
        )

    def fence(self) -> None:
        """Kill it: whatever it does, it does no more."""
        self.kill()

    def kill(self) -> None:
        """SIGKILL, after a signal that has the process write its stacks where it hangs. Any thread."""
        with self._killing:
            process = self._process
            if process is None or process.poll() is not None:
                return
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGABRT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
                process.kill()
        text = self._stacks()
        if text:
            log.warning("The process of task %s was killed; it was here:\n%s", self.id, text)

    def _stacks(self) -> str:
        try:
            return self._read_faults()
        except (OSError, ValueError):
            return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def check_transferable(plugins: Sequence[tuple[str, str, type[Any]]]) -> list[list[str]]:
    """Plugins that were registered in this process, by where another finds them."""
    found = []
    for kind, name, cls in plugins:
        if "<locals>" in cls.__qualname__ or cls.__module__ == "__main__":
            raise ConnectError(
                f"The plugin {name} is made where no other process finds it ({cls.__module__}); use "
                "task.isolation=thread, or put it at the top of a module"
            )
        found.append([kind, name, cls.__module__, cls.__qualname__])
    return found
