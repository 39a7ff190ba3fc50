"""Replacement texts of Java's Matcher."""

from __future__ import annotations

import pytest

from connectkit.javaregex import compile_java
from connectkit.javareplace import Replacement


@pytest.mark.parametrize(
    ("pattern", "text", "replacement", "result"),
    [
        ("(a)(b)?", "xab", "[$1$2]", "x[ab]"),
        ("(a)(b)?", "xac", "[$1$2]", "x[a]c"),
        ("(a)", "a", "$12", "a2"),
        ("(?<n>a)", "a", "${n}-$0", "a-a"),
        ("a", "a", "\\$1\\\\", "$1\\"),
        ("a", "b", "x", "b"),
        ("a", "aa", "x", "xa"),
    ],
)
def test_replaces_as_java(pattern: str, text: str, replacement: str, result: str) -> None:
    compiled = compile_java(pattern)
    assert Replacement(replacement, compiled).replace_first(text, compiled) == result


@pytest.mark.parametrize(
    ("replacement", "said"),
    [
        ("$2", "refers to group 2, but the regular expression has 1 group"),
        ("${x}", "a group named x"),
        ("$", "has a \\$"),
        ("$a", "has a \\$"),
        ("a\\", "lone backslash"),
    ],
)
def test_a_wrong_one_is_told_when_it_is_read(replacement: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Replacement(replacement, compile_java("(a)"))
