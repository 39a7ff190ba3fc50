"""Checks of option values: each returns what is wrong ("must not be empty"), or None.

For the ``check=`` of :func:`connectkit.config.option`. A check sees the parsed value, never null, and
its sentence never holds the value: the option adds it, unless it is a secret. Kafka's validators of the
same meaning are listed in spec data 5.4. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connectkit.javaregex import compile_java

Check = Callable[[Any], str | None]


def at_least(least: float) -> Check:
    """A number not below ``least``."""
    return lambda value: None if value >= least else f"must be at least {least}"


def at_most(most: float) -> Check:
    """A number not above ``most``."""
    return lambda value: None if value <= most else f"must be no more than {most}"


def between(least: float, most: float) -> Check:
    """A number from ``least`` to ``most``, both allowed."""
    return lambda value: None if least <= value <= most else f"must be from {least} to {most}"


def at_least_or_default(least: int) -> Check:
    """A number not below ``least``, or -1 (the broker's default)."""
    return lambda value: None if value == -1 or value >= least else f"must be at least {least}, or -1"


def one_of(*allowed: str) -> Check:
    """Exactly one of the texts."""
    return lambda value: None if value in allowed else f"must be one of: {', '.join(allowed)}"


def one_of_any_case(*allowed: str) -> Check:
    """One of the texts in any case."""
    folded = {text.casefold() for text in allowed}
    return lambda value: None if value.casefold() in folded else f"must be one of: {', '.join(allowed)}"


def non_empty_string(value: str) -> str | None:
    """At least one character."""
    return None if value else "must not be empty"


def non_blank(value: str) -> str | None:
    """At least one character that is not white space."""
    return None if value.strip() else "must not be blank"


def non_empty_list(value: Sequence[Any]) -> str | None:
    """At least one item."""
    return None if value else "must name at least one item"


def no_empty_items(value: Sequence[str]) -> str | None:
    """No item is an empty text."""
    return "must not have an empty item (look for a comma too many)" if "" in value else None


def no_duplicates(value: Sequence[Any]) -> str | None:
    """No item twice."""
    return "must not name an item twice" if len(set(value)) < len(value) else None


def no_control_characters(value: str) -> str | None:
    """Not empty and without ISO control characters (the rule for connector names)."""
    if not value:
        return "must not be empty"
    found = [ord(ch) for ch in value if ord(ch) < 0x20 or 0x7F <= ord(ch) <= 0x9F]
    if not found:
        return None
    return f"must not have control characters (found the codes {', '.join(map(str, found[:10]))})"


def max_characters(most: int) -> Check:
    """A text of at most ``most`` characters."""
    return lambda value: None if len(value) <= most else f"must have no more than {most} characters"


def max_items(most: int) -> Check:
    """A list of at most ``most`` items."""
    return lambda value: None if len(value) <= most else f"must have no more than {most} items"


def each(check: Check) -> Check:
    """A list whose items all pass the check; tells of the first that does not, by its number."""

    def check_items(value: Sequence[Any]) -> str | None:
        for number, item in enumerate(value, 1):
            if found := check(item):
                return f"has an item (number {number}) that {found}"
        return None

    return check_items


def regex(value: str) -> str | None:
    """A regular expression in Java's syntax (:func:`connectkit.javaregex.compile_java` makes it)."""
    try:
        compile_java(value)
    except ValueError as exc:
        return str(exc)
    return None


def all_of(*checks: Check) -> Check:
    """All of the checks, in order; the first that fails speaks."""

    def check_all(value: Any) -> str | None:
        return next((found for check in checks if (found := check(value))), None)

    return check_all
