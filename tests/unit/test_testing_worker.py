"""The harness that runs a whole worker: what a plugin author's tests lean on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import connectkit
from connectkit import Config, Emit, SinkRecord, option
from connectkit.runner.status import State
from connectkit.testing.worker import ConnectHarness


class CountConfig(Config):
    topic: str = option(doc="The topic.")
    until: int = option(5, doc="How many.")


@connectkit.source
def count(config: CountConfig, offset: Mapping[str, Any] | None) -> Iterator[Any]:
    for number in range(offset["next"] if offset else 0, config.until):
        yield Emit({"n": number}, offset={"next": number + 1})


@connectkit.sink
def fails(batch: list[SinkRecord]) -> None:
    raise ValueError("never")


def test_from_a_topic_to_a_file_and_on_after_a_restart_and_a_kill(
    connect: ConnectHarness, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    connect.produce("t", "a", "b")
    connect.create("sink", {"connector.class": "FileStreamSink", "topics": "t", "file": str(out)})
    connect.wait_written("sink", "t")
    connect.restart()
    connect.produce("t", "c")
    connect.wait_written("sink", "t")
    connect.kill()
    connect.produce("t", "d")
    connect.wait_written("sink", "t")
    assert out.read_text() == "a\nb\nc\nd\n"
    assert sum(connect.committed("sink").values()) == 4


def test_plugins_that_are_not_installed(connect_worker: Callable[..., ConnectHarness]) -> None:
    connect = connect_worker(extra={("source", "count"): count, ("sink", "fails"): fails})
    connect.create("source", {"connector.class": "count", "topic": "numbers", "until": "3"})
    assert connect.values("numbers", 3) == [{"n": 0}, {"n": 1}, {"n": 2}]
    connect.create("sink", {"connector.class": "fails", "topics": "numbers", "task.restart.policy": "none"})
    assert "ValueError" in connect.wait_failed("sink")
    with pytest.raises(AssertionError, match=r"still not: a miracle; failed: sink"):
        connect.wait_for(lambda: False, "a miracle", timeout_s=0)


def test_pausing_changing_and_deleting(connect_worker: Callable[..., ConnectHarness]) -> None:
    connect = connect_worker(extra={("source", "count"): count})
    connect.create("source", {"connector.class": "count", "topic": "numbers", "until": "2"})
    assert len(connect.values("numbers", 2)) == 2
    connect.pause("source")
    connect.wait_state("source", State.PAUSED)
    connect.resume("source")
    connect.wait_state("source")
    connect.create("source", {"connector.class": "count", "topic": "numbers", "until": "4"})
    assert len(connect.values("numbers", 4)) == 4
    connect.restart_task("source")
    connect.wait_state("source")
    connect.delete("source")
    assert connect.herder.connectors() == []
    assert connect.messages("nothing") == []
