"""Connectors for REST's transcripts: they fail where they are told to, and have options of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from connectkit.api import SinkConnector, SinkTask, SourceConnector, SourceTask
from connectkit.checks import (
    at_least,
    between,
    no_control_characters,
    no_duplicates,
    non_empty_string,
    one_of_any_case,
)
from connectkit.config import HIGH, LOW, MEDIUM, Config, Kind, Secret, Width, option
from connectkit.errors import ConfigError, ConnectError
from connectkit.plugin import Registry
from connectkit.record import SinkRecord, SourceRecord

VERSION = "1.0-probe"


class ProbeConfig(Config):
    fail_at: str = option("none", doc="Where to fail.", importance=LOW)
    task_count: int | None = option(None, doc="How many tasks to make.", importance=LOW)
    alter_offsets: str = option("true", doc="What to answer to new offsets.", importance=LOW)
    note: str = option("", doc="A note.", importance=LOW)


class ProbeTaskConfig(Config):
    probe_task: int = option(doc="Its number.")
    note: str = option("", doc="A note.")
    fail_at: str = option("none", doc="Where to fail.")


class RestProbeTask(SourceTask[ProbeTaskConfig]):
    """Produces nothing."""

    def _fails(self, where: str) -> bool:
        return self.config.fail_at in (where, f"{where}.{self.config.probe_task}")

    def start(self) -> None:
        if self._fails("task.start"):
            raise ConnectError("probe: task.start failed")

    def poll(self) -> list[SourceRecord] | None:
        if self._fails("poll"):
            raise ConnectError("probe: poll failed")
        self.context.sleep(0.01)
        return None

    def stop(self) -> None:
        pass


class RestProbeSource(SourceConnector[ProbeConfig]):
    """Fails as told."""

    config: Any
    version = VERSION
    task_class = RestProbeTask

    @property
    def _told(self) -> ProbeConfig:
        """What the plain probe's options say; the others have none of them."""
        return self.config if isinstance(self.config, ProbeConfig) else ProbeConfig()

    def _fail(self, where: str) -> None:
        if self._told.fail_at == where:
            raise ConnectError(f"probe: {where} failed")

    def start(self) -> None:
        self._fail("start")

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        self._fail("taskConfigs")
        told = self._told
        more = {"fail.at": told.fail_at} if "fail.at" in told.originals else {}
        count = max_tasks if told.task_count is None else told.task_count
        return [{"probe.task": str(n), "note": told.note, **more} for n in range(count)]

    def stop(self) -> None:
        self._fail("stop")

    def alter_offsets(self, offsets: Mapping[Any, Any]) -> bool:
        answer = self._told.alter_offsets
        if answer == "unsupported":
            raise NotImplementedError("probe: unsupported")
        if answer not in ("true", "false"):
            raise ConnectError("probe: alterOffsets failed")
        return answer == "true"


class ProbeSinkConfig(Config):
    note: str = option("", doc="A note.", importance=LOW)


class ProbeSinkTaskConfig(Config):
    prefixes = ("topics",)

    probe_task: int = option(0, doc="Its number.")
    note: str = option("", doc="A note.")


class NoTask(SinkTask[ProbeSinkTaskConfig]):
    """Takes everything."""

    def start(self) -> None:
        pass

    def put(self, records: Sequence[SinkRecord]) -> None:
        pass

    def stop(self) -> None:
        pass


class RestProbeSink(SinkConnector[ProbeSinkConfig]):
    """Does nothing."""

    version = VERSION
    task_class = NoTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{"probe.task": str(n), "note": self.config.note} for n in range(max_tasks)]

    def alter_offsets(self, offsets: Mapping[Any, Any]) -> bool:
        return True


def _recommend(values: Mapping[str, Any]) -> list[str]:
    if values["r.mode"] == "explode":
        raise ConfigError("recommender exploded")
    return ["x1", "x2"] if values["r.mode"] == "x" else ["y1"]


def _members(value: Sequence[str]) -> str | None:
    return None if set(value) <= {"a", "b", "c"} else "must hold nothing but a, b and c"


