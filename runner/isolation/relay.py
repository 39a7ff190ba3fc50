"""Log lines of a task's process, written by the worker as if the task had run there."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from connectkit.runner.isolation.channel import Channel
from connectkit.runner.observe import PLACES, TRACE
from connectkit.runner.status import trace_of


class RelayHandler(logging.Handler):
    """Sends every record over the channel. In the task's process."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a wrong format string must not end the task
            text = str(record.msg)
        sent = {"t": "log", "name": record.name, "level": record.levelno, "text": text, "at": record.created}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            sent[TRACE] = "".join(traceback.format_exception(error)).rstrip()
            sent[PLACES] = trace_of(error)
        self._channel.send(sent)


def levels() -> dict[str, int]:
    """The levels that are set in this process, by logger; the root's under an empty name."""
    found = {"": logging.getLogger().level}
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and logger.level:
            found[name] = logger.level
    return found


def set_levels(found: Mapping[str, int]) -> None:
    """Log as the other process does."""
    for name, level in found.items():
        logging.getLogger(name or None).setLevel(level)


def write(message: Mapping[str, Any]) -> None:
    """Log a line that came over the channel. In the worker, inside the task's log context."""
    logger = logging.getLogger(str(message["name"]))
    if logger.isEnabledFor(int(message["level"])):
        extra = {name: str(message[name]) for name in (TRACE, PLACES) if name in message}
        record = logger.makeRecord(
            logger.name, int(message["level"]), "", 0, str(message["text"]), (), None, extra=extra
        )
        record.created = float(message["at"])
        logger.handle(record)
