"""Writes dead letters back to where they came from: as they were, once each, and not for ever.

A replay has a name. Where it stands in the queue is committed under the consumer group of that name, in the
same transaction as the records, so that a run that is stopped or killed is gone on with by the next one and
writes nothing twice. It ends where the queue ended when it began: what fails again comes after that. Each
record carries how often it was replayed, and beyond a limit it stays where it is.

Used by one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectkit.api import TopicPartition
from connectkit.errors import ConnectError, FencedError, RetriableError
from connectkit.runner.dlq import context
from connectkit.runner.dlq.edit import Edit
from connectkit.runner.dlq.letters import Filter, Letter
from connectkit.runner.dlq.reading import ends_of, read
from connectkit.runner.log.api import Admin, Log, OutRecord, Producer
from connectkit.runner.tolerance import describe

GROUP = "connectkit-dlq-"
MAX_REPLAYS = 3
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be replayed, and how."""

    topic: str
    name: str
    """Of the replay; a second run of that name goes on where the first ended."""
    to: str | None = None
    """None: to the topic in the letter's headers."""
    only: Filter = field(default_factory=Filter)
    limit: int | None = None
    max_replays: int = MAX_REPLAYS
    from_start: bool = False
    dry_run: bool = False
    transactional: bool = True
    json_as_is: bool = False
    """Write values that are JSON only because no converter took them."""


@dataclass(slots=True)
class Report:
    """What became of the letters that were read."""

    replayed: Counter[str] = field(default_factory=Counter)
    """By the topic they went to."""
    left: Counter[str] = field(default_factory=Counter)
    """Why letters that were meant were not replayed; they count as passed."""
    others: int = 0
    """Letters that were not meant."""
    first_left: dict[str, str] = field(default_factory=dict)

    def leave(self, letter: Letter, reason: str) -> None:
        self.left[reason] += 1
        self.first_left.setdefault(reason, letter.where)


