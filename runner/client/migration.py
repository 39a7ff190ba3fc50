"""Says of a running cluster's connectors what runs here as it is, what differs, and what is missing.

Each plugin that a connector names and each of its options gets a verdict and one sentence:

    supported    runs here under the same configuration
    equivalent   there is a plugin of ours under another name; the configuration must be changed
    lossy        runs, but something of it is not taken over
    missing      nothing here does it

What is installed here is what counts: the registry is asked, and our validation, so that a connector that
is installed later is found by the next check. Java's own list of options tells an option that we lack from
one that nobody reads. Nothing on the cluster is changed. No sentence holds a secret.
Source: spec users row 45.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from connectkit.errors import ConfigError
from connectkit.plugin import PluginKind, Registry
from connectkit.runner.client.known import EQUIVALENTS
from connectkit.runner.configs.connector import (
    CLIENT_OVERRIDES,
    ConnectorConfig,
    SinkConnectorConfig,
    SourceConnectorConfig,
)
from connectkit.runner.named_plugins import named_plugins
from connectkit.runner.validation import validate_connector
from connectkit.runner.variables import variables_in
from connectkit.suggest import shortened

Verdict = Literal["supported", "equivalent", "lossy", "missing"]
VERDICTS: Final[tuple[Verdict, ...]] = ("supported", "equivalent", "lossy", "missing")
"""From best to worst."""

Config = Mapping[str, str | None]
Options = Callable[[str], frozenset[str] | None]
"""The names of a Java plugin's options; None if the cluster does not tell."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One plugin or option of a connector."""

    verdict: Verdict
    kind: str
    """connector, converter, header converter, transform, predicate, option, or offsets."""
    key: str
    """The configuration's key that names it."""
    name: str
    """The plugin's class as the configuration says it; of an option its key."""
    sentence: str

    def as_json(self) -> dict[str, str]:
        return {
            "verdict": self.verdict,
            "kind": self.kind,
            "key": self.key,
            "name": self.name,
            "sentence": self.sentence,
        }


