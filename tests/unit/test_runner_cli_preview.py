"""``connectkit preview``: what it prints, colours, JSON, exit codes; and that nothing is left behind."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectkit.runner.cli import main
from connectkit.runner.cli.preview_text import Painter, short
from connectkit.runner.cli.terminal import printable, wants_colours
from connectkit.runner.preview import Shown

SINK = {
    "name": "orders",
    "connector.class": "FileStreamSink",
    "file": "never.txt",
    "topics": "orders",
    "transforms": "total,route",
    "transforms.total.type": "Expression",
    "transforms.total.expression": "drop if value.qty <= 0\nvalue.total = value.qty * value.price",
    "transforms.route.type": "RegexRouter",
    "transforms.route.regex": ".*",
    "transforms.route.replacement": "priced",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sink.json").write_text(json.dumps(SINK))
    (tmp_path / "in.jsonl").write_text('{"qty": 2, "price": 1.5}\n{"qty": 0, "price": 1}\n{"qty": "x"}\n')
    return tmp_path


def test_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "sink.json", "--from", "in.jsonl"]) == 2
    out = capsys.readouterr().out
    assert "orders: sink connector, reading the records in in.jsonl; nothing is written" in out
    assert "+ value.total = 3.0" in out
    assert '~ topic: "orders" → "priced"' in out
    assert "dropped: drop if value.qty <= 0 (line 1, column 1)" in out
    assert "! failed" in out
    assert "3 records in, 1 out" in out
    assert "\x1b" not in out
    assert sorted(os.listdir(here)) == ["in.jsonl", "sink.json"]


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "sink.json", "--from", "in.jsonl", "--json", "-n", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["connector"] == "orders"
    assert [len(each["results"]) for each in found["records"]] == [1, 0]
    assert found["records"][0]["results"][0]["value"] == {"qty": 2, "price": 1.5, "total": 3.0}
    assert [each["dropped"] for each in found["steps"]] == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sink.json", "--from", "gone.jsonl"], "There is no file gone.jsonl"),
        (["sink.json"], "no embedded log"),
        (["gone.json"], "does not exist"),
        (["sink.json", "--from", "in.jsonl", "-n", "0"], "1 to 1000"),
        (
            ["bad.json", "--from", "in.jsonl"],
            "transforms.total.expression: at line 1, column 1: there is no 'valu'",
        ),
    ],
)
def test_mistakes(here: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.json").write_text(json.dumps({**SINK, "transforms.total.expression": "valu.x = 1"}))
    assert main(["preview", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (here / "connectkit-data").exists()


def test_warnings_go_to_stderr(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "sink.json").write_text(json.dumps({**SINK, "transforms.totl.x": "1"}))
    assert main(["preview", "sink.json", "--from", "in.jsonl", "-n", "1"]) == 0
    captured = capsys.readouterr()
    assert "did you mean 'total'" in captured.err
    assert "warning" not in captured.out


def test_a_source_and_its_own_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "rows.csv").write_text("id\n1\n2\n")
    config = {"name": "in", "connector.class": "CsvSource", "file": "none.csv", "topic": "t", "mode": "once"}
    (here / "source.json").write_text(json.dumps(config))
    assert main(["preview", "source.json", "--from", "rows.csv"]) == 0
    out = capsys.readouterr().out
    assert "2 records in, 2 out" in out
    assert "written as key null, value" in out
    assert sorted(os.listdir(here)) == ["in.jsonl", "rows.csv", "sink.json", "source.json"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colours(Terminal())
    assert not wants_colours(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colours(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colours(Terminal())
    shown = Shown("orders-0@1", errors=["broken"])
    assert any("\x1b[31m" in line for line in Painter(colours=True).record(1, shown))
    assert not any("\x1b" in line for line in Painter(colours=False).record(1, shown))


def test_nothing_in_a_record_can_move_the_cursor() -> None:
    assert "\x1b" not in printable("\x1b[2J\x9b\u202e\r\n")
    assert "\x1b" not in short({"a\x1b[2J": "\x1b]0;title\x07"})
    assert len(short("x" * 1_000)) < 200


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m connectkit preview sink.json --from in.jsonl | head -1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "preview.md"
TIME = re.compile(r" +[0-9.,]+ µs")


def test_the_guide_shows_what_is_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, records, shown, programs = re.findall(
        r"^```(?:json|text)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    (here / "orders-sink.json").write_text(config)
    (here / "orders.jsonl").write_text(records)
    command, _, wanted = shown.partition("\n")
    assert main(command.split()[2:]) == 2
    assert TIME.sub("", capsys.readouterr().out) == TIME.sub("", wanted)
    command, _, wanted = programs.partition("\n")
    assert main(command.split("|")[0].split()[2:]) == 2
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [[s["alias"], s["seen"], s["dropped"], s["failed"]] for s in steps] == [
        json.loads(line) for line in wanted.splitlines()
    ]
