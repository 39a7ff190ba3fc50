"""The options ``topic.creation.*`` of a source connector: how the topics it writes to are created.

Source: KIP-158, spec runtime 1.6. They count only if at least one is given; then the default group's
``replication.factor`` and ``partitions`` are required, and every other group takes them over. A topic
belongs to the first group of ``topic.creation.groups`` whose ``include`` matches its whole name and whose
``exclude`` does not, else to ``default``. Kafka finds a mistake here when the task starts; this finds it
when the connector is validated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectkit.checks import at_least_or_default, each, regex
from connectkit.config import HIGH, LOW, Config, Kind, option
from connectkit.errors import ConfigError
from connectkit.javaregex import compile_java
from connectkit.kinds import split_list
from connectkit.suggest import closest

PREFIX = "topic.creation."
DEFAULT = "default"


TOPIC_SETTINGS = frozenset(
    """
    cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level
    delete.retention.ms file.delete.delay.ms flush.messages flush.ms
    follower.replication.throttled.replicas index.interval.bytes leader.replication.throttled.replicas
    local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes
    message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.type
    min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate
    remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms
    segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable
    """.split()
)
"""Kafka's settings of topics, for telling a misspelt one: a hint's word list, not a rule."""


class GroupConfig(Config):
    """A group of topics: every other key under it is a setting of the topics themselves."""

    include: list[str] = option([], doc="Regular expressions of topics in this group.", check=each(regex))
    exclude: list[str] = option([], doc="Regular expressions of topics left out.", check=each(regex))
    replication_factor: int | None = option(
        None,
        doc="Replicas of each partition; -1 for the broker's default.",
        kind=Kind.SHORT,
        check=at_least_or_default(1),
        importance=LOW,
    )
    partitions: int | None = option(
        None,
        doc="Partitions; -1 for the broker's default.",
        check=at_least_or_default(1),
        importance=HIGH,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationGroup:
    """How the topics of one group are created."""

    name: str
    include: tuple[re.Pattern[str], ...]
    exclude: tuple[re.Pattern[str], ...]
    partitions: int
    replication_factor: int
    settings: Mapping[str, str] = field(default_factory=dict)

    def matches(self, topic: str) -> bool:
        """Whether a topic of this name belongs to the group, if no earlier one takes it."""
        return any(p.fullmatch(topic) for p in self.include) and not any(
            p.fullmatch(topic) for p in self.exclude
        )


Sentences = dict[str, list[str]]
"""What is to be said about options, by key."""


def creation_groups(raw: Mapping[str, Any]) -> tuple[list[CreationGroup], Sentences]:
    """The groups in order, ``default`` last, and warnings by key; no groups if no option is given.

    ``ConfigError`` with all problems.
    """
    groups, problems, warnings = _read(raw)
    if problems:
        raise ConfigError(problems=problems)
    return groups, warnings


def check_creation(raw: Mapping[str, Any]) -> tuple[Sentences, Sentences]:
    """Problems and warnings by key."""
    return _read(raw)[1:]


def _read(raw: Mapping[str, Any]) -> tuple[list[CreationGroup], Sentences, Sentences]:
    """The groups, as far as they can be made, problems and warnings."""
    given = {key: value for key, value in raw.items() if key.startswith(PREFIX)}
    if not given:
        return [], {}, {}
    listed = split_list(str(raw.get(f"{PREFIX}groups") or ""))
    names = [name for name in dict.fromkeys(listed) if name and name != DEFAULT]
    problems: Sentences = {}
    warnings: Sentences = {}
    if DEFAULT in listed:
        warnings[f"{PREFIX}groups"] = ["names the group default, which is always there"]
    groups: list[CreationGroup] = []
    defaults = (1, 1)
    taken = {f"{PREFIX}groups"}
    for name in [DEFAULT, *names]:
        prefix = f"{PREFIX}{name}."
        own = {key[len(prefix) :]: value for key, value in given.items() if key.startswith(prefix)}
        taken |= {prefix + key for key in own}
        known = (*GroupConfig.definition().by_name, *sorted(TOPIC_SETTINGS))
        for key in own:
            if key not in known and (nearest := closest(key, known)):
                warnings[prefix + key] = [f"is no setting of topics; did you mean '{prefix}{nearest}'?"]
        if name == DEFAULT:
            for key in ("replication.factor", "partitions"):
                if key not in own:
                    problems[prefix + key] = ["is required and is missing, as there are other options here"]
        try:
            group = GroupConfig.parse(own, where=prefix.rstrip("."))
        except ConfigError as exc:
            problems.update(exc.problems)
            continue
        if name == DEFAULT:
            for key in ("include", "exclude"):
                if key in own:
                    warnings[prefix + key] = ["has no effect: the group default takes what is left"]
            defaults = (group.partitions or -1, group.replication_factor or -1)
        elif not group.include:
            warnings[f"{prefix}include"] = ["is not given, so no topic belongs to this group"]
        groups.append(_made(name, group, defaults, own))
    for key in given:
        if key not in taken:
            alias = key[len(PREFIX) :].partition(".")[0]
            nearest = closest(alias, [DEFAULT, *names])
            hint = f"; did you mean '{PREFIX}{nearest}.'?" if nearest else ""
            warnings[key] = [f"belongs to no group that {PREFIX}groups names, and has no effect{hint}"]
    return [*groups[1:], *groups[:1]], problems, warnings


def _made(name: str, group: GroupConfig, defaults: tuple[int, int], own: Mapping[str, Any]) -> CreationGroup:
    partitions, replication = defaults
    options = group.definition().by_name
    return CreationGroup(
        name=name,
        include=(re.compile("(?s).*"),) if name == DEFAULT else tuple(map(compile_java, group.include)),
        exclude=() if name == DEFAULT else tuple(map(compile_java, group.exclude)),
        partitions=partitions if group.partitions is None else group.partitions,
        replication_factor=replication if group.replication_factor is None else group.replication_factor,
        settings={key: str(value) for key, value in own.items() if key not in options},
    )
