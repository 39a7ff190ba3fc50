"""Reading a topic from here to there: its bounds, its end, and what never comes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from connectkit.api import TopicPartition
from connectkit.errors import NotFoundError
from connectkit.runner.log.api import Log, OutRecord
from connectkit.runner.log.opening import open_log
from connectkit.runner.log.reading import bounds_of, read_between

PLACE = TopicPartition("numbers", 0)


def some_log(folder: Path, *values: bytes) -> Log:
    log = open_log(f"embedded:{folder}")
    append(log, *values)
    return log


def append(log: Log, *values: bytes) -> None:
    producer = log.producer({})
    records = [OutRecord(PLACE.topic, 0, None, value, None, None) for value in values]
    producer.send(records, lambda deliveries: None)
    producer.flush(10)
    producer.close(10)


def bounds(
    log: Log, name: str, *, hint: str = ""
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    with closing(log.admin({})) as admin:
        return bounds_of(admin, name, hint=hint)


def read(
    log: Log, starts: dict[TopicPartition, int], ends: dict[TopicPartition, int], **more: int
) -> list[int]:
    with closing(read_between(log, {}, starts, ends, **more)) as batches:
        return [each.offset() for batch in batches for each in batch]


def test_from_here_to_there_and_not_what_came_since(tmp_path: Path) -> None:
    log = some_log(tmp_path, b"0", b"1", b"2")
    begins, ends = bounds(log, "numbers")
    assert (begins, ends) == ({PLACE: 0}, {PLACE: 3})
    append(log, b"3")
    assert read(log, begins, ends) == [0, 1, 2]
    assert read(log, {PLACE: 1}, ends) == [1, 2]
    assert read(log, ends, ends) == []
    log.close()


@pytest.mark.parametrize("most", [0, 1, 2, 9])
def test_no_more_than_asked_for(tmp_path: Path, most: int) -> None:
    log = some_log(tmp_path, b"0", b"1", b"2")
    begins, ends = bounds(log, "numbers")
    assert read(log, begins, ends, most=most) == [0, 1, 2][:most]
    log.close()


def test_an_end_that_is_never_reached_is_given_up(tmp_path: Path) -> None:
    log = some_log(tmp_path, b"0", b"1")
    assert read(log, {PLACE: 0}, {PLACE: 5}, quiet_s=1) == [0, 1]
    log.close()


def test_without_an_end_it_goes_on(tmp_path: Path) -> None:
    log = some_log(tmp_path, b"0")
    with closing(read_between(log, {}, {PLACE: 0}, None)) as batches:
        assert [each.value() for each in next(batches)] == [b"0"]
        append(log, b"1")
        assert [each.value() for each in next(batches)] == [b"1"]
    log.close()


def test_a_topic_that_is_not_there(tmp_path: Path) -> None:
    log = some_log(tmp_path, b"0")
    with pytest.raises(NotFoundError) as caught:
        bounds(log, "number", hint="look for it")
    assert str(caught.value) == "There is no topic 'number'; look for it; did you mean 'numbers'?"
    with pytest.raises(NotFoundError, match=r"^There is no topic 'else'$"):
        bounds(log, "else")
    log.close()
