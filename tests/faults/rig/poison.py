"""F12 and F16: records that no converter reads, a dead letter queue for them, and one that refuses them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tests.faults.rig.bench import Bench
from tests.faults.rig.faults import killing
from tests.faults.rig.ids import encoded
from tests.faults.rig.judge import judge_sink, read_events
from tests.faults.rig.run import Run, RunError, SinkRun
from tests.faults.rig.schedule import SINK_POINTS, kills
from tests.faults.rig.verdict import Verdict

ONE_IN = 40
LARGE = 4000
"""Characters of a poisonous record where dead letters of a kilobyte are refused."""


def poison(task: int, seq: int, size: int = 0) -> bytes:
    """JSON that ends too early."""
    return encoded(task, seq, size)[:-1]


class PoisonedRun(SinkRun):
    """Some of what is fed is poison: it must come to the dead letter queue, and nowhere else."""

    poison_size = 0
    poisoning = True

    def begin(self) -> None:
        self.letters_topic = f"{self.topic}-dead"
        self.backend.create_topic(self.letters_topic, 1, 1_000_000)
        self._letters = self.backend.tail(self.letters_topic, 1, committed=False)
        self._poison: dict[bytes, tuple[int, int]] = {}
        self._dead: list[bytes | None] = []
        super().begin()

    def connector(self) -> dict[str, str]:
        return {
            **super().connector(),
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": f"{self.topic}-dead",
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
        }

    def value(self, task: int, seq: int) -> bytes:
        if not self.poisoning or seq % ONE_IN != ONE_IN // 2:
            return super().value(task, seq)
        made = poison(task, seq, self.poison_size)
        self._poison[made] = task, seq
        self.excused.add((task, seq))
        return made

    def drained(self) -> bool:
        self._dead += [record.value for record in self._letters.more(0.05)]
        return self._poison.keys() <= set(self._dead) and super().drained()

    def end(self) -> None:
        super().end()
        if hasattr(self, "_letters"):
            self._letters.close()

    def judge(self) -> None:
        while found := self._letters.more(0.2):
            self._dead += [record.value for record in found]
        dead = [self._poison.get(value or b"") for value in self._dead]
        known = {each for each in dead if each is not None}
        judge_sink(read_events(self.notes), self.verdict, partitions=self.plan.tasks, excused=self.excused)
        missing = len(self.excused - known)
        self.verdict.lost += missing
        self.verdict.foreign += dead.count(None)
        self.verdict.numbers |= {
            "poison": len(self.excused),
            "dead_letters": len(self._dead),
            "dead_letters_missing": missing,
        }


def poisoned(bench: Bench) -> Iterator[Verdict]:
    """F12: with kills; exactly the poison is in the dead letter queue, and all the rest is delivered."""
    count = min(bench.kills, 10)
    schedule = kills(bench.seed, count, SINK_POINTS, longest_quiet_s=0.3 if bench.short else 1.5)
    yield bench.run("F12", PoisonedRun, killing(schedule))


class RefusedRun(PoisonedRun):
    """The dead letter queue refuses what is larger than a kilobyte, until the operator mends it."""

    poison_size = LARGE
    poisoning = False

    def connector(self) -> dict[str, str]:
        return {**super().connector(), "producer.override.max.request.size": "1500"}


def letters_refused(bench: Bench) -> Iterator[Verdict]:
    """F16: the offset stays before the poison and the task fails with the queue's reason."""
    plan = dataclasses.replace(bench.plan(), tasks=1)
    yield bench.run("F16", RefusedRun, refusing, plan)


def refusing(run: Run, within_s: float = 20.0) -> None:
    """The queue's refusal must fail the task; then the operator mends the queue and starts again."""
    assert isinstance(run, RefusedRun)
    reason = "dead letter"
    run.expected.append(reason)
    run.poisoning = True
    run.wait_for(
        lambda: bool(run.worker.failures()), "the failure of a task whose dead letter is lost", within_s
    )
    if not any(reason in sentence for sentence in run.worker.failures()):
        run.verdict.blame(f"the failure does not tell of the dead letter: {run.worker.failures()[0]}")
    code, _ = run.worker.stop()
    if code != 4:
        raise RunError(f"a worker with a failed task ended with code {code}")
    _note_passed(run)
    run.worker.configure({**PoisonedRun.connector(run), "producer.override.max.request.size": "1000000"})
    run.worker.start()


def _note_passed(run: RefusedRun) -> None:
    """No offset beyond a record that is neither written nor in the queue: the first poison, at the latest."""
    first = min((seq for _, seq in run.excused), default=0)
    for partition, at in run.committed().items():
        if at > first:
            run.verdict.early += at - first
            run.verdict.blame(f"offset {at} of partition {partition} is committed, past a lost record")
