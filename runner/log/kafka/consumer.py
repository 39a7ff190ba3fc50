"""The Kafka log's consumer: batches of librdkafka's own messages, rebalances, positions, commits."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer as _Consumer
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as _Message
from confluent_kafka import TopicPartition as _TopicPartition

from connectkit.api import TopicPartition
from connectkit.errors import ConfigError, ConnectError, FatalTaskError, RetriableError
from connectkit.runner.log.api import CommitDone, Message, RebalanceListener
from connectkit.runner.log.kafka.aside import Aside
from connectkit.runner.log.kafka.faults import (
    UNKNOWN_TOPIC,
    UNREACHABLE,
    kafka_error,
    translate_error,
)
from connectkit.runner.log.kafka.handles import Watch, make
from connectkit.runner.log.kafka.translate import COOPERATIVE, Translated
from connectkit.runner.log.topics import INTERNAL_TOPICS, compile_pattern

_log = logging.getLogger("connectkit.log.kafka")

_error_of = _Message.error
_UNSET = -1001
_EARLIEST, _LATEST = -2, -1
_MOST_RECORDS = 1_000_000
_LOOK_S = 2.0
"""How long ``consume`` may be held up by a look at the topics, where no broker answers."""
_NEWS_S = 5.0
"""How long a partition that this client has not heard of is looked for."""
_NEWS_WAIT_S = 0.1
_NO_MATCH_REFRESH_S = 1.0
"""How often the topics are listed while a pattern matches none."""


class KafkaConsumer:
    """Reads by subscription or by assignment. Used by one thread."""

    def __init__(self, translated: Translated, watch: Watch, *, group: str | None) -> None:
        self._watch = watch
        self._group = group
        self._timeout_s = translated.api_timeout_ms / 1000
        self._look_s = min(self._timeout_s, _LOOK_S)
        self._max_poll_records = min(translated.max_poll_records, _MOST_RECORDS)
        settings = translated.settings
        self._reset = settings["auto.offset.reset"]
        self._cooperative = (
            settings.get("partition.assignment.strategy") == COOPERATIVE
            or settings.get("group.protocol", "").lower() == "consumer"
        )
        self._hide_internal = translated.exclude_internal_topics
        self._refresh_s = float(settings.get("topic.metadata.refresh.interval.ms", "300000")) / 1000
        self._pattern: re.Pattern[str] | None = None
        self._matched: list[str] = []
        self._next_refresh_s = 0.0
        self._listener: RebalanceListener | None = None
        self._failures: deque[BaseException] = deque()
        self._commits: deque[tuple[dict[TopicPartition, int], CommitDone]] = deque()
        self._committed: deque[tuple[dict[TopicPartition, int], ConnectError | None]] = deque()
        self._starts: dict[TopicPartition, int] | None = None
        """While ``on_assigned`` runs: where the new partitions will start, as far as asked or sought."""
        self._starting: set[TopicPartition] = set()
        self._to_pause: set[TopicPartition] = set()
        self._known: dict[TopicPartition, int] = {}
        """Positions known better than by librdkafka, which has none before the first message."""
        self._begins: dict[TopicPartition, int] = {}
        """Partitions assigned or sought to their beginning (-2) or end (-1), until their first record."""
        self._unsought: dict[TopicPartition, int] = {}
        self._gone: set[tuple[str, int]] = set()
        """Partitions that were taken away since the first record of the batch under way was read."""
        self._missing: set[str] = set()
        self._next_missing_s = 0.0
        self._in_callback = False
        self._closed = False
        self._handle: Any = make(_Consumer, translated, watch, on_commit=self._on_commit)

    # --- what to read ---------------------------------------------------------------------------

    def subscribe(
        self,
        *,
        topics: Sequence[str] = (),
        pattern: str | None = None,
        listener: RebalanceListener | None = None,
    ) -> None:
        """Join the group. A pattern is matched here, against the cluster's topics, in Python's syntax.

        The list of topics is renewed every ``metadata.max.age.ms``, and each second while it is empty.
        """
        if self._group is None:
            raise ConfigError(problems={"group.id": ["is needed to subscribe; set it or assign partitions"]})
        self._listener = listener
        if pattern is None:
            self._pattern = None
            self._subscribe(list(topics))
        else:
            self._pattern = compile_pattern(pattern)
            self._matched = []
            self._next_refresh_s = 0.0

    def _subscribe(self, topics: list[str]) -> None:
        with_kafka = self._call("subscribing")
        with_kafka(
            lambda: self._handle.subscribe(
                topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        )

    def _refresh_pattern(self) -> None:
        assert self._pattern is not None
        now_s = time.monotonic()
        if now_s < self._next_refresh_s:
            return
        try:
            names = self._handle.list_topics(timeout=self._look_s).topics
        except KafkaException as exc:
            self._watch.reach.note(kafka_error(exc))
            self._watch.logger.log(
                logging.WARNING,
                "cannot list the topics for a pattern: %s; trying on",
                self._watch.reach.sentence(),
            )
            self._next_refresh_s = now_s + _NO_MATCH_REFRESH_S
            return
        hidden = INTERNAL_TOPICS if self._hide_internal else frozenset()
        matched = sorted(name for name in names if name not in hidden and self._pattern.fullmatch(name))
        self._next_refresh_s = now_s + (self._refresh_s if matched else _NO_MATCH_REFRESH_S)
        if matched != self._matched:
            self._matched = matched
            if matched:
                self._subscribe(matched)
            else:
                self._handle.unsubscribe()

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._pattern = None
        self._listener = None
        self._missing.clear()
        self._forget(list({*self._known, *self._begins, *self._unsought}))
        for where, at in offsets.items():
            self._place(where, at)
        wanted = [_TopicPartition(w.topic, w.partition, at) for w, at in offsets.items()]
        self._call("assigning partitions")(lambda: self._handle.assign(wanted))

    def assignment(self) -> list[TopicPartition]:
        found = {TopicPartition(p.topic, p.partition) for p in self._handle.assignment()}
        return sorted(found | self._starting)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        wanted = list(partitions)
        self._to_pause.update(self._starting.intersection(wanted))
        self._on_partitions("pausing", self._handle.pause, wanted)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        wanted = list(partitions)
        self._to_pause.difference_update(wanted)
        self._on_partitions("resuming", self._handle.resume, wanted)

    def _on_partitions(
        self, what: str, step: Callable[[list[Any]], None], wanted: list[TopicPartition]
    ) -> None:
        present = [_TopicPartition(w.topic, w.partition) for w in wanted if w not in self._starting]
        if present:
            self._check_assigned(w for w in wanted if w not in self._starting)
            self._call(f"{what} partitions")(lambda: step(present))

    def _check_assigned(self, partitions: Iterable[TopicPartition]) -> None:
        mine = set(self.assignment())
        for where in partitions:
            if where not in mine:
                raise FatalTaskError(f"partition {_shown(where)} is not assigned to this consumer")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if self._starts is not None and partition in self._starting:
            self._starts[partition] = offset
            return
        self._check_assigned([partition])
        self._place(partition, offset)
        self._unsought[partition] = offset
        self._try_seeks()

    def _try_seeks(self) -> None:
        for where, offset in list(self._unsought.items()):
            try:
                self._handle.seek(_TopicPartition(where.topic, where.partition, offset))
            except KafkaException as exc:
                if kafka_error(exc).code() != KafkaError._STATE:
                    raise translate_error(
                        kafka_error(exc), f"seeking in {_shown(where)}", self._watch.reach
                    ) from exc
                continue  # librdkafka has not begun to fetch it; again before the next records
            del self._unsought[where]

    def position(self, partition: TopicPartition) -> int:
        """The offset that will be read next. May ask the broker, before the first record."""
        if self._starts is not None and partition in self._starting:
            return self._starting_position(partition)
        self._check_assigned([partition])
        if partition not in self._unsought:
            # First, for it also moves past what shows no record: the end of an aborted transaction.
            (found,) = self._handle.position([_TopicPartition(partition.topic, partition.partition)])
            if found.offset >= 0:
                return int(found.offset)
        if partition in self._known:
            return self._known[partition]
        begin = self._begins.get(partition)
        if begin is not None:
            position: int | None = self._end(partition, high=begin == _LATEST)
        else:
            position = self.committed([partition]).get(partition)
            if position is None:
                position = self._reset_position(partition)
        assert position is not None
        self._known[partition] = position
        return position

    def _place(self, where: TopicPartition, offset: int) -> None:
        self._forget([where])
        (self._known if offset >= 0 else self._begins)[where] = offset

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        for where in partitions:
            self._known.pop(where, None)
            self._begins.pop(where, None)
            self._unsought.pop(where, None)

    def _starting_position(self, partition: TopicPartition) -> int:
        assert self._starts is not None
        if partition not in self._starts:  # one question for all of them
            asked = [where for where in self._starting if where not in self._starts]
            committed = self.committed(asked)
            for where in asked:
                position = committed.get(where)
                self._starts[where] = self._reset_position(where) if position is None else position
        return self._starts[partition]

    def _reset_position(self, where: TopicPartition) -> int:
        if self._reset == "error":
            raise FatalTaskError(
                f"group {self._group} has no committed offset for {_shown(where)}, "
                "and auto.offset.reset is none"
            )
        return self._end(where, high=self._reset not in ("earliest", "smallest", "beginning"))

    def _end(self, where: TopicPartition, *, high: bool) -> int:
        what = f"finding the ends of {_shown(where)}"
        asked = _TopicPartition(where.topic, where.partition)
        until_s = time.monotonic() + _NEWS_S
        while True:
            try:
                first, end = self._handle.get_watermark_offsets(asked, timeout=self._timeout_s)
                return int(end if high else first)
            except KafkaException as exc:
                error = kafka_error(exc)
                if error.code() != KafkaError._UNKNOWN_PARTITION and error.code() not in UNKNOWN_TOPIC:
                    raise translate_error(error, what, self._watch.reach) from exc
                if time.monotonic() > until_s:
                    raise RetriableError(
                        f"{what} failed: the brokers know no such partition ({error.name()})"
                    ) from exc
            # The group's leader has heard of a partition that is new, and this client has not.
            with contextlib.suppress(KafkaException):
                self._handle.list_topics(where.topic, timeout=self._look_s)
            time.sleep(_NEWS_WAIT_S)

    # --- reading --------------------------------------------------------------------------------

    def consume(self, max_records: int, timeout_s: float) -> list[Message]:
        if self._closed:
            raise FatalTaskError("the consumer is closed")
        limit = min(max_records, self._max_poll_records)
        if self._pattern is not None:
            self._refresh_pattern()
        if self._missing:
            self._look_for_missing()
        handle = self._handle
        if self._unsought:
            self._try_seeks()
        # librdkafka's consume waits until it has all it was asked for: take what is there, or wait for one.
        try:
            messages: list[Any] = handle.consume(limit, 0)
            if not messages:
                first = handle.poll(0.0 if self._failures or self._committed else timeout_s)
                if first is not None:
                    self._gone.clear()
                    messages = handle.consume(limit - 1, 0) if limit > 1 else []
                    # librdkafka drops what it holds of partitions that go meanwhile; this one it gave away.
                    if (first.topic(), first.partition()) not in self._gone:
                        messages.insert(0, first)
        except KafkaException as exc:  # a fatal error of the whole consumer
            raise translate_error(
                kafka_error(exc), f"reading in group {self._group}", self._watch.reach
            ) from exc
        if any(map(_error_of, messages)):
            messages = self._sift(messages)
        if self._unsought:
            messages = [m for m in messages if TopicPartition(m.topic(), m.partition()) not in self._unsought]
        if messages and (self._known or self._begins):
            self._forget({TopicPartition(*at) for at in {(m.topic(), m.partition()) for m in messages}})
        if self._committed:
            self._tell_commits()
        if self._failures and not messages:
            raise self._failures.popleft()
        if not messages:
            self._watch.check()
        return messages

    def _sift(self, messages: list[Any]) -> list[Any]:
        """The records; errors among them are logged, or kept to be raised once the records are out."""
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                continue
            else:
                self._note(error, message)
        return records

    def _look_for_missing(self) -> None:
        """Look each second for subscribed topics that do not exist yet; librdkafka takes minutes."""
        now_s = time.monotonic()
        if now_s < self._next_missing_s:
            return
        self._next_missing_s = now_s + _NO_MATCH_REFRESH_S
        for name in sorted(self._missing):
            try:
                found = self._handle.list_topics(name, timeout=self._look_s).topics.get(name)
            except KafkaException as exc:
                self._watch.reach.note(kafka_error(exc))
                return
            if found is not None and found.error is None:
                self._missing.discard(name)

    def _note(self, error: Any, message: Any) -> None:
        code = error.code()
        where = f"{message.topic()}-{message.partition()}" if message.topic() else "the subscribed topics"
        if code in UNKNOWN_TOPIC or code in UNREACHABLE or (error.retriable() and not error.fatal()):
            if code in UNKNOWN_TOPIC and message.topic():
                self._missing.add(message.topic())
            self._watch.reach.note(error)
            self._watch.logger.log(logging.WARNING, "reading %s: %s; trying on", where, error.name())
        elif code == KafkaError._MAX_POLL_EXCEEDED:
            self._watch.logger.log(
                logging.WARNING,
                "the consumer was not asked for records for max.poll.interval.ms and lost its partitions; "
                "smaller batches (max.poll.records) or a longer interval help",
            )
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self._failures.append(
                FatalTaskError(
                    f"reading {where} failed: there is no offset to start from, or it is out of range, "
                    "and auto.offset.reset is none; set the group's offsets or another reset policy"
                )
            )
        else:
            self._failures.append(translate_error(error, f"reading {where}", self._watch.reach))

    # --- rebalances -----------------------------------------------------------------------------

    def _on_assign(self, handle: Any, partitions: list[Any]) -> None:
        wanted = [TopicPartition(p.topic, p.partition) for p in partitions]
        self._starts, self._starting, self._to_pause = {}, set(wanted), set()
        try:
            if wanted and self._listener is not None:
                self._guarded(self._listener.on_assigned, wanted)
            starts, to_pause = self._starts, self._to_pause
        finally:
            self._starts, self._starting, self._to_pause = None, set(), set()
        self._forget(wanted)
        for where, at in starts.items():
            self._place(where, at)
        offsets = [_TopicPartition(w.topic, w.partition, starts.get(w, _UNSET)) for w in wanted]
        if self._cooperative:
            handle.incremental_assign(offsets)
        else:
            handle.assign(offsets)
        # librdkafka gives a partition back as paused as it went; to a group's listener it is a new one.
        to_resume = [_TopicPartition(w.topic, w.partition) for w in wanted if w not in to_pause]
        if to_resume:
            handle.resume(to_resume)
        if to_pause:
            handle.pause([_TopicPartition(w.topic, w.partition) for w in to_pause])

    def _on_revoke(self, handle: Any, partitions: list[Any]) -> None:
        self._taken_away(handle, partitions, lost=False)

    def _on_lost(self, handle: Any, partitions: list[Any]) -> None:
        self._taken_away(handle, partitions, lost=True)

    def _taken_away(self, handle: Any, partitions: list[Any], *, lost: bool) -> None:
        gone = [TopicPartition(p.topic, p.partition) for p in partitions]
        self._gone.update(gone)
        if gone and self._listener is not None:
            self._guarded(self._listener.on_lost if lost else self._listener.on_revoked, gone)
        self._forget(gone)
        if self._cooperative:
            handle.incremental_unassign(partitions)
        else:
            handle.unassign()

    def _guarded(
        self, step: Callable[[Sequence[TopicPartition]], None], partitions: list[TopicPartition]
    ) -> None:
        self._in_callback = True
        try:
            step(partitions)
        except BaseException as exc:  # noqa: BLE001  # raised by consume, once librdkafka has been answered
            self._failures.append(exc)
        finally:
            self._in_callback = False

    # --- offsets of the group -------------------------------------------------------------------

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self._group is None:
            return {}
        wanted = [_TopicPartition(w.topic, w.partition) for w in partitions]
        if not wanted:
            return {}
        what = f"reading the offsets of group {self._group}"
        found = self._call(what)(lambda: self._handle.committed(wanted, timeout=self._timeout_s))
        for partition in found:
            if partition.error is not None and partition.error.code() not in UNKNOWN_TOPIC:
                raise translate_error(partition.error, what, self._watch.reach)  # not: there is none
        return {TopicPartition(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def commit(
        self,
        offsets: Mapping[TopicPartition, int],
        on_done: CommitDone | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        if self._group is None:
            raise ConfigError(problems={"group.id": ["is needed to commit offsets"]})
        if not offsets:
            if on_done is not None:
                self._committed.append(({}, None))
                self._commits.append(({}, on_done))
            return
        wanted = [_TopicPartition(w.topic, w.partition, at) for w, at in offsets.items()]
        step = self._call(f"committing offsets of group {self._group}")
        if on_done is None:
            for partition in step(lambda: self._commit_now(wanted, timeout_s)) or ():
                if partition.error is not None:
                    raise self._commit_error(partition.error)
            return
        self._commits.append((dict(offsets), on_done))
        try:
            step(lambda: self._handle.commit(offsets=wanted, asynchronous=True))
        except BaseException:
            self._commits.pop()
            raise

    def _commit_now(self, wanted: list[Any], timeout_s: float | None) -> Any:
        """Commit and wait. librdkafka itself waits for as long as the session lasts."""

        def commit() -> Any:
            return self._handle.commit(offsets=wanted, asynchronous=False)

        # Inside a rebalance callback only its own thread is answered.
        if timeout_s is None or self._in_callback:
            return commit()
        aside = Aside(commit, "commit")
        if not aside.wait(timeout_s):
            raise RetriableError(
                f"committing offsets of group {self._group} failed: {self._watch.reach.sentence()}"
            )
        return aside.result()

    def _commit_error(self, error: Any) -> ConnectError:
        return translate_error(error, f"committing offsets of group {self._group}", self._watch.reach)

    def _on_commit(self, error: Any, partitions: list[Any]) -> None:
        failed = (
            error if error is not None else next((p.error for p in partitions if p.error is not None), None)
        )
        offsets = {TopicPartition(p.topic, p.partition): p.offset for p in partitions}
        self._committed.append((offsets, None if failed is None else self._commit_error(failed)))

    def _tell_commits(self) -> None:
        while self._committed:
            offsets, error = self._committed.popleft()
            for asked in self._commits:  # the oldest commit of these offsets
                if asked[0] == offsets:
                    self._commits.remove(asked)
                    asked[1](error)
                    break

    def lag(self) -> int | None:
        """From the ends that librdkafka saw in its last fetches; partitions never fetched do not count."""
        mine = self.assignment()
        if not mine:
            return None
        positions = self._handle.position([_TopicPartition(w.topic, w.partition) for w in mine])
        total, seen = 0, False
        for where, found in zip(mine, positions):
            ends = self._handle.get_watermark_offsets(
                _TopicPartition(where.topic, where.partition), cached=True
            )
            high = ends[1] if ends else -1
            at = self._known.get(where, int(found.offset))
            if high >= 0 and at >= 0:
                total += max(0, high - at)
                seen = True
        return total if seen else None

    def _call(self, what: str) -> Callable[[Callable[[], Any]], Any]:
        def with_kafka(step: Callable[[], Any]) -> Any:
            try:
                return step()
            except KafkaException as exc:
                raise translate_error(kafka_error(exc), what, self._watch.reach) from exc
            except RuntimeError as exc:  # confluent-kafka's word for a closed consumer
                raise FatalTaskError(f"{what} failed: the consumer is closed") from exc

        return with_kafka

    def close(self, timeout_s: float | None = None) -> None:
        """Leave the group; the listener is told of the revoked partitions. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self._failures.clear()
        try:
            if timeout_s is None:
                self._handle.close()
            else:  # the listener is called on the other thread, while this one waits
                aside = Aside(self._handle.close, "close")
                if aside.wait(timeout_s):
                    aside.result()
                else:
                    _log.warning(
                        "group %s was not left in %.1f s: %s",
                        self._group,
                        timeout_s,
                        self._watch.reach.sentence(),
                    )
        finally:
            self._tell_commits()
            while self._commits:
                _, on_done = self._commits.popleft()
                on_done(RetriableError("the offsets were not committed: the consumer was closed"))
        if self._failures:
            raise self._failures.popleft()


def _shown(where: TopicPartition) -> str:
    return f"{where.topic}-{where.partition}"
