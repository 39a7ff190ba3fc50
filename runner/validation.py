"""Finds what is wrong, or has no effect, in a worker's or a connector's configuration, all at once.

Kafka's rules (spec data 5.5, 5.6, runtime 1.4-1.7, 3.7) and what Kafka lets through: unknown keys with
*did you mean*, options that need another one to have any effect, unknown predicates, client options that
no connector may override, secrets that stand in the open. Variables of config providers are never
resolved here, so a value that holds one is not checked, and no sentence can show what it stands for.
Nothing is started and nothing is written; a connector's own ``check_config`` may look at the outside.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectkit.api import Connector
from connectkit.errors import ConfigError
from connectkit.javaregex import compile_java
from connectkit.kinds import trim
from connectkit.plugin import Registry
from connectkit.runner.configs.client_keys import CLIENT_KEYS
from connectkit.runner.configs.client_options import value_problem
from connectkit.runner.configs.connector import (
    CLIENT_OVERRIDES,
    CONVERTERS,
    FRAMEWORK,
    ConnectorConfig,
    SinkConnectorConfig,
    SourceConnectorConfig,
    topic_problems,
)
from connectkit.runner.configs.egress import url_problems
from connectkit.runner.configs.overrides import OverridePolicy
from connectkit.runner.configs.topics import PREFIX as TOPIC_CREATION
from connectkit.runner.configs.topics import check_creation
from connectkit.runner.configs.worker import WorkerConfig, worker_warnings
from connectkit.runner.log.opening import EMBEDDED, missing_library
from connectkit.runner.named_plugins import CONVERTER_KINDS
from connectkit.runner.preflight import check_exactly_once
from connectkit.runner.registry_url import with_registry
from connectkit.runner.report import Report, problems_of
from connectkit.runner.variables import Resolver, has_variables, make_resolver, variables_in
from connectkit.runner.versions import version_problem
from connectkit.runner.wiring import check_options, check_version, check_wiring, secret_options
from connectkit.secret import HiddenText, scrubbed
from connectkit.suggest import closest, did_you_mean, shortened

log = logging.getLogger(__name__)

_INNER = ("transforms.", "predicates.", TOPIC_CREATION, *CLIENT_OVERRIDES, *(f"{c}." for c in CONVERTERS))


def validate_connector(
    raw: Mapping[str, Any],
    worker: WorkerConfig | None,
    plugins: Registry,
    *,
    providers: Collection[str] | None = None,
) -> Report:
    """Everything found in a connector's configuration. Without a worker, its part is taken as default.

    ``providers`` are the names of the worker's config providers, if its configuration is not to tell.
    """
    if providers is None:
        providers = worker.config_providers if worker else ()
    return _ConnectorCheck(raw, worker, plugins, providers).run()


def check_connector(
    raw: Mapping[str, Any], *, worker: WorkerConfig, registry: Registry, resolver: Resolver | None = None
) -> Report:
    """Log the warnings and raise the errors as one ``ConfigError``; for whoever is about to start it."""
    report = validate_connector(raw, worker, registry, providers=resolver.names if resolver else None)
    name = shortened(str(raw.get("name") or "without a name"))
    for key, sentences in report.warnings.items():
        for sentence in sentences:
            log.warning("Connector %s: %s %s", name, shortened(key), sentence)
    report.raise_errors()
    return report


def validate_worker(raw: Mapping[str, Any], plugins: Registry) -> Report:
    """Everything found in a worker's configuration, whose variables may be unresolved."""
    report = Report()
    names = [trim(name) for name in str(raw.get("config.providers") or "").split(",")]
    templated = _templated(raw, [name for name in names if name], report)
    for key, value in raw.items():
        if value is None:
            report.error(key, "must not be null")
    others = [key for key in raw if key not in WorkerConfig.definition().by_name]
    check_options(WorkerConfig, raw, templated, "", report, known=others)
    report.take(warnings=worker_warnings(raw))
    bootstrap = raw.get("bootstrap.servers")
    if bootstrap and "bootstrap.servers" not in templated and (problem := missing_library(str(bootstrap))):
        report.error("bootstrap.servers", problem)
    for which in CONVERTERS:
        _check_converter(raw, which, templated, plugins, report, str(raw.get("bootstrap.servers")))
    _check_rest(raw, templated, report)
    try:
        make_resolver(raw, plugins).close()
    except ConfigError as exc:
        report.take(problems_of(exc, "config.providers"))
    for key in raw:
        if key.startswith("config.providers.") and not any(
            key.startswith(f"config.providers.{name}.") for name in names if name
        ):
            alias = key.split(".")[2]
            report.warn(
                key,
                f"has no effect, as '{shortened(alias)}' is not listed in config.providers"
                f"{did_you_mean(alias, names)}",
            )
    return report


