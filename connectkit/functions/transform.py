"""``@connectkit.transform``: a typed function of a value, or of a record.

A function of a value takes and returns values: what it returns goes on, None drops the record, a list (if
it is annotated to return one) makes several. A function of a record, annotated so, returns a record, a
list of them or None, as ``Transform.apply`` does.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, overload

from connectkit.api import Transform
from connectkit.config import Config
from connectkit.functions.call import Resource, Signature, class_of, open_resource, signature_of
from connectkit.functions.source import typed
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.typed.codec import TypeCodec, type_codec
from connectkit.typed.shapes import shape_of


@overload
def transform(function: Callable[..., Any], /) -> type[Transform[Any]]: ...
@overload
def transform(*, resource: Resource | None = ...) -> Callable[[Callable[..., Any]], type[Transform[Any]]]: ...


def transform(function: Callable[..., Any] | None = None, /, *, resource: Resource | None = None) -> Any:
    """Make a transform of a function of a value or a record.

    A function of a value works on the value, or as ``name$Key`` on the key; records without a value pass.
    A parameter that is a class with fields gets an object of it, made of a struct or a map; ``dict`` gets
    a struct as a map. The function may ask for its configuration, for ``topic``, and for ``resource``.
    """

    def make(function: Callable[..., Any]) -> Any:
        found = signature_of(function, subject="value or record", known=("topic", "resource"))
        members: dict[str, Any] = {
            "signature": found,
            "resource": staticmethod(resource) if resource else None,
            "config_type": found.config_type,
        }
        if _is_record(found.subject_hint):
            return class_of(_OfRecord, function, "", members)
        members["many"], returned = _returned(found.returns)
        members["taken"] = _codec(found.subject_hint)
        members["given"] = _codec(returned)
        members["plain"] = found.subject_hint in (dict, dict[str, Any])
        return class_of(_OfValue, function, "", members)

    return make if function is None else make(function)


def _is_record(hint: Any) -> bool:
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return all(isinstance(each, type) and issubclass(each, ConnectRecord) for each in members)


def _returned(hint: Any) -> tuple[bool, Any]:
    """Whether a function returns several values, and the type of one, without None."""
    if get_origin(hint) in (Union, types.UnionType):
        members = [each for each in get_args(hint) if each is not type(None)]
        hint = members[0] if len(members) == 1 else None
    if get_origin(hint) in (list, Sequence):
        return True, get_args(hint)[0]
    return False, hint


def _codec(hint: Any) -> TypeCodec | None:
    """The conversions of a class with fields; other types are left as they are."""
    return type_codec(hint) if hint is not None and shape_of(hint) is not None else None


class _FunctionTransform(Transform[Config]):
    """What both kinds share: the function's other arguments."""

    signature: ClassVar[Signature]
    resource: ClassVar[Resource | None] = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._stack = contextlib.ExitStack()
        opened = open_resource(self.resource, config, self._stack)
        given = {"config": config, "resource": opened, "topic": None}
        self._arguments = self.signature.arguments(given)
        self._topics = [name for name, what in self.signature.wanted.items() if what == "topic"]

    def _call(self, subject: Any, record: ConnectRecord) -> Any:
        arguments = self._arguments
        if self._topics:
            arguments = {**arguments, **dict.fromkeys(self._topics, record.topic)}
        return self.signature.function(subject, **arguments)

    def close(self) -> None:
        self._stack.close()


class _OfRecord(_FunctionTransform):
    """A function of a record."""

    def apply(self, record: Any) -> Any:
        return self._call(record, record)


class _OfValue(_FunctionTransform):
    """A function of a value, or of a key."""

    sided = True
    many: ClassVar[bool] = False
    plain: ClassVar[bool] = False
    taken: ClassVar[TypeCodec | None] = None
    given: ClassVar[TypeCodec | None] = None

    def __init__(self, config: Config, *, side: Literal["key", "value"] = "value") -> None:
        super().__init__(config)
        self._is_key = side == "key"

    def apply(self, record: Any) -> Any:
        schema, value = (
            (record.key_schema, record.key) if self._is_key else (record.value_schema, record.value)
        )
        if value is None:
            return record
        if self.taken is not None:
            subject = self.taken.from_connect(value)
        else:
            subject = as_dict(value) if self.plain else value
        found = self._call(subject, record)
        if self.many:
            return [self._with(record, schema, value, each) for each in found or ()]
        return None if found is None else self._with(record, schema, value, found)

    def _with(self, record: Any, schema: Schema | None, value: Any, found: Any) -> Any:
        """The record with what the function returned in the place of the value."""
        if self.given is not None:
            made: tuple[Schema | None, Any] = self.given.schema, self.given.to_connect(found)
        else:
            made = self._untyped(schema, value, found)
        if self._is_key:
            return record.new_record(key_schema=made[0], key=made[1])
        return record.new_record(value_schema=made[0], value=made[1])

    def _untyped(self, schema: Schema | None, value: Any, found: Any) -> tuple[Schema | None, Any]:
        if isinstance(found, Struct):
            return found.schema, found
        brought, made = typed(None, found)
        if brought is not None or schema is None:
            return brought, made
        # A value that still fits its schema keeps it; another one has none, which is what it is.
        return (schema, made) if type(made) is type(value) else (None, made)

    def output_schemas(
        self, key_schema: Schema | None, value_schema: Schema | None
    ) -> set[SchemaPair] | None:
        if self.given is None or (value_schema is None and key_schema is None):
            return None
        return {(self.given.schema, value_schema)} if self._is_key else {(key_schema, self.given.schema)}


def as_dict(value: Any) -> Any:
    """A struct as a map, structs inside it too."""
    if isinstance(value, Struct):
        return {f.name: as_dict(item) for f, item in zip(value.schema.fields, value.values, strict=True)}
    if isinstance(value, list):
        return [as_dict(each) for each in value]
    return {key: as_dict(item) for key, item in value.items()} if isinstance(value, Mapping) else value
