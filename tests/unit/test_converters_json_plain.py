import datetime as dt
import enum
import json
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectkit.converters.json_big import needs_exact
from connectkit.converters.json_parse import BadJsonError
from connectkit.converters.json_plain import decode_exactly, encode, reader, tree, wrapped
from connectkit.converters.json_text import write
from connectkit.errors import ConversionError, LimitError
from connectkit.schema import Schema, Type
from connectkit.struct import Struct

_read = reader(needs_exact, decode_exactly)
INTS = st.integers(-(1 << 63), (1 << 63) - 1)
ANY_TEXT = st.text(st.characters(exclude_categories=()))
LEAVES = st.none() | st.booleans() | INTS | st.floats() | ANY_TEXT | st.binary() | st.binary().map(bytearray)
KEYS = ANY_TEXT | st.integers(-5, 5) | st.booleans()
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
@example({"a": 1e7})
@example({"a": -0.0, "b": 0.0, "c": float("nan")})
@example({"a": 9.999e-4, "b": [1e7, {"c": math.inf}]})
@example({"a": {"b": [None, True, 1.5, 1 << 62]}})
def test_what_orjson_writes_is_what_the_exact_writer_writes(value: Any) -> None:
    assert encode(value) == (None if value is None else write(tree(value)))


class Colour(enum.Enum):
    RED = "red"


class Shade(enum.StrEnum):
    DARK = "dark"


@dataclass
class Point:
    x: int = 1


STRANGERS = [
    uuid.UUID(int=5),
    Colour.RED,
    Point(),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.date(2024, 1, 1),
    dt.time(1),
    Decimal("1.5"),
    {1, 2},
    object(),
    Struct(Schema(Type.STRUCT)),
]


@pytest.mark.parametrize("value", STRANGERS, ids=lambda value: type(value).__name__)
def test_classes_without_a_connect_type_are_refused_wherever_they_stand(value: Any) -> None:
    for holder, where in (
        (value, "$"),
        ({"a": value}, "$.a"),
        ([value], "$[0]"),
        ({"x": {"a b": [0, value]}}, "$.x['a b'][1]"),
        ({1: value}, "${0}.value"),
    ):
        with pytest.raises(ConversionError) as caught:
            encode(holder)
        assert caught.value.path == where
        assert where in str(caught.value)


def decode(data: bytes) -> Any:
    return _read(data)[1]


def test_subclasses_count_as_what_they_are() -> None:
    class Name(str):
        __slots__ = ()

    class Table(dict[str, Any]):
        pass

    assert (
        encode({"a": Shade.DARK, Name("b"): Name("x"), "c": Table(d=1)})
        == b'{"a":"dark","b":"x","c":{"d":1}}'
    )


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63) - 1])
def test_integers_beyond_64_bits_are_refused(number: int) -> None:
    for holder in (number, {"a": number}, {"a": [number]}):
        with pytest.raises(ConversionError, match="64 bits"):
            encode(holder)


def test_a_map_whose_keys_are_not_all_texts_is_an_array_of_pairs() -> None:
    assert encode({"a": 1, 2: "b"}) == b'[["a",1],[2,"b"]]'
    assert encode({}) == b"{}"
    assert encode({None: {"k": b"\x01"}}) == b'[[null,{"k":"AQ=="}]]'


def test_order_of_members_is_kept_when_the_exact_writer_writes() -> None:
    assert encode({"z": 1, "a": b"", "m": {"y": 1e9, "b": 2}}) == b'{"z":1,"a":"","m":{"y":1.0E9,"b":2}}'


def test_a_value_that_contains_itself_ends() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    with pytest.raises(LimitError):
        encode(value)


NUMBERS = st.sampled_from(
    "0 -0 0.0 -0.0 -0e5 1e400 -1e400 1e-400 -1e-400 9223372036854775807 9223372036854775808"
    " 18446744073709551615 18446744073709551616 -9223372036854775809 123456789012345678901234567890 1.5 1E5"
    " 1e18 123456789012345678 007 -01 00.5 1e5 0.1 1. .5 +1 NaN Infinity 1_0 --1 0x1".split()
) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
TOKENS = (
    NUMBERS
    | st.text().map(json.dumps)
    | st.text().map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.sampled_from(
        [r'"\ud800"', r'"\ud83d\ude00"', "true", "false", "null", "nul", '"\t"', r'"\x"', "[", "}"]
    )
)
SPACE = st.sampled_from(["", "", "", " ", "\n", "\t\r"])


def _array(items: list[str], space: str) -> str:
    return f"[{space}{','.join(items)}{space}]"


def _object(items: list[tuple[str, str]], space: str) -> str:
    return "{" + f",{space}".join(f"{json.dumps(key)}:{space}{value}" for key, value in items) + "}"


DOCUMENTS = st.recursive(
    TOKENS,
    lambda inner: (
        st.builds(_array, st.lists(inner, max_size=4), SPACE)
        | st.builds(_object, st.lists(st.tuples(st.text(max_size=3), inner), max_size=4), SPACE)
    ),
    max_leaves=10,
)


def _answer(read: Any, data: bytes) -> Any:
    try:
        return repr(read(data))
    except BadJsonError:
        return BadJsonError


@given(DOCUMENTS, st.sampled_from(["", "", " ", "x", "{}", "\0"]))
def test_what_orjson_reads_is_what_the_exact_reader_reads(document: str, tail: str) -> None:
    data = (document + tail).encode()
    assert _answer(decode, data) == _answer(decode_exactly, data)


@given(st.binary(max_size=12))
def test_any_bytes_are_read_alike(data: bytes) -> None:
    assert _answer(decode, data) == _answer(decode_exactly, data)


@given(st.integers(990, 1010), st.booleans(), st.sampled_from(["{}", "[{}]", '{{"k":{}}}', '["\\"[",{}]']))
def test_long_numbers_are_found_in_large_documents(digits: int, fraction: bool, frame: str) -> None:
    number = "0." + "1" * (digits - 1) if fraction else "1" * digits
    data = frame.replace("{{", "{").replace("}}", "}").replace("{}", number).encode()
    pad = b" " * (digits % 7) + data
    assert _answer(decode, pad) == _answer(decode_exactly, pad)


@given(st.integers(990, 1030), st.sampled_from(["[]", "{}"]), st.integers(0, 1200))
def test_depth_is_found_in_large_documents(levels: int, kind: str, siblings: int) -> None:
    around = ("[", "]") if kind == "[]" else ('{"a":', "}")
    inner = "[" + ",".join(["{}"] * siblings + ['"[[["']) + "]"
    data = (around[0] * (levels - 2) + inner + around[1] * (levels - 2)).encode()
    read = decode if levels <= 1000 else decode_exactly
    if levels - 2 + (2 if siblings else 1) > 1000:
        with pytest.raises(BadJsonError, match="1000 levels"):
            decode(data)
    else:
        assert isinstance(read(data), list | dict)
        assert isinstance(decode(data), list | dict)


@given(st.integers(), st.sampled_from([8, 16, 32, 64]))
def test_wrapping_is_javas_cast(number: int, bits: int) -> None:
    got = wrapped(number, bits)
    assert -(1 << (bits - 1)) <= got < 1 << (bits - 1)
    assert (got - number) % (1 << bits) == 0
