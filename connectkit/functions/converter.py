"""``@connectkit.converter``: a pair of functions, value to bytes and bytes to value.

    @connectkit.converter
    def lines(value: list[str]) -> bytes: ...

    @lines.reads
    def _(data: bytes) -> list[str]: ...

What the decoding function raises, but for connectkit's own errors, is a ``DataError`` of the record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, overload

from connectkit.api import Converter, RawHeaders
from connectkit.config import Config
from connectkit.errors import ConnectError, ConversionError, SchemaError
from connectkit.functions.call import Signature, class_of, signature_of
from connectkit.functions.transform import as_dict
from connectkit.schema import Schema, SchemaAndValue
from connectkit.typed.codec import TypeCodec, type_codec

_KNOWN = ("topic", "schema", "is_key")


@overload
def converter(encode: Callable[..., Any], /) -> type[FunctionConverter]: ...
@overload
def converter(
    *, reads: Callable[..., Any] | None = ...
) -> Callable[[Callable[..., Any]], type[FunctionConverter]]: ...


def converter(encode: Callable[..., Any] | None = None, /, *, reads: Callable[..., Any] | None = None) -> Any:
    """Make a converter of a function that writes; ``reads`` adds the one that reads.

    The annotation of the value says what the converter is for: a type with a schema
    (:func:`connectkit.schema_of`) gives and takes values of it, and messages are read under its schema;
    without one, values go as they are and are read without a schema. Either function may ask for its
    configuration, for ``topic`` and ``is_key``; the one that writes for the ``schema``, too. A null is a
    null message and is seen by neither.
    """

    def make(encode: Callable[..., Any]) -> Any:
        found = signature_of(encode, subject="value", known=_KNOWN)
        members = {"encoding": found, "codec": _codec(found.subject_hint), "config_type": found.config_type}
        made: Any = class_of(FunctionConverter, encode, "", members)
        return made if reads is None else made.reads(reads)

    return make if encode is None else make(encode)


def _codec(hint: Any) -> TypeCodec | None:
    if hint is None or hint is Any:
        return None
    try:
        return type_codec(hint)
    except SchemaError:
        return None


class FunctionConverter(Converter[Config]):
    """The converter of two functions; without one that reads it only writes."""

    encoding: ClassVar[Signature]
    decoding: ClassVar[Signature | None] = None
    codec: ClassVar[TypeCodec | None] = None

    @classmethod
    def reads(cls, function: Callable[..., Any]) -> type[Self]:
        """Add the function that reads, as a decorator or by calling it. Returns the class."""
        known = ("topic", "is_key")
        cls.decoding = signature_of(function, subject="bytes", known=known, config=cls.config_type)
        return cls

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if value is None:
            return None
        given = {"config": self.config, "topic": topic, "schema": schema, "is_key": self.is_key}
        try:
            subject = self.codec.from_connect(value) if self.codec is not None else as_dict(value)
            data = self.encoding.function(subject, **self.encoding.arguments(given))
        except ConnectError:
            raise
        except Exception as exc:
            raise ConversionError(
                f"{type(self).__name__} could not write a value: {type(exc).__name__}"
            ) from exc
        if data is not None and not isinstance(data, bytes):
            raise ConversionError(f"{type(self).__name__} made a {type(data).__name__} of a value, not bytes")
        return data

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        if self.decoding is None:
            raise ConversionError(f"{type(self).__name__} only writes: it has no function that reads")
        given = {"config": self.config, "topic": topic, "is_key": self.is_key}
        try:
            value = self.decoding.function(data, **self.decoding.arguments(given))
            if self.codec is None or value is None:
                return SchemaAndValue(None, value)
            return SchemaAndValue(self.codec.schema, self.codec.to_connect(value))
        except ConnectError:
            raise
        except Exception as exc:
            raise ConversionError(
                f"{type(self).__name__} could not read a value: {type(exc).__name__}"
            ) from exc
