"""Annotations without what says nothing of the value: names for types, ``Final``, and ``| None``."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from connectkit.errors import SchemaError

_MARKS = (Final, Required, NotRequired)


def resolved(hint: Any) -> Any:
    """The type that a ``NewType``, a ``type`` statement, ``Final`` or ``NotRequired`` stands for."""
    while True:
        origin, args = get_origin(hint), get_args(hint)
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif _is_alias(hint):
            hint = hint.__value__
        elif _is_alias(origin):
            hint = filled(origin.__value__, dict(zip(origin.__type_params__, args, strict=True)))
        elif origin in _MARKS or getattr(origin, "_name", "") == "ReadOnly":
            hint = args[0]
        else:
            return hint


def without_none(hint: Any) -> tuple[Any, bool]:
    """The type, resolved and without ``None``, and whether that was in it."""
    hint = resolved(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        members = [each for each in args if each is not type(None)]
        if len(members) > 1:
            raise SchemaError(
                f"The type {type_name(hint)} has no schema: a value is of one type, or of one type | None"
            )
        return without_none(members[0])[0], True
    if origin is Annotated:
        inner, optional = without_none(args[0])
        return Annotated[(inner, *args[1:])], optional
    if origin is Literal and None in args:
        return Literal[tuple(each for each in args if each is not None)], True
    return hint, False


def filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """An annotation with types in the place of its type variables."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    plain = isinstance(hint, type) and get_origin(hint) is None
    wanted: tuple[Any, ...] = () if plain else getattr(hint, "__parameters__", ())
    generic: Any = hint
    return generic[tuple(given.get(each, each) for each in wanted)] if wanted else hint


def type_name(hint: Any) -> str:
    """A type as a message or a schema names it: ``Order``, ``Page[Order]``, ``int | str``."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join(map(type_name, args))
    if isinstance(origin, type) and args:
        return f"{origin.__name__}[{', '.join(map(type_name, args))}]"
    return getattr(hint, "__name__", None) or str(hint)


def _is_alias(hint: Any) -> bool:
    """Whether a ``type`` statement made it, or the same of typing_extensions."""
    return type(hint).__name__ == "TypeAliasType"