def _check_rest(raw: Mapping[str, Any], templated: Collection[str], report: Report) -> None:
    """Who may use the REST interface, and whether it would be open to a network."""
    from connectkit.runner.configs.rest import parse_listener
    from connectkit.runner.rest.security_settings import SecuritySettings

    if set(templated) & {"listeners", "rest.principals", "rest.allow.unauthenticated"}:
        return
    listed = [each for each in str(raw.get("listeners") or "").split(",") if each.strip()]
    try:
        settings = SecuritySettings.from_raw(raw)
        for sentence in settings.check_listeners(parse_listener(each).host for each in listed):
            report.warn("listeners", sentence)
    except ConfigError as exc:
        report.take(problems_of(exc, "rest.principals"))
    except ValueError:
        pass  # the check of the option itself has said so


def _templated(raw: Mapping[str, Any], providers: Collection[str], report: Report) -> set[str]:
    """The keys whose values hold variables of these providers, or were already replaced."""
    found = set()
    for key, value in raw.items():
        if isinstance(value, HiddenText):
            found.add(key)
        if not isinstance(value, str):
            continue
        variables = list(variables_in(value))
        for name in providers:
            begun = sum(value.count(f"${{{name}{end}") for end in ":}")
            if begun > sum(variable.provider == name for variable in variables):
                shown = shortened(name)
                report.warn(
                    key,
                    f"begins a variable of the config provider '{shown}' that is none, so that the text stays"
                    f" as it is; write ${{{shown}:path:key}} or ${{{shown}:key}}",
                )
        for variable in variables:
            if variable.provider in providers:
                found.add(key)
            elif "$" not in variable.provider:
                hint = did_you_mean(variable.provider, providers)
                report.warn(
                    key,
                    f"has a variable of the config provider '{shortened(variable.provider)}', which the"
                    f" worker does not have, so that the text stays as it is{hint}",
                )
    return found


def _check_converter(
    raw: Mapping[str, Any],
    which: str,
    templated: Collection[str],
    plugins: Registry,
    report: Report,
    bootstrap: str,
) -> None:
    """A converter that is named here, and its options."""
    name = raw.get(which)
    prefix = f"{which}."
    own = {key[len(prefix) :]: value for key, value in raw.items() if key.startswith(prefix)}
    version = own.pop("plugin.version", None)
    if which in templated:
        return
    if name is None:
        if isinstance(version, str) and (problem := version_problem(version)):
            report.error(f"{prefix}plugin.version", problem)
        for key in own if which not in raw else ():
            report.warn(
                prefix + key,
                f"has no effect, as {which} is not set here: the options of a converter count only where"
                f" its class is named",
            )
        return
    if not isinstance(name, str) or not trim(name):
        return
    try:
        found = plugins.find(CONVERTER_KINDS[which], name)
    except ConfigError as exc:
        report.take(problems_of(exc, which))
        return
    if version is not None:
        check_version(raw, f"{which}.plugin.version", which, found, report)
    inner = {key[len(prefix) :] for key in templated if key.startswith(prefix)}
    if "converter.type" in found.cls.config_type.definition().by_name:
        own.setdefault("converter.type", which.partition(".")[0])
    given = with_registry(own, found.cls.config_type, bootstrap)
    check_options(found.cls.config_type, given, inner, which, report, known=("converter.type",))


