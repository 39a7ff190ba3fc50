"""Java's regular expressions. Expectations are what java.util.regex answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.javaregex import compile_java


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("orders-\\d+", ["orders-12"], ["orders-", "orders-١"]),
        ("(?<n>a+)-\\k<n>", ["aa-aa"], ["aa-a"]),
        ("\\Qa.b\\E+", ["a.bb"], ["axb"]),
        ("\\Qa.b", ["a.b"], ["axb"]),
        ("[a-c&&[^b]]+", ["ac"], ["b", "d"]),
        ("[a-c[x-z]]+", ["ax"], ["m"]),
        ("[^a[x]]", ["b"], ["a", "x"]),
        ("[\\w&&[^\\d_]]+", ["ab"], ["a1", "_"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a\\-z]", ["a", "-", "z"], ["b"]),
        ("a(?i)b|c", ["ab", "aB", "C"], ["Ab"]),
        ("(?i:a)b", ["Ab"], ["AB"]),
        ("(a(?i)b)c", ["aBc"], ["aBC"]),
        ("(?i)é", ["é"], ["É"]),
        ("(?iu)é", ["É"], []),
        (".", ["a", "\u0085"[:0] or "b"], ["\n", "\r", "\u2028", "\x85"]),
        ("(?s).", ["\n"], []),
        ("\\p{Alpha}\\p{Upper}\\P{Digit}", ["aBx"], ["abx", "aB1", "éBx"]),
        ("\\p{L}+", ["aé中"], ["a1"]),
        ("\\pL\\p{Lu}\\p{IsAlphabetic}", ["éÉa"], ["éé"]),
        ("[\\p{Lu}1]+", ["É1"], ["é"]),
        ("\\p{javaLowerCase}\\p{javaWhitespace}\\p{javaLetterOrDigit}", ["é 中"], ["É 1", "é\xa01"]),
        ("a\\z", ["a"], []),
        ("\\x41\\u0042\\x{1F600}\\t\\e\\cA", ["AB😀\t\x1b\x01"], []),
        ("\\h\\R", [" \r\n", "\xa0\n"], ["a\n"]),
        ("(?>a*)b", ["aab"], []),
        ("a++b", ["aab"], []),
        ("(a)(b)\\2\\1", ["abba"], ["abab"]),
        ("db\\.([^.]+)\\.(.*)", ["db.x.y.z"], ["db.x"]),
        ("", [""], ["a"]),
    ],
)
def test_matches_as_java(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = compile_java(pattern)
    assert [text for text in yes if not compiled.fullmatch(text)] == []
    assert [text for text in no if compiled.fullmatch(text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("${topic}", "a{", "a{,2}", "{a}"),
        *("(", ")", "[", "[a", "a\\", "*", "\\p{Foo}", "\\p{IsLatin}", "\\G", "\\k<x", "[z-a]", "(?<n"),
        *("(?q)a", "(?<=a+)b", "\\x{110000}", "\\xg", "a" * 20_000, "(?", "\\y"),
    ],
)
def test_what_is_none_is_told_in_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a regular expression"):
        compile_java(pattern)


@given(st.text("ab()[]{}^$.|?*+\\-&dwQEk<>:=!i", max_size=12))
def test_any_text_compiles_or_is_a_value_error(pattern: str) -> None:
    try:
        compiled = compile_java(pattern)
    except ValueError:
        return
    compiled.fullmatch("ab")


@given(st.text(max_size=20))
def test_quoted_text_is_itself(text: str) -> None:
    if "\\E" not in text:
        assert compile_java(f"\\Q{text}\\E").fullmatch(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*$",
        "(a|aa)+$",
        "(.*a){20}",
        "(?:a|b|ab)*c",
        "^(a?){25}a{25}$",
        "a?" * 25 + "a{25}",
        "(a|a)" * 30,
        "((a?){8}){8}b",
        "(a{1,30}){1,30}b",
        "(.*)(.*)(.*)(.*)$",
        "(?=(a+)+b)a",
        r"(\1a+)+b",
        "(?i)(A+)+z",
    ],
)
def test_expressions_that_can_run_for_hours_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"must not (repeat|have)"):
        compile_java(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"([a-z]{1,8}-)+",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"[a-z]{0,8}[a-z]{0,8}x",
        r"(a++)+b",
        r"(?>a+)+b",
        r"(foo|bar)+baz",
        r"(.*)_(.*)_(.*)_(.*)_(.*)",
        r"(?:prod|stage|)-(.*)",
        r"(\w+\.)+",
        r"(\d\d?|\d{4})-x",
    ],
)
def test_expressions_that_run_no_longer_than_they_look_are_taken(pattern: str) -> None:
    compiled = compile_java(pattern)
    for char in "a1-x":
        compiled.fullmatch(char * 249 + "!")  # ends in no time to speak of


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [(r"\1", "a", False), (r"(a)\1", "aa", True), (r"\1(a)", "aa", False), (r"(a)\11", "aa1", True)],
)
def test_a_reference_to_a_group_that_is_not_over_matches_nothing(
    pattern: str, text: str, found: bool
) -> None:
    assert (compile_java(pattern).fullmatch(text) is not None) is found
