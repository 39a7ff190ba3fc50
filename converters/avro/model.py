"""Avro schemas as objects: what the parser makes, the printer writes and the codec compiles.

Names, properties and their order are kept as they were given, since the text that a registry sees is
made of them. Mutable while being made (a record knows itself before it has fields), and left alone
afterwards. Source: Avro 1.11's specification; spec registry 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NoReturn

from connectkit.errors import SchemaError

Kind = Literal[
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    "record", "enum", "fixed", "array", "map", "union",
]  # fmt: skip

PRIMITIVES: Final = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
NAMED: Final = frozenset(("record", "enum", "fixed"))
KINDS: Final = PRIMITIVES | NAMED | {"array", "map", "union"}


class _Missing:
    """Stands for a default that is not there; null is a default."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> Literal[False]:
        return False


MISSING: Final = _Missing()


class Float32(float):
    """A default that was a float32, and is written with a float32's digits."""

    __slots__ = ()


class AvroField:
    """One field of a record. ``default`` is JSON (``MISSING``: none)."""

    __slots__ = ("aliases", "default", "doc", "name", "order", "props", "schema")

    def __init__(
        self,
        name: str,
        schema: AvroSchema,
        *,
        doc: str | None = None,
        default: Any = MISSING,
        order: str = "ascending",
        aliases: Sequence[str] = (),
        props: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.schema = schema
        self.doc = doc
        self.default = default
        self.order = order
        self.aliases = tuple(aliases)
        self.props: dict[str, Any] = props or {}


class AvroSchema:
    """One Avro schema. Which attributes mean something depends on ``kind``.

    ``name`` is the full name of a record, enum or fixed; ``props`` are the attributes that Avro itself
    does not know, in order, as JSON.
    """

    __slots__ = (
        "_fields", "_items", "aliases", "branches", "default", "doc", "is_error", "kind", "name", "props",
        "size", "symbols",
    )  # fmt: skip

    def __init__(
        self,
        kind: Kind,
        *,
        name: str | None = None,
        doc: str | None = None,
        props: dict[str, Any] | None = None,
        items: AvroSchema | None = None,
        branches: Sequence[AvroSchema] = (),
        symbols: Sequence[str] = (),
        default: str | None = None,
        size: int = 0,
        aliases: Sequence[str] = (),
    ) -> None:
        self.kind: Kind = kind
        self.name = name
        self.doc = doc
        self.props: dict[str, Any] = props or {}
        self.aliases = tuple(aliases)
        self.symbols = tuple(symbols)
        self.default = default
        """The symbol an enum's reader takes for one that it does not know."""
        self.size = size
        self.branches = tuple(branches)
        self.is_error = False
        self._items = items
        self._fields: tuple[AvroField, ...] | None = None

    def __repr__(self) -> str:
        return f"AvroSchema({self.kind}{'' if self.name is None else ' ' + self.name})"

    @property
    def items(self) -> AvroSchema:
        """What an array's elements or a map's values are."""
        assert self._items is not None
        return self._items

    @property
    def fields(self) -> tuple[AvroField, ...]:
        """A record's fields; empty until they were set."""
        return self._fields or ()

    def set_fields(self, fields: Sequence[AvroField]) -> None:
        """Give a record its fields, once."""
        assert self._fields is None
        seen: set[str] = set()
        for each in fields:
            if each.name in seen:
                raise SchemaError(f"The Avro record {self.name} has the field '{shown(each.name)}' twice")
            seen.add(each.name)
        self._fields = tuple(fields)

    @property
    def simple_name(self) -> str:
        """A named type's name without its namespace; of the others, Avro's word for the type."""
        return self.kind if self.name is None else self.name.rpartition(".")[2]

    @property
    def full_name(self) -> str:
        """A named type's name with its namespace; of the others, Avro's word for the type."""
        return self.kind if self.name is None else self.name

    @property
    def logical(self) -> str | None:
        """The name of its logical type, if it says one."""
        found = self.props.get("logicalType")
        return found if isinstance(found, str) else None

    @property
    def nullable_member(self) -> AvroSchema | None:
        """The other branch of a union of null and one more; None for every other schema."""
        if self.kind != "union" or len(self.branches) != 2:
            return None
        first, second = self.branches
        if first.kind == "null":
            return None if second.kind == "null" else second
        return first if second.kind == "null" else None


def union(branches: Sequence[AvroSchema]) -> AvroSchema:
    """A union; one within a union, and two branches of one name, are refused as Avro does."""
    seen: set[str] = set()
    for branch in branches:
        if branch.kind == "union":
            raise SchemaError("An Avro union has another as its branch, which Avro does not know")
        if branch.full_name in seen:
            raise SchemaError(f"An Avro union has two branches named {shown(branch.full_name)}")
        seen.add(branch.full_name)
    return AvroSchema("union", branches=branches)


def valid_default(schema: AvroSchema, value: Any) -> bool:
    """Whether JSON is a default for that schema, as Avro 1.11 says: of a union, for its first branch."""
    pending: list[tuple[AvroSchema, Any]] = [(schema, value)]
    while pending:
        schema, value = pending.pop()
        if value is MISSING or not _fits(schema, value, pending):
            return False
    return True


def like_default(schema: AvroSchema, value: Any) -> bool:
    """Whether JSON is null, an array, an object, or what that schema's defaults are."""
    while schema.kind == "union" and schema.branches:
        schema = schema.branches[0]
    return value is None or isinstance(value, list | dict) or _fits(schema, value, [])


def _fits(schema: AvroSchema, value: Any, pending: list[tuple[AvroSchema, Any]]) -> bool:
    match schema.kind:
        case "string" | "bytes" | "enum" | "fixed":
            return isinstance(value, str)
        case "int":
            return type(value) is int and -(2**31) <= value < 2**31
        case "long":
            return type(value) is int and -(2**63) <= value < 2**63
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            if not isinstance(value, list):
                return False
            pending.extend((schema.items, each) for each in value)
        case "map":
            if not isinstance(value, dict):
                return False
            pending.extend((schema.items, each) for each in value.values())
        case "union":
            if not schema.branches:
                return False
            pending.append((schema.branches[0], value))
        case "record":
            if not isinstance(value, dict):
                return False
            pending.extend((each.schema, value.get(each.name, each.default)) for each in schema.fields)
    return True


def equal(a: AvroSchema, b: AvroSchema) -> bool:
    """Whether two schemas are the same but for their documentation, as Avro compares them."""
    seen: set[tuple[int, int]] = set()
    pending = [(a, b)]
    while pending:
        a, b = pending.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))  # a cycle is the same unless something else differs
        if _outside(a) != _outside(b) or len(parts_of(a)) != len(parts_of(b)):
            return False
        pending.extend(zip(parts_of(a), parts_of(b), strict=True))
    return True


