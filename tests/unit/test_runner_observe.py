"""One event is one line, whoever chose the words in it; the last lines of each connector are kept."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.runner.control import TaskId
from connectkit.runner.log_tail import CHARS_OF_ONE, LINES_OF_ONE, LogTails
from connectkit.runner.observe import MAX_MESSAGE_CHARS, PLACES, TRACE, about, log_context, set_up_logging
from connectkit.secret import GIVEN

HOSTILE = "x\r\n2026-01-01 00:00:00,000 ERROR forged\x1b[31m\u2028\u202e\x00"


def logged(
    *args: object, as_json: bool = False, context: str = "", trace: BaseException | None = None
) -> str:
    stream = io.StringIO()
    set_up_logging(stream=stream, as_json=as_json)
    with log_context(context):
        logging.getLogger("connectkit.test").error(*args, exc_info=trace)
    return stream.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_control_characters_are_escaped(*, as_json: bool) -> None:
    found = logged("Connector %s failed", HOSTILE, as_json=as_json, context=f"[{HOSTILE}|task-0] ")
    assert found.count("\n") == 1
    assert found[:-1].isprintable()
    assert ("\\\\r\\\\n" if as_json else "\\r\\n") in found


@given(text=st.text(max_size=60), name=st.text(max_size=300), as_json=st.booleans())
def test_one_event_is_one_line(text: str, name: str, *, as_json: bool) -> None:
    found = logged("%s and %s", text, TaskId(name, 1), as_json=as_json, context=f"[{name}|task-1] ")
    assert found.endswith("\n")
    assert found[:-1].isprintable()
    if as_json:
        assert json.loads(found)["task"] == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_names_are_cut_and_messages_are_bounded(*, as_json: bool) -> None:
    name = "n" * 1_000_000
    found = logged("Connector %s failed", name, as_json=as_json, context=f"[{name}|task-0|offsets] ")
    assert len(found) < 1000
    assert "n" * 256 in found
    assert "n" * 257 not in found
    assert len(logged("%s", "a b " * 100_000, as_json=as_json)) < MAX_MESSAGE_CHARS + 300
    assert len(logged("%s", TaskId(name, 3), as_json=as_json)) < 1000


def test_a_traceback_cannot_forge_an_event() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as exc:
        found = logged("It failed", trace=exc)
    first, *others = found.splitlines()
    assert first.endswith("It failed (connectkit.test)")
    assert others
    assert all(line.startswith("    | ") and line.isprintable() for line in others)


def test_json_tells_the_parts_apart() -> None:
    try:
        raise ValueError("bad")
    except ValueError as exc:
        found = json.loads(
            logged("It %s", "failed", as_json=True, context="[or|ders|task-12|offsets] ", trace=exc)
        )
    assert found.pop("time").endswith("Z")
    assert found.pop("trace")[-1] == "ValueError: bad"
    assert found == {
        "level": "ERROR", "message": "It failed", "logger": "connectkit.test", "connector": "or|ders",
        "task": 12,
    }  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True])
def test_what_providers_gave_is_hidden(*, as_json: bool) -> None:
    GIVEN.add("canary-of-a-provider")
    error = ValueError("canary-of-a-provider")
    assert "canary" not in logged("with canary-of-a-provider", trace=error, as_json=as_json)


def test_a_message_that_does_not_fit_its_arguments_is_logged_all_the_same() -> None:
    assert "%d of %s" in logged("%d of %s", "one")


def test_what_a_thread_logs_about() -> None:
    assert about() is None
    with log_context("[a|worker] "):
        assert about() == ("a", None)
    with log_context("[a|b|task-3] "):
        assert about() == ("a|b", 3)
    with log_context("something else"):
        assert about() is None


def test_a_traceback_of_another_process_is_one_of_ours(tails: LogTails) -> None:
    extra = {TRACE: "Traceback\nValueError: value", PLACES: "ValueError\n    at a.py:1 in f"}
    stream = io.StringIO()
    set_up_logging(stream=stream)
    with log_context("[a|task-0] "):
        logging.getLogger("connectkit.test.tails").error("It failed", extra=extra)
    assert stream.getvalue().splitlines()[1:] == ["    | Traceback", "    | ValueError: value"]
    assert tails.tail("a", 1)[0].trace == ("ValueError", "    at a.py:1 in f")


# --- the tails


@pytest.fixture
def tails() -> Iterator[LogTails]:
    made = LogTails(chars_of_all=40_000)
    log = logging.getLogger("connectkit.test.tails")
    log.setLevel(logging.DEBUG)
    log.addHandler(made)
    yield made
    log.removeHandler(made)


def say(connector: str, message: str, *args: object, task: int = 0, level: int = logging.INFO) -> None:
    with log_context(f"[{connector}|task-{task}] "):
        logging.getLogger("connectkit.test.tails").log(level, message, *args)


def test_each_connector_has_its_own_lines(tails: LogTails) -> None:
    say("a", "one")
    say("b", "other")
    say("a", "two", task=1, level=logging.ERROR)
    logging.getLogger("connectkit.test.tails").info("about nobody")
    assert [line.message for line in tails.tail("a", 10)] == ["one", "two"]
    assert [line.message for line in tails.tail("a", 1)] == ["two"]
    assert [line.message for line in tails.tail("a", 10, task=0)] == ["one"]
    assert [line.message for line in tails.tail("a", 10, least_level=logging.WARNING)] == ["two"]
    assert tails.tail("a", 0) == tails.tail("nobody", 10) == []
    found = tails.tail("a", 1)[0].as_json()
    assert found.pop("time").endswith("Z")
    assert found == {"level": "ERROR", "task": 1, "message": "two", "logger": "connectkit.test.tails"}
    tails.forget("a")
    assert tails.tail("a", 10) == []
    assert len(tails.tail("b", 10)) == 1


def test_lines_are_bounded_by_number() -> None:
    tails = LogTails()
    record = logging.makeLogRecord({"msg": "x", "name": "n"})
    with log_context("[a|worker] "):
        for _ in range(LINES_OF_ONE + 7):
            tails.handle(record)
    assert len(tails.tail("a", 10_000)) == LINES_OF_ONE


def test_lines_are_bounded_by_size() -> None:
    tails = LogTails()
    record = logging.makeLogRecord({"msg": "y z " * 100_000, "name": "n"})
    with log_context("[a|worker] "):
        for _ in range(500):
            tails.handle(record)
    found = tails.tail("a", 10_000)
    assert sum(line.size for line in found) <= CHARS_OF_ONE
    assert len(found) > 50


def test_the_connector_that_was_silent_longest_gives_way(tails: LogTails) -> None:
    for name in ("a", "b", "c"):
        for _ in range(60):
            say(name, "m")
    say("a", "again")
    for _ in range(60):
        say("d", "m")
    assert tails.tail("b", 1) == []
    assert tails.tail("a", 1)[0].message == "again"
    assert tails.tail("d", 100)
