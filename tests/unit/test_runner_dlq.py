"""Dead letters listed, shown and replayed, from the command line on an embedded log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import RetriableError
from connectkit.runner.cli import main
from connectkit.runner.dlq import replay
from connectkit.runner.dlq.letters import Filter, letter
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from tests.support.memory_log import MemoryMessage

BASE = 4_000_000_000_000
"""A time to come: what is old is deleted."""

Capture = pytest.CaptureFixture[str]


def java_headers(offset: int, *, topic: str = "orders", partition: int = 0, **more: str) -> list[Any]:
    """As a Java cluster writes them."""
    about = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "connector.name": "orders-sink",
        "task.id": "0",
        "stage": "VALUE_CONVERTER",
        "class.name": "org.apache.kafka.connect.json.JsonConverter",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException",
        "exception.message": "Converting byte[] to Kafka Connect data failed due to serialization error:",
        "exception.stacktrace": "org.apache…\n\tat org.apache.kafka.connect.json.JsonConverter.toConnectData",
        **{name.replace("_", "."): text for name, text in more.items()},
    }
    return [(f"__connect.errors.{name}", text.encode()) for name, text in about.items()]


class Place:
    """An embedded log, and the command line pointed at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"embedded:{folder / 'log'}"

        def create(log: Log) -> None:
            with closing(log.admin()) as admin:
                for topic in ("orders", "dlq"):
                    admin.create_topic(topic, partitions=2)

        with_log(self.address, create)

    def write(self, *records: OutRecord) -> None:
        def write(log: Log) -> None:
            producer = log.producer({})
            producer.send(records, lambda failures: None)
            assert producer.flush(10) == 0
            producer.close(5)

        with_log(self.address, write)

    def letters(self, count: int, **more: Any) -> None:
        self.write(
            *(
                OutRecord(
                    "dlq", n % 2, f"k{n}".encode(), json.dumps({"n": n}).encode(), BASE + n,
                    [("trace", b"x"), *java_headers(n, partition=n % 2, **more)],
                )
                for n in range(count)
            )
        )  # fmt: skip

    def run(self, *arguments: str) -> int:
        return main(["dlq", *arguments, "--bootstrap-servers", self.address])

    def read(self, topic: str = "orders") -> list[Any]:
        found: list[Any] = []

        def read(log: Log) -> None:
            with closing(log.admin()) as admin:
                places = [TopicPartition(topic, n) for n in range(admin.topics()[topic].partitions)]
                ends = admin.offsets(places)
            consumer = log.consumer({"isolation.level": "read_committed"})
            consumer.assign(dict.fromkeys(places, 0))
            while any(consumer.position(tp) < ends[tp] for tp in places):
                found.extend(
                    (m.partition(), m.key(), m.value(), m.timestamp()[1], dict(m.headers() or ()))
                    for m in consumer.consume(500, 0.1)
                )
            consumer.close()

        with_log(self.address, read)
        return found


def with_log(address: str, step: Any) -> None:
    log = open_log(address)
    try:
        step(log)
    finally:
        log.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- list and show -----------------------------------------------------------------------------------


def test_list_finds_the_queues_and_groups_by_cause(place: Place, capsys: Capture) -> None:
    place.letters(5)
    place.letters(2, stage="TASK_PUT", class_name="org.apache.kafka.connect.sink.SinkTask")
    place.write(OutRecord("orders", 0, None, b"{}", None, None))
    assert place.run("list") == 0
    out = capsys.readouterr().out
    assert "dlq: 7 dead letters" in out
    assert "5 x  VALUE_CONVERTER in JsonConverter: DataException" in out
    assert "2 x  TASK_PUT in SinkTask" in out
    assert out.index("5 x") < out.index("2 x")
    assert "orders: " not in out
    assert "connector orders-sink, topic orders" in out
    assert "Converting byte" not in out  # a Java message may hold a value; dlq show has it
    assert '"n"' not in out


