"""A worker out of file descriptors: the others live, and all is well when there are more."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectkit.runner.control import Target, TaskId
from connectkit.runner.herder import Herder
from connectkit.runner.status import State
from tests.support.gates import running_herder
from tests.support.process import until

SINKS = 12


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """So many more than are open now."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    filling: list[int] = []  # gaps among those that are open
    while not filling or filling[-1] < highest:
        filling.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (filling[-1] + 1 + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in filling:
            os.close(descriptor)


def state(herder: Herder, name: str) -> State | None:
    found = herder.worker.status.task(TaskId(name, 0))
    return None if found is None else found.state


def test_too_few_descriptors_fail_some_tasks_and_they_heal_when_there_are_more(tmp_path: Path) -> None:
    names = [f"out{number:02}" for number in range(SINKS)]
    with running_herder(tmp_path) as herder:
        herder.put({"name": "first", "connector.class": "TroubleSource", "topic": "t"})
        until(lambda: state(herder, "first") is State.RUNNING, "the first connector")
        [first] = herder.tasks()
        for name in names:
            config = {
                "name": name,
                "connector.class": "FileStreamSink",
                "file": str(tmp_path / f"{name}.txt"),
                "topics": "t",
                "consumer.override.auto.offset.reset": "earliest",
                "task.restart.delay.ms": "50",
                "task.restart.delay.max.ms": "500",
            }
            herder.put(config, target=Target.STOPPED)
        with few_descriptors(12):
            for name in names:
                herder.set_target(name, Target.STARTED)
            until(lambda: any(herder.mender.healer.restarts(TaskId(n, 0)) for n in names), "a restart")
            before = first.counts().commits.succeeded.total
            until(
                lambda: (
                    herder.health("first")[TaskId("first", 0)].state is State.RUNNING
                    and (herder.health("first")[TaskId("first", 0)].last_record_age_s or 99) < 5
                ),
                "the first connector's progress",
            )
            notes = [herder.mender.healer.note(TaskId(name, 0)) for name in names]
            assert notes == [None] * SINKS  # all that failed is tried again
        until(lambda: all(state(herder, name) is State.RUNNING for name in names), "the recovery")
        until(lambda: first.counts().commits.succeeded.total > before, "stored offsets")
        until(
            lambda: all((tmp_path / f"{name}.txt").stat().st_size > 0 for name in names), "records everywhere"
        )
        assert herder.tasks()[0] is first
