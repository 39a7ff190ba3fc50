"""Python types as schemas: ``schema_of(Order)``, and values of them converted both ways.

Dataclasses, ``TypedDict``, named tuples, msgspec structs and pydantic models become structs; what a
field may be is what :func:`type_codec` says. Neither msgspec nor pydantic is imported: a class of theirs
is known by what it carries.
"""

from connectkit.typed.codec import TypeCodec, schema_of, type_codec

__all__ = ["TypeCodec", "schema_of", "type_codec"]
