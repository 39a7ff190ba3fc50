import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.converters import json_text
from connectkit.converters.json_text import Raw, dumps, float32_node, float_node, write
from connectkit.errors import ConversionError, LimitError
from connectkit.float32 import round32
from connectkit.javatext import float32_text, float_text

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
ANY_TEXT = st.text(st.characters(exclude_categories=()))
FLOATS = st.floats().map(float_node)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | INT64
    | FLOATS
    | ANY_TEXT
    | st.sampled_from(["\x00\x1f\x7f\\u001f", "😀\u2028"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(TREES)
def test_the_fast_text_is_the_exact_one(tree: Any) -> None:
    assert dumps(tree) == write(tree)


@given(TREES)
def test_the_text_is_json_of_the_tree(tree: Any) -> None:
    def plain(node: Any) -> Any:
        if isinstance(node, Raw):
            return float(node.text)
        if isinstance(node, dict):
            return {_paired(key): plain(value) for key, value in node.items()}
        if isinstance(node, list):
            return [plain(value) for value in node]
        return _paired(node) if isinstance(node, str) else node

    assert json.loads(write(tree)) == plain(tree)


def _paired(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\b\t\n\f\r", r'"\b\t\n\f\r"'),
        ('"\\/<', r'"\"\\/<"'),
        ("\x01\x1f", r'"\u0001\u001F"'),
        ("\x7f\u2028é", '"\x7f\u2028é"'),
        ("😀", r'"\uD83D\uDE00"'),
        ("\ud800", r'"\uD800"'),
        ("\\u001f", r'"\\u001f"'),
        ("\\\x1f", r'"\\\u001F"'),
        (Raw("1.0E10"), "1.0E10"),
        ({"😀": []}, r'{"\uD83D\uDE00":[]}'),
        ([{}, (1, None), True], "[{},[1,null],true]"),
    ],
)
def test_texts_of_jackson(value: Any, text: str) -> None:
    assert dumps(value) == write(value) == text.encode()


@given(st.floats())
def test_floats_are_javas(x: float) -> None:
    text = dumps(float_node(x)).decode()
    assert text == (float_text(x) if math.isfinite(x) else f'"{float_text(x)}"')


@given(st.floats(width=32))
def test_float32s_are_javas(x: float) -> None:
    text = dumps(float32_node(x)).decode()
    assert text == (float32_text(round32(x)) if math.isfinite(x) else f'"{float32_text(x)}"')


def test_depth_is_that_of_jackson() -> None:
    tree: Any = 1
    for _ in range(1000):
        tree = [tree]
    assert dumps(tree) == b"[" * 1000 + b"1" + b"]" * 1000
    with pytest.raises(LimitError, match="1000 levels"):
        dumps([tree])


def test_a_tree_that_contains_itself_ends() -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(LimitError):
        dumps(tree)


def test_a_stranger_in_the_tree_is_refused() -> None:
    with pytest.raises(ConversionError, match="class object"):
        dumps([object()])
    with pytest.raises(TypeError):
        json_text.raw_only(object())
