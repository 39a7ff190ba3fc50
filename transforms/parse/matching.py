"""Grok patterns and regular expressions as a reader: the first that matches gives the fields.

The fields are those of all patterns, in order of their first appearance; a pattern that did not match
leaves its own null. A field captured in several places of a pattern has the first that took part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectkit.schema import Schema
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.boundedregex import TooLongError, bounded
from connectkit.transforms.parse.grok import GROUP, Expanded, expand, plain
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, Reader, ResultField
from connectkit.transforms.parse.typed import Convert, TypedName, typed_field

_CAPTURE = re.compile(rf"{GROUP}([0-9]+)")


class FieldsError(ValueError):
    """What is wrong is the option ``fields``, not the pattern."""


class _Pattern:
    """A compiled pattern and, by field, the groups that capture it."""

    __slots__ = ("groups", "search", "types")

    def __init__(self, expanded: Expanded) -> None:
        made = bounded(expanded.regex)
        self.search: Callable[[str], re.Match[str] | None] = made.search
        self.groups: dict[str, list[int]] = {}
        self.types: dict[str, TypedName] = {}
        for name, number in sorted(made.pattern.groupindex.items(), key=lambda item: item[1]):
            own = _CAPTURE.fullmatch(name)
            capture = expanded.captures[int(own[1])] if own else TypedName(name)
            self.groups.setdefault(capture.name, []).append(number)
            known = self.types.setdefault(capture.name, capture)
            if capture.type is not None and known.type not in (None, capture.type):
                raise ValueError(f"captures '{shortened(capture.name)}' as two types")
            if known.type is None:
                self.types[capture.name] = capture
        if not self.groups:
            raise ValueError("captures nothing; name a field, as in %{WORD:field} or (?<field>…)")


def pattern_reader(
    patterns: Sequence[str],
    definitions: Mapping[str, str],
    typed: Sequence[TypedName],
    moments: Moments,
    default_format: str,
    *,
    grok: bool,
    empty_is_null: bool,
) -> Reader:
    """The reader; ``ValueError`` says what is wrong with a pattern, ``FieldsError`` with the types."""
    compiled = [_Pattern(expand(p, definitions) if grok else Expanded(plain(p), ())) for p in patterns]
    wanted: dict[str, TypedName] = {}
    for pattern in compiled:
        for name, found in pattern.types.items():
            known = wanted.setdefault(name, found)
            if found.type is not None and known.type not in (None, found.type):
                raise ValueError(f"captures '{shortened(name)}' as another type than a pattern before it")
            if known.type is None:
                wanted[name] = found
    for each in typed:
        if each.name not in wanted:
            raise FieldsError(
                f"has '{shortened(each.name)}', which no pattern captures{did_you_mean(each.name, wanted)}"
            )
        wanted[each.name] = each
    names = list(wanted)
    fields: list[ResultField] = []
    converts: list[tuple[int, Convert]] = []
    for place, name in enumerate(names):
        schema, convert = typed_field(wanted[name], moments, default_format)
        fields.append(ResultField(name, schema or Schema.OPTIONAL_STRING))
        if convert is not None:
            converts.append((place, convert))
    tries = [(pattern.search, _getter(pattern.groups, names)) for pattern in compiled]

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        values: list[Any]
        try:
            for search, get in tries:
                match = search(text)
                if match is not None:
                    values = get(match)
                    break
            else:
                raise NotParsedError("matches no pattern")
        except TooLongError as exc:
            raise NotParsedError(str(exc)) from exc
        if empty_is_null and "" in values:
            values = [None if value == "" else value for value in values]
        for place, convert in converts:
            value = values[place]
            if value is not None:
                values[place] = convert(value, reference_ms) if value else None
        return values

    return Reader(tuple(fields), read)


def _getter(
    groups: Mapping[str, Sequence[int]], names: Sequence[str]
) -> Callable[[re.Match[str]], list[Any]]:
    """What takes the values of the names, in their order, from a match."""
    if all(len(groups.get(name, ())) == 1 for name in names):
        numbers = [groups[name][0] for name in names]
        if len(numbers) == 1:
            only = numbers[0]
            return lambda match: [match[only]]
        return lambda match: list(match.group(*numbers))
    places = [tuple(groups.get(name, ())) for name in names]

    def get(match: re.Match[str]) -> list[Any]:
        return [next((found for n in numbers if (found := match[n]) is not None), None) for numbers in places]

    return get