@dataclass(slots=True)
class Checked:
    """What was found of one connector."""

    name: str
    type: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What no verdict can be given on, in sentences."""

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        worst = max((VERDICTS.index(each.verdict) for each in self.findings), default=0)
        return VERDICTS[worst]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "verdict": self.verdict,
            "findings": [each.as_json() for each in self.findings],
            "notes": self.notes,
        }


def check_connector(
    name: str,
    kind: str,
    config: Config,
    registry: Registry,
    options_of: Options,
    *,
    has_offsets: bool = False,
) -> Checked:
    """The verdicts on one connector. ``kind`` is what the cluster says: source, sink or unknown."""
    return _Check(Checked(name, kind), config, registry, options_of).run(has_offsets)


def counts(checked: Iterable[Checked]) -> dict[Verdict, int]:
    """How many connectors have which verdict."""
    verdicts = [each.verdict for each in checked]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


class _Check:
    def __init__(self, found: Checked, config: Config, registry: Registry, options_of: Options) -> None:
        self.found = found
        self.config = config
        self.registry = registry
        self.options_of = options_of
        self.named: dict[str, str] = {}
        """Keys that name plugins, and the prefix of their options."""
        self.absent: dict[str, str] = {}
        """Prefixes of plugins that do not run here as they are, and what they are."""

    def run(self, has_offsets: bool) -> Checked:
        self._connector()
        for each in named_plugins(self.config):
            self._plugin(*each)
        self._options()
        if has_offsets:
            self._offsets()
        self._notes()
        return self.found

    def _say(self, verdict: Verdict, kind: str, key: str, name: str, sentence: str) -> None:
        self.found.findings.append(Finding(verdict, kind, key, shortened(name, limit_chars=200), sentence))

    def _connector(self) -> None:
        self._plugin("connector.class", "sink" if self.found.type == "sink" else "source", "")

    def _plugin(self, key: str, kind: PluginKind, prefix: str) -> None:
        self.named[key] = prefix
        name = (self.config.get(key) or "").strip()
        word = "connector" if kind in ("source", "sink") else kind.replace("_", " ")
        if not name:
            self._say("missing", word, key, key, f"{key} names no class")
            return
        if next(variables_in(name), None) is not None:
            self._say("lossy", word, key, name, "a placeholder stands for the class, so nobody can say")
            self.absent[prefix] = name
            return
        try:
            found = (
                self.registry.find_connector(name) if word == "connector" else self.registry.find(kind, name)
            )
        except ConfigError as exc:
            self._other_plugin(key, kind, word, name, prefix, str(exc))
            return
        info = found.info
        as_what = "" if info.name == name else f", as {info.name}"
        self._say("supported", word, key, name, f"runs here{as_what}")

    def _other_plugin(self, key: str, kind: PluginKind, word: str, name: str, prefix: str, why: str) -> None:
        """A plugin that is not here under this name: is there one that does the same?"""
        self.absent[prefix] = name
        base = name.removesuffix("$Key").removesuffix("$Value")
        known = EQUIVALENTS.get(base)
        kinds: tuple[PluginKind, ...] = ("source", "sink") if word == "connector" else (kind,)
        if known is not None and any(self._is_here(each, known.name) for each in kinds):
            self._say("equivalent", word, key, name, f"{known.name} does this: {known.sentence}")
        else:
            self._say("missing", word, key, name, why.removesuffix("."))

    def _is_here(self, kind: PluginKind, name: str) -> bool:
        return any(info.name == name for info in self.registry.all(kind))

    def _options(self) -> None:
        """Every other key of the configuration."""
        providers = {
            found.provider for value in self.config.values() if value for found in variables_in(value)
        }
        report = validate_connector(self.config, None, self.registry, providers=providers)
        for key in sorted(self.config):
            if key in self.named or key in ("name", "transforms", "predicates"):
                continue
            owner = self._owner(key)
            if owner in self.absent and (owner or not self._is_framework(key)):
                self._say("missing", "option", key, key, f"belongs to {self.absent[owner]}")
            elif key.endswith("plugin.version"):
                self._say("lossy", "option", key, key, "is a version of Java's plugin: leave it out")
            elif key in report.errors:
                self._error(key, report.errors[key])
            elif key in report.warnings:
                self._warning(key, owner, report.warnings[key])
            else:
                self._say("supported", "option", key, key, "means the same here")

    def _owner(self, key: str) -> str:
        """The prefix of the plugin whose option a key is; empty for the connector's."""
        return max((p for p in self.named.values() if p and key.startswith(p)), key=len, default="")

    def _is_framework(self, key: str) -> bool:
        """Whether Kafka Connect itself reads a key of a connector whose plugin is not here."""
        own = self.found.type
        types: list[type[ConnectorConfig]] = [SinkConnectorConfig]
        if own != "sink":
            types.append(SourceConnectorConfig)
        framework = any(key in each.definition().by_name for each in types)
        return framework or key.startswith(
            (*CLIENT_OVERRIDES, "topic.creation.", "transforms.", "predicates.")
        )

    def _error(self, key: str, sentences: Sequence[str]) -> None:
        """What our validation refuses."""
        sentence = "; ".join(sentences)
        may_be_allowed = key.startswith(CLIENT_OVERRIDES) and "override" in sentence
        self._say("lossy" if may_be_allowed else "missing", "option", key, key, sentence)

    def _warning(self, key: str, owner: str, sentences: Sequence[str]) -> None:
        """What our validation takes, and has something to say on."""
        sentence = "; ".join(sentences)
        if "is no option" not in sentence:
            self._say("supported", "option", key, key, sentence)
            return
        plugin = self.config.get(next(each for each, prefix in self.named.items() if prefix == owner)) or ""
        theirs = self.options_of(plugin)
        if theirs is None:
            self._say(
                "lossy", "option", key, key, f"{sentence}; the cluster does not say whether Java reads it"
            )
        elif key.removeprefix(owner) in theirs:
            self._say("missing", "option", key, key, f"is an option of Java's {plugin}, and not of ours")
        else:
            self._say("supported", "option", key, key, "nobody reads it, there or here")

    def _offsets(self) -> None:
        name = self.found.name
        if self.found.type == "sink":
            self._say(
                "supported", "offsets", "offsets", "offsets",
                f"goes on from the consumer group connect-{name} on the same brokers",
            )  # fmt: skip
        elif "" in self.absent:
            self._say(
                "lossy", "offsets", "offsets", "offsets",
                "another connector counts otherwise: it begins anew, or where initial_offsets says",
            )  # fmt: skip
        else:
            self._say(
                "supported", "offsets", "offsets", "offsets",
                "stop it there, then 'connectkit connectors offsets NAME --json' reads them, and --set writes"
                " them here",
            )  # fmt: skip

    def _notes(self) -> None:
        left = [key for key in ("key.converter", "value.converter") if not self.config.get(key)]
        if left:
            self.found.notes.append(
                f"{' and '.join(left)} come from the worker's file, which REST does not show: check that with"
                f" connectkit validate"
            )
        providers = {
            found.provider for value in self.config.values() if value for found in variables_in(value)
        }
        if providers:
            self.found.notes.append(
                f"the worker's file must have the config provider{'s' if len(providers) > 1 else ''}"
                f" {', '.join(sorted(map(shortened, providers)))}"
            )
