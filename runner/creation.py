"""Creates the topics that a source writes to, as ``topic.creation.*`` says (KIP-158).

Without any ``topic.creation.*`` option, topics are left to the broker's automatic creation.
Threads: a task's own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from connectkit.errors import ConnectError, FatalTaskError, NotFoundError, RetriableError
from connectkit.runner.configs.topics import CreationGroup
from connectkit.runner.log.api import Admin
from connectkit.runner.tolerance import describe

log = logging.getLogger(__name__)


class TopicCreator:
    """Makes sure that a topic is there before the first record goes to it."""

    def __init__(self, admin: Admin, groups: Sequence[CreationGroup]) -> None:
        self._admin = admin
        self._groups = groups
        """In order of precedence; the last one, ``default``, includes every topic."""
        self._known: set[str] = set()

    def ensure(self, topics: Iterable[str]) -> None:
        """Create what is missing. ``RetriableError`` to try again, ``FatalTaskError`` if it cannot be."""
        known = self._known
        for topic in topics:
            if topic not in known:
                self._ensure(topic)
                known.add(topic)

    def _ensure(self, topic: str) -> None:
        try:
            self._admin.describe_topic(topic)
            return
        except NotFoundError:
            pass
        except RetriableError:
            raise
        except ConnectError as exc:
            log.info(
                "Topic %s cannot be described (%s); it is created if it is missing", topic, describe(exc)
            )
        group = next((g for g in self._groups if g.matches(topic)), None)
        if group is None:
            return
        try:
            created = self._admin.create_topic(
                topic,
                partitions=group.partitions,
                replication=group.replication_factor,
                config=group.settings,
            )
        except RetriableError:
            raise
        except ConnectError as exc:
            raise FatalTaskError(
                f"Topic {topic} could not be created by group '{group.name}' of topic.creation.groups: "
                f"{describe(exc)}; create it by hand or mend topic.creation.{group.name}.*"
            ) from exc
        if created:
            log.info("Created topic %s by group '%s' of topic.creation.groups", topic, group.name)

    def close(self) -> None:
        self._admin.close()