def _outside(schema: AvroSchema) -> tuple[Any, ...]:
    """What is said of a schema itself, without what is inside it."""
    fields = [(each.name, each.default, each.order, each.props) for each in schema.fields]
    return (schema.kind, schema.name, schema.props, schema.symbols, schema.size, fields)


def parts_of(schema: AvroSchema) -> list[AvroSchema]:
    """The schemas directly inside one."""
    match schema.kind:
        case "record":
            return [each.schema for each in schema.fields]
        case "array" | "map":
            return [schema.items]
        case "union":
            return list(schema.branches)
        case _:
            return []


# --- names


def is_name(text: str) -> bool:
    """Whether Avro takes it for a name: letters, digits and underscores of any script, no digit first."""
    return bool(text) and (text[0].isalpha() or text[0] == "_") and all(c.isalnum() or c == "_" for c in text)


def checked_name(text: str) -> str:
    """The name; ``SchemaError`` if Avro would not take it."""
    if not is_name(text):
        refuse_name(text)
    return text


def refuse_name(text: str) -> NoReturn:
    """Raise what is wrong with a name."""
    what = f"'{shown(text)}'" if text else "An empty text"
    raise SchemaError(
        f"{what} is no name in Avro: letters, digits and underscores are, with no digit first; "
        "scrub.invalid.names=true replaces the others"
    )


def shown(text: str) -> str:
    """A name for a message: short, and of printable characters."""
    kept = "".join(c if c.isprintable() else "?" for c in text[:60])
    return kept if len(text) <= 60 else kept + "…"
