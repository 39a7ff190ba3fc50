"""The functions and methods an expression may call: a fixed table, each with its types and its bounds.

A function takes terms and gives a term; what does not suit raises ``ExpressionError``. Arguments that are
null give null, but for ``coalesce`` and ``bool``. Nothing here reads a clock, a file or anything else but
its arguments. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from connectkit.errors import DataError, LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.transforms.base import class_name
from connectkit.transforms.expression import convert, runtime
from connectkit.transforms.expression.operators import common
from connectkit.transforms.expression.source import ExpressionError, Position
from connectkit.transforms.expression.terms import Term, call, constant, either, inline
from connectkit.transforms.expression.types import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    MAX_SCALE,
    MOMENT,
    NULL,
    NUMBERS,
    STR,
    TEMPORAL,
    TEXTS,
    Kind,
    Name,
)

Build = Callable[[str, Sequence[Term], Position], Term]


def _count(name: str, terms: Sequence[Term], least: int, most: int, at: Position) -> None:
    if least <= len(terms) <= most:
        return
    wanted = str(least) if least == most else f"{least} or more" if most > 9 else f"{least} to {most}"
    plural = "" if wanted == "1" else "s"
    raise ExpressionError(f"{name}() takes {wanted} argument{plural}, and has {len(terms)}", at)


def _take(name: str, term: Term, *kinds: Name) -> None:
    if term.kind.name not in ("any", "null", *kinds):
        raise ExpressionError(f"{name}() does not take {term.kind}", term.at)


def _simple(function: Callable[..., Any], kind: Kind, *takes: Name) -> Build:
    def build(name: str, terms: Sequence[Term], at: Position) -> Term:
        _count(name, terms, 1, 1, at)
        _take(name, terms[0], *takes)
        return call(function, terms, kind, at)

    return build


def _int(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    _take(name, terms[0], "int", "float", "decimal", "bool", "str")
    return terms[0] if terms[0].kind.name == "int" else call(convert.to_int, terms, INT, at)


def _float(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    _take(name, terms[0], "int", "float", "decimal", "bool", "str")
    return terms[0] if terms[0].kind.name == "float" else call(convert.to_float, terms, FLOAT, at)


def _str(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    _take(name, terms[0], *NUMBERS, "bool", "str", *TEMPORAL)
    return terms[0] if terms[0].kind.name == "str" else call(convert.to_text, terms, STR, at)


def _bool(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    return call(bool, terms, BOOL, at, strict=False)


def _decimal(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 2, 2, at)
    _take(name, terms[0], *NUMBERS, "str")
    scale = _whole_constant(name, terms[1], 0, MAX_SCALE)
    return call(runtime.round_scale(scale), terms[:1], Kind("decimal", scale=scale), at)


def _whole_constant(name: str, term: Term, least: int, most: int) -> int:
    value = term.constant if term.is_constant else None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ExpressionError(f"{name}() takes the digits as a plain number from {least} to {most}", term.at)
    return value


def _round(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 2, at)
    first = terms[0].kind
    _take(name, terms[0], *NUMBERS)
    if len(terms) == 1:
        kind = ANY if first.name == "any" else INT
        return call(convert.rounded, terms, kind, at)
    _take(name, terms[1], "int")
    if first.name == "decimal":
        scale = _whole_constant(name, terms[1], 0, MAX_SCALE)
        return call(runtime.round_scale(scale), terms[:1], Kind("decimal", scale=scale), at)
    kind = {"int": INT, "float": FLOAT}.get(first.name, ANY)
    return call(convert.rounded, terms, kind, at)


def _abs(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    _take(name, terms[0], *NUMBERS)
    first = terms[0].kind
    kind = replace(first, schema=None).required() if first.name in NUMBERS else ANY
    return call(convert.absolute, terms, kind, at)


def _extreme(function: Callable[..., Any]) -> Build:
    def build(name: str, terms: Sequence[Term], at: Position) -> Term:
        _count(name, terms, 1, 100, at)
        if len(terms) == 1:
            _take(name, terms[0], "array")
            return call(function, terms, terms[0].kind.item.optional(), at)
        for term in terms:
            _take(name, term, *NUMBERS, "str", *TEMPORAL)
        kind, alike = common(terms, at, f"the arguments of {name}()")
        return call(function, alike, kind, at)

    return build


def _sum(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 1, at)
    _take(name, terms[0], "array")
    item = terms[0].kind.item
    if item.name not in (*NUMBERS, "any"):
        raise ExpressionError(f"sum() adds numbers, and the elements are {item}", at)
    found = call(runtime.total, terms, ANY if item.name == "any" else replace(item, schema=None), at)
    if item.name == "float":
        return call(convert.to_float, [found], FLOAT, at)
    if item.name == "decimal":
        return call(runtime.fit_scale(item.scale), [found], found.kind.required(), at)
    return found


def _coalesce(name: str, terms: Sequence[Term], at: Position) -> Term:
    _count(name, terms, 1, 100, at)
    kind, alike = common(terms, at, "the arguments of coalesce()")
    if kind.name != "any":
        never_null = any(not term.kind.nullable for term in terms)
        kind = kind.required() if never_null else kind.optional()
        if never_null and kind.schema is not None and kind.schema.optional:
            kind = (
                replace(kind, schema=None) if kind.name not in ("array", "map", "struct") else kind.optional()
            )
    return either(alike, "{0} is None", kind, at)


FUNCTIONS: dict[str, Build] = {
    "abs": _abs,
    "bool": _bool,
    "coalesce": _coalesce,
    "decimal": _decimal,
    "float": _float,
    "int": _int,
    "len": _simple(convert.length, INT, "str", "bytes", "array", "map"),
    "max": _extreme(runtime.largest),
    "millis": _simple(convert.to_millis, INT, *TEMPORAL),
    "min": _extreme(runtime.smallest),
    "moment": _simple(convert.to_moment, MOMENT, "int"),
    "round": _round,
    "str": _str,
    "sum": _sum,
}

# --- methods of texts


def _need_text(receiver: Any) -> None:
    if not isinstance(receiver, str):
        raise DataError(
            f"A value of class {class_name(receiver)} is no text and has no such method; str() makes one"
        )


def _replace(text: str, old: str, new: str, *count: int) -> str:
    times = text.count(old)
    if count and 0 <= count[0] < times:
        times = count[0]
    if len(text) + times * (len(new) - len(old)) > runtime.MAX_CHARS:
        raise runtime.too_long()
    return text.replace(old, new, *count)


def _split(text: str, *arguments: Any) -> list[str]:
    if arguments and arguments[0] == "":
        raise DataError("split() needs a separator that is not empty")
    most = arguments[1] if len(arguments) > 1 else -1
    found = text.split(arguments[0] if arguments else None, most)
    if len(found) > DEFAULT_LIMITS.items:
        raise LimitError(f"split() would give more than {DEFAULT_LIMITS.items} parts")
    return found


def _join(text: str, items: Any) -> str:
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise DataError("join() takes an array of texts, none of them null")
    if sum(map(len, items)) + len(text) * len(items) > runtime.MAX_CHARS:
        raise runtime.too_long()
    return text.join(items)


def _padded(pad: Callable[..., str]) -> Callable[..., str]:
    def padded(text: str, width: int, *fill: str) -> str:
        if width > runtime.MAX_CHARS:
            raise runtime.too_long()
        if fill and len(fill[0]) != 1:
            raise DataError("A text is filled up with one character")
        return pad(text, width, *fill)

    return padded


_TEXT_ITSELF: dict[str, tuple[Callable[..., Any], tuple[tuple[Name, ...], ...], int, Kind]] = {
    # name: function, the kinds its arguments may have, how many there must be, result
    "capitalize": (str.capitalize, (), 0, STR),
    "casefold": (str.casefold, (), 0, STR),
    "count": (str.count, (("str",),), 1, INT),
    "endswith": (str.endswith, (("str", "tuple"),), 1, BOOL),
    "find": (str.find, (("str",),), 1, INT),
    "isalnum": (str.isalnum, (), 0, BOOL),
    "isalpha": (str.isalpha, (), 0, BOOL),
    "isdigit": (str.isdigit, (), 0, BOOL),
    "islower": (str.islower, (), 0, BOOL),
    "isspace": (str.isspace, (), 0, BOOL),
    "isupper": (str.isupper, (), 0, BOOL),
    "join": (_join, (("array",),), 1, STR),
    "ljust": (_padded(str.ljust), (("int",), ("str",)), 1, STR),
    "lower": (str.lower, (), 0, STR),
    "lstrip": (str.lstrip, (("str",),), 0, STR),
    "removeprefix": (str.removeprefix, (("str",),), 1, STR),
    "removesuffix": (str.removesuffix, (("str",),), 1, STR),
    "replace": (_replace, (("str",), ("str",), ("int",)), 2, STR),
    "rfind": (str.rfind, (("str",),), 1, INT),
    "rjust": (_padded(str.rjust), (("int",), ("str",)), 1, STR),
    "rstrip": (str.rstrip, (("str",),), 0, STR),
    "split": (_split, (("str",), ("int",)), 0, TEXTS),
    "startswith": (str.startswith, (("str", "tuple"),), 1, BOOL),
    "strip": (str.strip, (("str",),), 0, STR),
    "title": (str.title, (), 0, STR),
    "upper": (str.upper, (), 0, STR),
    "zfill": (_padded(str.zfill), (("int",),), 1, STR),
}

METHODS = frozenset(_TEXT_ITSELF)
"""The names of the methods that texts have."""


def method(name: str, receiver: Term, terms: Sequence[Term], at: Position) -> Term:
    """``receiver.name(…)``, for a name in :data:`METHODS`."""
    function, takes, least, kind = _TEXT_ITSELF[name]
    _count(name, terms, least, len(takes), at)
    if receiver.kind.name not in ("str", "any", "null"):
        raise ExpressionError(
            f"{name}() is a method of texts, and this is {receiver.kind}; str() makes one", at
        )
    for term, kinds in zip(terms, takes):
        _take(name, term, *kinds)
        if term.kind.name == "tuple" and not all(isinstance(item, str) for item in term.constant):
            raise ExpressionError(f"{name}() takes texts", term.at)
    if receiver.kind.name == "null" or any(term.kind.name == "null" for term in terms):
        return constant(None, NULL, at)
    if not terms and receiver.kind.name == "str":
        return inline(f"{{0}}.{name}()", [receiver], kind, at)  # the name is one of the table's
    known = receiver.kind.name == "str" and all(term.kind.name != "any" for term in terms)
    return call(function if known else _checked(name, function, takes), [receiver, *terms], kind, at)


_CLASSES: dict[Name, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "tuple": (tuple,),
    "array": (list, tuple),
}


def _checked(name: str, function: Callable[..., Any], takes: Sequence[Sequence[Name]]) -> Callable[..., Any]:
    """The function for values of unknown class."""

    def checked(receiver: Any, *arguments: Any) -> Any:
        _need_text(receiver)
        for argument, kinds in zip(arguments, takes):
            classes = tuple(each for kind in kinds for each in _CLASSES[kind])
            if not isinstance(argument, classes) or isinstance(argument, bool):
                raise DataError(f"{name}() does not take a value of class {class_name(argument)}")
        return function(receiver, *arguments)

    return checked
