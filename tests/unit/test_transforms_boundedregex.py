"""Matching within bounds: exponents, the longest text tried in every way, and the straight way beyond."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.javaregex import compile_java
from connectkit.redos import growth
from connectkit.transforms.boundedregex import Bounded, TooLongError
from connectkit.transforms.parse.grok import expand


@pytest.mark.parametrize(
    ("regex", "exponent"),
    [
        ("abc", 1),
        ("^a.*b", 1),
        ("a.*b", 2),  # begun anew at each a
        (".*", 1),
        ("^.*a.*b", 2),
        ("^.*a.*", 1),  # nothing can fail behind the last
        (r"^\S+ \S+ \S+x", 1),
        (r"^\d+\.\d+\.\d+x", 1),
        (r"^\w+\d+x", 2),
        (r"^\w+\.\w+.*x", 2),
        ("^.*a.*b.*c.*d", 4),
        ("^(?:.*a|b)c.*d", 2),
        ("^(?>.*a)b.*c", 1),
        (r"^(?:\w+\.)+x", 1),
        ("(?m)^.*a.*b", 3),
        ("a.*(?=b)c?", 2),  # what may be left out behind it does not make it the last
        (r"a.*\bc*", 2),
    ],
)
def test_growth(regex: str, exponent: int) -> None:
    found = growth(compile_java(regex))
    assert found.exponent == exponent
    assert found.factor <= 2


def test_parts_that_may_be_left_out_count() -> None:
    assert growth(compile_java("^a?a?a?a?a?a?a?a?a?a?x")).factor > 10
    few, many = Bounded("^a?b.*c.*d"), Bounded("^a?a?a?a?a?a?a?a?b?a.*c.*d")
    assert many.most_chars < few.most_chars


def _steps(regex: str, text: str) -> int:
    """How often a simple backtracking matcher looks at a character: for expressions of literals and .*"""
    parts = regex.removeprefix("^").split(".*")

    def match(part: int, at: int) -> int:
        """Steps of trying the parts from that one on; never succeeds, as the last part is not there."""
        steps = 1
        if not text.startswith(parts[part], at):
            return steps
        at += len(parts[part])
        if part + 1 < len(parts):
            for begin in range(len(text), at - 1, -1):
                steps += match(part + 1, begin)
        return steps

    return sum(match(0, start) for start in range(1 if regex.startswith("^") else len(text)))


@pytest.mark.parametrize("regex", ["^a.*z", "^a.*a.*z", "a.*z", "^a.*a.*a.*z", "a.*a.*z"])
def test_the_longest_text_is_within_the_budget(regex: str) -> None:
    budget = 5_000
    bounded = Bounded(regex, budget_steps=budget, max_chars=300)
    hostile = "a" * bounded.most_chars
    # Each way to choose places costs a look or two at each of the parts around them.
    assert _steps(regex, hostile) <= 8 * budget
    if bounded.most_chars < 300:
        assert _steps(regex, "a" * (4 * bounded.most_chars)) > budget


def test_a_longer_text_is_matched_straight_or_refused() -> None:
    regex = expand(r"\[%{DATA:a}\] \[%{DATA:b}\] \[%{DATA:c}\] %{GREEDYDATA:rest}", {}).regex
    bounded = Bounded(regex)
    assert bounded.most_chars < 1_000
    found = bounded.search("[x] [y y] [z] " + "long " * 1_000)
    assert found is not None
    assert found.groups()[:3] == ("x", "y y", "z")
    with pytest.raises(TooLongError, match="characters"):
        bounded.search("[x]" * 10_000)


@pytest.mark.parametrize(
    "hostile",
    [
        "[x] [" * 13_000,
        "] [" * 20_000,
        "a" * 65_000,
        "." * 65_000,
        "1.1.1.1 " * 8_000,
        "::" * 30_000,
        '"\\' * 30_000,
    ],
)
@pytest.mark.parametrize(
    "pattern",
    [
        "%{COMBINEDAPACHELOG}",
        "%{SYSLOGLINE}",
        "%{URI:u} %{EMAILADDRESS:e}",
        r"\[%{DATA:a}\] \[%{DATA:b}\] \[%{DATA:c}\] %{GREEDYDATA:d}",
        "%{JAVACLASS:c} %{PATH:p} %{QS:q}",
    ],
)
def test_hostile_lines_end(pattern: str, hostile: str) -> None:
    bounded = Bounded(expand(pattern, {}).regex)
    reason = ""
    try:
        bounded.search(hostile)
    except TooLongError as error:
        reason = str(error)
    assert not reason or bounded.most_chars < len(hostile)
    assert hostile not in reason


_REGEXES = [
    r"\[(.*?)\] \[(.*?)\] (.*)",
    r"(a*)(b|ab)*(c.?)",
    r"(\S+) (\S+)( x)?(.*)",
    r"^(.*)=(.*);(.*)$",
    r"([^]a-]+)(\]|[\]x]+)(.{2,})",
    r"(?:a|ab)(c|bcd)(d*)",
]


@pytest.mark.parametrize("regex", _REGEXES)
@given(text=st.text("ab cdx[]=;-", max_size=40))
def test_the_straight_way_finds_what_trying_all_finds(regex: str, text: str) -> None:
    bounded = Bounded(regex, budget_steps=1)
    assert bounded._quick is not None
    everything = re.compile(bounded.pattern.pattern, bounded.pattern.flags).match(text)
    found = bounded._quick(text)
    if found is not None:
        assert everything is not None
        assert (found.span(), found.groups()) == (everything.span(), everything.groups())


@pytest.mark.parametrize("regex", ["a.*b|c.*d", "(?i)a.*b", r"\Qa.*\E.*b"])
def test_what_has_no_straight_way_is_refused_when_long(regex: str) -> None:
    bounded = Bounded(regex, budget_steps=100)
    with pytest.raises(TooLongError):
        bounded.search("a" + "x" * 1_000)
