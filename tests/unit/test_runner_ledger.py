"""The ledger against a short model: what is safe to store is the acknowledged prefix of each partition."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectkit.record import SourceRecord
from connectkit.runner.ledger import Ledger, Submission


def made(part: int, at: int) -> SourceRecord:
    return SourceRecord({"part": part}, {"at": at}, "t", None, None)


def shown(ledger: Ledger) -> dict[int, int]:
    return {p["part"]: o["at"] for p, o in ledger.take().values()}  # type: ignore[index]


class Model:
    """Twenty lines of what the ledger promises, a record at a time."""

    def __init__(self) -> None:
        self.sent: dict[int, list[int]] = {}
        self.acked: set[tuple[int, int]] = set()

    def safe(self) -> dict[int, int]:
        found = {}
        for part, offsets in self.sent.items():
            for at in offsets:
                if (part, at) not in self.acked:
                    break
                found[part] = at
        return found


@st.composite
def histories(draw: Any) -> list[list[int]]:
    """Batches of records, each a list of partitions."""
    found: list[list[int]] = draw(
        st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=6)
    )
    return found


@given(history=histories(), data=st.data())
def test_the_acknowledged_prefix_of_each_partition_is_safe(history: list[list[int]], data: Any) -> None:
    ledger, model = Ledger(), Model()
    at = 0
    open_batches: list[tuple[Submission, list[SourceRecord]]] = []
    stored: dict[int, int] = {}
    for parts in history:
        records = []
        for part in parts:
            at += 1
            records.append(made(part, at))
            model.sent.setdefault(part, []).append(at)
        open_batches.append((ledger.enter(records), records))
    pending: list[tuple[Submission, int | None, list[SourceRecord]]] = []
    for submission, records in open_batches:
        if submission.whole:
            pending.append((submission, None, records))
        else:
            pending += [(submission, index, [record]) for index, record in enumerate(records)]
    order = data.draw(st.permutations(pending))
    for submission, index, records in order[: data.draw(st.integers(0, len(order)))]:
        if index is None:
            submission.settle()
        else:
            submission.settle_one(index)
        model.acked |= {(r.source_partition["part"], r.source_offset["at"]) for r in records}
        if data.draw(st.booleans()):
            stored.update(shown(ledger))
    stored.update(shown(ledger))
    assert stored == model.safe()


def test_a_batch_of_one_partition_is_one_entry_whatever_objects_name_it() -> None:
    ledger = Ledger()
    assert ledger.enter([made(1, 1), made(1, 2)]).whole
    one = {"part": 1}
    other = SourceRecord({"part": 2}, {"at": 1}, "t", None, None)
    assert not ledger.enter([SourceRecord(one, {"at": 3}, "t", None, None), other]).whole


def test_a_withdrawn_batch_holds_nothing_back() -> None:
    ledger = Ledger()
    first = ledger.enter([made(1, 1)])
    second = ledger.enter([made(1, 2)])
    first.withdraw()
    second.settle()
    assert shown(ledger) == {1: 2}


def test_what_could_not_be_stored_is_kept_but_newer_places_win() -> None:
    ledger = Ledger()
    ledger.enter([made(1, 1)]).settle()
    ledger.enter([made(2, 5)]).settle()
    taken = ledger.take()
    ledger.enter([made(1, 9)]).settle()
    ledger.give_back(taken)
    assert shown(ledger) == {1: 9, 2: 5}
    assert shown(ledger) == {}


def test_the_part_of_a_failed_batch_that_arrived_is_safe_only_behind_the_others() -> None:
    ledger = Ledger()
    records = [made(1, at) for at in (1, 2, 3)]
    first, second = ledger.enter(records), ledger.enter([made(1, 4), made(1, 5)])
    second.settle_up_to(made(1, 4))
    assert shown(ledger) == {}
    first.settle_up_to(records[1])
    assert shown(ledger) == {1: 2}


def test_a_connector_that_changes_its_maps_afterwards_changes_no_queue() -> None:
    ledger = Ledger()
    partition: dict[str, Any] = {"part": 1}
    first = ledger.enter([SourceRecord(partition, {"at": 1}, "t", None, None)])
    partition["part"] = 2
    first.settle()
    assert list(ledger.take()) == ['{"part":1}']


def test_empty_queues_are_dropped_in_the_end() -> None:
    ledger = Ledger()
    for part in range(10_050):
        ledger.enter([made(part, 1)]).settle()
    assert len(ledger._queues) <= 10_002