def test_list_shows_what_we_said(place: Place, capsys: Capture) -> None:
    ours = {"exception_class_name": "connectkit.errors.DataError", "exception_message": "Too long (at $.n)"}
    place.letters(1, **ours)
    assert place.run("list") == 0
    assert "Too long (at $.n)" in capsys.readouterr().out


def test_list_as_json_and_filtered(place: Place, capsys: Capture) -> None:
    place.letters(5)
    assert place.run("list", "--json", "--since", str(BASE + 3)) == 0
    [group] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert group["count"] == 2
    assert group["error"] == "org.apache.kafka.connect.errors.DataException"
    assert (group["oldest_ms"], group["newest_ms"]) == (BASE + 3, BASE + 4)


def test_list_without_queues_says_what_is_needed(place: Place, capsys: Capture) -> None:
    assert place.run("list") == 0
    assert "context.headers.enable" in capsys.readouterr().out
    assert place.run("list", "dqlq") != 0
    assert "dlq" in capsys.readouterr().err


def test_show_decodes_by_what_the_bytes_look_like(place: Place, capsys: Capture) -> None:
    place.letters(2)
    place.write(OutRecord("dlq", 0, None, b"\xff\x00\x01\x02", None, java_headers(9)))
    assert place.run("show", "dlq") == 0
    out = capsys.readouterr().out
    assert 'value    {"n": 1}' in out
    assert 'key      "k1"' in out
    assert "header   trace = x" in out
    assert "from orders-1@1" in out
    assert "ff 00 01 02" in out
    assert "toConnectData" not in out
    assert place.run("show", "dlq", "--no-values", "--trace", "--limit", "1") == 0
    out = capsys.readouterr().out
    assert "k0" not in out
    assert "toConnectData" in out


