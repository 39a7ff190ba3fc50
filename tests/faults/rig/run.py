"""One run: warm-up, faults, all faults off, drain, one fresh record, a clean stop, and the judge.

A run knows a side: a sink's is fed by the rig and writes to the oracle, a source's is issued ids by the
oracle and is read back by the rig. What the faults are is the experiment's. Times are seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.rig.asking import Asking
from tests.faults.rig.backends import Backend, Found
from tests.faults.rig.ids import encoded, identify
from tests.faults.rig.judge import judge_sink, judge_source, read_events
from tests.faults.rig.verdict import LEAST, Verdict
from tests.faults.rig.worker import Worker
from tools.layout import ROOT

RECOVERY_S = 65.0
"""T: 60 s and the rebalance delay."""


class RunError(Exception):
    """The run could not be carried through; the sentence is part of the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What does not depend on the kind of fault."""

    tasks: int = 3
    rate_per_s: float = 300.0
    warm_up: int = LEAST
    settings: Mapping[str, str] = field(default_factory=dict)
    """More worker options."""
    options: Mapping[str, str] = field(default_factory=dict)
    """More connector options."""
    size: int = 0
    """Characters of a record's text; 0: a few."""
    planted: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the worker's process, beside the rig's own."""
    recovery_s: float = RECOVERY_S
    duplicates: int | None = None
    """How many are allowed; None: those that the kills explain."""
    ordered: bool = True
    """Not so where the log refuses a record for good: those behind it are on their way by then."""
    explained: bool = True
    """Whether each duplicate needs a kill; not so where brokers lose what a client has just been told."""


class Run(ABC):
    """A side's run on a backend. The rig's thread; a sink's feeder has one more."""

    def __init__(self, backend: Backend, folder: Path, plan: Plan, verdict: Verdict, topic: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.backend = backend
        self.folder = folder
        self.plan = plan
        self.verdict = verdict
        self.topic = topic
        self.name = f"rig-{topic}"
        self.notes = folder / "oracle.jsonl"
        self._oracle = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rig.oracle", str(self.notes)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._oracle.stdout is not None
        self.port = int(self._oracle.stdout.readline())
        self.ask = Asking(self.port)
        self.expected: list[str] = []
        """Parts of the sentences with which tasks are meant to fail."""
        self.excused: set[tuple[int, int]] = set()
        """Ids that the experiment makes somebody refuse."""
        self.refused: Callable[[], set[tuple[int, int]]] = set
        """Finds more of those, as of now."""
        self._workers = 1
        self.worker = self._new_worker(folder)

    def _new_worker(self, folder: Path) -> Worker:
        settings = {
            "bootstrap.servers": self.backend.bootstrap,
            **self.backend.worker_settings(),
            **self.settings(),
            **self.plan.settings,
        }
        return Worker(
            folder, settings, [self.connector()], planted=self.plan.planted, environment=self.plan.environment
        )

    def take_over(self) -> None:
        """Another worker of the same name, elsewhere, is the run's from now on."""
        self._workers += 1
        folder = self.folder / f"worker-{self._workers}"
        folder.mkdir()
        self.worker = self._new_worker(folder)
        self.worker.start()

    # --- the phases ----------------------------------------------------------------------------

    def go(self, faults: Callable[[Run], None]) -> Verdict:
        """The whole run; never raises what went wrong in it."""
        try:
            most = max(2 * self.plan.size, 1_000_000)
            self.backend.create_topic(self.topic, self.plan.tasks, most)
            self.ask("issue", tasks=self.plan.tasks, rate_per_s=self.plan.rate_per_s)
            self.begin()
            self.worker.start()
            self.wait_for(lambda: self.least() >= self.plan.warm_up, "warm-up")
            self.ask("note", kind="warm")
            faults(self)
            self.finish()
            self.judge()
        except RunError as exc:
            self.verdict.blame(str(exc))
            self.judge()
        finally:
            self.close()
        verdict = self.verdict
        for sentence in self.unexpected():
            verdict.blame(f"a task failed: {sentence}")
        if not (self.plan.explained and self.explainable()):
            verdict.numbers["repeated"], verdict.unexplained = verdict.unexplained, 0
        if not self.plan.ordered:
            verdict.numbers["disordered"], verdict.inversions = verdict.inversions, 0
        verdict.settle(
            least=min(LEAST, self.plan.warm_up),
            duplicates=self.plan.duplicates,
            recovery_s=self.plan.recovery_s,
        )
        return verdict

    def finish(self) -> None:
        """All faults are off: drain, one fresh record for each task, and a clean stop."""
        self.ask("disarm")
        self.ask("note", kind="healed")
        began_s = time.monotonic()
        if not self.worker.alive:
            self.worker.start()
        self.hold()
        self.wait_for(self.drained, "draining", self.plan.recovery_s)
        self.fresh()
        self.wait_for(self.drained, "a fresh record", self.plan.recovery_s)
        self.verdict.fresh = True
        self.verdict.recovery_s = round(time.monotonic() - began_s, 2)
        self._await_healing()
        self.verdict.exit_code, stop_s = self.worker.stop()
        self.verdict.numbers["stop_s"] = round(stop_s, 2)
        if self.verdict.exit_code is None:
            raise RunError("the worker did not stop within its time")

    def unexpected(self) -> list[str]:
        """With which sentences tasks have failed that were not meant to."""
        return [
            sentence
            for sentence in self.worker.failures()
            if not any(part in sentence for part in self.expected)
        ]

    def _check_failures(self, what: str) -> None:
        if self.unexpected():
            raise RunError(f"{what}: given up, since a task has failed")

    def _await_healing(self) -> None:
        """A record at which the worker was killed twice is suspect: its task waits, others take its place."""
        held_s = self.worker.healing_s()
        if held_s:
            self.verdict.numbers["held_back_s"] = round(held_s, 1)
            time.sleep(min(held_s, self.plan.recovery_s) + 1.0)

    def wait_for(self, reached: Callable[[], bool], what: str, within_s: float = 120.0) -> None:
        """Wait for something that the worker brings about; raises ``RunError``."""
        began_s = looked_s = time.monotonic()
        while not reached():
            now_s = time.monotonic()
            if now_s > began_s + within_s:
                raise RunError(f"{what}: not reached within {within_s:g} s")
            if now_s > looked_s + 2.0:
                looked_s = now_s
                self._check_failures(what)
            if self.worker.wait(0.0) is not None:
                raise RunError(f"{what}: the worker ended by itself with code {self.worker.wait(0.0)}")
            time.sleep(0.02)

    def goes_on(self, what: str, within_s: float = RECOVERY_S) -> None:
        """Wait until more records have come out than now."""
        before = self.progress()
        self.wait_for(lambda: self.progress() > before, what, within_s)

    def died(self) -> None:
        """Note what was committed when the worker died."""
        self.verdict.kills += 1
        self.ask("note", kind="death", life=self.worker.lives, committed=self.committed())

    def close(self) -> None:
        self.worker.kill()
        self.end()
        self.ask.close()
        self._oracle.communicate(timeout=10)

    # --- what a side defines -------------------------------------------------------------------

    @abstractmethod
    def connector(self) -> dict[str, str]:
        """The connector's configuration."""

    @abstractmethod
    def begin(self) -> None:
        """Whatever has to run beside the worker."""

    @abstractmethod
    def end(self) -> None: ...

    @abstractmethod
    def progress(self) -> int:
        """A number that grows when records come out."""

    @abstractmethod
    def least(self) -> int:
        """How many came out of the task that has done the least."""

    @abstractmethod
    def hold(self) -> None:
        """No more records from here on."""

    @abstractmethod
    def fresh(self) -> None:
        """One more record for each task."""

    @abstractmethod
    def drained(self) -> bool:
        """Everything that is due has come out."""

    @abstractmethod
    def committed(self) -> dict[int, int]:
        """Where the next life goes on: by task or partition. The worker is dead."""

    @abstractmethod
    def judge(self) -> None:
        """Fill in the verdict's counts."""

    def settings(self) -> dict[str, str]:
        """More worker options that this side needs."""
        return {}

    def explainable(self) -> bool:
        """Whether a duplicate can come from nothing but a kill."""
        return True

    def _common(self) -> dict[str, str]:
        return {"name": self.name, "tasks.max": str(self.plan.tasks), "oracle": str(self.port)}


class SinkRun(Run):
    """The rig feeds the topic, a partition a task; the sink writes to the oracle."""

    kind = "sink"

    def connector(self) -> dict[str, str]:
        return {
            **self._common(),
            "connector.class": "VerifiableSink",
            "topics": self.topic,
            "slow.ms": "30",
            **self.plan.options,
        }

    def begin(self) -> None:
        self._fed = [0] * self.plan.tasks
        self._written: set[tuple[int, int]] = set()
        self._noted_bytes = 0
        self._stop = threading.Event()
        self._feed_error: BaseException | None = None
        self._feeder = threading.Thread(target=self._feed, name="feeder")
        self._feeder.start()

    def value(self, task: int, seq: int) -> bytes:
        """What is fed. The feeder's thread."""
        return encoded(task, seq, self.plan.size)

    def _feed(self) -> None:
        ask = Asking(self.port)
        try:
            while not self._stop.wait(0.02):
                self._feed_once(ask)
        except Exception as exc:  # noqa: BLE001 - told by the rig's own thread
            self._feed_error = exc
        finally:
            ask.close()

    def _feed_once(self, ask: Asking) -> None:
        ranges: list[tuple[int, int]] = []
        for task in range(self.plan.tasks):
            count = ask("ids", task=task, start=self._fed[task], most=200, pid=0)["count"]
            ranges += [(task, self._fed[task] + number) for number in range(count)]
        if not ranges:
            return
        records = [(task, self.value(task, seq)) for task, seq in ranges]
        done = self.backend.feed(self.topic, records, 300.0)
        if len(done) != len(records):
            raise RunError(f"the rig could not feed {len(records) - len(done)} records")
        ask("note", kind="fed", ranges=[(task, seq, seq) for task, seq in ranges])
        for task, seq in ranges:
            self._fed[task] = seq + 1

    def end(self) -> None:
        if hasattr(self, "_stop"):
            self._stop.set()
            self._feeder.join(310)

    def _counts(self) -> dict[str, Any]:
        if self._feed_error is not None:
            raise RunError(f"feeding failed: {self._feed_error}")
        return self.ask("counts")

    def progress(self) -> int:
        written: int = self._counts()["written"]
        return written

    def least(self) -> int:
        written = self._counts()["written_by_partition"]
        least: int = min(written.get(str(number), 0) for number in range(self.plan.tasks))
        return least

    def hold(self) -> None:
        self._due: list[int] = self.ask("hold")["issued"]

    def fresh(self) -> None:
        self._due = self.ask("fresh")["issued"]

    def drained(self) -> bool:
        """All is fed, and each seq is written: the notes are counted, since writes may be doubled."""
        due = sum(self._due) - len(self.excused)
        if self._fed != self._due or self._counts()["written"] < due:
            return False
        with self.notes.open("rb") as notes:
            notes.seek(self._noted_bytes)
            new = notes.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._noted_bytes += len(whole)
        for line in whole.splitlines():
            event = json.loads(line)
            if event["event"] == "write":
                self._written.update((owner, seq) for _, _, owner, seq, _ in event["records"])
        return len(self._written) >= due

    def committed(self) -> dict[int, int]:
        return self.backend.group_offsets(f"connect-{self.name}", self.topic, self.plan.tasks)

    def explainable(self) -> bool:
        """The mock refuses commits while a group rebalances; Kafka takes them."""
        return self.backend.commits_in_rebalance or self.plan.tasks == 1

    def judge(self) -> None:
        judge_sink(read_events(self.notes), self.verdict, partitions=self.plan.tasks)


class SourceRun(Run):
    """The oracle issues ids to the source; the rig reads its topic back."""

    kind = "source"
    exactly_once = False

    def connector(self) -> dict[str, str]:
        return {
            **self._common(),
            "connector.class": "VerifiableSource",
            "topic": self.topic,
            "slow.ms": "20",
            "size": str(self.plan.size),
            **self.plan.options,
        }

    def begin(self) -> None:
        self._tail = self.backend.tail(self.topic, self.plan.tasks, committed=self.exactly_once)
        self.found: list[Found] = []
        self._seen: list[set[int]] = [set() for _ in range(self.plan.tasks)]
        self._due: list[int] = []

    def end(self) -> None:
        if hasattr(self, "_tail"):
            self._tail.close()

    def _read(self) -> int:
        records = self._tail.more(0.1)
        self.found += records
        for record in records:
            known = identify(record.value)
            if known is not None and known[0] < self.plan.tasks:
                self._seen[known[0]].add(known[1])
        return len(records)

    def progress(self) -> int:
        self._read()
        return len(self.found)

    def least(self) -> int:
        self._read()
        return min(map(len, self._seen))

    def hold(self) -> None:
        self._due = self.ask("hold")["issued"]

    def fresh(self) -> None:
        self._due = self.ask("fresh")["issued"]

    def drained(self) -> bool:
        self._read()
        self.excused |= self.refused()
        gone = [sum(task == number for task, _ in self.excused) for number in range(self.plan.tasks)]
        return all(
            len(seen) + less >= due for seen, less, due in zip(self._seen, gone, self._due, strict=True)
        )

    def committed(self) -> dict[int, int]:
        return self.worker.stored()

    def judge(self) -> None:
        while hasattr(self, "_tail") and self._read():
            pass
        self.excused |= self.refused()
        judge_source(read_events(self.notes), self.found, self.verdict, excused=self.excused)


class ExactlyOnceRun(SourceRun):
    """The same with KIP-618: the reader sees committed transactions only, and nothing may come twice."""

    exactly_once = True

    def connector(self) -> dict[str, str]:
        return {**super().connector(), "exactly.once.support": "required"}

    def settings(self) -> dict[str, str]:
        return {
            "exactly.once.source.support": "enabled",
            "offset.storage.topic": f"{self.topic}-offsets",
            "offset.storage.partitions": "3",
            "offset.storage.replication.factor": "-1",
        }

    def committed(self) -> dict[int, int]:
        return dict.fromkeys(range(self.plan.tasks), 1 << 60)  # no duplicate is ever explained
