"""Where a worker keeps source offsets, and whether its sources deliver exactly once.

Source: spec runtime 1.2, 1.3. In Kafka Connect a standalone worker has only the file, and exactly-once
delivery (KIP-618) needs a cluster; here every worker has all of them. With a topic, the file is only looked
at to take its offsets over.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence

from connectkit.checks import at_least_or_default, non_empty_string
from connectkit.config import HIGH, LOW, Config, Kind, option
from connectkit.runner.configs.topics import TOPIC_SETTINGS
from connectkit.suggest import did_you_mean

TOPIC_PREFIX = "offset.storage."
DEFAULT_GROUP = "connect-standalone"


class SourceSupport(enum.Enum):
    """Whether source connectors deliver exactly once."""

    DISABLED = "disabled"
    PREPARING = "preparing"
    ENABLED = "enabled"


class OffsetOptions(Config):
    """Where source offsets are kept."""

    offset_storage_file_filename: str | None = option(
        None,
        doc="The file that holds the offsets of source connectors, unless offset.storage.topic is set.",
        check=non_empty_string,
        importance=HIGH,
    )
    offset_storage_topic: str | None = option(
        None,
        doc="The topic that holds the offsets of source connectors, in Kafka Connect's format. It is created"
        " compacted; other options offset.storage.NAME are settings of that topic.",
        check=non_empty_string,
        importance=HIGH,
    )
    offset_storage_partitions: int = option(
        25,
        doc="Partitions of that topic, if it has to be created; -1 for the broker's default.",
        check=at_least_or_default(1),
        importance=LOW,
    )
    offset_storage_replication_factor: int = option(
        3,
        doc="Replicas of that topic, if it has to be created; -1 for the broker's default.",
        kind=Kind.SHORT,
        check=at_least_or_default(1),
        importance=LOW,
    )
    exactly_once_source_support: SourceSupport = option(
        SourceSupport.DISABLED,
        doc="Whether source connectors deliver exactly once (KIP-618); enabled needs offset.storage.topic. "
        "preparing, a step of a cluster's upgrade, is the same as disabled here.",
        importance=HIGH,
    )
    group_id: str | None = option(
        None,
        doc="The name of this worker, or of its cluster, in the transactional ids of its sources: "
        "GROUP-CONNECTOR-TASK.",
        check=non_empty_string,
        default_doc=DEFAULT_GROUP,
        importance=HIGH,
    )

    @property
    def exactly_once(self) -> bool:
        """Whether sources deliver exactly once."""
        return self.exactly_once_source_support is SourceSupport.ENABLED

    def transactional_id(self, connector: str, task: int) -> str:
        """The name by which a newer producer of the same task fences an older."""
        return f"{self.group_id or DEFAULT_GROUP}-{connector}-{task}"

    def offset_topic_settings(self) -> dict[str, str]:
        """What the worker's file says about offset topics themselves."""
        named = self.definition().by_name
        return {
            key.removeprefix(TOPIC_PREFIX): str(value)
            for key, value in self.originals.items()
            if key.startswith(TOPIC_PREFIX) and key not in named and value is not None
        }

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        problems: dict[str, str] = {}
        if self.offset_storage_topic is None:
            if self.offset_storage_file_filename is None:
                problems["offset.storage.file.filename"] = (
                    "is required and is missing: source offsets are kept in this file, or in the topic that "
                    "offset.storage.topic names"
                )
            if self.exactly_once:
                problems["exactly.once.source.support"] = (
                    "is enabled, which needs offset.storage.topic: offsets move in the same transactions as "
                    "records"
                )
        return problems


def topic_setting_warning(key: str, known: Collection[str]) -> str | None:
    """A sentence for an ``offset.storage.*`` key that is neither an option nor a setting of topics."""
    name = key.removeprefix(TOPIC_PREFIX)
    if name == "cleanup.policy":
        return "has no effect: topics of offsets are compacted"
    if name in TOPIC_SETTINGS:
        return None
    names = [*known, *(f"{TOPIC_PREFIX}{each}" for each in sorted(TOPIC_SETTINGS))]
    return f"is neither an option of a worker nor a setting of topics{did_you_mean(key, names)}"