def test_show_with_a_converter_says_what_it_does_not_read(place: Place, capsys: Capture) -> None:
    place.write(OutRecord("dlq", 0, None, b"no json", None, java_headers(9)))
    assert place.run("show", "dlq", "--converter", "JsonConverter", "--option", "schemas.enable=false") == 2
    assert "no json" in capsys.readouterr().out
    assert place.run("show", "dlq", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["value"] == "no json"
    assert shown["error"]["offset"] == "9"


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--partition", "1"], [1, 3, 5]),
        (["--partition", "0", "--offset", "1-2"], [2, 4]),
        (["--offset", "2-"], [4, 5]),
        (["--offset", "0"], [0, 1]),
        (["--origin", "orders-0@2", "--origin", "orders-1@3"], [2, 3]),
        (["--since", str(BASE + 4)], [4, 5]),
        (["--until", "2096-10-02T07:06:40.002Z"], [0, 1]),
        (["--stage", "value_converter", "--class", "Json", "--error", "DataEx"], [0, 1, 2, 3, 4, 5]),
        (["--stage", "TASK_PUT"], []),
        (["--connector", "other"], []),
        (["--from-topic", "orders"], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_filters(place: Place, capsys: Capture, arguments: list[str], numbers: list[int]) -> None:
    place.letters(6)
    assert place.run("show", "dlq", "--json", *arguments) == 0
    shown = [json.loads(line)["value"]["n"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(shown) == numbers


@pytest.mark.parametrize("arguments", [["--offset", "x"], ["--since", "yesterday"], ["--limit", "0"]])
def test_wrong_filters_are_wrong_usage(place: Place, capsys: Capture, arguments: list[str]) -> None:
    assert place.run("replay", "dlq", *arguments) != 0
    assert capsys.readouterr().err


# --- replay ------------------------------------------------------------------------------------------


def test_replay_restores_the_records_and_goes_on_next_time(place: Place, capsys: Capture) -> None:
    place.letters(5)
    assert place.run("replay", "dlq") == 0
    assert "5 replayed to orders" in capsys.readouterr().out
    found = sorted(place.read(), key=lambda each: each[3])
    assert [each[:4] for each in found] == [
        (n % 2, f"k{n}".encode(), json.dumps({"n": n}).encode(), BASE + n) for n in range(5)
    ]
    assert all(each[4] == {"trace": b"x", "__connectkit.dlq.replays": b"1"} for each in found)
    assert place.run("replay", "dlq") == 0
    assert "Nothing replayed" in capsys.readouterr().out
    place.letters(2)
    assert place.run("replay", "dlq") == 0
    assert "2 replayed to orders" in capsys.readouterr().out
    assert len(place.read()) == 7
    assert place.run("replay", "dlq", "--from-start") == 0
    assert len(place.read()) == 14
    assert len(place.read("dlq")) == 7


def test_a_dry_run_writes_and_remembers_nothing(place: Place, capsys: Capture) -> None:
    place.letters(3)
    for _ in range(2):
        assert place.run("replay", "dlq", "--dry-run") == 0
        out = capsys.readouterr().out
        assert "3 would be replayed to orders" in out
        assert "dlq-1@0 -> orders  (VALUE_CONVERTER DataException)" in out
    assert place.read() == []


def test_another_choice_is_another_replay(place: Place, capsys: Capture) -> None:
    place.letters(4)
    assert place.run("replay", "dlq", "--partition", "1") == 0
    assert [each[0] for each in place.read()] == [1, 1]
    assert place.run("replay", "dlq", "--partition", "0") == 0
    assert len(place.read()) == 4
    assert place.run("replay", "dlq", "--partition", "0") == 0
    assert len(place.read()) == 4


def test_a_limit_ends_a_run_and_a_name_goes_on(place: Place, capsys: Capture) -> None:
    place.letters(7)
    for count in (3, 6, 7, 7):
        assert place.run("replay", "dlq", "--name", "mine", "--limit", "3") == 0
        assert len(place.read()) == count
    assert len({each[1] for each in place.read()}) == 7


def test_what_was_replayed_too_often_stays(place: Place, capsys: Capture) -> None:
    headers = [*java_headers(0), ("__connectkit.dlq.replays", b"2")]
    place.write(OutRecord("dlq", 0, None, b"{}", None, headers))
    assert place.run("replay", "dlq", "--max-replays", "2") == 2
    out = capsys.readouterr().out
    assert "replayed 2 times already" in out
    assert "dlq-0@0" in out
    assert place.read() == []
    assert place.run("replay", "dlq", "--from-start") == 0
    assert place.read()[0][4] == {"__connectkit.dlq.replays": b"3"}


def test_without_headers_a_topic_must_be_named(place: Place, capsys: Capture) -> None:
    place.write(OutRecord("dlq", 0, b"k", b"{}", BASE, [("a", None)]))
    assert place.run("replay", "dlq") == 2
    assert "--to" in capsys.readouterr().out
    assert place.run("replay", "dlq", "--to", "orders") == 0
    [(_, key, value, stamp, headers)] = place.read()
    assert (key, value, stamp) == (b"k", b"{}", BASE)
    assert headers == {"a": None, "__connectkit.dlq.replays": b"1"}


def test_letters_stay_where_they_cannot_go(place: Place, capsys: Capture) -> None:
    place.write(
        OutRecord("dlq", 0, None, b"1", None, java_headers(1, topic="dlq")),
        OutRecord("dlq", 0, None, b"2", None, java_headers(2, topic="gone")),
        OutRecord("dlq", 0, None, b"3", None, java_headers(3, value_form="json")),
        OutRecord("dlq", 0, None, b"4", None, java_headers(4, partition=77)),
    )
    assert place.run("replay", "dlq") == 2
    out = capsys.readouterr().out
    assert "in the queue that it is in" in out or "into the queue that it is in" in out
    assert "there is no topic gone" in out
    assert "--json-as-is" in out
    assert [each[2] for each in place.read()] == [b"4"]


def edit(place: Place, *lines: str) -> str:
    path = place.folder / "mend.properties"
    converters = [
        "key.converter=StringConverter",
        "value.converter=JsonConverter",
        "value.converter.schemas.enable=false",
    ]
    path.write_text("\n".join([*converters, *lines]) + "\n")
    return str(path)


def test_a_run_that_fails_is_gone_on_with_and_writes_nothing_twice(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.letters(1200)
    write = replay._Writer.write
    calls = []

    def fail_third(self: Any, records: Any, positions: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            commit = self._producer.commit_transaction

            def gone(timeout_s: float) -> None:
                raise RetriableError("the broker is gone")

            self._producer.commit_transaction = gone
            try:
                write(self, records, positions)
            finally:
                self._producer.commit_transaction = commit
        write(self, records, positions)

    monkeypatch.setattr(replay._Writer, "write", fail_third)
    assert place.run("replay", "dlq") != 0
    assert "the broker is gone" in capsys.readouterr().err
    assert 0 < len(place.read()) < 1200
    assert place.run("replay", "dlq") == 0
    keys = [each[1] for each in place.read()]
    assert len(keys) == len(set(keys)) == 1200


def test_records_are_mended_on_the_way(place: Place, capsys: Capture) -> None:
    place.letters(2)
    mend = edit(
        place, "transforms=a", "transforms.a.type=InsertField$Value", "transforms.a.static.field=mended",
        "transforms.a.static.value=yes",
    )  # fmt: skip
    assert place.run("replay", "dlq", "--edit", mend) == 0
    found = sorted(place.read(), key=lambda each: each[3])
    assert [json.loads(each[2]) for each in found] == [{"n": n, "mended": "yes"} for n in range(2)]
    assert [each[1] for each in found] == [b"k0", b"k1"]
    assert found[0][4] == {"trace": b"x", "__connectkit.dlq.replays": b"1"}


def test_an_edit_may_route_drop_and_fail(place: Place, capsys: Capture) -> None:
    place.letters(2)
    place.write(OutRecord("dlq", 0, None, b"no json", None, java_headers(9)))
    drop = edit(
        place, "transforms=a", "transforms.a.type=Expression", "transforms.a.expression=drop if value.n == 0",
    )  # fmt: skip
    assert place.run("replay", "dlq", "--edit", drop) == 2
    out = capsys.readouterr().out
    assert "1 replayed to orders" in out
    assert "the transforms of --edit drop it" in out
    assert "it could not be edited" in out
    assert "no json" not in out


def test_an_edit_without_transforms_is_refused(place: Place, capsys: Capture) -> None:
    assert place.run("replay", "dlq", "--edit", edit(place)) != 0
    assert "transforms" in capsys.readouterr().err


def test_a_source_letter_goes_where_the_source_meant_it_to(place: Place, capsys: Capture) -> None:
    about = [
        (f"__connect.errors.{name}", text)
        for name, text in {
            "topic": b"orders",
            "source.partition": b'{"file":"a"}',
            "source.offset": b'{"at":3}',
            "stage": b"TRANSFORMATION",
        }.items()
    ]
    place.write(OutRecord("dlq", 0, b"k", b"{}", None, [*about]))
    assert place.run("show", "dlq") == 0
    assert 'orders from {"file":"a"} {"at":3}' in capsys.readouterr().out
    assert place.run("replay", "dlq") == 0
    assert [each[1] for each in place.read()] == [b"k"]


def test_the_newest_of_several_contexts_counts() -> None:
    headers = [*java_headers(1), *java_headers(2)]
    message = MemoryMessage(TopicPartition("dlq", 0), 5, OutRecord("dlq", 0, None, None, None, headers))
    assert letter(message).origin == "orders-0@2"
    assert Filter(origins=frozenset(("orders-0@2",))).takes(letter(message))


@pytest.mark.parametrize("count", [b"", b"x", b"-1", b"99999999999999999999", None])
def test_a_count_that_is_none_counts_as_none(count: bytes | None) -> None:
    headers: Sequence[tuple[str, bytes | None]] = [("__connectkit.dlq.replays", count)]
    record = OutRecord("dlq", 0, None, None, None, list(headers))
    assert letter(MemoryMessage(TopicPartition("dlq", 0), 5, record)).replays == 0
