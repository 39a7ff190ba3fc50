"""Checks of option values."""

from __future__ import annotations

from typing import Any

import pytest

from connectkit import checks


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.at_least(1), [1, 2.5], [0, -1]),
        (checks.at_most(3), [3], [4]),
        (checks.between(1, 3), [1, 3], [0, 4]),
        (checks.at_least_or_default(1), [-1, 1], [0, -2]),
        (checks.one_of("a", "b"), ["a"], ["A", "c"]),
        (checks.one_of_any_case("a", "b"), ["A", "b"], ["c"]),
        (checks.non_empty_string, ["x", " "], [""]),
        (checks.non_blank, ["x"], ["", " "]),
        (checks.non_empty_list, [["a"]], [[]]),
        (checks.no_empty_items, [[], ["a"]], [["a", ""]]),
        (checks.no_duplicates, [[], ["a", "b"]], [["a", "a"]]),
        (checks.no_control_characters, ["a b"], ["", "a\nb", "a\x85", "\x7f"]),
        (checks.max_items(1), [["a"]], [["a", "b"]]),
        (checks.each(checks.non_empty_string), [["a"], []], [["a", ""]]),
        (checks.regex, ["a+", "(?<n>a)\\k<n>", "[a-z&&[^b]]"], ["(", "[z-a]", "*"]),
        (checks.all_of(checks.non_blank, checks.one_of("a")), ["a"], ["", "b"]),
    ],
)
def test_checks(check: checks.Check, good: list[Any], bad: list[Any]) -> None:
    assert [check(value) for value in good] == [None] * len(good)
    assert all(check(value) for value in bad)


def test_a_check_tells_where_in_a_list() -> None:
    assert "number 2" in str(checks.each(checks.non_empty_string)(["a", ""]))


def test_control_characters_are_told_by_code() -> None:
    assert "10, 9" in str(checks.no_control_characters("a\n\t"))
