"""Previews: what each step did, why records were dropped, errors in their place, nothing written."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectkit.api import SourceConnector, SourceTask, Transform
from connectkit.builder import SchemaBuilder
from connectkit.config import Config, Secret, option
from connectkit.converters.registry.opening import mock_registry
from connectkit.errors import ConfigError, ConnectError, NotFoundError
from connectkit.headers import Headers
from connectkit.logical import decimal_schema
from connectkit.plugin import Registry, plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from connectkit.runner.preview import Preview, Sample, Shown
from connectkit.runner.preview_diff import changes_between, type_name, view_of
from connectkit.runner.preview_json import as_json
from connectkit.runner.preview_open import OpenPreview, Request, hiding
from connectkit.runner.standalone import default_worker
from connectkit.runner.variables import make_resolver
from connectkit.schema import Schema
from connectkit.struct import Struct

ORDER = SchemaBuilder.struct().field("id", Schema.INT32).field("note", Schema.OPTIONAL_STRING).build()


def order(number: int = 1) -> SourceRecord:
    return SourceRecord({}, {}, "orders", ORDER, Struct.of(ORDER, [number, None]))


def chain(**config: str) -> Chain:
    return Chain.build({key.replace("_", "."): value for key, value in config.items()}, plugins)


def show(made: Chain, record: Any, **more: Any) -> Shown:
    return Preview(made, **more).show(Sample("here", record))


def kinds(shown: Shown, number: int = 0) -> list[tuple[str, str]]:
    return [(change.kind, change.path) for change in shown.steps[number].changes]


def test_each_step_tells_what_it_changed() -> None:
    made = Chain.build(
        {
            "transforms": "c,i,r,h,x",
            "transforms.c.type": "Cast$Value", "transforms.c.spec": "id:string",
            "transforms.i.type": "InsertField$Value", "transforms.i.static.field": "src",
            "transforms.i.static.value": "web",
            "transforms.r.type": "RegexRouter", "transforms.r.regex": "(.*)",
            "transforms.r.replacement": "$1-2",
            "transforms.h.type": "InsertHeader", "transforms.h.header": "h",
            "transforms.h.value.literal": "7",
            "transforms.x.type": "ReplaceField$Value", "transforms.x.exclude": "note",
        },
        plugins,
    )  # fmt: skip
    shown = show(made, order())
    assert [step.alias for step in shown.steps] == ["c", "i", "r", "h", "x"]
    assert ("type", "value.id") in kinds(shown)
    (cast,) = [change for change in shown.steps[0].changes if change.path == "value.id"]
    assert (cast.type_before, cast.type_after, cast.before, cast.after) == ("int32", "string", 1, "1")
    assert kinds(shown, 1) == [("added", "value.src")]
    assert shown.steps[1].changes[0].type_after == "string?"
    assert kinds(shown, 2) == [("changed", "topic")]
    assert kinds(shown, 3) == [("added", "headers.h")]
    assert kinds(shown, 4) == [("removed", "value.note")]
    assert shown.before is not None
    assert shown.before.value == {"id": 1, "note": None}
    assert shown.results[0].value == {"id": "1", "src": "web"}
    assert all(step.seconds >= 0 for step in shown.steps)


def test_why_a_record_was_dropped() -> None:
    made = Chain.build(
        {
            "transforms": "f,g,e",
            "transforms.f.type": "Filter", "transforms.f.predicate": "p",
            "transforms.g.type": "Filter", "transforms.g.predicate": "q", "transforms.g.negate": "true",
            "transforms.e.type": "Expression",
            "transforms.e.expression": "drop if value.id > 90\n"
            "net = value.id; keep if net < 10; value.net = net",
            "predicates": "p,q",
            "predicates.p.type": "RecordIsTombstone",
            "predicates.q.type": "TopicNameMatches", "predicates.q.pattern": "orders",
        },
        plugins,
    )  # fmt: skip
    preview = Preview(made)
    tombstone = preview.show(Sample("1", order().new_record(value=None)))
    assert tombstone.steps[0].dropped == "predicate 'p' (RecordIsTombstone) holds"
    assert tombstone.results == []
    other = preview.show(Sample("2", order().new_record(topic="others")))
    assert not other.steps[0].applied
    assert other.steps[1].dropped == "not predicate 'q' (TopicNameMatches) holds"
    first = preview.show(Sample("3", order(91)))
    assert first.steps[2].dropped == "drop if value.id > 90 (line 1, column 1)"
    second = preview.show(Sample("4", order(11)))
    assert second.steps[2].dropped == "keep if net < 10 (line 2, column 17)"
    through = preview.show(Sample("5", order(3)))
    assert through.results[0].value["net"] == 3
    assert [(s.seen, s.applied, s.dropped, s.failed) for s in preview.sums] == [
        (5, 1, 1, 0), (4, 1, 1, 0), (3, 3, 2, 0),
    ]  # fmt: skip


def test_errors_stand_in_their_place_and_the_next_record_goes_on() -> None:
    made = chain(
        transforms="c,e", transforms_c_type="Cast$Value", transforms_c_spec="note:int32",
        transforms_e_type="Expression", transforms_e_expression="value.x = 1 / value.id",
    )  # fmt: skip
    preview = Preview(made)
    found = list(
        preview.run(
            [
                Sample("a", None, "The converters cannot decode it"),
                Sample("b", SourceRecord({}, {}, "t", ORDER, Struct.of(ORDER, [1, "secret"]))),
                Sample("c", order(0)),
                Sample("d", order(2)),
            ]
        )
    )
    assert found[0].errors == ["The converters cannot decode it"]
    assert found[0].before is None
    assert found[1].steps[0].error is not None
    assert "secret" not in found[1].steps[0].error
    assert found[1].steps[0].path == "$.note"
    assert len(found[1].steps) == 1
    assert found[2].steps[1].path == "value.x"
    assert "divides by zero" in (found[2].steps[1].error or "")
    assert found[3].results[0].value["x"] == 0.5
    assert [s.failed for s in preview.sums] == [1, 1]


class BrokenConfig(Config):
    text: Secret = option(Secret("hunter2hunter2"), doc="A secret.")


class Broken(Transform[BrokenConfig]):
    """Raises what quotes values, or shows its secret."""

    calls = 0

    def apply(self, record: Any) -> Any:
        type(self).calls += 1
        if record.topic == "fail":
            raise KeyError(record.value["id"], "quoted")
        if record.topic == "none":
            return []
        return record.new_record(value={"told": f"x{self.config.text.reveal()}x"}, value_schema=None)


def registry() -> Registry:
    made = plugins.clone()
    made.register("transform", "Broken", Broken)
    return made


def test_a_plain_transform_is_called_once_and_its_text_is_not_repeated() -> None:
    made = Chain.build({"transforms": "b", "transforms.b.type": "Broken"}, registry())
    Broken.calls = 0
    failed = show(made, order().new_record(topic="fail"))
    assert failed.steps[0].error == "it raised KeyError"
    assert show(made, order().new_record(topic="none")).steps[0].dropped == "Broken dropped it"
    shown = show(made, order(), hide=hiding(["hunter2hunter2"]))
    assert Broken.calls == 3
    assert shown.results[0].value == {"told": "x[hidden]x"}
    assert ("type", "value") in kinds(shown)


def test_several_records_of_one() -> None:
    made = chain(
        transforms="x,e", transforms_x_type="Explode", transforms_x_path="items",
        transforms_e_type="Expression",
        transforms_e_expression="drop if value.items == 2; value.n = value.items",
    )  # fmt: skip
    shown = show(made, SourceRecord({}, {}, "t", None, {"items": [1, 2, 3]}))
    assert shown.steps[0].became == 3
    assert [(step.alias, step.branch) for step in shown.steps[1:]] == [("e", "1"), ("e", "2"), ("e", "3")]
    assert [(view.branch, view.value["n"]) for view in shown.results] == [("1", 1), ("3", 3)]


def test_all_of_it_as_json() -> None:
    preview = Preview(
        chain(transforms="e", transforms_e_type="Expression", transforms_e_expression="value.n = 1")
    )
    record = SinkRecord(
        "t", 1, None, b"\xff", ORDER, Struct.of(ORDER, [1, "é"]), 7, 5, 0, Headers().add_int("h", 1)
    )
    text = json.dumps(
        as_json([preview.show(Sample("t-1@7", record))], preview.sums, about={"connector": "c"})
    )
    found = json.loads(text)
    (shown,) = found["records"]
    assert shown["before"]["types"] == {
        "value": "struct", "value.id": "int32", "value.note": "string?", "headers.h": "int32",
    }  # fmt: skip
    assert shown["before"]["key"] == "/w=="
    assert shown["steps"][0]["changes"] == [
        {"kind": "added", "path": "value.n", "after": 1, "type_after": "int64"}
    ]
    assert found["steps"][0]["seen"] == 1


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (Schema.OPTIONAL_INT8, "int8?"),
        (decimal_schema(2), "decimal(2)"),
        (SchemaBuilder.array(Schema.STRING).optional().build(), "array<string>?"),
        (SchemaBuilder.map(Schema.STRING, Schema.OPTIONAL_INT64).build(), "map<string, int64?>"),
        (SchemaBuilder.struct().name("a.b.C").build(), "struct C"),
        (SchemaBuilder.int64().name("org.apache.kafka.connect.data.Timestamp").build(), "timestamp"),
        (SchemaBuilder.int64().name("io.x.MicroTime").build(), "int64 MicroTime"),
    ],
)
def test_names_of_types(schema: Schema, name: str) -> None:
    assert type_name(schema) == name


def test_what_is_shown_is_bounded() -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep, "b": [deep]} if len(str(deep)) < 200 else {"a": deep}
    big = {
        "text": "x" * 100_000,
        "list": list(range(5_000)),
        "deep": deep,
        "nan": float("nan"),
        "odd": object(),
    }
    view = view_of(SourceRecord({}, {}, "t", None, big), lambda value: value)
    assert len(json.dumps(view.as_json(), allow_nan=False)) < 40_000
    many = {str(n): n for n in range(900)}
    after = view_of(SourceRecord({}, {}, "t", None, many), lambda value: value)
    assert len(changes_between(view, after)) == 200


# --- where records come from


def worker(folder: Path) -> WorkerConfig:
    return WorkerConfig.parse(default_worker(folder), known=lambda key: True)


def no_log() -> Log:
    raise AssertionError("the log was opened")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., OpenPreview]]:
    made: list[OpenPreview] = []

    def open_it(
        config: Mapping[str, str | None],
        source: str | None = None,
        *,
        log: Callable[[], Log] = no_log,
        **more: Any,
    ) -> OpenPreview:
        resolver = make_resolver({}, plugins)
        request = Request(config={"name": "c", **config}, source=source, **more)
        found = OpenPreview(
            request, worker(tmp_path / "log"), registry=registry(), resolver=resolver, open_log=log
        )
        made.append(found)
        return found

    yield open_it
    for each in made:
        each.close()


def values(preview: OpenPreview) -> list[Any]:
    found = list(preview.preview.run(preview.samples))
    return [each.errors or each.results[0].value for each in found]


SINK = {"connector.class": "FileStreamSink", "topics": "orders", "file": "never-written.txt"}


def test_a_file_of_records(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    path = tmp_path / "sample.jsonl"
    path.write_text(
        '{"id": 1}\n\n"text"\n'
        '{"value": {"id": 2}, "key": 5, "topic": "x", "partition": 3, "headers": {"h": "v"}}\n'
        '{"value": null, "offset": 9, "headers": [["a", 1]]}\nnot json\n{"value": 1, "partition": "x"}\n'
        '{"value": 1, "other": 2}\n'
    )
    preview = opened(SINK, str(path))
    found = list(preview.samples)
    assert [each.place for each in found] == [f"sample.jsonl:{n}" for n in (1, 3, 4, 5, 6, 7, 8)]
    assert [each.error is not None for each in found] == [False, False, False, False, True, True, False]
    first, text, whole, null = (each.record for each in found[:4])
    assert isinstance(first, SinkRecord)
    assert (first.topic, first.value, first.value_schema) == ("orders", {"id": 1}, None)
    assert text is not None
    assert (text.value, text.value_schema) == ("text", Schema.STRING)
    assert isinstance(whole, SinkRecord)
    assert (whole.topic, whole.kafka_partition, whole.key, whole.key_schema) == ("x", 3, 5, Schema.INT64)
    assert [(h.key, h.value) for h in whole.headers] == [("h", "v")]
    assert isinstance(null, SinkRecord)
    assert (null.value, null.kafka_offset) == (None, 9)
    assert found[6].record is not None
    assert found[6].record.value == {"value": 1, "other": 2}
    assert len(list(opened(SINK, str(path), count=2).samples)) == 2


def test_a_table_of_records(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    path = tmp_path / "sample.csv"
    path.write_text('id,name\n1,"a\nb"\n2,c\n')
    assert values(opened(SINK, str(path))) == [{"id": "1", "name": "a\nb"}, {"id": "2", "name": "c"}]
    path.write_bytes(b"id\n\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        values(opened(SINK, str(path)))


def test_a_topic_is_read_without_a_group(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    address = f"embedded:{tmp_path / 'log'}"
    (tmp_path / "log").mkdir()
    log = open_log(address)
    producer = log.producer({"bootstrap.servers": address})
    done: list[object] = []
    producer.send(
        [
            OutRecord("orders", 0, None, b'{"id": %d}' % n if n != 1 else b"\xff{", None, None)
            for n in range(4)
        ],
        done.append,
    )
    assert producer.flush(10) == 0
    producer.close(1)
    log.close()
    config = {**SINK, "value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    preview = opened(config, log=lambda: open_log(address), count=3)
    assert preview.reads == "topic orders"
    found = list(preview.preview.run(preview.samples))
    assert [each.place for each in found] == ["orders-0@0", "orders-0@1", "orders-0@2"]
    assert "cannot decode" in found[1].errors[0]
    assert [each.results[0].value for each in (found[0], found[2])] == [{"id": 0}, {"id": 2}]
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        values(opened(config, "ordesr", log=lambda: open_log(address)))
    assert not Path("never-written.txt").exists()
    log = open_log(address)
    admin = log.admin({"bootstrap.servers": address})
    assert admin.group_offsets("connect-c") == {}
    admin.close()
    log.close()


def test_a_source_reads_with_its_own_task(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    (tmp_path / "in.csv").write_text("id,name\n1,a\n2,b\n3,c\n")
    config = {"connector.class": "CsvSource", "file": str(tmp_path / "in.csv"), "topic": "t", "mode": "once"}
    preview = opened(config, count=2)
    found = list(preview.preview.run(preview.samples))
    assert [each.place for each in found] == ["record 1", "record 2"]
    assert found[0].results[0].types["value.id"].startswith("int")
    (encoded,) = found[0].encoded
    assert encoded.topic == "t"
    assert '"name"' in (encoded.value_text or "")
    assert len(values(opened({**config, "mode": "tail"}, wait_s=5.0))) == 3
    (tmp_path / "other.csv").write_text("id\n7\n")
    assert values(opened(config, str(tmp_path / "other.csv"))) == [{"id": 7}]
    with pytest.raises(NotFoundError, match="no file"):
        opened(config, str(tmp_path / "gone.csv"))


def test_a_trial_registers_no_schema(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    (tmp_path / "in.csv").write_text("id\n1\n")
    config = {
        "connector.class": "CsvSource", "file": str(tmp_path / "in.csv"), "topic": "t", "mode": "once",
        "value.converter": "AvroConverter", "value.converter.schema.registry.url": "mock://not-touched",
    }  # fmt: skip
    preview = opened(config)
    (shown,) = preview.preview.run(preview.samples)
    assert shown.errors == []
    assert shown.encoded[0].value_bytes is not None
    assert mock_registry("not-touched").subjects() == []


class OddConfig(Config):
    mode: str = option(doc="How to fail.")


class OddTask(SourceTask[OddConfig]):
    said: list[str] = []  # noqa: RUF012 - shared on purpose: what was called

    def start(self) -> None:
        self.said.append("start")

    def poll(self) -> list[SourceRecord] | None:
        assert self.context.offset_reader.offset({"p": 1}) is None
        if self.config.mode == "fail":
            raise ConnectError("the table is gone")
        if self.config.mode == "break":
            raise ValueError("the row opensesame99")
        if self.config.mode == "silent":
            return None
        return [SourceRecord({"p": 1}, {"o": n}, "t", Schema.INT64, n) for n in range(3)]

    def commit(self) -> None:
        self.said.append("commit")

    def commit_record(self, record: SourceRecord, metadata: Any) -> None:
        self.said.append("commit_record")

    def stop(self) -> None:
        self.said.append("stop")


class Odd(SourceConnector[OddConfig]):
    task_class = OddTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        if self.config.mode == "unplanned":
            raise ValueError("the row opensesame99")
        return [{"mode": self.config.mode}]


def test_a_task_is_never_told_of_commits_and_its_errors_come_through(
    opened: Callable[..., OpenPreview], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OddTask, "said", [])
    monkeypatch.setattr(Registry, "clone", lambda self: self)
    monkeypatch.setattr(plugins, "_added", [("source", "Odd", Odd)])
    monkeypatch.setattr(plugins, "_tables", None)
    config = {"connector.class": "Odd", "mode": "endless"}
    assert values(opened(config, count=7)) == [0, 1, 2, 0, 1, 2, 0]
    assert OddTask.said == ["start", "stop"]
    assert values(opened({**config, "mode": "silent"}, wait_s=0.2)) == []
    with pytest.raises(ConnectError, match="the table is gone"):
        values(opened({**config, "mode": "fail"}))
    for mode, who in (("break", "The task of connector x"), ("unplanned", "Connector x")):
        with pytest.raises(ConnectError, match=rf"^{who} raised ValueError; --debug"):
            values(opened({**config, "name": "x", "mode": mode}))


def test_what_is_wrong_is_said(tmp_path: Path, opened: Callable[..., OpenPreview]) -> None:
    with pytest.raises(ConfigError, match="1 to 1000"):
        opened(SINK, count=0)
    with pytest.raises(ConfigError, match="--from"):
        opened({"connector.class": "FileStreamSink", "topics.regex": "o.*"})
    with pytest.raises(NotFoundError, match="no file"):
        opened(SINK, "gone.jsonl")
    with pytest.raises(ConfigError, match="did you mean"):
        opened({**SINK, "transforms": "e", "transforms.e.type": "Expresion"})


def test_secrets_are_hidden(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "s.properties").write_text("pw=opensesame99\n")
    path = tmp_path / "sample.jsonl"
    path.write_text('{"id": 1, "url": "x?pw=opensesame99", "opensesame99": [["opensesame99"]]}\n')
    resolver = make_resolver(
        {
            "config.providers": "file",
            "config.providers.file.class": "FileConfigProvider",
            "config.providers.file.param.allowed.paths": str(tmp_path),
        },
        plugins,
    )
    config = {
        **SINK, "name": "c", "transforms": "i,b,e",
        "transforms.i.type": "InsertField$Value", "transforms.i.static.field": "s",
        "transforms.i.static.value": f"${{file:{tmp_path}/s.properties:pw}}",
        "transforms.b.type": "Expression", "transforms.b.expression": "topic = value.s; headers.h = value.s",
        "transforms.e.type": "Broken",
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        preview = OpenPreview(
            Request(config=config, source=str(path)),
            worker(tmp_path),
            registry=registry(),
            resolver=resolver,
            open_log=no_log,
        )
        shown = list(preview.preview.run(preview.samples))
        text = json.dumps(as_json(shown, preview.preview.sums, about=preview.about()))
        preview.close()
    assert shown[0].results[0].topic == "[hidden]"
    for secret in ("opensesame99", "hunter2hunter2"):
        assert secret not in text
        assert secret not in caplog.text
    assert text.count("[hidden]") > 5


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("sink", "name", "{}"),
        ("sink", "topics", "{}"),
        ("sink", "transforms.r.renames", "id:{}"),
        ("sink", "transforms.r.renames", "id:x,url:{}"),
        ("source", "topic", "{}"),
    ],
)
def test_what_a_provider_gave_is_hidden_wherever_it_comes_out(
    tmp_path: Path, kind: str, key: str, value: str
) -> None:
    """As a name, a topic, a part of a list: in the records, and in what the preview says of itself."""
    (tmp_path / "s.properties").write_text("it=opensesame99\n")
    (tmp_path / "in.txt").write_text("one\n")
    providers = {
        "config.providers": "file",
        "config.providers.file.class": "FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(tmp_path),
    }
    file_source = {"name": "c", "connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt")}
    rename = {"transforms": "r", "transforms.r.type": "ReplaceField$Value", "transforms.r.renames": "id:n"}
    base = file_source if kind == "source" else {**SINK, "name": "c", **rename}
    preview = OpenPreview(
        Request(
            config={**base, key: value.format(f"${{file:{tmp_path}/s.properties:it}}")},
            values=None if kind == "source" else [{"value": {"id": 1, "url": "x"}}],
            count=1,
        ),
        worker(tmp_path),
        registry=registry(),
        resolver=make_resolver(providers, plugins),
        open_log=no_log,
    )
    shown = list(preview.preview.run(preview.samples))
    text = json.dumps([as_json(shown, preview.preview.sums, about=preview.about()), preview.warnings])
    preview.close()
    assert shown[0].results
    assert "opensesame99" not in text
    assert "[hidden]" in text


def test_decimals_are_texts() -> None:
    assert view_of(SourceRecord({}, {}, "t", decimal_schema(1), Decimal("1.5")), lambda v: v).value == "1.5"
