"""Sources and sinks with one bug each, written as a plugin's author would: the laws catch every one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import connectkit
from connectkit import (
    Config,
    Emit,
    Schema,
    SinkConnector,
    SinkRecord,
    SinkTask,
    SourceConnector,
    SourceRecord,
    SourceTask,
    TopicPartition,
    option,
)
from connectkit.testing import BrokenLawError, SinkLaws, SourceLaws
from connectkit.testing.laws.base import Laws

# --- sources ----------------------------------------------------------------------------------------


class LinesConfig(Config):
    """Which file."""

    file: str = option(doc="The file.")
    topic: str = option("t", doc="The topic.")


def lines(
    name: str, *, ahead: int = 0, shared: bool = False, partial: str = "", behind: int = 0, last: bool = True
) -> Any:
    """A source of lines; the arguments are its bugs."""

    def read(config: LinesConfig, offset: Mapping[str, Any] | None) -> Iterator[Emit | None]:
        position = offset["position"] + behind if offset else 0
        one: dict[str, Any] = {}
        while True:
            with Path(config.file).open("rb") as file:
                file.seek(position)
                for line in file:
                    if not line.endswith(b"\n"):
                        position += len(line) if partial else 0
                        if partial != "sent":
                            break
                    else:
                        position += len(line)
                    place = {"position": position + ahead}
                    if shared:
                        one.update(place)
                        place = one
                    if last or b"19" not in line:
                        yield Emit(line.rstrip(b"\n").decode(), offset=place, schema=Schema.STRING)
            yield None

    read.__name__ = read.__qualname__ = name
    return connectkit.source(read)


@connectkit.source
async def hung(config: LinesConfig) -> AsyncIterator[Emit]:
    """Reads one line, and takes its time when it is cancelled."""
    yield Emit("line 0", offset={"position": 7}, schema=Schema.STRING)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(4.5)


class TwoFilesTask(SourceTask[LinesConfig]):
    """Two files, each a partition of its own; ``place`` says what is stored for a line of one."""

    def start(self) -> None:
        self.at = {name: self.begin(name) for name in ("a", "b")}

    def begin(self, name: str) -> int:
        stored = self.context.offset_reader.offset({"file": name})
        return int(stored["line"]) if stored else 0

    def place(self, name: str) -> int:
        return self.at[name]

    def poll(self) -> list[SourceRecord] | None:
        made = []
        for name in self.at:
            for line in Path(f"{self.config.file}.{name}").read_text().splitlines()[self.at[name] :][:2]:
                self.at[name] += 1
                offset = {"line": self.place(name)}
                made.append(SourceRecord({"file": name}, offset, "t", Schema.STRING, line))
        return made or None

    def stop(self) -> None: ...


def two_files(name: str, **bugs: Any) -> type[Laws]:
    class Made(SourceConnector[LinesConfig]):
        task_class = type(f"{name}_task", (TwoFilesTask,), bugs)

        def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
            return [{"file": self.config.file}]

    Made.__name__ = Made.__qualname__ = name

    class OfTwo(SourceLaws):
        connector = Made

        def prepare(self, directory: Path) -> Mapping[str, str]:
            for end, count in (("a", 5), ("b", 8)):
                (directory / f"in.{end}").write_text("".join(f"{end}{n}\n" for n in range(count)))
            return {"file": str(directory / "in")}

    return OfTwo


@connectkit.source
def the_last_again(config: LinesConfig, offset: Mapping[str, Any] | None) -> Iterator[Emit]:
    """Knows where it is, but for its end."""
    text = Path(config.file).read_text().splitlines()[:20]
    for number in range(offset["line"] if offset else 0, len(text)):
        yield Emit(text[number], offset={"line": min(number + 1, len(text) - 1)}, schema=Schema.STRING)


def source_laws(plugin: Any) -> type[Laws]:
    class Made(SourceLaws):
        connector = plugin

        def prepare(self, directory: Path) -> Mapping[str, str]:
            (directory / "in").write_text("".join(f"line {n}\n" for n in range(20)) + "begun ")
            return {"file": str(directory / "in")}

        def expected(self, directory: Path) -> Sequence[Any]:
            return [f"line {n}" for n in range(20)]

        def more(self, directory: Path) -> None:
            with (directory / "in").open("a") as file:
                file.write("and ended\nnext\n")

    return Made


# --- sinks ------------------------------------------------------------------------------------------


class FileConfig(Config):
    """Which file."""

    file: str = option(doc="The file.")


def append(config: Any, records: Sequence[SinkRecord]) -> None:
    with Path(config.file).open("a") as file:
        file.writelines(json.dumps(record.value, default=str) + "\n" for record in records)


def sink(name: str, write: Callable[[Any, list[SinkRecord]], Any]) -> Any:
    def put(batch: list[SinkRecord], config: FileConfig) -> Any:
        return write(config, batch)

    put.__name__ = put.__qualname__ = name
    return connectkit.sink(put)


def swallow(config: Any, batch: list[SinkRecord]) -> None:
    try:
        json.dumps([record.value for record in batch])
    except TypeError:
        return
    append(config, batch)


def blame_the_first(config: Any, batch: list[SinkRecord]) -> Any:
    for record in batch:
        if not isinstance(record.value, str | None):
            return {0: ValueError("no text")}
        append(config, [record])
    return None


def blame_the_one_before(config: Any, batch: list[SinkRecord]) -> Any:
    good = [record for record in batch if isinstance(record.value, str | None)]
    append(config, good)
    return {at - 1: ValueError("no text") for at, record in enumerate(batch) if record not in good}


class HoldingTask(SinkTask[FileConfig]):
    """Holds records until they are flushed."""

    def start(self) -> None:
        self.held: list[SinkRecord] = []
        self.ends: dict[TopicPartition, int] = {}

    def put(self, records: list[SinkRecord]) -> None:
        for record in records:
            self.ends[_place(record)] = record.kafka_offset + 1
            self.held.append(record)

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        append(self.config, self.held)
        self.held = []

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        self.flush(offsets)
        return dict(self.ends)

    def close(self, partitions: Collection[TopicPartition]) -> None:
        self.held = [record for record in self.held if _place(record) not in partitions]
        for place in partitions:
            self.ends.pop(place, None)

    def stop(self) -> None: ...


def _place(record: SinkRecord) -> TopicPartition:
    return TopicPartition(record.topic or "", record.kafka_partition or 0)


def _clear_all(task: Any, partitions: Collection[TopicPartition]) -> None:
    task.held = []


def _forget_nothing(task: Any, partitions: Collection[TopicPartition]) -> None: ...


def _one_too_far(task: Any, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
    task.flush(offsets)
    return {place: end + 1 for place, end in offsets.items()}


def _some(task: Any, offsets: Mapping[TopicPartition, int]) -> None:
    append(task.config, task.held[:5])
    task.held = task.held[5:]


def _seen(task: Any, records: list[SinkRecord]) -> None:
    seen = task.__dict__.setdefault("seen", {})
    for record in records:
        if seen.get(_place(record), -1) < record.kafka_offset:
            seen[_place(record)] = record.kafka_offset
            HoldingTask.put(task, [record])


def _count_before_writing(task: Any, records: list[SinkRecord]) -> None:
    for record in records:
        task.ends[_place(record)] = record.kafka_offset + 1
        json.dumps(record.value)
        task.held.append(record)


def holding(name: str, **bugs: Any) -> Any:
    task = type(f"{name}_task", (HoldingTask,), bugs)

    class Made(SinkConnector[FileConfig]):
        task_class = task

        def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
            return [{"file": self.config.file}]

    Made.__name__ = Made.__qualname__ = name
    return Made


def sink_laws(plugin: Any) -> type[Laws]:
    class Made(SinkLaws):
        connector = plugin
        tombstones = "written"
        examples = 25

        def prepare(self, directory: Path) -> Mapping[str, str]:
            return {"file": str(directory / "out")}

        def written(self, directory: Path) -> Sequence[Any]:
            file = directory / "out"
            return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return Made


def _all_together(task: Any, name: str) -> int:
    return int(sum(task.at.values()))


def _the_furthest(task: Any, name: str) -> int:
    return int(max(task.at.values()))


def _first_file(task: Any, name: str) -> int:
    return TwoFilesTask.begin(task, "a")


SOUND = [
    source_laws(lines("sound_lines")),
    two_files("sound_files"),
    sink_laws(sink("sound_sink", append)),
    sink_laws(holding("sound_holding")),
]
MUTANTS = [
    (source_laws(lines("offset_ahead", ahead=7)), "every_offset_can_be_resumed_at"),
    (two_files("counts_both", place=_all_together), "every_offset_can_be_resumed_at"),
    (two_files("stores_the_furthest", place=_the_furthest), "a_crash_leaves_no_gap"),
    (two_files("begins_both_as_the_first", begin=_first_file), "every_offset_can_be_resumed_at"),
    (source_laws(the_last_again), "every_offset_can_be_resumed_at"),
    (sink_laws(sink("blames_the_one_before", blame_the_one_before)), "a_failed_put_loses_nothing"),
    (source_laws(lines("offset_behind", ahead=-7)), "a_crash_leaves_no_gap"),
    (source_laws(lines("starts_a_byte_late", behind=1)), "every_offset_can_be_resumed_at"),
    (source_laws(lines("one_offset_for_all", shared=True)), "every_offset_can_be_resumed_at"),
    (source_laws(lines("half_a_line_is_lost", partial="lost")), "what_comes_later_is_read"),
    (source_laws(lines("half_a_line_is_sent", partial="sent")), "all_is_read"),
    (source_laws(lines("the_last_is_lost", last=False)), "all_is_read"),
    (source_laws(hung), "stopping_is_quick"),
    (sink_laws(sink("swallows", swallow)), "a_failed_put_loses_nothing"),
    (sink_laws(sink("blames_the_first", blame_the_first)), "a_failed_put_loses_nothing"),
    (
        sink_laws(sink("drops_nulls", lambda c, b: append(c, [r for r in b if r.value is not None]))),
        "tombstones_are_treated_as_declared",
    ),
    (
        sink_laws(sink("drops_twins", lambda c, b: append(c, list({r.value: r for r in b}.values())))),
        "equal_records_are_all_written",
    ),
    (
        sink_laws(sink("backwards", lambda c, b: append(c, list(reversed(b))))),
        "committed_records_are_written",
    ),
    (sink_laws(holding("clears_all", close=_clear_all)), "a_lost_partition_loses_nothing"),
    (sink_laws(holding("keeps_partitions", close=_forget_nothing)), "rebalances_lose_nothing"),
    (sink_laws(holding("one_too_far", pre_commit=_one_too_far)), "committed_records_are_written"),
    (sink_laws(holding("flushes_some", flush=_some)), "rebalances_lose_nothing"),
    (sink_laws(holding("remembers_offsets", put=_seen)), "a_lost_partition_loses_nothing"),
    (sink_laws(holding("counts_too_early", put=_count_before_writing)), "a_failed_put_loses_nothing"),
]


@pytest.mark.parametrize("laws", SOUND, ids=lambda laws: getattr(laws, laws.plugin_attribute).__name__)
def test_a_sound_plugin_keeps_every_law(laws: type[Laws]) -> None:
    for name in laws.laws():
        getattr(laws(), f"test_{name}")()


@pytest.mark.parametrize(
    ("laws", "law"), MUTANTS, ids=[getattr(m, m.plugin_attribute).__name__ for m, _ in MUTANTS]
)
def test_a_mutant_breaks_the_law_that_is_about_its_bug(laws: type[Laws], law: str) -> None:
    with pytest.raises(BrokenLawError, match="breaks a law"):
        getattr(laws(), f"test_{law}")()
