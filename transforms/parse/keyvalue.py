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
    pair = re.compile(
        rf"{blank}({key}){is_}{around}"
        rf"(?:\"((?:[^\"\\]++|\\.)*+)\"|'((?:[^'\\]++|\\.)*+)'|((?![\"']){plain_value})){blank}(?:{between}|\Z)",
        re.DOTALL,
    )
    piece = re.compile(rf"{_without(pair_separator)}*+(?:{between}|\Z)", re.DOTALL)

    def split(text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        at, end = 0, len(text)
        while at < end:
            match = pair.match(text, at)
            if match is None:
                passed = piece.match(text, at)
                assert passed is not None  # it matches nothing at the least
                if not skip_text and passed[0].removesuffix(pair_separator).strip():
                    raise NotParsedError("has a piece that is no pair")
                at = passed.end()
                continue
            name, double, single, plain = match.groups()
            quoted = double if double is not None else single
            if quoted is not None:
                found[name.strip()] = _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted
            else:
                found[name.strip()] = plain.strip()
            at = match.end()
            if len(found) > MAX_FIELDS:
                raise NotParsedError(f"has more than {MAX_FIELDS} fields")
        if not found:
            raise NotParsedError("has no pair")
        return found

    return split
