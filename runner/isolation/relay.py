"""Log lines of a task's process, written by the worker as if the task had run there."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from connectkit.runner.isolation.channel import Channel


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
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        self._channel.send(
            {"t": "log", "name": record.name, "level": record.levelno, "text": text, "at": record.created}
        )


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
        record = logger.makeRecord(logger.name, int(message["level"]), "", 0, str(message["text"]), (), None)
        record.created = float(message["at"])
        logger.handle(record)
