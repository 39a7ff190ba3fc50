"""What holds for every connector: its task configurations are few, plain and complete."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from connectkit.api import Connector
from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import Laws, describe, law


class ConnectorLaws(Laws):
    """Subclass it and name the ``connector`` (class, or name of an installed one) and its ``config``.

    Where the configuration names files, override :meth:`prepare`: it is given an empty folder. For tasks,
    subclass ``SourceLaws`` or ``SinkLaws``, which hold these laws, too.
    """

    plugin_attribute = "connector"
    plugin_bases = (Connector,)
    connector: ClassVar[type[Connector[Any]] | str | None] = None

    def plugin_class(self) -> type[Any]:
        chosen: Any = self.connector
        return plugins.find_connector(chosen).cls if isinstance(chosen, str) else chosen

    def prepare(self, directory: Path) -> Mapping[str, str]:
        """Make in an empty folder what the connector needs; returns its configuration."""
        return self.config

    def configuration(self) -> Mapping[str, str]:
        kept = self.__dict__.get("_folder")
        if kept is None:
            kept = self.__dict__["_folder"] = tempfile.TemporaryDirectory(prefix="connectkit-laws-")
            self.__dict__["_configuration"] = dict(self.prepare(Path(kept.name)))
        found: Mapping[str, str] = self.__dict__["_configuration"]
        return found

    def clean_up(self) -> None:
        kept = self.__dict__.pop("_folder", None)
        if kept is not None:
            kept.cleanup()

    @contextmanager
    def world(self) -> Iterator[tuple[Path, dict[str, str]]]:
        """A prepared folder and the configuration, for one case."""
        with tempfile.TemporaryDirectory(prefix="connectkit-laws-") as name:
            yield Path(name), dict(self.prepare(Path(name)))

    def make(self, config: Mapping[str, str]) -> Connector[Any]:
        """A new connector."""
        cls = self.plugin_class()
        made: Connector[Any] = cls(cls.config_type.parse(dict(config)))
        return made

    @law(
        "A connector makes at least one and at most as many task configurations as it may, all of plain texts"
    )
    def task_configs_are_few_and_plain(self) -> None:
        for most in (1, 2, 7):
            with self.world() as (_, config):
                connector = self.make(config)
                connector.initialize(_Context())
                connector.start()
                made = list(connector.task_configs(most))
                again = list(connector.task_configs(most))
                connector.stop()
            if not 1 <= len(made) <= most:
                self.broken(f"asked for at most {most} tasks, it made {len(made)}", config=config)
            for each in made:
                if not all(isinstance(k, str) and isinstance(v, str) for k, v in each.items()):
                    self.broken("a task configuration holds something that is no text", made=dict(each))
            if [dict(each) for each in made] != [dict(each) for each in again]:
                self.broken("asked again, it makes other task configurations", first=made, second=again)

    @law("Every task configuration suits the task's own configuration class")
    def task_configs_suit_the_task(self) -> None:
        task_class: Any = self.plugin_class().task_class
        for most in (1, 3):
            with self.world() as (_, config):
                for each in self.make(config).task_configs(most):
                    try:
                        task_class.config_type.parse(dict(each))
                    except ConfigError as exc:
                        self.broken(f"{task_class.__name__} refuses it ({exc})", made=dict(each))

    @law("Checking a configuration raises nothing, and its problems are sentences by key")
    def checking_raises_nothing(self) -> None:
        cls = self.plugin_class()
        with self.world() as (_, config):
            for raw in (dict(config), {}, dict.fromkeys(config, ""), dict.fromkeys(config)):
                before = code_of(raw)
                try:
                    found = cls.check_config(raw)
                except Exception as exc:  # noqa: BLE001 - which one is the question
                    self.broken(f"check_config raised {describe(exc)}", config=raw)
                if not all(isinstance(key, str) for key in found):
                    self.broken("check_config names keys that are no texts", found=dict(found))
                if raw == dict(config) and any(found.values()):
                    self.broken(
                        "check_config finds fault with the configuration under test", found=dict(found)
                    )
                if code_of(raw) != before:
                    self.broken("check_config changed the configuration", config=raw)

    @law("A connector can be stopped without having made tasks")
    def stopping_early_is_fine(self) -> None:
        with self.world() as (_, config):
            connector = self.make(config)
            connector.initialize(_Context())
            connector.start()
            connector.stop()


class _Context:
    """A worker that does nothing about it."""

    def request_task_reconfiguration(self) -> None: ...

    def raise_error(self, error: Exception) -> None:
        raise error
