"""Log lines that say which connector and task they are about: one line an event, as text or as JSON.

The context is Kafka Connect's ``connector.context`` (KIP-449): ``[orders|worker] ``, ``[orders|task-0] ``,
``[orders|task-0|offsets] ``. It belongs to the thread that logs. Nothing that a configuration or a record
brought along begins a line of its own or moves a terminal's cursor: control characters are escaped, the
lines of a traceback are indented, names are cut at 256 characters and messages at 4,096 (reliability S11).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TextIO

from connectkit.runner.control import TaskId
from connectkit.secret import GIVEN
from connectkit.suggest import shortened

_context: ContextVar[str] = ContextVar("connectkit_log_context", default="")

FORMAT = "%(asctime)s %(levelname)-5s %(connector_context)s%(message)s (%(name)s)"
MAX_NAME_CHARS: Final = 256
MAX_MESSAGE_CHARS: Final = 4096
_CONTEXT: Final = re.compile(r"\[(.*)\|(worker|task-(\d+)(?:\|offsets)?|validate)\] ", re.DOTALL)


TRACE, PLACES = "task_trace", "task_places"
"""Attributes of a record from a task's process: its traceback, whole and without foreign messages."""


@contextmanager
def log_context(text: str) -> Iterator[None]:
    """Put this before every message logged by this thread inside the block."""
    token = _context.set(text)
    try:
        yield
    finally:
        _context.reset(token)


LogHandler = logging.StreamHandler[TextIO]


class ContextFilter(logging.Filter):
    """Adds ``connector_context`` to every record, so that formats may use it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.connector_context = _shown_context(_context.get())
        return True


def _shown_context(text: str) -> str:
    if len(text) <= MAX_NAME_CHARS and text.isprintable():
        return text
    found = _CONTEXT.fullmatch(text)
    if found is None:
        return shortened(text, limit_chars=MAX_NAME_CHARS)
    return f"[{shortened(found[1], limit_chars=MAX_NAME_CHARS)}|{found[2]}] "


def about() -> tuple[str, int | None] | None:
    """The connector, and the task if it is one, that this thread's messages are about now."""
    found = _CONTEXT.fullmatch(_context.get())
    return None if found is None else (found[1], int(found[3]) if found[3] else None)


def message_of(record: logging.LogRecord) -> str:
    """The message in one line of bounded length, without what config providers gave."""
    args = record.args
    if isinstance(args, tuple) and args:
        args = tuple(map(_shown, args))
    try:
        text = str(record.msg) % args if args else str(record.msg)
    except Exception:  # noqa: BLE001 - a message that does not fit its arguments must not stop anything
        text = str(record.msg)
    text = GIVEN.hidden_in(text)
    if len(text) <= MAX_MESSAGE_CHARS and text.isprintable():
        return text
    return shortened(text, limit_chars=MAX_MESSAGE_CHARS)


def _shown(value: object) -> object:
    """An argument of a message; a name (which has no spaces) is cut, and a sentence is not."""
    if isinstance(value, TaskId):
        value = str(value)
    if type(value) is str and len(value) > MAX_NAME_CHARS and not re.search(r"\s", value[:MAX_NAME_CHARS]):
        return shortened(value, limit_chars=MAX_NAME_CHARS)
    return value


def trace_lines(record: logging.LogRecord) -> list[str]:
    """The lines of a record's traceback, each printable."""
    parts: list[str] = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(logging.Formatter().formatException(record.exc_info))
    if record.stack_info:
        parts.append(record.stack_info)
    if from_process := getattr(record, TRACE, None):
        parts.append(str(from_process))
    text = GIVEN.hidden_in("\n".join(parts))
    return [shortened(line, limit_chars=MAX_MESSAGE_CHARS) for line in text.split("\n")] if parts else []


class LineFormatter(logging.Formatter):
    """Text: one line an event; a traceback follows in lines that no event could begin with."""

    def format(self, record: logging.LogRecord) -> str:
        record.message = message_of(record)
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record)
        return "\n".join([line, *(f"    | {each}" for each in trace_lines(record))])


class JsonFormatter(logging.Formatter):
    """A JSON object a line: ``time level message logger``, and ``connector task trace`` where there are."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        found: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": message_of(record),
            "logger": record.name,
        }
        subject = about()
        if subject is not None:
            found["connector"] = subject[0][:MAX_NAME_CHARS]
            if subject[1] is not None:
                found["task"] = subject[1]
        if lines := trace_lines(record):
            found["trace"] = lines
        return json.dumps(found)


TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2")
"""Libraries that log every request at INFO: each look-up in a schema registry, with its address."""


def set_up_logging(*, level: str = "INFO", stream: TextIO | None = None, as_json: bool = False) -> LogHandler:
    """Log to a stream (stderr) with contexts; returns the handler, whose stream a live display may wrap."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.addFilter(ContextFilter())
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter(FORMAT))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    if root.level > logging.DEBUG:
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a full disk or a closed pipe must not stop the data
    return handler
