"""``--until-done``: a sink is done when its topics are read, whoever reads them, and not before."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.standalone import _Done
from tests.support.rig import ScriptedSink, ScriptedSource, SinkRig, SourceRig

T0, OTHER = TopicPartition("t", 0), TopicPartition("u", 0)


class Herder:
    """As much of a herder as is asked."""

    def __init__(self, rig: SinkRig) -> None:
        self.worker: Any = self
        self.status: Any = self
        self._rig = rig
        self.more: list[Any] = []
        self.restarts = False

    def unsettled(self) -> bool:
        return self.restarts

    def listen(self, told: object) -> None: ...

    def tasks(self) -> list[Any]:
        return [self._rig.worker_task, *self.more]

    def admin(self) -> Any:
        return self._rig.log.admin()


def rig(**settings: Any) -> tuple[SinkRig, _Done]:
    made = SinkRig(ScriptedSink(), settings=SinkSettings(group="connect-orders", **settings))
    stop = threading.Event()
    stop.set()  # so that nothing waits
    return made.fill(1, 2, 3), _Done(Herder(made), stop)  # type: ignore[arg-type]


def test_what_was_read_to_its_end_is_done() -> None:
    sink, done = rig(topics=["t"])
    sink.worker_task.read_to = None
    assert not done._sinks_done()
    sink.worker_task.read_to = {T0: 2}
    assert not done._sinks_done()
    sink.worker_task.read_to = {T0: 3}
    assert done._sinks_done()


@pytest.mark.parametrize("settings", [{"topics": ["t"]}, {"pattern": "t|v"}])
def test_partitions_that_nobody_was_given_yet_are_not_done(settings: dict[str, Any]) -> None:
    sink, done = rig(**settings)
    sink.fill(9, topic="u")
    sink.worker_task.read_to = {}
    assert not done._sinks_done()
    sink.log.groups["connect-orders"] = {T0: 2}
    assert not done._sinks_done()
    sink.log.groups["connect-orders"] = {T0: 3}  # another member has read them
    assert done._sinks_done()


def test_empty_partitions_and_topics_of_others_do_not_count() -> None:
    sink, done = rig(topics=["t", "not-there"])
    sink.log.create("t", 2)
    sink.fill(9, topic="u")
    sink.worker_task.read_to = {T0: 3}
    assert done._sinks_done()
    assert not sink.worker_task.subscribes(OTHER.topic)


def test_a_sink_that_was_restarted_is_told_to_read_to_the_end() -> None:
    sink, done = rig(topics=["t"])
    assert not sink.worker_task.control.draining
    sink.worker_task.read_to = {T0: 3}
    assert done._sinks_done()
    assert sink.worker_task.control.draining


def test_nothing_is_done_while_something_is_restarted_or_a_source_goes_on() -> None:
    sink, done = rig(topics=["t"])
    sink.worker_task.read_to = {T0: 3}
    herder: Any = done._herder
    herder.restarts = True
    assert not done._until(lambda: True)
    herder.restarts = False
    assert done._until(lambda: True)
    source = SourceRig(ScriptedSource([])).worker_task
    herder.more = [source]
    assert not done._sinks_done()
    source.finished = True
    assert done._sinks_done()
