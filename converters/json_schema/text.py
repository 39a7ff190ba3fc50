"""The text of JSON schemas as Jackson keeps it: compact, members in order, few escapes.

Numbers keep their digits: integers as they are, others as Java's ``BigDecimal`` writes them. Reading is
bounded and never recurses. Source: spec registry 4.3, 7. Pure functions.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from connectkit.converters.json_parse import MISSING, BadJsonError, parse
from connectkit.converters.json_text import Raw, write
from connectkit.errors import DataError, LimitError, SchemaError
from connectkit.javatext import decimal_text
from connectkit.limits import DEFAULT_LIMITS, Limits

_PAIR = re.compile(r"\\\\|\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})")


def schema_text(tree: Any) -> str:
    """The text of a tree of dict, list, str, int, bool, None, Decimal and :class:`Raw`."""
    return _PAIR.sub(_joined, write(_written(tree)).decode("utf-8"))


def read_schema(text: str, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The tree of a schema's text, fractions as Decimal; ``SchemaError`` if it is no JSON."""
    if len(text) > limits.schema_bytes:
        raise LimitError(
            f"The JSON schema has more than {limits.schema_bytes} characters; "
            "if that is intended, raise the limit 'schema_bytes'"
        )
    try:
        tree = parse(text.encode("utf-8", "surrogatepass"))
    except BadJsonError as exc:
        raise SchemaError(f"The JSON schema is not JSON: it {exc.reason}, at byte {exc.at}") from exc
    if tree is MISSING:
        raise SchemaError("The JSON schema is empty")
    return tree


def number(text: str) -> int | Decimal:
    """A number out of org.json's text of it, which has no zeros at its end."""
    if "." in text and "e" not in text.lower():
        text = text.rstrip("0").removesuffix(".")
    return Decimal(text) if set(text) & set(".eE") else int(text)


def _joined(found: re.Match[str]) -> str:
    """Two escaped surrogates as the one character they are: Java writes text so, though not bytes."""
    if found[1] is None:
        return found[0]
    code = 0x10000 + ((int(found[1], 16) & 0x3FF) << 10 | int(found[2], 16) & 0x3FF)
    return chr(code)


def _written(root: Any) -> Any:
    """The tree with its decimals as :class:`Raw`; no recursion."""
    holder: list[Any] = [root]
    todo: list[Any] = [holder]
    while todo:
        inside = todo.pop()
        places = list(inside.items()) if isinstance(inside, dict) else list(enumerate(inside))
        for place, each in places:
            if isinstance(each, Decimal):
                inside[place] = Raw(decimal_text(each))
            elif isinstance(each, dict | list):
                made = dict(each) if isinstance(each, dict) else list(each)
                inside[place] = made
                todo.append(made)
    return holder[0]


def equal(a: Any, b: Any) -> bool:
    """Whether two trees are the same JSON: 1 and 1.0 are, true and 1 are not."""
    stack = [(a, b)]
    while stack:
        a, b = stack.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            stack.extend((each, b[key]) for key, each in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            stack.extend(zip(a, b, strict=True))
        elif isinstance(a, bool) != isinstance(b, bool) or a != b:
            return False
    return True


def checked_parameters(found: Any) -> dict[str, str]:
    """``connect.parameters``, which must be an object of texts."""
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise DataError("The JSON schema has connect.parameters that are no object of texts")
    return found
