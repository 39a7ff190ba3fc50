"""Did you mean: near names are found, far ones are not, long ones cost nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.suggest import closest, did_you_mean, shortened

KEYS = ["errors.tolerance", "fields", "file", "topic", "topics", "transforms.x.replacement", "id"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("errors.tolerence", "errors.tolerance"),
        ("fiel", "file"),
        ("FILE", "file"),
        ("transforms.x.replacment", "transforms.x.replacement"),
        ("topicz", "topic"),
        ("completely.else", None),
        ("x", None),
        ("", None),
        ("ids", "id"),
        ("x" * 10_000, None),
    ],
)
def test_closest(word: str, meant: str | None) -> None:
    assert closest(word, KEYS) == meant


def test_texts() -> None:
    assert did_you_mean("fiel", KEYS) == "; did you mean 'file'?"
    assert did_you_mean("nothing like it", KEYS) == ""
    assert shortened("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert len(shortened("é" * 10_000)) < 100


LETTERS = st.characters().filter(lambda char: len(char.casefold()) == 1)  # "ß" is two letters without case


@given(st.lists(st.text(LETTERS, min_size=4, max_size=30), min_size=1), st.data())
def test_one_letter_left_out_is_found(known: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(known))
    at = data.draw(st.integers(0, len(word) - 1))
    assert closest(word[:at] + word[at + 1 :], known) is not None


@given(st.text(), st.lists(st.text()))
def test_it_takes_anything(word: str, known: list[str]) -> None:
    found = closest(word, known)
    assert found is None or found in known
