"""Plugins that return or ask for what they must not: the failure names the call and what is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectkit.api import SourceConnector, TopicPartition
from connectkit.config import Config
from connectkit.errors import ConnectError, FatalTaskError
from connectkit.record import SourceRecord
from connectkit.runner.control import Target
from connectkit.runner.encode import RecordEncoder
from connectkit.runner.errant import KEPT_BYTES, ErrantReporter
from connectkit.runner.failing import Subject
from connectkit.runner.herder import Herder
from connectkit.runner.rest.pool import Pool
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import State
from connectkit.runner.tolerance import ErrorPolicy
from tests.support.gates import gate_registry, running_herder
from tests.support.rig import (
    PlainConverter,
    ScriptedSink,
    ScriptedSource,
    SinkRig,
    SourceRig,
    converters,
    record,
)

T0 = TopicPartition("t", 0)


def _said(rig: SourceRig | SinkRig) -> str:
    assert rig.states[-1] is State.FAILED
    assert rig.trace is not None
    return rig.trace.partition("\n")[0]


# --- sources -------------------------------------------------------------------------------------


class Odd(ScriptedSource):
    """Returns from its first poll whatever the test says."""

    def __init__(self, made: object) -> None:
        super().__init__([])
        self.made = made

    def poll(self) -> Any:
        made, self.made = self.made, None
        return super().poll() if made is None else made


@pytest.mark.parametrize("made", [7, "records", b"records", {"a": 1}, record(1)])
def test_a_poll_that_returns_no_list_is_named(made: object) -> None:
    rig = SourceRig(Odd(made)).run()
    kind = type(made).__name__
    assert f"poll of task orders-0 returned a value of class {kind}; it must return a list" in _said(rig)


@pytest.mark.parametrize(
    "made", [(record(n) for n in (1, 2)), (record(1), record(2)), {1: record(1)}.values()]
)
def test_any_iterable_of_records_is_a_batch(made: object) -> None:
    assert SourceRig(Odd(made)).run().log.values("t")[0] == b"1"


def test_records_before_one_that_is_none_are_sent() -> None:
    rig = SourceRig(Odd([record(1), None])).run()
    assert "returned a list with an element of class NoneType; it must hold SourceRecord objects" in _said(
        rig
    )
    assert rig.stored() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"topic": None}, "has no topic"),
        ({"topic": ["t"]}, "has a topic of class list; it must be of class str"),
        ({"kafka_partition": "0"}, "has a partition of class str; it must be of class int"),
        ({"timestamp": 1.5}, "has a timestamp of class float; it must be of class int"),
    ],
)
def test_a_record_that_no_log_could_take_is_named(change: Mapping[str, Any], words: str) -> None:
    odd = record(2)
    for name, value in change.items():
        setattr(odd, name, value)
    subject = Subject("the record at a", odd)
    with pytest.raises(FatalTaskError, match=f"the record at a {words}"):
        RecordEncoder(converters()).encode_one(odd, SourceRig(Odd(None)).tolerance, subject)


def test_offsets_that_can_never_be_stored_are_the_tasks_last_error() -> None:
    rig = SourceRig(Odd([SourceRecord({"part": "a"}, {"n": {1, 2}}, "t", None, 1)])).run()
    assert "can never be stored" in (rig.counters.errors.last_error or "")


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_a_commit_that_raises_anything_ends_nothing(error: BaseException) -> None:
    class Exits(ScriptedSource):
        def commit(self) -> None:
            raise error

    assert SourceRig(Exits([[record(1)]])).run().states[-1] is State.UNASSIGNED


# --- sinks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (7, "pre_commit of task orders-0 returned a value of class int; it must return a dict"),
        ([(T0, 1)], "returned a value of class list"),
        ({T0: "1"}, "returned for t-0 what is no offset"),
        ({T0: -1}, "returned for t-0 what is no offset"),
    ],
)
def test_a_pre_commit_that_returns_no_offsets_is_named(made: Any, words: str) -> None:
    task = ScriptedSink()
    task.held_back = made
    rig = SinkRig(task, idle=20, settings=SinkSettings(topics=["t"], flush_interval_s=1.0)).fill(1).run()
    assert words in _said(rig)
    assert rig.committed() is None


def test_partitions_that_are_none_are_left_out() -> None:
    task = ScriptedSink()
    strange: Any = {"t-0": 1, ("x", 1): 1, T0: 1}
    task.held_back = strange
    assert SinkRig(task).fill(1).run().committed() == 1


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda context: context.offset({T0: -2}), "offsets are whole numbers from 0 on"),
        (lambda context: context.offset({T0: "1"}), "offsets are whole numbers from 0 on"),
        (lambda context: context.timeout("100"), "asked for a timeout of class str"),
        (lambda context: context.errant_record_reporter.report(None, ValueError()), "class NoneType"),
    ],
)
def test_what_a_context_cannot_do_is_named(ask: Callable[[Any], None], words: str) -> None:
    task = ScriptedSink()
    rig = SinkRig(task, policy=ErrorPolicy(tolerate_all=True), dead_letters=True).fill(1)
    task.on_put = lambda records: ask(task.context)
    assert words in _said(rig.run())


def test_a_failed_flush_and_a_failed_commit_are_the_tasks_last_error() -> None:
    task = ScriptedSink()
    task.flush_errors = [OSError(28, "No space left on device")]
    rig = SinkRig(task).fill(1).run()
    assert (rig.counters.errors.last_error or "").startswith("flushing failed: ")


def test_huge_records_are_not_kept_for_late_reports() -> None:
    reporter = ErrantReporter(SinkRig(ScriptedSink()).tolerance, converters())
    size = KEPT_BYTES // 4

    class Huge:
        def __init__(self, number: int) -> None:
            self.number = number

        def topic(self) -> str:
            return "t"

        def partition(self) -> int:
            return 0

        def offset(self) -> int:
            return self.number

        def key(self) -> None:
            return None

        def value(self) -> bytes:
            return b"x" * size

        def timestamp(self) -> tuple[int, int]:
            return 0, -1

        def headers(self) -> None:
            return None

    def known(number: int) -> bool:
        return reporter._find((T0, number))[2] is not None

    for number in range(0, 20, 2):
        reporter.delivered([Huge(number), Huge(number + 1)])
    assert [known(number) for number in range(20)] == [False] * 16 + [True] * 4
    reporter.delivered([Huge(number) for number in range(20, 40)])
    assert [known(number) for number in range(40)] == [False] * 20 + [True] * 20


# --- connectors ----------------------------------------------------------------------------------


class OddConnector(SourceConnector[Config]):
    """Makes of its tasks' configurations whatever the test says."""

    task_class = ScriptedSource
    made: ClassVar[Any] = ()
    stop_error: ClassVar[BaseException | None] = None

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        if isinstance(self.made, BaseException):
            raise self.made
        made: Sequence[Mapping[str, str]] = self.made
        return made

    def stop(self) -> None:
        if self.stop_error is not None:
            raise self.stop_error