class _ConnectorCheck:
    def __init__(
        self,
        raw: Mapping[str, Any],
        worker: WorkerConfig | None,
        plugins: Registry,
        providers: Collection[str],
    ) -> None:
        self.raw = raw
        self.worker = worker
        self.plugins = plugins
        self.report = Report()
        self.templated = _templated(raw, providers, self.report)

    def run(self) -> Report:
        report = self.report
        for key, value in self.raw.items():
            if value is None:
                report.error(key, "must not be null: leave it out")
            if key == "config.providers" or key.startswith("config.providers."):
                report.error(key, "belongs to the worker's file: a connector cannot declare config providers")
        self._find()
        found = report.found
        kind = found.kind if found else ""
        framework = FRAMEWORK.get(kind, ConnectorConfig)
        own = found.cls.config_type if found else None
        own_names = own.definition().accepted_names if own else frozenset[str]()
        others = list(self.raw)
        typed = check_options(framework, self.raw, self.templated, "", report, known=others)
        report.config = typed if isinstance(typed, ConnectorConfig) else None
        if kind == "sink" and typed is None:
            self._topics()
        right = [*framework.definition().by_name, *self._chain()]
        if found and own:
            self._own(found.cls, own)
            right += own_names
        for which in CONVERTERS:
            bootstrap = self.worker.bootstrap if self.worker is not None else EMBEDDED
            _check_converter(self.raw, which, self.templated, self.plugins, report, bootstrap)
            right += [which]
        self._overrides(kind)
        for key, sentence in url_problems(self.raw, self.worker):
            report.error(key, sentence)
        if kind == "source":
            self._topic_creation()
            self._exactly_once()
        self._unknown(right, kind)
        self._effects()
        self._secrets()
        return report

    def _topics(self) -> None:
        """The rules between a sink's topics, where another option is wrong as well."""
        keys = ("topics", "topics.regex", "errors.deadletterqueue.topic.name")
        if any(key in self.templated for key in keys):
            return
        by_name = SinkConnectorConfig.definition().by_name
        found = {key: by_name[key].read(self.raw) for key in keys}
        topics, regex, dead = (value for value, _ in found.values())
        if found["topics"][1] is not None or found[keys[2]][1] is not None:
            return
        # One that cannot be read is there all the same.
        pattern = re.compile("") if found["topics.regex"][1] else compile_java(regex) if regex else None
        for key, sentence in topic_problems(topics, pattern, dead or None).items():
            self.report.error(key, sentence)

    def _chain(self) -> list[str]:
        """Transforms and predicates: how they are wired, then whether they can be made."""
        before = len(self.report.errors)
        right = check_wiring(self.raw, self.templated, self.plugins, self.report)
        groups = ("transforms", "predicates")
        if len(self.report.errors) == before and not any(k.startswith(groups) for k in self.templated):
            from connectkit.runner.chain import Chain

            try:
                Chain.build({k: v for k, v in self.raw.items() if v is not None}, self.plugins).close()
            except ConfigError as exc:
                told = self.report.errors
                found = problems_of(exc, "transforms")
                self.report.take({key: value for key, value in found.items() if key not in told})
        return right

    def _find(self) -> None:
        name = self.raw.get("connector.class")
        if "connector.class" in self.templated:
            self.report.warn(
                "connector.class", "is a variable, so that the connector's options are not checked"
            )
            return
        if not isinstance(name, str) or not trim(name):
            return
        try:
            self.report.found = self.plugins.find_connector(name)
        except ConfigError as exc:
            self.report.take(problems_of(exc, "connector.class"))
            return
        check_version(self.raw, "connector.plugin.version", "connector.class", self.report.found, self.report)

    def _own(self, cls: type[Any], own: type[Any]) -> None:
        typed = check_options(own, self.raw, self.templated, "", self.report, known=list(self.raw))
        if typed is None or not issubclass(cls, Connector):
            return
        try:
            problems: Mapping[str, Sequence[str]] | None = cls.check_config(dict(self.raw))
        except ConfigError as exc:
            problems = problems_of(exc, "connector.class")
        except Exception as exc:  # whatever a foreign connector may raise
            log.debug("check_config failed", exc_info=exc)
            problems = {"connector.class": [f"could not check its configuration: {type(exc).__name__}"]}
        if problems is None:  # a foreign connector may return anything
            problems = {"connector.class": ["returned nothing from the check of its configuration"]}
        shown = {key: found for key, found in problems.items() if key not in self.templated}
        self.report.take(scrubbed(shown, self.raw, own.definition().secret_names))

    def _overrides(self, kind: str) -> None:
        worker = self.worker
        policy = (
            OverridePolicy(
                worker.connector_client_config_override_policy,
                worker.connector_client_config_override_allowlist,
            )
            if worker
            else OverridePolicy()
        )
        useless = {"source": ("consumer.override.",), "sink": ()}.get(kind, ())
        for key, value in self.raw.items():
            prefix = next((each for each in CLIENT_OVERRIDES if key.startswith(each)), None)
            if prefix is None:
                continue
            name = key[len(prefix) :]
            client = prefix.partition(".")[0]
            if isinstance(value, str) and key not in self.templated:
                if wrong := value_problem(client, name, value):
                    self.report.error(key, wrong)
            if problem := policy.problem(name):
                nearest = None if name in CLIENT_KEYS else closest(name, CLIENT_KEYS)
                hint = f"; did you mean '{prefix}{nearest}'?" if nearest else ""
                self.report.error(key, problem + hint)
            elif name not in CLIENT_KEYS and (nearest := closest(name, CLIENT_KEYS)):
                self.report.warn(
                    key, f"is no client option that is known here; did you mean '{prefix}{nearest}'?"
                )
            elif prefix in useless:
                self.report.warn(key, f"has no effect, as a {kind} connector has no such client")

    def _topic_creation(self) -> None:
        given = [key for key in self.raw if key.startswith(TOPIC_CREATION)]
        if not given:
            return
        if self.worker and not self.worker.topic_creation_enable:
            self.report.warn(given[0], "has no effect, as the worker's topic.creation.enable is false")
        if any(key in self.templated for key in given):
            return
        problems, warnings = check_creation(self.raw)
        self.report.take(problems, warnings=warnings)

    def _exactly_once(self) -> None:
        found, config = self.report.found, self.report.config
        if found is not None and isinstance(config, SourceConnectorConfig):
            check_exactly_once(
                self.raw,
                config,
                found.cls,
                self.report,
                delivers_once=None if self.worker is None else self.worker.exactly_once,
                ask=not self.templated,
            )

    def _unknown(self, right: Collection[str], kind: str) -> None:
        """Keys that nobody has. The keys of ``right`` are known here, whoever's they are."""
        found = self.report.found
        own_prefixes = found.cls.config_type.prefixes if found else ()
        accepted = frozenset(right)
        other = {"source": "sink", "sink": "source"}.get(kind)
        inner = tuple(each for each in _INNER if each != TOPIC_CREATION or kind != "sink")
        for key in self.raw:
            if key in accepted or key.startswith(inner) or key.startswith(own_prefixes or ("\0",)):
                continue
            nearest = closest(key, sorted(accepted))
            hint = f"; did you mean '{nearest}'?" if nearest else ""
            if other and (key in FRAMEWORK[other].definition().by_name or key.startswith(TOPIC_CREATION)):
                self.report.warn(
                    key, f"has no effect: it is an option of {other} connectors, and this is a {kind}"
                )
            elif found:
                self.report.warn(
                    key, f"is no option of {found.info.name} or of connectors, and has no effect{hint}"
                )
            elif hint:
                self.report.warn(key, f"is no option of connectors{hint}")

    def _effects(self) -> None:
        """Options that have no effect without another one."""
        config = self.report.config
        if config is None:
            return
        if config.errors_log_include_messages and not config.errors_log_enable:
            self.report.warn("errors.log.include.messages", "has no effect without errors.log.enable=true")
        if isinstance(config, SinkConnectorConfig):
            dead = "errors.deadletterqueue."
            if config.dead_letter_topic and config.errors_tolerance == "none":
                self.report.warn(f"{dead}topic.name", "has no effect without errors.tolerance=all")
            for key in (f"{dead}topic.replication.factor", f"{dead}context.headers.enable"):
                if key in self.raw and not config.dead_letter_topic:
                    self.report.warn(key, f"has no effect without {dead}topic.name")

    def _secrets(self) -> None:
        """Secrets that are written out where a variable could stand."""
        found = self.report.found
        if found is None:
            return
        required = self.worker is not None and self.worker.secrets_require_providers
        for key in secret_options(found.cls.config_type):
            value = self.raw.get(key.name)
            if not isinstance(value, str) or not value or has_variables(value) or key.name in self.templated:
                continue
            sentence = "is a secret that stands in the open; write ${provider:path:key} and keep it elsewhere"
            if required:
                self.report.error(key.name, f"{sentence} (the worker requires it: secrets.require.providers)")
            else:
                self.report.warn(key.name, sentence)
