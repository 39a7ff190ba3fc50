"""JSONPath: the dialect, what it says of bad paths, and that its cost is bounded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import LimitError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.jsonpath import MISSING, compile_path
from connectkit.transforms.jsonpath_parse import MAX_CHARS, MAX_DEPTH, MAX_STEPS
from connectkit.transforms.operators import OPERATORS, equal, prepared

STORE: dict[str, Any] = {
    "store": {
        "book": [
            {"category": "reference", "author": "Rees", "price": 8.95, "tags": ["a", "b"]},
            {"category": "fiction", "author": "Waugh", "price": 12.99, "tags": []},
            {"category": "fiction", "author": "Melville", "price": 8.99, "isbn": "0-553", "tags": ["b"]},
        ],
        "bicycle": {"color": "red", "price": 19.95},
    },
    "expensive": 10,
    "odd name": 1,
    "$oid": "x",
    "nothing": None,
}


def found(path: str, root: Any = STORE) -> list[Any]:
    return list(compile_path(path).find(root))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.expensive", [10]),
        ("$['odd name']", [1]),
        ('$["odd name"]', [1]),
        ("$.$oid", ["x"]),
        ("$.missing", []),
        ("$.store.book[0].author", ["Rees"]),
        ("$.store.book[-1].author", ["Melville"]),
        ("$.store.book[ 1 ].author", ["Waugh"]),
        ("$.store.book[7].author", []),
        ("$.store.book[-7].author", []),
        ("$.store.book[0,2].author", ["Rees", "Melville"]),
        ("$.store.book[0:2].author", ["Rees", "Waugh"]),
        ("$.store.book[1:].author", ["Waugh", "Melville"]),
        ("$.store.book[:-1].author", ["Rees", "Waugh"]),
        ("$.store.book[*].price", [8.95, 12.99, 8.99]),
        ("$.store.bicycle.*", ["red", 19.95]),
        ("$.store.bicycle['color','price']", ["red", 19.95]),
        ("$..author", ["Rees", "Waugh", "Melville"]),
        ("$..book[0].author", ["Rees"]),
        ("$..['price']", [8.95, 12.99, 8.99, 19.95]),
        ("$.store.book[?(@.price < 10)].author", ["Rees", "Melville"]),
        ("$.store.book[?(@.price <= $.expensive)].author", ["Rees", "Melville"]),
        ("$.store.book[?(@.isbn)].author", ["Melville"]),
        ("$.store.book[?(!@.isbn)].author", ["Rees", "Waugh"]),
        ("$.store.book[?(@.category == 'fiction' && @.price > 10)].author", ["Waugh"]),
        ("$.store.book[?(@.category == 'reference' || (@.price > 10))].author", ["Rees", "Waugh"]),
        ("$.store.book[?(@['author'] =~ /r.*/i)].author", ["Rees"]),
        ("$.store.book[?(@.author =~ /.*vil/)].author", []),
        ("$.store.book[?(@.author in ['Rees', 'Waugh'])].author", ["Rees", "Waugh"]),
        ("$.store.book[?(@.author nin ['Rees', 'Waugh'])].author", ["Melville"]),
        ("$.store.book[?(@.tags contains 'b')].author", ["Rees", "Melville"]),
        ("$.store.book[?(@.author contains 'ee')].author", ["Rees"]),
        ("$.store.book[?(@.tags anyof ['a', 'c'])].author", ["Rees"]),
        ("$.store.book[?(@.tags noneof ['a', 'c'])].author", ["Waugh", "Melville"]),
        ("$.store.book[?(@.tags subsetof ['b', 'c'])].author", ["Waugh", "Melville"]),
        ("$.store.book[?(@.tags size 2)].author", ["Rees"]),
        ("$.store.book[?(@.tags empty true)].author", ["Waugh"]),
        ("$.store.book[?(@.tags empty false)].author", ["Rees", "Melville"]),
        ("$.store.book[?(@.price == 8.99 || @.price == '12.99')].author", ["Waugh", "Melville"]),
        ("$.store.book[?(@.tags[?(@ == 'a')])].author", ["Rees"]),
        ("$.store.bicycle[?(@.color == 'red')].price", [19.95]),
        ("$.store.bicycle[?(@.color == 'blue')].price", []),
        ("$[?(@.expensive == 10)].expensive", [10]),
        ("$[?(@.nothing == null)].expensive", [10]),
        ("$[?(@.nothing != 5)].expensive", []),
        ("$[?(@.nothing)].expensive", []),
        ("$[?(@.missing != 5)].expensive", []),
        ("$[?(@.expensive != null)].expensive", [10]),
        ("$[?(10 == @.expensive)].expensive", [10]),
        ("$[?(@..price)].expensive", [10]),
        ("  $.expensive  ", [10]),
    ],
)
def test_what_a_path_leads_to(path: str, wanted: list[Any]) -> None:
    assert found(path) == wanted


def test_structs_are_walked_as_they_are() -> None:
    inner = SchemaBuilder.struct().field("b", SchemaBuilder.int32().default(4).build()).build()
    schema = SchemaBuilder.struct().field("a", inner).field("l", SchemaBuilder.array(inner).build()).build()
    value = Struct.of(schema, [Struct.of(inner, [None]), [Struct.of(inner, [1]), Struct.of(inner, [9])]])
    assert found("$.a.b", value) == [4], "a default stands in for what is unset"
    assert found("$.l[?(@.b > 3)].b", value) == [9]
    assert found("$..b", value) == [4, 1, 9]
    assert found("$.a[?(@.b == 4)].b", value) == [4]
    assert found("$.a.c", value) == []


def test_any_mapping_and_tuples_serve() -> None:
    assert found("$.a[1].b", MappingProxyType({"a": (1, {"b": 2})})) == [2]


def test_matches_tells_missing_from_no_match() -> None:
    path = compile_path("$.a.b[?(@.c == 1)]")
    assert path.matches({"a": {"b": [{"c": 1}]}}) is True
    assert path.matches({"a": {"b": [{"c": 2}]}}) is False
    assert path.matches({"a": {"b": [{}]}}) is False
    assert path.matches({"a": {"b": None}}) is None
    assert path.matches({"a": {}}) is None
    assert path.matches(None) is None
    assert path.start == "$.a.b"
    assert compile_path("$.a").matches({"a": False}) is True


def test_definite_paths() -> None:
    assert compile_path("$.a['b'][0]").is_definite
    assert compile_path("$.a.b").value({"a": {}}) is MISSING
    assert repr(MISSING) == "MISSING"
    for text in ("$..a", "$.*", "$.a[?(@.b)]", "$[0:1]", "$['a','b']"):
        assert not compile_path(text).is_definite


@pytest.mark.parametrize(
    ("path", "at", "reason"),
    [
        ("a.b", 0, "begins with $"),
        ("", 0, "begins with $"),
        ("$.", 2, "name was expected"),
        ("$.a b", 3, "step was expected"),
        ("$[", 2, "was expected in the brackets"),
        ("$['a'", 5, "] was expected"),
        ("$['a", 2, "never closed"),
        ("$[a]", 2, "was expected in the brackets"),
        ("$[1,]", 4, "was expected in the brackets"),
        ("$[99999999999999999999]", 2, "was expected in the brackets"),
        ("$.a.length()", 10, "functions"),
        ("$[?(@.a == )]", 11, "was expected"),
        ("$[?(@.a == 1]", 12, ") was expected"),
        ("$[?(1)]", 5, "comparison was expected"),
        ("$[?(@.a =~ 'x')]", 14, "regular expression between slashes"),
        ("$[?(@.a =~ @.b)]", 14, "regular expression between slashes"),
        ("$[?(@.a == /x/)]", 14, "does not take a regular expression"),
        ("$[?(@.a =~ /x)]", 11, "never closed"),
        ("$[?(@.a =~ /[/)]", 14, "regular expression"),
        ("$[?(@.a =~ /(a+)+b/)]", 19, "repeated in two ways"),
        ("$[?(@.a in 'x')]", 14, "needs a list"),
        ("$[?(@.a size true)]", 17, "needs a whole number"),
        ("$[?(@.a empty 1)]", 15, "needs true or false"),
        ("$[?(@.a in [['x']])]", 12, "may not hold a list"),
        ("$[?(@.a == 1x)]", 11, "was expected"),
        ("$." + ".".join("a" * (MAX_STEPS + 1)), 2 * MAX_STEPS + 3, "more than 64 steps"),
        ("$[" + ",".join("1" * (MAX_STEPS + 1)) + "]", 2 * MAX_STEPS + 3, "more than 64 fields"),
    ],
)
def test_bad_paths_say_where(path: str, at: int, reason: str) -> None:
    with pytest.raises(ValueError, match="must be a JSONPath: at position") as caught:
        compile_path(path)
    said = str(caught.value)
    assert reason in said
    assert f"at position {at}, " in said


def test_texts_and_nesting_are_bounded() -> None:
    with pytest.raises(ValueError, match="no more than 4096 characters"):
        compile_path("$." + "a" * MAX_CHARS)
    for start, again in (("$[", "?(@["), ("$[?(", "("), ("$[?(", "!")):
        with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} deep"):
            compile_path(start + again * (MAX_DEPTH + 1))


@given(st.text("$.@[]()?*'\"=!<>~&|,:/ ain0-9\\", max_size=40))
def test_any_text_is_a_path_or_a_value_error(text: str) -> None:
    try:
        path = compile_path("$" + text)
    except ValueError:
        return
    list(path.find(STORE))


def test_the_cost_of_many_scans_is_bounded() -> None:
    wide: Any = 1
    for _ in range(12):
        wide = [wide, wide]
    path = compile_path("$" + "..*" * 20, max_visits=20_000)
    with pytest.raises(LimitError, match="too many values"):
        list(path.find(wide))
    crossed = compile_path("$[?($ contains @)]", max_visits=20_000)
    with pytest.raises(LimitError, match="too many values"):
        list(crossed.find([str(i) for i in range(1000)]))


def test_deep_values_are_refused_by_scans() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    with pytest.raises(LimitError, match="nested more than"):
        list(compile_path("$..b").find(deep))


# --- operators


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (Decimal("0.1"), 0.1, True),
        (0.1, Decimal("0.10"), True),
        (Decimal("0.1"), 0.2, False),
        ("0.1", 0.1, True),
        ("1e2", 100, True),
        ("x", 1, False),
        ("1", "1.0", False),
        (True, 1, False),
        (True, True, True),
        (None, None, True),
        (None, 0, False),
        (float("nan"), float("nan"), False),
        (Decimal("NaN"), 1, False),
        (float("inf"), Decimal(1), False),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1000, True),
        ([1], [1], True),
        ([1], (1,), False),
        (b"x", b"x", True),
        (b"x", "x", False),
    ],
)
def test_equality(a: Any, b: Any, same: bool) -> None:
    assert equal(a, b) is same
    assert equal(b, a) is same
    if b is not None and not isinstance(b, datetime):
        assert prepared("==", b)(a) is same
    assert OPERATORS["!="](a, b) is (a is not None and not same)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_order(operator: str) -> None:
    holds = OPERATORS[operator]
    assert holds(1, 2) is (operator[0] == "<")
    assert holds(2, 2) is (len(operator) == 2)
    assert holds("b", "a") is (operator[0] == ">")
    assert holds("10", 9) is (operator[0] == ">")
    for a, b in (
        (None, 1),
        (1, None),
        ("x", 1),
        ([1], [2]),
        (float("nan"), 1),
        (Decimal("NaN"), 1),
        (True, 0),
    ):
        assert holds(a, b) is False


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_null_satisfies_nothing_but_equality_with_null(operator: str) -> None:
    constants: list[Any] = ["x", 1, 1.5, True, [1, "x"], re.compile("x")]
    assert not any(prepared(operator, constant)(None) for constant in constants)
    assert prepared(operator, None)(None) is (operator == "==")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(OPERATORS)), VALUES, VALUES)
def test_no_operator_raises(operator: str, a: Any, b: Any) -> None:
    assert OPERATORS[operator](a, b) in (True, False)


@given(st.integers() | st.floats() | st.decimals(allow_nan=False), st.integers() | st.floats())
def test_numbers_are_in_one_order(a: Any, b: Any) -> None:
    below, same, above = (OPERATORS[each](a, b) for each in ("<", "==", ">"))
    assert below + same + above == (not (a != a or b != b))


def test_schema_type_does_not_matter() -> None:
    schema = SchemaBuilder.struct().field("n", Schema.FLOAT64).build()
    assert found("$[?(@.n == 3)].n", Struct.of(schema, [3.0])) == [3.0]
