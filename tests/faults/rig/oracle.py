"""The oracle: a process of its own that issues ids, takes what sinks make durable, and kills on a word.

It stands outside everything that is faulted. What it is told goes to an append-only file, one JSON object
a line, before it is answered; the judge reads that file and nothing else of it. A worker's task says
where it is (``point``); if the rig has armed that point, the worker dies before, or so long after, the
answer: kills fall inside ``poll``, ``put``, ``flush`` and the commits, not merely somewhere.

``python -m tests.faults.rig.oracle FILE`` prints its port and ends when its input closes. Requests are
lines of JSON over TCP, each answered by one. Threads: one a connection, one lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socketserver
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(slots=True)
class Trap:
    """Kill ``pid`` at the ``countdown``-th time that a task says it is at this point."""

    pid: int
    point: str
    countdown: int
    delay_s: float


class Oracle:
    """What the requests do. Each public method is one, named by ``do``; its answer is sent back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._rate_per_s = 0.0
        self._began_s = 0.0
        self._issued: list[int] = []
        self._open = False
        self._trap: Trap | None = None
        self._last_point = ""
        self._written: dict[int, int] = {}
        self._polled: dict[int, int] = {}
        self._refusing = False

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request."""
        what = request.pop("do")
        if what.startswith("_") or what == "answer":
            raise ValueError(f"the oracle has no {what}")
        with self._lock:
            found: dict[str, Any] = getattr(self, what)(**request)
            return found

    def _note(self, what: str, **more: Any) -> None:
        line = {"event": what, "at_s": round(time.monotonic(), 4), **more}
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    # --- ids -----------------------------------------------------------------------------------

    def issue(self, tasks: int, rate_per_s: float) -> dict[str, Any]:
        """Begin to issue ids to so many tasks, so many a second to each."""
        self._issued = [0] * tasks
        self._rate_per_s, self._began_s, self._open = rate_per_s, time.monotonic(), True
        self._note("issue", tasks=tasks, rate_per_s=rate_per_s)
        return {}

    def hold(self) -> dict[str, Any]:
        """Issue no more; tells how many each task has got."""
        self._advance()
        self._open = False
        self._note("hold", issued=self._issued)
        return {"issued": self._issued}

    def burst(self, count: int) -> dict[str, Any]:
        """So many more at once, before the steady rate comes up to them."""
        self._issued = [had + count for had in self._issued]
        self._note("burst", issued=self._issued)
        return {}

    def fresh(self) -> dict[str, Any]:
        """One more id for each task."""
        self._issued = [count + 1 for count in self._issued]
        self._note("fresh", issued=self._issued)
        return {"issued": self._issued}

    def _advance(self) -> None:
        if self._open:
            count = int((time.monotonic() - self._began_s) * self._rate_per_s)
            self._issued = [max(count, had) for had in self._issued]

    def ids(self, task: int, start: int, most: int, pid: int) -> dict[str, Any]:
        """The ids of a task from ``start`` on that are there by now: ``count`` of them."""
        self._spring("poll", 0)
        self._advance()
        count = max(min(self._issued[task] - start, most), 0)
        if count:
            self._note("polled", task=task, start=start, count=count, pid=pid)
            self._polled[task] = max(self._polled.get(task, 0), start + count)
            self._spring("polled", 1)
        return {"count": count}

    # --- what comes out ------------------------------------------------------------------------

    def write(self, task: int, pid: int, records: list[list[Any]]) -> dict[str, Any]:
        """Make these durable: ``[partition, offset, owner, seq, unaltered]`` each. A sink's system."""
        if self._refusing:
            return {"refused": True}
        self._note("write", task=task, pid=pid, records=records)
        for record in records:
            self._written[record[0]] = self._written.get(record[0], 0) + 1
        self._spring("written", 0)
        return {}

    def point(self, name: str) -> dict[str, Any]:
        """A task has come here; it may be the last thing it does."""
        self._spring(name, 0)
        return {}

    def refuse(self, on: bool) -> dict[str, Any]:
        """The sink's system goes down, or comes back."""
        self._note("refuse", on=on)
        self._refusing = on
        return {}

    # --- the rig's own -------------------------------------------------------------------------

    def arm(self, pid: int, point: str, countdown: int, delay_s: float) -> dict[str, Any]:
        """Kill this process when a task is at the point for the so-manieth time."""
        self._note("arm", pid=pid, point=point, countdown=countdown, delay_s=delay_s)
        self._trap = Trap(pid, point, countdown, delay_s)
        return {}

    def disarm(self) -> dict[str, Any]:
        self._trap = None
        return {}

    def note(self, **more: Any) -> dict[str, Any]:
        """Keep what the rig itself has seen."""
        self._note("note", **more)
        return {}

    def counts(self) -> dict[str, Any]:
        """How much was asked for, by task, and written, by partition."""
        self._advance()
        return {
            "polled": [self._polled.get(task, 0) for task in range(len(self._issued))],
            "written": sum(self._written.values()),
            "written_by_partition": self._written,
            "issued": self._issued,
        }

    def _spring(self, name: str, answered: int) -> None:
        """Kill now, or a little later; ``answered``: the task is to be answered first in any case."""
        trap = self._trap
        if trap is None or trap.point != name:
            return
        trap.countdown -= 1
        if trap.countdown > 0:
            return
        self._trap = None
        self._note("sprung", point=name, delay_s=trap.delay_s)
        if trap.delay_s or answered:
            timer = threading.Timer(trap.delay_s, _kill, (trap.pid,))
            timer.daemon = True
            timer.start()
        else:
            _kill(trap.pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def serve(file: BinaryIO) -> _Server:
    """A server on a free port of the loopback; the caller runs it."""
    oracle = Oracle(file)

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                for line in self.rfile:
                    answer = oracle.answer(json.loads(line))
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

    return _Server(("127.0.0.1", 0), Handler)


def main() -> None:
    with Path(sys.argv[1]).open("ab", buffering=0) as file, serve(file) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
