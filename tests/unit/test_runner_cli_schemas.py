"""The commands about schemas: registry, sniff, check-schema; what they print and their exit codes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectkit.converters.registry.command import _is_loopback
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.sniffing import sniff
from connectkit.runner.cli import main
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log
from tests.support.registry_server import served

ORDER: dict[str, Any] = {
    "type": "record", "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": ["null", "double"], "default": None},
    ],
}  # fmt: skip
SINK = {
    "name": "sink", "connector.class": "FileStreamSink", "file": "out.txt", "topics": "orders",
    "value.converter": "AvroConverter",
    "transforms": "m,r", "transforms.m.type": "MaskField$Value", "transforms.m.fields": "amount",
    "transforms.r.type": "ReplaceField$Value", "transforms.r.renames": "id:order_id",
}  # fmt: skip


def changed(*more: dict[str, Any], without: str = "") -> str:
    fields = [each for each in ORDER["fields"] if each["name"] != without]
    return json.dumps({**ORDER, "fields": [*fields, *more]})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.avsc").write_text(json.dumps(ORDER))
    (tmp_path / "region.avsc").write_text(changed({"name": "region", "type": "string", "default": "eu"}))
    (tmp_path / "bad.avsc").write_text(changed({"name": "region", "type": "string"}))
    (tmp_path / "text.avsc").write_text(
        changed({"name": "id2", "type": "long", "default": 0}, without="amount")
    )
    (tmp_path / "sink.json").write_text(json.dumps(SINK))
    return tmp_path


@pytest.fixture
def registered(here: Path) -> Path:
    assert main(["registry", "register", "orders-value", "order.avsc"]) == 0
    return here


def out(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_register_list_and_show(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["registry", "register", "orders-value", "order.avsc"]) == 0
    assert main(["registry", "register", "orders-value", "region.avsc"]) == 0
    assert out(capsys) == ["orders-value: version 1, id 1"] * 2 + ["orders-value: version 2, id 2"]
    assert main(["registry", "subjects"]) == 0
    assert out(capsys) == ["orders-value  AVRO      BACKWARD             versions 1 (id 1), 2 (id 2)"]
    assert main(["registry", "subjects", "orders-value", "--version", "1"]) == 0
    assert json.loads(out(capsys)[0]) == ORDER
    assert main(["registry", "subjects", "nothing"]) == 2
    assert "no subject 'nothing'" in capsys.readouterr().err


def test_the_same_over_http(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = EmbeddedRegistry(here / "served")
    with served(registry) as server:
        where = ["--url", server.url]
        assert main(["registry", "register", "s", "order.avsc", *where]) == 0
        assert main(["registry", "check", "s", "bad.avsc", *where]) == 2
        assert main(["registry", "check", "s", "region.avsc", *where]) == 0
        assert main(["registry", "subjects", *where]) == 0
    said = out(capsys)
    assert said[1].startswith("s: may not follow version 1 at level BACKWARD")
    assert said[-1].startswith("s  AVRO      BACKWARD")


def test_check_says_why_not(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys)
    assert main(["registry", "check", "orders-value", "region.avsc"]) == 0
    assert main(["registry", "check", "new-value", "bad.avsc"]) == 0
    assert main(["registry", "check", "orders-value", "bad.avsc"]) == 2
    said = out(capsys)
    assert said[0] == "orders-value: may follow version 1 at level BACKWARD"
    assert "no such subject yet" in said[1]
    assert said[3].startswith("  READER_FIELD_MISSING_DEFAULT_VALUE: The field 'region'")
    assert main(["registry", "subjects"]) == 0
    assert "versions 1 (id 1)" in out(capsys)[0], "nothing was registered"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["subjects"], "no registry in connectkit-data"),
        (["subjects", "--url", "ftp://x"], "begin with"),
        (["check", "s", "nowhere.avsc", "--url", "mock://a"], "nowhere.avsc cannot be read"),
        (["check", "s", "sink.txt", "--url", "mock://a"], "--type"),
        (["check", "s", "sink.json", "--type", "AVRO", "--url", "mock://a"], "Avro schema"),
        (["register", "s", "order.avsc", "--option", "x"], "has no '='"),
        (["register", "s", "order.avsc", "--option", "basic.auth.credentials.source=X"], "one of"),
    ],
)
def test_a_mistake_is_one_sentence(
    here: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["registry", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


@pytest.mark.parametrize("arguments", [["registry"], ["registry", "nonsense"], ["check-schema"], ["sniff"]])
def test_wrong_usage_is_1(arguments: list[str]) -> None:
    assert main(arguments) == 1


@pytest.mark.parametrize(
    "command",
    ["registry", "registry serve", "registry subjects", "registry register", "sniff", "check-schema"],
)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert len(capsys.readouterr().out) > 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("registry.example.com", False)],
)  # fmt: skip
def test_who_can_reach_an_address(host: str, expected: bool) -> None:
    assert _is_loopback(host) is expected


def test_serve_answers_until_it_is_interrupted(registered: Path) -> None:
    command = "import sys; from connectkit.runner.cli import main; sys.exit(main(sys.argv[1:]))"
    serving = subprocess.Popen(
        [sys.executable, "-c", command, "registry", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert serving.stdout is not None
    with serving:
        try:
            said = serving.stdout.readline()
            found = re.search(r"on (http://127\.0\.0\.1:\d+);", said)
            assert found is not None, said
            assert main(["registry", "check", "orders-value", "bad.avsc", "--url", found[1]]) == 2
        finally:
            serving.terminate()
    assert serving.returncode in (0, -signal.SIGTERM)


def test_a_port_that_is_taken(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["registry", "serve", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["registry", "serve", "--host", "no such host", "--port", "0"]) == 2
    assert "choose another --host" in capsys.readouterr().err
    assert main(["registry", "serve", "--port", "99999"]) == 2
    assert "There is no port 99999" in capsys.readouterr().err


# --- check-schema


def check(new: str, config: str = "sink.json", *more: str) -> int:
    return main(["check-schema", "--config", config, "--new", new, *more])


def test_a_schema_is_followed_through_the_transforms(
    registered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out(capsys)
    assert check("region.avsc") == 0
    assert out(capsys) == [
        "orders-value: may follow version 1 at level BACKWARD",
        "behind the transforms:",
        "  + region: string",
    ]
    assert check("order.avsc") == 0
    assert out(capsys)[1] == "behind the transforms nothing changes"
    assert check("bad.avsc") == 2
    assert check("text.avsc") == 0
    assert out(capsys)[-2:] == ["  + id2: int64", "  - amount: float64?"]


def test_a_schema_that_no_record_of_passes(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sink = {**SINK, "transforms": "c", "transforms.c.type": "Cast$Value", "transforms.c.spec": "region:int32"}
    lists = changed({"name": "region", "type": {"type": "array", "items": "int"}, "default": []})
    (registered / "lists.avsc").write_text(lists)
    (registered / "cast.json").write_text(json.dumps({k: v for k, v in sink.items() if ".m." not in k}))
    assert check("lists.avsc", "cast.json") == 2
    assert "no record of this schema passes" in capsys.readouterr().out


def test_a_new_subject_shows_all_fields(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("order.avsc", "sink.json", "--topic", "other") == 0
    said = out(capsys)
    assert said[0].startswith("other-value: there is no such subject yet")
    assert said[2:] == ["  order_id: int64", "  amount: float64?"]


def test_what_a_source_would_register(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = {
        "name": "src", "connector.class": "FileStreamSource", "file": "in.txt", "topic": "orders",
        "value.converter": "AvroConverter", "transforms": "r",
        "transforms.r.type": "ReplaceField$Value", "transforms.r.exclude": "region",
    }  # fmt: skip
    (registered / "source.json").write_text(json.dumps(source))
    out(capsys)
    assert check("bad.avsc", "source.json") == 0
    assert out(capsys) == [
        "orders-value: may follow version 1 at level BACKWARD",
        "behind the transforms nothing changes",
    ], "the field that may not come is taken out before it is registered"
    del source["transforms"]
    (registered / "source.json").write_text(json.dumps(source))
    assert check("bad.avsc", "source.json") == 2


@pytest.mark.parametrize(
    ("converter", "name", "old", "good", "bad"),
    [
        (
            "ProtobufConverter",
            "order.proto",
            'syntax = "proto3"; message Order { int64 id = 1; }',
            'syntax = "proto3"; message Order { int64 id = 1; string region = 2; }',
            'syntax = "proto3"; message Order { string id = 1; }',
        ),
        (
            "JsonSchemaConverter",
            "order.json",
            '{"type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":false}',
            """{"type":"object","properties":{"id":{"type":"integer"},"region":{"type":"string"}},
            "additionalProperties":false}""",
            '{"type":"object","properties":{"id":{"type":"string"}},"additionalProperties":false}',
        ),
    ],
)
def test_other_kinds_of_schemas(
    here: Path,
    converter: str,
    name: str,
    old: str,
    good: str,
    bad: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sink = {key: value for key, value in SINK.items() if "transforms" not in key}
    (here / "c.json").write_text(json.dumps({**sink, "value.converter": converter}))
    file = here / name
    file.write_text(old)
    assert main(["registry", "register", "orders-value", name]) == 0
    file.write_text(good)
    assert check(name, "c.json") == 0
    assert out(capsys)[-1].strip().startswith("+ region: string")
    file.write_text(bad)
    assert check(name, "c.json") == 2
    assert "may not follow version 1" in out(capsys)[0]


def test_converters_without_a_registry_have_nothing_to_compare(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "json.json").write_text(json.dumps({**SINK, "value.converter": "JsonConverter"}))
    assert check("order.avsc", "json.json") == 2
    assert "keeps no schemas" in capsys.readouterr().err
    assert check("nowhere.avsc") == 2
    assert "nowhere.avsc cannot be read" in capsys.readouterr().err


# --- sniff


def test_sniff_tells_what_is_in_a_topic(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = open_log("embedded:./connectkit-data")
    admin = log.admin({})
    admin.create_topic("orders", partitions=1, config={"retention.ms": "-1"})
    admin.close()
    producer = log.producer({})
    values = [b"\0\0\0\0\1\2\0", b"\0\0\0\0\1\xff\1\0", b"\0\0\0\0\x63\2", b'{"a": 1}', None]
    failed: list[object] = []
    producer.send([OutRecord("orders", 0, b"k", value, 5, None) for value in values], failed.extend)
    assert producer.flush(30) == 0
    assert failed == []
    producer.close(5)
    log.close()
    out(capsys)
    assert main(["sniff", "orders"]) == 2
    said = out(capsys)
    assert said[0] == "orders: 5 records looked at"
    assert "key       5 x  text -> StringConverter" in said[1]
    assert (
        "value     2 x  Avro with a schema registry, id 1 -> AvroConverter  (first at orders-0@0)" in said[2]
    )
    assert "id 99) that the registry does not have" in said[3]
    assert "JSON -> JsonConverter with schemas.enable=false" in said[4]
    assert "null" in said[5]
    assert main(["sniff", "orders", "-n", "2"]) == 0
    assert main(["sniff", "ordres"]) == 2
    assert "did you mean 'orders'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "words", "converter"),
    [
        (None, "null", "any"),
        (b"", "empty", "StringConverter"),
        (b'{"schema": {}, "payload": 1}', "Connect's schema", "JsonConverter"),
        (b'{"schema": 1}', "JSON", "schemas.enable=false"),
        (b"[1, 2", "text", "StringConverter"),
        (b"hello, world", "text", "StringConverter"),
        ("grüße".encode(), "text", "StringConverter"),
        (b"\0\0\0\0\0\0\0\1", "8 bytes", "LongConverter"),
        (b"\0\0\0\7", "4 bytes", "IntegerConverter"),
        (b"\1\2", "2 bytes", "ShortConverter"),
        (b"\x1f\x8b\x08\0aaaaa", "gzip", "ByteArrayConverter"),
        (b"Obj\x01zzzzz", "container", "ByteArrayConverter"),
        (b"\xff\xfeh\0i\0", "UTF-16", "ByteArrayConverter"),
        (b"<a>x</a>", "text", "StringConverter"),
        (b"\x99\x98\x97", "no form", "ByteArrayConverter"),
        (b"\0\0\0\0\1abcd", "--registry", None),
        (b"\1" + b"g" * 16 + b"x", "GUID", None),
        (b"[" * 5000, "text", "StringConverter"),
    ],
)
def test_guesses(data: bytes | None, words: str, converter: str | None) -> None:
    [(what, reads, numbers)] = sniff([data], {})
    assert words in what
    assert (reads is None) is (converter is None)
    assert converter is None or converter in (reads or "")
    assert numbers == [0]