class RichConfig(Config):
    r_string: str = option(
        doc="Required.",
        check=non_empty_string,
        importance=HIGH,
        group="Strings",
        order=1,
        width=Width.LONG,
        display_name="R String",
    )
    r_choice: Literal["a", "b", "c"] = option(
        "a", doc="One.", group="Strings", order=3, width=Width.SHORT, display_name="R Choice"
    )
    r_nocase: str = option(
        "one",
        doc="In any case.",
        check=one_of_any_case("One", "TWO"),
        group="Strings",
        order=2,
        width=Width.SHORT,
        display_name="R Nocase",
    )
    r_clean: str | None = option(
        None,
        doc="No control characters.",
        check=no_control_characters,
        importance=LOW,
        group="Strings",
        order=4,
        display_name="R Clean",
    )
    r_int: int = option(
        5,
        doc="From 1 to 10.",
        check=between(1, 10),
        importance=HIGH,
        group="Numbers",
        order=1,
        width=Width.SHORT,
        display_name="R Int",
        recommender=lambda values: [1, 2, 3],
    )
    r_short: int = option(
        3,
        doc="From 0.",
        kind=Kind.SHORT,
        check=at_least(0),
        importance=LOW,
        group="Numbers",
        order=2,
        width=Width.SHORT,
        display_name="R Short",
    )
    r_long: int | None = option(
        None,
        doc="Any.",
        kind=Kind.LONG,
        importance=LOW,
        group="Numbers",
        order=3,
        width=Width.MEDIUM,
        display_name="R Long",
    )
    r_double: float | None = option(
        0.5,
        doc="Any.",
        importance=LOW,
        group="Numbers",
        order=4,
        width=Width.MEDIUM,
        display_name="R Double",
    )
    r_bool: bool | None = option(False, doc="A flag.", importance=MEDIUM)
    r_list: list[str] | None = option(["a", "b"], doc="Members.", check=(_members, no_duplicates))
    r_items: list[str] = option([], doc="Items.", check=no_duplicates)
    r_plain: list[str] | None = option(None, doc="Any.", importance=LOW)
    r_class: str | None = option(None, doc="A class.", kind=Kind.CLASS, importance=LOW)
    r_password: Secret | None = option(None, doc="A secret.")
    r_secret: Secret = option(Secret("shh"), doc="A secret.", importance=LOW)
    r_mode: str | None = option(
        "x",
        doc="A mode.",
        group="Dependents",
        order=1,
        width=Width.SHORT,
        display_name="R Mode",
        dependents=("r.child",),
    )
    r_child: str | None = option(
        None,
        doc="Of the mode.",
        group="Dependents",
        order=2,
        width=Width.SHORT,
        display_name="R Child",
        recommender=_recommend,
        visible=lambda values: bool(values["r.bool"]),
    )
    tasks_max: int = option(
        2,
        doc="Its own.",
        check=between(1, 4),
        importance=HIGH,
        group="Overlap",
        order=1,
        width=Width.SHORT,
        display_name="Own tasks max",
    )


class RestProbeRich(RestProbeSource):
    """Has options of every kind."""

    config_type = RichConfig

    @classmethod
    def check_config(cls, raw: Mapping[str, str | None]) -> Mapping[str, Sequence[str]]:
        if raw.get("r.mode") == "boom":
            raise ConfigError("probe: validate failed")
        if raw.get("r.mode") == "null":
            return cast("dict[str, list[str]]", None)
        if raw.get("r.choice") == "c" and raw.get("r.long") is None:
            return {"r.long": ["is needed when r.choice is c"]}
        return {}


class GhostConfig(Config):
    g_parent: str = option(
        "p",
        doc="A parent.",
        importance=LOW,
        group="Ghosts",
        order=1,
        width=Width.SHORT,
        display_name="G Parent",
    )
    g_plain: str = option("", doc="A text.", importance=LOW)


class RestProbeGhost(RestProbeSource):
    """Kafka's has a dependent that is not defined; such a definition cannot be made here."""

    config_type = GhostConfig


SCRIPT = """
from connectkit.plugin import plugins
from connectkit.runner.cli import main
from tests.support.rest_probe import register_probes
register_probes(plugins)
raise SystemExit(main())
"""
"""``python -c SCRIPT standalone …`` runs a worker that has them."""


def register_probes(registry: Registry) -> Registry:
    """Add them under the names of the transcripts."""
    registry.register("source", "RestProbeSource", RestProbeSource)
    registry.register("source", "RestProbeRich", RestProbeRich)
    registry.register("source", "RestProbeGhost", RestProbeGhost)
    registry.register("sink", "RestProbeSink", RestProbeSink)
    return registry
