"""What the operations of REST share: the herder, the worker's configuration, the plugins, the loggers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectkit.plugin import Registry
from connectkit.runner.rest.loggers import Loggers

if TYPE_CHECKING:
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.herder import Herder


@dataclass(slots=True)
class Service:
    """Made once a worker. ``ready`` is set by the worker when its listed connectors are created."""

    herder: Herder
    config: WorkerConfig
    registry: Registry
    loggers: Loggers = field(default_factory=Loggers)
    ready: bool = False
