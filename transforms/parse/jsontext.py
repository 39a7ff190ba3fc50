"""A JSON object: its members, declared ones with their types, or all of them as they are.

Declared members may stand in the text as JSON numbers, booleans or strings; an object or array under a
declared string is its JSON text. Refused are NaN, numbers beyond double or 64 bits, half surrogate pairs,
nesting beyond the limit, and texts that are no object. Of members of the same name the last one counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from connectkit.limits import DEFAULT_LIMITS, Limits
from connectkit.transforms.parse.moments import Moments
from connectkit.transforms.parse.reading import NotParsedError, OpenReader, Reader, ResultField
from connectkit.transforms.parse.typed import TypedName, typed_field

_INT64 = 1 << 63


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode


def json_reader(
    fields: Sequence[TypedName],
    moments: Moments,
    default_format: str,
    *,
    empty_is_null: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Reader | OpenReader:
    """The reader of JSON objects."""

    def members(text: str) -> dict[str, Any]:
        try:
            found = _decode(text)
        except (ValueError, RecursionError) as exc:
            raise NotParsedError("is no JSON") from exc
        if type(found) is not dict:
            raise NotParsedError("is no JSON object")
        _check(found, limits.depth, "\\ud" in text or "\\uD" in text)
        return found

    if not fields:

        def read_open(text: str, _: int | None) -> dict[str, Any]:
            found = members(text)
            if empty_is_null:
                return {name: None if value == "" else value for name, value in found.items()}
            return found

        return OpenReader(None, read_open)
    made = [typed_field(each, moments, default_format) for each in fields]
    names = [each.name for each in fields]
    converts = [convert for _, convert in made]

    def read(text: str, reference_ms: int | None) -> Sequence[Any]:
        values: list[Any] = list(map(members(text).get, names))
        for place, (value, convert) in enumerate(zip(values, converts)):
            if value is None:
                continue
            plain = value if type(value) is str else _text(value)
            if not plain and (convert is not None or empty_is_null):
                values[place] = None
            else:
                values[place] = plain if convert is None else convert(plain, reference_ms)
        return values

    return Reader(tuple(ResultField(n, schema) for n, (schema, _) in zip(names, made)), read)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check(value: Any, depth: int, surrogates: bool) -> None:
    """Refuse what a record cannot hold."""
    kind = type(value)
    if kind is int:
        if not -_INT64 <= value < _INT64:
            raise NotParsedError("has a number beyond 64 bits")
    elif kind is float:
        if math.isinf(value):
            raise NotParsedError("has a number beyond double")
    elif kind is str:
        if surrogates:
            _check_text(value)
    elif kind is dict or kind is list:
        if depth == 0:
            raise NotParsedError("is nested too deeply")
        if kind is dict:
            if surrogates:
                for name in value:
                    _check_text(name)
            value = value.values()
        for each in value:
            _check(each, depth - 1, surrogates)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise NotParsedError("has half a surrogate pair") from exc