class Replay:
    """One run of a replay."""

    def __init__(
        self,
        log: Log,
        settings: Mapping[str, str],
        plan: Plan,
        *,
        edit: Edit | None = None,
        show: Callable[[Letter, list[OutRecord]], None] = lambda letter, records: None,
    ) -> None:
        self._log = log
        self._settings = settings
        self._plan = plan
        self._edit = edit
        self._show = show
        self._group = GROUP + plan.name
        self._partitions: dict[str, int] = {}
        self._left = plan.limit

    def run(self) -> Report:
        """``ConnectError`` if the log fails; what was committed until then stays written."""
        plan, report = self._plan, Report()
        admin = self._log.admin(self._settings)
        try:
            begins, ends = ends_of(admin, plan.topic)
            starts = self._starts(admin, begins)
            self._partitions = {name: info.partitions for name, info in admin.topics().items()}
        finally:
            admin.close()
        writer = None if plan.dry_run else _Writer(self._log, self._settings, self._group, plan)
        try:
            positions = dict(starts)
            for batch in read(self._log, self._settings, starts, ends):
                out: list[OutRecord] = []
                for letter in batch:
                    if self._left == 0:
                        break
                    out += self._records(letter, report)
                    positions[letter.tp] = letter.message.offset() + 1
                if writer is not None:
                    writer.write(out, positions)
                for record in out:
                    report.replayed[record.topic] += 1
                if self._left == 0:
                    break
        finally:
            if writer is not None:
                writer.close()
        return report

    def _starts(self, admin: Admin, begins: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        if self._plan.from_start:
            return dict(begins)
        committed = admin.group_offsets(self._group)
        return {tp: max(committed.get(tp, begin), begin) for tp, begin in begins.items()}

    def _records(self, letter: Letter, report: Report) -> list[OutRecord]:
        """What is to be written for a letter, if anything."""
        plan = self._plan
        if not plan.only.takes(letter):
            report.others += 1
            return []
        topic = plan.to or letter.about.get(context.TOPIC)
        if topic is None:
            report.leave(letter, "no header says where it came from: name a topic with --to")
        elif topic == plan.topic:
            report.leave(letter, "it would go into the queue that it is in")
        elif letter.replays >= plan.max_replays:
            report.leave(letter, f"it was replayed {letter.replays} times already (--max-replays)")
        elif self._is_json(letter) and not plan.json_as_is:
            report.leave(letter, "no converter took its key or value, and it is JSON text (--json-as-is)")
        elif topic not in self._partitions:
            report.leave(letter, f"there is no topic {topic}")
        else:
            return self._made(letter, topic, report)
        return []

    def _made(self, letter: Letter, topic: str, report: Report) -> list[OutRecord]:
        if self._edit is None:
            message = letter.message
            made = [
                OutRecord(
                    topic, self._partition(letter, topic), message.key(), message.value(),
                    letter.timestamp_ms, context.without(message.headers()),
                )
            ]  # fmt: skip
        else:
            try:
                made = self._edit.apply(letter, topic)
            except (RetriableError, FencedError):
                raise
            except Exception as exc:  # noqa: BLE001 - whatever keeps it from being edited
                report.leave(letter, f"it could not be edited: {describe(exc)}")
                return []
            if not made:
                report.leave(letter, "the transforms of --edit drop it")
                return []
            for record in made:
                if record.topic not in self._partitions:
                    report.leave(letter, f"there is no topic {record.topic}")
                    return []
        count = str(letter.replays + 1).encode()
        made = [
            record._replace(
                headers=[
                    *(each for each in record.headers or () if each[0] != context.REPLAYS),
                    (context.REPLAYS, count),
                ]
            )
            for record in made
        ]
        if self._left is not None:
            self._left -= 1
        self._show(letter, made)
        return made

    def _partition(self, letter: Letter, topic: str) -> int | None:
        """The one that it came from, if it goes back there and there still is one."""
        text = letter.about.get(context.PARTITION, "")
        if topic != letter.about.get(context.TOPIC) or not text.isdecimal():
            return None
        return int(text) if int(text) < self._partitions[topic] else None

    @staticmethod
    def _is_json(letter: Letter) -> bool:
        about = letter.about
        return context.JSON_FORM in (about.get(context.KEY_FORM), about.get(context.VALUE_FORM))


class _Writer:
    """Writes a batch and where the replay stands, together if there are transactions."""

    def __init__(self, log: Log, settings: Mapping[str, str], group: str, plan: Plan) -> None:
        self._group = group
        self._transactional = plan.transactional
        config = {**settings, "acks": "all"}
        if plan.transactional:
            config["transactional.id"] = group
        self._log = log
        self._settings = settings
        self._producer: Producer = log.producer(config)
        if plan.transactional:
            self._producer.init_transactions(_TIMEOUT_S)

    def write(self, records: list[OutRecord], positions: Mapping[TopicPartition, int]) -> None:
        """All of it, or a ``ConnectError``."""
        failures: list[ConnectError] = []

        def done(failed: Sequence[tuple[int, ConnectError]]) -> None:
            failures.extend(error for _, error in failed)

        if self._transactional:
            self._producer.begin_transaction()
        try:
            if records:
                self._producer.send(records, done)
                left = self._producer.flush(_TIMEOUT_S)
                if left and not failures:
                    raise RetriableError(f"{left} records were not acknowledged in {_TIMEOUT_S:g} s")
            if failures:
                raise failures[0]
            if self._transactional:
                self._producer.send_offsets(positions, self._group, _TIMEOUT_S)
                self._producer.commit_transaction(_TIMEOUT_S)
        except BaseException:
            if self._transactional:
                self._abort()
            raise
        if not self._transactional:
            admin = self._log.admin(self._settings)
            try:
                admin.set_group_offsets(self._group, dict(positions))
            finally:
                admin.close()

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(_TIMEOUT_S)
        except ConnectError:
            return  # what made it fail is being raised

    def close(self) -> None:
        self._producer.close(_TIMEOUT_S)