@pytest.fixture
def herder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Herder]:
    monkeypatch.setattr(OddConnector, "made", ())
    monkeypatch.setattr(OddConnector, "stop_error", None)
    registry = gate_registry()
    registry.register("source", "OddConnector", OddConnector)
    with running_herder(tmp_path, registry) as made:
        yield made


ODD: Mapping[str, str] = {"name": "odd", "connector.class": "OddConnector"}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "task_configs of connector odd returned a value of class NoneType; it must return a list of"),
        ("abc", "a value of class str"),
        ({"a": "b"}, "a value of class dict"),
        ([None], "a list with an element of class NoneType"),
        ([{1: "a"}], "a configuration whose keys are not all str"),
        (KeyboardInterrupt(), "Connector odd raised KeyboardInterrupt"),
        (SystemExit(3), "Connector odd raised SystemExit"),
    ],
)
def test_task_configs_that_are_none_fail_the_connector_with_a_sentence(
    herder: Herder, made: object, words: str
) -> None:
    OddConnector.made = made
    with pytest.raises(FatalTaskError, match=words):
        herder.put(ODD)
    connector = herder.status("odd").connector
    assert connector.state is State.FAILED
    assert words in (connector.trace or "")


def test_a_connector_whose_stop_raises_anything_is_paused_or_gone(herder: Herder) -> None:
    OddConnector.stop_error = SystemExit(1)
    herder.put(ODD)
    with pytest.raises(ConnectError, match="raised SystemExit"):
        herder.set_target("odd", Target.PAUSED)
    assert herder.status("odd").connector.state is State.FAILED
    herder.put({**ODD, "name": "other"})
    herder.delete("other")
    assert herder.worker.status.connector("other") is None


# --- converters, transforms ----------------------------------------------------------------------


class OddConverter(PlainConverter):
    """Makes what the test says, both ways."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.made = made

    def from_connect_data(self, topic: str, schema: Any, value: Any, headers: Any = None) -> Any:
        return self.made

    def to_connect_data(self, topic: str, data: Any, headers: Any = None) -> Any:
        return self.made


@pytest.mark.parametrize("made", [b"{}", bytearray(b"{}"), memoryview(b"{}")])
def test_any_kind_of_bytes_is_what_a_converter_may_make(made: object) -> None:
    encoder = RecordEncoder(converters(OddConverter(made)))
    out = encoder.encode_one(record(1), SourceRig(Odd(None)).tolerance, Subject("a record", None))
    assert out is not None
    assert type(out.value) is bytes
    assert out.value == b"{}"


@pytest.mark.parametrize("made", ["text", 5])
def test_a_converter_that_makes_no_bytes_is_named(made: object) -> None:
    encoder = RecordEncoder(converters(OddConverter(made)))
    with pytest.raises(
        FatalTaskError, match=f"OddConverter.*returned a value of class {type(made).__name__}"
    ):
        encoder.encode_one(record(1), SourceRig(Odd(None)).tolerance, Subject("a record", None))


@pytest.mark.parametrize("made", [None, 7, (None, 1, 2)])
def test_a_converter_that_reads_no_pair_is_named_and_such_records_may_be_skipped(made: object) -> None:
    rig = SinkRig(ScriptedSink(), value=OddConverter(made)).fill(1).run()
    assert f"OddConverter for t-0@0: The converter returned a value of class {type(made).__name__}" in _said(
        rig
    )
    rig = (
        SinkRig(ScriptedSink(), value=OddConverter(made), policy=ErrorPolicy(tolerate_all=True)).fill(1).run()
    )
    assert rig.committed() == 1
    assert rig.counters.errors.total_records_skipped == 1


def test_a_plugin_that_ends_a_request_is_told_to_the_caller_as_an_error() -> None:
    def end() -> None:
        raise SystemExit(1)

    with pytest.raises(ConnectError, match="A plugin raised SystemExit"):
        Pool("test", 1).submit(end).result(30)
