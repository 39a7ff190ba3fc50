"""The stored form of a batch: what goes in comes out, what is damaged is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.runner.log.embedded.batch import DamagedBatchError, decode, encode
from connectkit.runner.log.embedded.message import messages_of

cells = st.none() | st.binary(max_size=30)
headers = st.none() | st.lists(st.tuples(st.text(max_size=5), cells), min_size=1, max_size=3)
rows = st.lists(
    st.tuples(cells, cells, st.integers(0, 2**62), headers, st.integers(1, 50)), min_size=1, max_size=30
)


@given(rows, st.booleans(), st.booleans())
def test_what_goes_in_comes_out(
    table: list[tuple[bytes | None, bytes | None, int, list[tuple[str, bytes | None]] | None, int]],
    gaps: bool,
    append_time: bool,
) -> None:
    keys, values, stamps, heads, steps = zip(*table)
    deltas = [sum(steps[:at]) for at in range(len(steps))] if gaps else None
    blob = b"".join(encode(keys, values, stamps, heads, append_time=append_time, deltas=deltas))
    messages = messages_of("t", 3, 100, decode(blob))
    assert [m.key() for m in messages] == list(keys)
    assert [m.value() for m in messages] == list(values)
    assert [m.timestamp() for m in messages] == [(2 if append_time else 1, stamp) for stamp in stamps]
    assert [m.headers() for m in messages] == list(heads)
    assert [m.offset() for m in messages] == [100 + d for d in (deltas or range(len(table)))]
    assert {(m.topic(), m.partition()) for m in messages} == {("t", 3)}


def test_columns_that_say_nothing_cost_nothing() -> None:
    plain = b"".join(encode(None, [b"abc"] * 100, 5, None))
    assert len(plain) < 100 * 3 + 100 * 4 + 40
    message = messages_of("t", 0, 0, decode(plain))[99]
    assert (message.key(), message.value(), message.timestamp(), message.headers()) == (
        None,
        b"abc",
        (1, 5),
        None,
    )


@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    blob = bytearray(b"".join(encode([b"k", None], [b"value", b""], [1, 2], [[("h", None)], None])))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedBatchError):
        decode(bytes(blob))


@pytest.mark.parametrize("size", range(0, 60, 3))
def test_a_cut_batch_is_noticed(size: int) -> None:
    blob = b"".join(encode([b"key"], [b"a value of some length, cut somewhere"], 7, None))
    with pytest.raises(DamagedBatchError):
        decode(blob[:size])


def test_a_message_does_not_show_its_content() -> None:
    (message,) = messages_of("t", 0, 9, decode(b"".join(encode([b"secret"], [b"secret"], 7, None))))
    assert repr(message) == "<message t-0@9>"


def test_few_values_are_stored_without_a_copy() -> None:
    value = b"huge" * 1000
    assert any(part is value for part in encode(None, [value, b"small", None], 5, None))
