"""The command line: what it prints, its exit codes, one sentence for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectkit._version import __version__
from connectkit.runner.cli import connect_standalone, main
from connectkit.runner.cli.commands import build_parser
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: str, config: object) -> str:
    (folder / name).write_text(json.dumps(config))
    return name


GOOD = {"name": "in", "connector.class": "CsvSource", "file": "in.csv", "topic": "t"}


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["version"]])
def test_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"connectkit {__version__}\n"


def test_version_imports_next_to_nothing() -> None:
    script = (
        "import sys; from connectkit.runner.cli import main; main(['--version']);"
        "print(sorted(m for m in sys.modules if m.startswith('connectkit')), 'argparse' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (
        done.stdout.splitlines()[1]
        == str(["connectkit", "connectkit._version", "connectkit.runner", "connectkit.runner.cli"]) + " False"
    )


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["topics"], ["topics", "read"], ["standalone"], ["validate"], ["preview"]]
)
def test_wrong_usage_is_1(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err


@pytest.mark.parametrize("command", ["standalone", "validate", "preview", "plugins", "topics", "quickstart"])
def test_help_explains_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) > 5
    assert command in build_parser().format_help()


@pytest.mark.parametrize(("encoding", "dots"), [("ascii", "\\u2026"), ("latin-1", "\\u2026"), ("utf-8", "…")])
def test_a_terminal_that_lacks_a_character_is_told_its_number(encoding: str, dots: str) -> None:
    command = [sys.executable, "-c", "from connectkit.runner.cli import main; main(['plugins', '--help'])"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    assert f"converters, transforms {dots}, or explain" in done.stdout.decode(encoding)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "here/x"),
            "connectkit: here/x cannot be used: Permission denied",
        ),
        (TypeError("4111"), "connectkit: an error that should not be: TypeError; --debug shows where"),
    ],
)
def test_no_error_is_told_by_a_traceback_unless_that_is_asked_for(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("connectkit.runner.cli.new.new_project", fails)
    assert main(["new", "sink", "x"]) == 2
    assert capsys.readouterr().err == f"{said}\n"
    assert main(["new", "sink", "x", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_kafkas_script_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert connect_standalone([]) == 1
    assert "USAGE: connect-standalone worker.properties" in capsys.readouterr().err
    assert connect_standalone(["-daemon", "w.properties"]) == 1
    assert "-daemon" in capsys.readouterr().err


def test_validate_says_ok(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", write(here, "in.json", GOOD)]) == 0
    assert capsys.readouterr().out == "in.json: ok\n"


def test_validate_prints_every_problem_with_its_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "name": "in",
        "connector.class": "CsvSource",
        "fiel": "in.csv",
        "errors.tolerence": "all",
        "tasks.max": "abc",
        "transforms": "mask",
        "transforms.mask.type": "MaskField$Valeu",
        "transforms.mask.fields": "a",
    }
    assert main(["validate", write(here, "in.json", config)]) == 2
    out = capsys.readouterr().out
    assert "in.json: error: tasks.max:" in out
    assert "in.json: error: topic: is required" in out
    assert "fiel" in out
    assert "'file'" in out
    assert "'errors.tolerance'" in out
    assert "transforms.mask.type" in out
    assert "MaskField" in out


def test_validate_takes_several_files_and_a_worker(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "worker.properties").write_text(
        "bootstrap.servers=embedded:log\nkey.converter=JsonConverter\nvalue.converter=JsonConverter\n"
        "offset.storage.file.filename=offsets\nconnector.client.config.override.policy=None\n"
    )
    overriding = {**GOOD, "producer.override.linger.ms": "5"}
    files = [write(here, "one.json", GOOD), write(here, "two.json", overriding), "worker.properties"]
    assert main(["validate", *files]) == 2
    out = capsys.readouterr().out
    assert "worker.properties: ok" in out
    assert "two.json: error: producer.override.linger.ms" in out
    assert "two.json: error: name: is 'in' in one.json too" in out


def test_validate_takes_a_worker_whose_numbers_are_variables(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "worker.properties").write_text(
        "bootstrap.servers=${env::BROKERS}\nkey.converter=${env::CONVERTER}\n"
        "value.converter=StringConverter\noffset.storage.file.filename=offsets.json\n"
        "offset.flush.interval.ms=${env::INTERVAL}\nconfig.providers=env\n"
        "config.providers.env.class=EnvVarConfigProvider\n"
        "config.providers.env.param.allowlist.pattern=.*\n"
    )
    assert main(["validate", "worker.properties", write(here, "in.json", GOOD)]) == 0
    assert "in.json: ok" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nowhere.json", None, "does not exist"),
        ("empty.json", "", "is empty"),
        ("bad.json", "{", "not valid JSON"),
        ("half.properties", "name=x\n", "connector.class: is missing"),
        ("none.properties", "what=x\n", "bootstrap.servers"),
    ],
)
def test_validate_names_what_is_no_configuration(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, said: str
) -> None:
    if content is not None:
        (here / name).write_text(content)
    assert main(["validate", name]) == 2
    out = capsys.readouterr().out
    assert name in out
    assert said in out


@pytest.mark.parametrize(("content", "said"), [(None, "does not exist"), ("{", "not valid JSON")])
def test_a_broken_connector_file_stops_the_worker_before_it_makes_anything(
    here: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    if content is not None:
        (here / "bad.json").write_text(content)
    before = sorted(here.iterdir())
    assert main(["standalone", "bad.json"]) == 3
    assert said in capsys.readouterr().err
    assert sorted(here.iterdir()) == before


def test_plugins_lists_and_explains(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    for name in ("CsvSource", "FileStreamSink", "JsonConverter", "MaskField", "HasHeaderKey"):
        assert name in out
    assert main(["plugins", "org.apache.kafka.connect.transforms.MaskField$Value"]) == 0
    assert "fields (list, required)" in capsys.readouterr().out
    assert main(["plugins", "io.confluent.connect.transforms.ExtractTopic"]) == 0
    assert "field.format" in capsys.readouterr().out
    assert main(["plugins", "ExtractTopic"]) == 2
    assert "(io.aiven.kafka.connect.transforms.ExtractTopic, io.confluent." in capsys.readouterr().err
    assert main(["plugins", "MaskFeild"]) == 2
    assert "did you mean" in capsys.readouterr().err


def filled(folder: Path) -> str:
    address = f"embedded:{folder / 'log'}"
    (folder / "log").mkdir()
    log = open_log(address, {})
    admin = log.admin({})
    admin.create_topic("words", partitions=2, config={"retention.ms": "-1"})
    admin.close()
    producer = log.producer({})
    failed: list[object] = []
    producer.send(
        [
            OutRecord("words", 0, b'"k"', b'{"a":1}', 5, [("h", b"x")]),
            OutRecord("words", 1, None, b"broken", 6, None),
            OutRecord("words", 0, None, b'{"a":2}', 7, None),
        ],
        lambda failures: failed.extend(failures),
    )
    assert producer.flush(30) == 0
    assert failed == []
    producer.close(5)
    log.close()
    return address


def test_topics_are_listed_with_their_counts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = filled(here)
    assert main(["topics", "list", "--bootstrap-servers", address]) == 0
    assert capsys.readouterr().out.split() == ["words", "2", "partitions", "3"]


def test_records_are_read_as_json_lines_and_broken_ones_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = filled(here)
    schemaless = ["--option", "schemas.enable=false"]
    assert main(["topics", "read", "words", "--bootstrap-servers", address, *schemaless]) == 2
    told = capsys.readouterr()
    assert [json.loads(line) for line in told.out.splitlines()] == [
        {"partition": 0, "offset": 0, "timestamp": 5, "key": "k", "value": {"a": 1}, "headers": [["h", "x"]]},
        {"partition": 0, "offset": 1, "timestamp": 7, "key": None, "value": {"a": 2}},
    ]
    assert "words-1@0" in told.err
    assert "broken" not in told.err


def test_reading_ends_at_the_limit_and_takes_other_converters(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = filled(here)
    where = ["topics", "read", "words", "--bootstrap-servers", address, "--values"]
    assert main([*where, "--limit", "1", "--converter", "StringConverter"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main([*where, "--converter", "StringConverter"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == ['"broken"', '"{\\"a\\":1}"', '"{\\"a\\":2}"']
    assert main([*where, "--latest"]) == 0
    assert capsys.readouterr().out == ""


def test_records_of_aborted_transactions_are_left_out_where_it_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"embedded:{here / 'data'}"
    log = open_log(address)
    producer = log.producer({"transactional.id": "writer"})
    producer.init_transactions(30)
    for value, end in (("no", producer.abort_transaction), ("yes", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send([OutRecord("words", 0, None, value.encode(), None, None)], lambda deliveries: None)
        assert producer.flush(30) == 0
        end(30)
    producer.close(5)
    log.close()
    where = ["topics", "read", "words", "--bootstrap-servers", address, "--values"]
    where += ["--converter", "StringConverter"]
    assert main([*where, "--isolation-level", "read_committed"]) == 0
    assert capsys.readouterr().out.splitlines() == ['"yes"']
    for level in ([], ["--isolation-level", "read_uncommitted"]):
        assert main([*where, *level]) == 0
        assert capsys.readouterr().out.splitlines() == ['"no"', '"yes"']


def test_a_topic_or_log_that_is_not_there_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "list"]) == 2
    assert "connectkit-data" in capsys.readouterr().err
    address = filled(here)
    assert main(["topics", "read", "wrods", "--bootstrap-servers", address]) == 2
    assert "did you mean 'words'" in capsys.readouterr().err


def test_debug_shows_the_traceback(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "list", "--debug"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert "NotFoundError: There is no embedded log" in said


def test_the_quickstart_runs_and_goes_on(here: Path) -> None:
    script = "from connectkit.runner.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "quickstart", "first"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8 rows arrived" in done.stdout
    assert done.stderr == ""
    with (here / "first" / "planets.csv").open("a") as file:
        file.write("Pluto,1188.3,0.0130,153.3,5,2015-07-14\n")
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "1 rows arrived" in again.stdout
    assert "Pluto" in again.stdout
