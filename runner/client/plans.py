"""Compares connectors' files with what runs, before anything happens, and then makes it so.

On our worker the comparison is the worker's own (secrets are compared there and never shown). On any other
the running configuration is read and compared here, and its plugins validate. What such a worker masks
cannot be compared: it is told as *unknown* and is no change by itself. Only PUT of a whole configuration
is used (and POST for a connector that is to start paused or stopped), so that applying twice changes
nothing. Source: Kafka Connect's REST interface, KIP-980; spec users row 33.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import quote

from connectkit.errors import ConfigError
from connectkit.plugin import Registry
from connectkit.runner.client.http import AnsweredError, RestClient, connector_path, plugin_path
from connectkit.runner.client.secrets import Config, Curtain
from connectkit.runner.config_changes import Change, option_changes
from connectkit.runner.configs.files import ConfigFile
from connectkit.runner.validation import validate_connector
from connectkit.runner.variables import variables_in
from connectkit.secret import HIDDEN
from connectkit.suggest import shortened

Action = Literal["none", "create", "change", "delete", "refuse"]
_STARS: Final = 3


@dataclass(slots=True)
class Plan:
    """What is to happen to one connector."""

    name: str
    action: Action
    file: ConfigFile | None = None
    changes: Sequence[Change] = ()
    effects: Sequence[str] = ()
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    done: bool = False
    failure: str | None = None
    """Why it could not be done."""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "file": None if self.file is None else str(self.file.path),
            "action": self.action,
            "changes": [change.as_json() for change in self.changes],
            "effects": list(self.effects),
            "errors": {key: list(found) for key, found in self.errors.items()},
            "warnings": {key: list(found) for key, found in self.warnings.items()},
            "done": self.done,
            "failure": self.failure,
        }


class Planner:
    """Makes plans for files against one worker, and carries them out."""

    def __init__(self, client: RestClient, registry: Registry) -> None:
        self._client = client
        self._registry = registry
        self._curtain = Curtain(client, registry)

    def plan(self, file: ConfigFile) -> Plan:
        """What applying the file would do. Nothing is changed."""
        shown = self._curtain.shown(file.config)
        if self._client.is_ours and (found := self._asked(file)) is not None:
            return found
        running = self._running(file.name)
        errors, warnings = self._validated(file)
        if running is None:
            action: Action = "create"
            changes = [Change(key, "added", None, shown[key]) for key in sorted(shown)]
        else:
            changes = differences(running, file.config, self._curtain.shown(running), shown)
            action = "change" if any(change.how != "unknown" for change in changes) else "none"
        return Plan(
            file.name, "refuse" if errors else action, file, changes, errors=errors, warnings=warnings
        )

    def surplus(self, kept: Iterable[str], prefixes: Sequence[str]) -> list[Plan]:
        """The connectors that run, whose names begin so, and that no file holds."""
        names = set(kept)
        running = sorted(self._client.get("/connectors", wanted=list))
        return [
            Plan(name, "delete", effects=["The connector is deleted; its offsets stay"])
            for name in running
            if name not in names and any(name.startswith(prefix) for prefix in prefixes)
        ]

    def apply(self, plan: Plan) -> None:
        """Do what was planned."""
        if plan.action == "delete":
            try:
                self._client.ask("DELETE", connector_path(plan.name))
            except AnsweredError as exc:
                if exc.status != 404:  # somebody else was faster
                    raise
            return
        if plan.file is None or plan.action not in ("create", "change"):
            return
        config = plan.file.config
        if plan.action == "create" and plan.file.initial_state != "RUNNING":
            body = {"name": plan.name, "config": config, "initial_state": plan.file.initial_state}
            self._client.ask("POST", "/connectors", body=body)
        else:
            self._client.ask("PUT", connector_path(plan.name, "config"), body=config)

    def _asked(self, file: ConfigFile) -> Plan | None:
        """The plan of our worker; None if it does not let us ask."""
        path = f"/connectkit/connectors/{quote(file.name, safe='')}/plan"
        try:
            found = self._client.ask("POST", path, body=file.config)
        except AnsweredError as exc:
            if exc.status in (403, 404, 405):
                return None
            return Plan(file.name, "refuse", file, errors={"": [str(exc)]})
        changes = [
            Change(each["key"], each["change"], each.get("old"), each.get("new")) for each in found["changes"]
        ]
        return Plan(
            file.name,
            found["action"],
            file,
            changes,
            found["effects"] if found["action"] != "none" else (),
            found["errors"],
            found["warnings"],
        )

    def _running(self, name: str) -> Config | None:
        try:
            found: Config = self._client.get(connector_path(name, "config"), wanted=dict)
        except AnsweredError as exc:
            if exc.status == 404:
                return None
            raise
        return found

    def _validated(self, file: ConfigFile) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
        """Errors and warnings of the worker's own validation; ours where the worker has none for us."""
        plugin = (file.config.get("connector.class") or "").strip()
        if not plugin:
            return {"connector.class": ["is missing"]}, {}
        try:
            found = self._client.ask("PUT", plugin_path(plugin, "config", "validate"), body=file.config)
        except AnsweredError as exc:
            if exc.status in (403, 404, 405):
                return self._validated_here(file, plugin)
            return {"connector.class": [str(exc)]}, {}
        errors: dict[str, list[str]] = {}
        for each in found.get("configs") or ():
            value = each.get("value") or {}
            if value.get("errors"):
                errors.setdefault(str(value.get("name")), []).extend(map(str, value["errors"]))
        return errors, {key: list(map(str, said)) for key, said in (found.get("warnings") or {}).items()}

    def _validated_here(
        self, file: ConfigFile, plugin: str
    ) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
        try:
            self._registry.find_connector(plugin)
        except ConfigError:
            said = "the worker does not let us validate, and this plugin is not installed here"
            return {}, {"connector.class": [said]}
        report = validate_connector(file.config, None, self._registry, providers=_providers_of(file.config))
        return report.errors, report.warnings


def check_here(file: ConfigFile, registry: Registry) -> Plan:
    """A plan without a worker: only what is wrong with the file by the plugins installed here."""
    report = validate_connector(file.config, None, registry, providers=_providers_of(file.config))
    return Plan(
        file.name, "refuse" if report.errors else "none", file, errors=report.errors, warnings=report.warnings
    )


def differences(running: Config, wanted: Config, shown_old: Config, shown_new: Config) -> list[Change]:
    """One change for each key that differs; what the worker masks is *unknown*, for nobody can say."""
    return [
        replace(each, how="unknown", old=HIDDEN)
        if each.how == "changed" and is_mask(running[each.key])
        else each
        for each in option_changes(running, wanted, shown_old, shown_new)
    ]


def is_mask(value: str | None) -> bool:
    """Whether a worker shows this in place of a value: ``[hidden]``, or nothing but stars."""
    return value is not None and (value == HIDDEN or (len(value) >= _STARS and not value.strip("*")))


def check_names(files: Sequence[ConfigFile]) -> None:
    """``ConfigError`` if two files are about the same connector."""
    by_name: dict[str, ConfigFile] = {}
    for file in files:
        other = by_name.setdefault(file.name, file)
        if other is not file:
            raise ConfigError(
                f"{other.path} and {file.path} both name the connector '{shortened(file.name)}'; names must"
                f" differ."
            )


def _providers_of(config: Config) -> set[str]:
    """The config providers that placeholders name: the worker's file may know them, we do not."""
    return {found.provider for value in config.values() if value for found in variables_in(value)}
