"""Reading, altering and resetting the offsets of one connector (KIP-875; spec runtime 3.8).

A source's are in the worker's offset store, a sink's are those of its consumer group. Who calls makes
sure that the connector is stopped and has no tasks. The connector is asked first
(``alter_offsets``) and may refuse; then the offsets are written, all or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectkit.api import SinkConnector, SourceConnector, TopicPartition
from connectkit.errors import ConfigError, ConflictError, ConnectError
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.control import TaskId
from connectkit.runner.log.api import Admin
from connectkit.runner.offset_key import partition_key
from connectkit.runner.worker import Worker
from connectkit.suggest import shortened

OffsetPair = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
"""A partition and its offset, as JSON has them; offset None means that it has none any more."""


@dataclass(slots=True)
class InitialOffsets:
    """The offsets that a connector shall begin with (KIP-995), and what came of it."""

    pairs: Sequence[OffsetPair]
    told: str = ""


ALTERED, RESET = "altered", "reset"
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


class ConnectorOffsets:
    """The offsets of one connector, with the configuration it has now. Not thread-safe."""

    def __init__(self, worker: Worker, name: str, raw: Mapping[str, str | None]) -> None:
        self._worker = worker
        self._name = name
        self._raw = raw
        self._kind = worker.connector_type(raw)

    def read(self) -> list[OffsetPair]:
        """All that are known, in no order."""
        if self._kind == "source":
            return list(self._worker.source_offsets(self._name, self._raw).partitions(self._name))
        with _closing(self._admin()) as admin:
            found = admin.group_offsets(self._group())
        return [
            ({"kafka_topic": where.topic, "kafka_partition": where.partition}, {"kafka_offset": offset})
            for where, offset in sorted(found.items())
        ]

    def check(self, pairs: Sequence[OffsetPair]) -> None:
        """``ConfigError`` if these are no offsets of such a connector."""
        if self._kind == "sink":
            _sink_offsets(pairs)
        else:
            _plain_values(pairs)

    def alter(self, pairs: Sequence[OffsetPair]) -> str:
        """Set these, and leave others; the sentence that REST answers."""
        self.check(pairs)
        if self._kind == "sink":
            return self._write_sink(_sink_offsets(pairs), ALTERED)
        return self._write_source(pairs, ALTERED)

    def reset(self) -> str:
        """Take all away: a source begins anew, a sink where ``auto.offset.reset`` says."""
        pairs: list[OffsetPair] = [(partition, None) for partition, _ in self.read()]
        if self._kind == "sink":
            return self._write_sink(_sink_offsets(pairs), RESET)
        return self._write_source(pairs, RESET)

    # --- sources ---------------------------------------------------------------------------------

    def _write_source(self, pairs: Sequence[OffsetPair], done: str) -> str:
        if self._worker.fencing is not None:
            self._worker.fencing.fence_all(self._name)
        connector = self._connector(SourceConnector)
        asked = {tuple((partition or {}).items()): offset for partition, offset in pairs}
        checked = self._ask(lambda: connector.alter_offsets(asked), done)
        # A partition that is null names nothing that a source could ever ask for.
        wanted = {partition_key(each): (each, offset) for each, offset in pairs if each is not None}
        if wanted:
            self._worker.source_offsets(self._name, self._raw).write(self._name, wanted)
        return _sentence(done, checked=checked)

    # --- sinks -----------------------------------------------------------------------------------

    def _write_sink(self, offsets: Mapping[TopicPartition, int | None], done: str) -> str:
        connector = self._connector(SinkConnector)
        checked = self._ask(lambda: connector.alter_offsets(offsets), done)
        if offsets:
            with _closing(self._admin()) as admin:
                try:
                    admin.set_group_offsets(self._group(), offsets)
                except ConflictError as exc:
                    raise ConflictError(
                        f"The consumer group of connector {self._name} still has members, so its offsets"
                        " cannot be changed; if its tasks have just been stopped, try again in a moment"
                    ) from exc
        return _sentence(done, checked=checked)

    def _admin(self) -> Admin:
        return self._worker.log.admin(ClientConfigs(self._worker.config).admin(self._config()))

    def _group(self) -> str:
        clients = ClientConfigs(self._worker.config)
        return clients.consumer(TaskId(self._name, 0), self._config())["group.id"]

    def _config(self) -> Any:
        return self._worker.plan(self._raw).config

    # --- the plugin ------------------------------------------------------------------------------

    def _connector(self, kind: type[Any]) -> Any:
        """An instance that is only asked; it is never started."""
        made = self._worker.make_connector(self._raw)
        if not isinstance(made, kind):
            raise ConnectError(f"Connector {self._name} has no offsets that could be changed")
        return made

    def _ask(self, question: Any, done: str) -> bool:
        try:
            return bool(question())
        except NotImplementedError as exc:
            raise ConfigError(
                f"The offsets of connector {self._name} cannot be {done}: its plugin does not let anybody"
                " change them"
            ) from exc
        except ConnectError as exc:
            raise ConfigError(f"The offsets of connector {self._name} were not {done}: {exc}") from exc


class _closing:  # noqa: N801 - as contextlib's, for what only has close()
    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def __enter__(self) -> Admin:
        return self._admin

    def __exit__(self, *exc: object) -> None:
        self._admin.close()


def _sentence(done: str, *, checked: bool) -> str:
    if checked:
        return f"The offsets for this connector have been {done} successfully"
    return (
        f"The Connect framework-managed offsets for this connector have been {done} successfully. However,"
        f" if this connector manages offsets externally, they will need to be manually {done} in the system"
        " that the connector uses."
    )


def _plain_values(pairs: Sequence[OffsetPair]) -> None:
    for pair in pairs:
        for part in pair:
            for key, value in (part or {}).items():
                if isinstance(value, dict | list):
                    kind = "an object" if isinstance(value, dict) else "a list"
                    raise ConfigError(
                        "Partitions and offsets of a source hold texts, numbers, booleans and nulls, but"
                        f" '{shortened(key)}' holds {kind}"
                    )


def _sink_offsets(pairs: Sequence[OffsetPair]) -> dict[TopicPartition, int | None]:
    found: dict[TopicPartition, int | None] = {}
    for partition, offset in pairs:
        if partition is None:
            raise ConfigError("A sink's offset needs a partition with kafka_topic and kafka_partition")
        topic = partition.get("kafka_topic")
        if not isinstance(topic, str) or not topic:
            raise ConfigError("A sink's partition needs a kafka_topic: the topic's name")
        number = _integer(partition.get("kafka_partition"), "A sink's partition", "kafka_partition", 2**31)
        at = None
        if offset is not None:
            at = _integer(offset.get("kafka_offset"), "A sink's offset", "kafka_offset", 2**63)
        found[TopicPartition(topic, number)] = at
    return found


def _integer(value: Any, what: str, key: str, bound: int) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < bound:
        raise ConfigError(f"{what} needs a {key}: a whole number from 0 on")
    return value
