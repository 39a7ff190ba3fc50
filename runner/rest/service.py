"""What the operations of REST share: the herder, the worker's configuration, the plugins, the loggers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from connectkit.plugin import Registry
from connectkit.runner.log_tail import LogTails
from connectkit.runner.rest.loggers import Loggers
from connectkit.runner.rest.security_settings import SecuritySettings

if TYPE_CHECKING:
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.herder import Herder


MAX_PREVIEWS: Final = 2
"""How many previews run at once: each runs plugins, and may wait for a topic."""


@dataclass(slots=True)
class Service:
    """Made once a worker. ``ready`` is set by the worker when its listed connectors are created."""

    herder: Herder
    config: WorkerConfig
    registry: Registry
    loggers: Loggers = field(default_factory=Loggers)
    ready: bool = False
    tails: LogTails = field(default_factory=LogTails)
    """The last log lines of each connector."""
    settings: SecuritySettings = field(default_factory=SecuritySettings)
    urls: Sequence[str] = ()
    """Where the worker listens."""
    began_s: float = field(default_factory=time.monotonic)
    previews: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_PREVIEWS)
    )
