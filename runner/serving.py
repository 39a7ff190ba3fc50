"""Whether, where and when a worker serves REST; the libraries for it are imported only if it does.

The sockets are opened before the worker is made, since the port is part of the worker's id; answers begin
once the herder runs. What is served beside Connect's interface is put together in ``Serving.start``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from connectkit.errors import ConfigError
from connectkit.runner.configs.worker import WorkerConfig

if TYPE_CHECKING:
    from connectkit.plugin import Registry
    from connectkit.runner.herder import Herder
    from connectkit.runner.rest.security_settings import SecuritySettings
    from connectkit.runner.rest.server import RestServer
    from connectkit.runner.rest.service import Service

log = logging.getLogger(__name__)


class Serving:
    """The REST of one worker."""

    def __init__(self, server: RestServer, config: WorkerConfig, settings: SecuritySettings) -> None:
        self._server = server
        self._config = config
        self._settings = settings
        self._service: Service | None = None

    @property
    def worker_id(self) -> str:
        """What the worker is called in statuses: host and port."""
        return self._server.worker_id

    @property
    def urls(self) -> list[str]:
        """Where it answers, without a slash at the end."""
        return [bound.url for bound in self._server.main]

    def start(self, herder: Herder, registry: Registry) -> None:
        """Begin to answer; ``/health`` says *starting* until :meth:`ready`."""
        from connectkit.runner.rest import own, window
        from connectkit.runner.rest.app import make_app
        from connectkit.runner.rest.security import secured
        from connectkit.runner.rest.service import Service

        self._service = service = Service(
            herder, self._config, registry, settings=self._settings, urls=self.urls
        )
        logging.getLogger().addHandler(service.tails)
        apart = self._server.admin is not None
        app = make_app(service, admin_apart=apart, more=window.routes(), more_operations=own.OPERATIONS)
        admin = make_app(service, side="admin") if self._server.admin else None
        self._server.start(
            secured(app, self._settings), None if admin is None else secured(admin, self._settings)
        )

    def ready(self) -> None:
        """The connectors that were listed have been created."""
        if self._service is not None:
            self._service.ready = True

    def stop(self) -> None:
        """Answer what is under way, and no more."""
        self._server.stop()
        if self._service is not None:
            logging.getLogger().removeHandler(self._service.tails)


def open_serving(config: WorkerConfig, *, by_default: bool) -> Serving | None:
    """Open the sockets, or None where REST is off.

    ``by_default``: whether it is on where the worker's file says nothing of ``listeners``. What keeps it
    from being opened is a ``ConfigError`` where it was asked for, and a warning where it is the default.
    """
    if config.listeners is None and not by_default:
        return None
    if config.listeners is not None and not any(config.listeners):
        return None
    settings = _settings(config)
    try:
        from connectkit.runner.rest.server import RestServer

        return Serving(RestServer(config, settings), config, settings)
    except (ConfigError, ModuleNotFoundError) as exc:
        if config.listeners is not None:
            raise exc if isinstance(exc, ConfigError) else ConfigError(f"{exc}.") from exc
        log.warning("The worker runs without REST: %s", exc)
        return None


def _settings(config: WorkerConfig) -> SecuritySettings:
    """Who may use it; ``ConfigError`` (never only a warning) if that is unclear, or would be anybody."""
    from connectkit.runner.rest.listeners import admin_listeners, main_listeners
    from connectkit.runner.rest.security_settings import SecuritySettings

    settings = SecuritySettings.of(config)
    listeners = [*main_listeners(config), *(admin_listeners(config) or [])]
    for sentence in settings.check_listeners(each.host for each in listeners):
        log.warning("%s", sentence)
    return settings
