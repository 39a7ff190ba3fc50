r"""Pairs such as ``user=bob; ip=10.0.0.1; note="a; b"``, with separators of one's own choice.

A value in double or single quotes may hold the separators; a backslash takes the quote or backslash
behind it as it is. Blanks around keys and unquoted values are left out. What is no pair is refused, or
passed over with ``skip_text``. A later pair of the same key wins. Linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connectkit.transforms.parse.pairs import MAX_FIELDS
from connectkit.transforms.parse.reading import NotParsedError

_ESCAPE = re.compile(r"\\([\"'\\])")


def _without(*separators: str) -> str:
    """An expression for one character that begins none of the separators."""
    if all(len(each) == 1 for each in separators):
        return f"[^{re.escape(''.join(separators))}]"
    return f"(?:(?!{'|'.join(map(re.escape, separators))}).)"


def keyvalue_splitter(
    pair_separator: str, key_separator: str, *, skip_text: bool
) -> Callable[[str], dict[str, str]]:
    """The function from a line to its pairs. The separators are not empty and not the same."""
    between, is_ = re.escape(pair_separator), re.escape(key_separator)
    key = _without(pair_separator, key_separator) + "++"
    plain_value = _without(pair_separator) + "*+"
    blank = "" if pair_separator.isspace() else r"[ \t]*+"
    around = "" if key_separator.isspace() or pair_separator.isspace() else r"[ \t]*+"
    pair_text = (
        rf"{blank}({key}){is_}{around}"
        rf"(?:\"([^\"\\]*+(?:\\.[^\"\\]*+)*+)\"|'([^'\\]*+(?:\\.[^'\\]*+)*+)'|((?![\"']){plain_value})){blank}(?:{between}|\Z)"
    )
    pair = re.compile(pair_text, re.DOTALL)
    find_all = pair.findall
    is_pairs = re.compile(rf"(?:{pair_text})++", re.DOTALL).fullmatch
    piece = re.compile(rf"({plain_value})(?:{between}|\Z)", re.DOTALL)

    def split(text: str) -> dict[str, str]:
        pairs = find_all(text) if is_pairs(text) else _with_gaps(text, pair, piece, skip_text=skip_text)
        if len(pairs) > MAX_FIELDS:
            raise NotParsedError(f"has more than {MAX_FIELDS} pairs")
        if "\\" in text:
            pairs = [
                (name, _ESCAPE.sub(r"\1", double or single), "", plain)
                for name, double, single, plain in pairs
            ]
        return {name.strip(): double or single or plain.strip() for name, double, single, plain in pairs}

    return split


def _with_gaps(
    text: str, pair: re.Pattern[str], piece: re.Pattern[str], *, skip_text: bool
) -> list[tuple[str, str, str, str]]:
    """The pairs of a text between which there is something else, if that may be."""
    found: list[tuple[str, str, str, str]] = []
    at, end = 0, len(text)
    while at < end:
        match = pair.match(text, at)
        if match is not None:
            name, double, single, plain = match.groups("")
            found.append((name, double, single, plain))
            at = match.end()
            continue
        passed = piece.match(text, at)
        assert passed is not None  # it matches nothing at the least
        if not skip_text and passed[1].strip():
            raise NotParsedError("has a piece that is no pair")
        at = passed.end()
    if not found:
        raise NotParsedError("has no pair")
    return found
