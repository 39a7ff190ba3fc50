"""Log lines that say which connector and task they are about.

The context is Kafka Connect's ``connector.context`` (KIP-449): ``[orders|worker] ``, ``[orders|task-0] ``,
``[orders|task-0|offsets] ``. It belongs to the thread that logs.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from connectkit.secret import GIVEN

_context: ContextVar[str] = ContextVar("connectkit_log_context", default="")

FORMAT = "%(asctime)s %(levelname)-5s %(connector_context)s%(message)s (%(name)s)"


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
        record.connector_context = _context.get()
        return True


class HidingFormatter(logging.Formatter):
    """Leaves out what config providers gave: foreign exceptions and their tracebacks may quote it."""

    def format(self, record: logging.LogRecord) -> str:
        return GIVEN.hidden_in(super().format(record))


_TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2")
"""Libraries that log every request at INFO: each look-up in a schema registry, with its address."""


def set_up_logging(*, level: str = "INFO", stream: TextIO | None = None) -> LogHandler:
    """Log to a stream (stderr) with contexts; returns the handler, whose stream a live display may wrap."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.addFilter(ContextFilter())
    handler.setFormatter(HidingFormatter(FORMAT))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    if root.level > logging.DEBUG:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a full disk or a closed pipe must not stop the data
    return handler
