"""What a transform edits: a record of which the schemas are known and the values are not.

A built-in transform does not touch records. It is given a :class:`Draft` once per combination of
schemas, asks it for fields and gives it new ones; what it does to the draft is noted down as a
:mod:`connectkit.program`, which then does the same to any number of records. Consecutive transforms
edit the same draft, so a chain becomes one function, and only what remains at the end is built.

Used by one thread. Nothing done to a draft ever changes a record that goes through the program.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

from connectkit.errors import ConnectError, DataError, SchemaError
from connectkit.program import (
    NONE,
    Absent,
    Block,
    Build,
    Call,
    Const,
    CopyMap,
    DropItem,
    Finish,
    GetItem,
    GetSlot,
    IfPresent,
    Input,
    LookFor,
    Op,
    OrDefault,
    RenameItem,
    Require,
    SetItem,
    Slot,
    Temp,
    Unpack,
    Var,
)
from connectkit.record import ConnectRecord
from connectkit.schema import Schema, Type

SideName = Literal["key", "value"]


class Kind(enum.Enum):
    """What is known of the value that stands in a key or value."""

    NULL = "null"
    STRUCT = "a struct of the side's schema"
    MAP = "a dict, without a schema"
    OTHER = "something else, but not null"
    UNKNOWN = "anything"


Standing = tuple[Schema | None, Kind]
"""What stands in a key or value: the schema that counts, and the kind."""


class UndecidedError(Exception):
    """The edit depends on more than is known of this draft: the program ends before this step."""


class Side:
    """The key or the value of a draft: its schema, and what is known of what stands there.

    A struct is a list of variables, one a field (:meth:`read`, :meth:`write`); a schemaless map is
    edited in place on a copy (:meth:`get_item`, :meth:`set_item` …); anything is replaced as a whole
    by :meth:`put`.
    """

    __slots__ = ("_draft", "_owned", "_schema", "_schema_var", "_slots", "changed", "kind", "name", "var")

    def __init__(self, draft: Draft, name: SideName, schema: Schema | None, kind: Kind, var: Var) -> None:
        self._draft = draft
        self._slots: list[Var] | None = None
        self._owned = False
        self.name: SideName = name
        self._schema = schema
        self._schema_var: Var | None = None
        self.kind = kind
        self.var: Var | None = var
        self.changed = False
        if kind is Kind.STRUCT:
            assert schema is not None
            self._slots = [draft.slot(name, i) for i in range(len(schema.fields))]

    def _fork(self, draft: Draft) -> Side:
        made = Side.__new__(Side)
        made._draft = draft
        made._slots = None if self._slots is None else list(self._slots)
        made._owned = self._owned
        made.name, made.kind = self.name, self.kind
        made._schema, made._schema_var = self._schema, self._schema_var
        made.var, made.changed = self.var, self.changed
        return made

    # --- what stands there

    @property
    def schema(self) -> Schema | None:
        """The schema that counts (raises :class:`UndecidedError` where each record has its own)."""
        if self._schema_var is not None:
            raise UndecidedError
        return self._schema

    @schema.setter
    def schema(self, schema: Schema | None) -> None:
        self._schema, self._schema_var = schema, None

    @property
    def schema_var(self) -> Var | None:
        """The variable that holds each record's schema, after :meth:`put_dynamic`."""
        return self._schema_var

    @property
    def is_null(self) -> bool:
        """Whether a null stands there (raises :class:`UndecidedError` where that is not known)."""
        return self._decided() is Kind.NULL

    def _decided(self) -> Kind:
        if self.kind is Kind.UNKNOWN:
            raise UndecidedError
        return self.kind

    def whole(self) -> Var:
        """The value as it stands now, for use elsewhere."""
        if self.var is None:
            assert self._slots is not None
            assert self.schema is not None
            self.var = self._draft.emit(Build(self._draft.temp(), self.schema, self._slots))
        self._owned = False  # somebody else has it now
        return self.var

    def peek(self) -> Var:
        """The map that stands there, for a function that only looks at it."""
        return self._map()

    def put(self, schema: Schema | None, var: Var, kind: Kind = Kind.UNKNOWN) -> None:
        """Replace the value as a whole. A ``kind`` of STRUCT is not taken: give its fields to ``write``."""
        self.schema, self.var, self.kind = schema, var, kind
        self._slots, self._owned, self.changed = None, False, True

    def put_dynamic(self, schema: Var, var: Var) -> None:
        """Replace the value, with a schema that is each record's own: later steps look at the record."""
        self.put(None, var)
        self._schema_var = schema

    def take(self, schema: Schema, struct: Var) -> None:
        """Replace the value by a struct of exactly that schema in a variable that is never None."""
        temps = [self._draft.temp() for _ in schema.fields]
        if temps:
            self._draft.do(Unpack(temps, struct))
        slots: list[Var] = [*temps]
        self.schema, self.kind, self._slots = schema, Kind.STRUCT, slots
        self.var, self._owned, self.changed = struct, False, True

    # --- structs

    def require_struct(self, purpose: str) -> Schema:
        """The schema of the struct that stands there; anything else raises ``DataError``."""
        if self._decided() is not Kind.STRUCT or self.schema is None:
            raise DataError(
                f"{purpose[0].upper()}{purpose[1:]} needs a struct, and the {self.name} is "
                f"{self._describe()}; a predicate can keep such records from this transform"
            )
        return self.schema

    def _describe(self) -> str:
        if self.kind is Kind.NULL:
            return "null"
        if self.kind is Kind.MAP:
            return "a map"
        if self.schema is None:
            return "neither a map nor null" if self.kind is Kind.OTHER else "a struct without a schema"
        return f"of type {self.schema.type.value}"

    def read(self, purpose: str, *, with_defaults: bool) -> list[Var]:
        """The fields of the struct; ``with_defaults`` puts a field's default where it is unset."""
        schema = self.require_struct(purpose)
        assert self._slots is not None
        if not with_defaults:
            return list(self._slots)
        return [self._draft.or_default(var, f.schema.default) for f, var in zip(schema.fields, self._slots)]

    def write(self, schema: Schema, slots: Sequence[Var], *, unchecked: Sequence[int] = ()) -> None:
        """Replace the value by a struct. A null in a required field raises, as Connect's ``put`` does.

        ``unchecked`` are positions left as they are, null or not (Connect leaves them unset, and
        complains later).
        """
        self._draft.require(
            [
                (var, field.name, field.schema.type)
                for i, (field, var) in enumerate(zip(schema.fields, slots))
                if not field.schema.optional and i not in unchecked
            ]
        )
        self.schema, self.kind, self._slots = schema, Kind.STRUCT, list(slots)
        self.var, self._owned, self.changed = None, False, True

    # --- schemaless maps

    def require_map(self, purpose: str) -> None:
        """Raise ``DataError`` unless a map without schema stands there."""
        if self._decided() is not Kind.MAP:
            raise DataError(
                f"{purpose[0].upper()}{purpose[1:]} without a schema needs a map, and the {self.name} is "
                f"{self._describe()}; a predicate can keep such records from this transform"
            )

    def _map(self) -> Var:
        assert self.var is not None
        return self.var

    def _own(self) -> Var:
        if not self._owned:
            self.var = self._draft.emit(CopyMap(self._draft.temp(), self._map()))
            self._owned = self.changed = True
        return self._map()

    def get_item(self, key: str, *, absent: Absent | None = None) -> Var:
        """The entry as it stands now, or None; ``absent(key, map)`` is called where there is none."""
        return self._draft.emit(GetItem(self._draft.temp(), self._map(), Const(key), absent))

    def look_for(self, key: str, absent: Absent) -> None:
        """Call ``absent(key, map)`` for records whose map has no such entry."""
        self._draft.do(LookFor(None, self._map(), Const(key), Const(absent)))

    def own_map(self) -> None:
        """Copy the map, so that the record gets another one even if nothing in it changes."""
        self._own()

    def set_item(self, key: str, value: Var, *, unless_none: bool = False) -> None:
        """Set the entry (``unless_none``: only where the value is not None)."""
        self._draft.do(SetItem(self._own(), Const(key), value, unless_none=unless_none))

    def drop_item(self, key: str, *, absent: Absent | None = None) -> None:
        """Remove the entry, if there is one."""
        self._draft.do(DropItem(self._own(), Const(key), absent))

    def rename_item(self, key: str, new: str, *, absent: Absent | None = None) -> None:
        """Move the entry, if there is one, to another key; if that is there too, the later one stays."""
        self._draft.do(RenameItem(self._own(), Const(key), Const(new), absent))

    def remake_map(self, function: Callable[[dict[Any, Any]], dict[Any, Any]]) -> None:
        """Replace the map by what ``function`` makes of it; it must return another dict."""
        self.var = self._draft.call(function, self._map())
        self._owned = self.changed = True


class Draft:
    """A record on which steps are tried out. See the module."""

    __slots__ = (
        "_counter", "_known", "block", "dropped", "failure", "halves", "handed_to", "key", "parts",
        "record_class", "value",
    )  # fmt: skip

    key: Side
    value: Side

    def __init__(self, record_class: type[ConnectRecord], *, key: Standing, value: Standing) -> None:
        self.block = Block()
        self.record_class = record_class
        self.dropped = False
        self.failure: ConnectError | None = None
        self.halves: tuple[Var, Draft, Draft] | None = None
        self.handed_to: Callable[[Any], Any] | None = None
        self.parts: dict[str, Var] = {}
        """Attributes of the record that changed, except those of key and value."""
        self._known: set[Var] = set()
        self._counter = [0]
        self.key = Side(self, "key", *key, KEY)
        self.value = Side(self, "value", *value, VALUE)

    def slot(self, side: SideName, index: int) -> Slot:
        return Slot(side, index)

    def drop(self) -> None:
        """The record goes no further."""
        self.dropped = True

    def fail(self, error: ConnectError) -> None:
        """No record that comes here can pass: for one half of a :meth:`split`."""
        self.failure = error

    def split(self, condition: Var) -> tuple[Self, Self]:
        """Two drafts to go on with: records for which the variable is true, and the others.

        This one is done with. Each half is edited, split again, dropped or failed on its own; what
        follows in a chain is compiled for each, so split as late as the edit allows.
        """
        yes, no = self.fork(), self.fork()
        yes._known.add(condition)
        self.halves = (condition, yes, no)
        return yes, no

    def hand_over(self, function: Callable[[Any], Any]) -> None:
        """End the edit: the record, as it stands, goes to ``function(record)``, record by record.

        For what schemas do not tell, as when a value says what the next schema is. It returns what
        ``Transform.apply`` may, changes nothing, and may be called twice for the same record.
        """
        self.handed_to = function

    def attempt(self) -> Self:
        """A copy for a step that may not go through; it goes on where this one stands."""
        made = self.fork()
        made.block.ops = list(self.block.ops)
        return made

    def fork(self) -> Self:
        """A copy with an empty block of its own, for one of two branches."""
        made = type(self).__new__(type(self))
        made.block = Block()
        made.record_class = self.record_class
        made.dropped = False
        made.failure = made.halves = made.handed_to = None
        made.parts = dict(self.parts)
        made._known = set(self._known)
        made._counter = self._counter
        made.key = self.key._fork(made)
        made.value = self.value._fork(made)
        return made

    def side(self, name: SideName) -> Side:
        return self.key if name == "key" else self.value

    # --- parts of the record

    @property
    def topic(self) -> Var:
        return self.parts.get("topic", TOPIC)

    @topic.setter
    def topic(self, var: Var) -> None:
        self.parts["topic"] = var

    @property
    def timestamp(self) -> Var:
        return self.parts.get("timestamp", TIMESTAMP)

    @timestamp.setter
    def timestamp(self, var: Var) -> None:
        self.parts["timestamp"] = var

    @property
    def partition(self) -> Var:
        return self.parts.get("kafka_partition", PARTITION)

    @partition.setter
    def partition(self, var: Var) -> None:
        self.parts["kafka_partition"] = var

    @property
    def headers(self) -> Var:
        """The :class:`~connectkit.headers.Headers`; a function given them must not change them."""
        return self.parts.get("_headers", HEADERS)

    @headers.setter
    def headers(self, var: Var) -> None:
        self.parts["_headers"] = var

    # --- operations

    def temp(self) -> Temp:
        self._counter[0] += 1
        return Temp(self._counter[0])

    def do(self, op: Op) -> None:
        self.block.ops.append(op)

    def emit(self, op: Op) -> Temp:
        self.block.ops.append(op)
        assert op.out is not None
        return op.out

    def call(
        self, function: Callable[..., Any], *args: Var, where: str | None = None, strict: bool = False
    ) -> Var:
        """The result of ``function(*args)`` for each record. ``where`` is its path for error messages.

        ``strict``: where the first argument is None so is the result, without a call, and only there.
        """
        known = not strict or self._is_known(args[0])
        out = self.emit(Call(self.temp(), function, args, where, skips_none=not known))
        if strict and known:
            self._known.add(out)
        return out

    def slot_of(self, struct: Var, index: int) -> Var:
        """A slot of the struct that a variable holds; None where the variable is None."""
        return self.emit(GetSlot(self.temp(), struct, index))

    def or_default(self, var: Var, default: Any) -> Var:
        """The variable, or the default where it is None; the variable itself if there is no default."""
        if default is None or self._is_known(var):
            return var
        out = self.emit(OrDefault(self.temp(), var, Const(default)))
        self._known.add(out)
        return out

    def if_present(self, var: Var, other: Any) -> Var:
        """The given object where the variable is not None, else None."""
        if self._is_known(var):
            return Const(other)
        return self.emit(IfPresent(self.temp(), var, Const(other)))

    def require(self, wanted: Sequence[tuple[Var, str, Type]]) -> None:
        """Raise ``SchemaError`` where one of the variables, each with its field's name, is None."""
        for var, name, kind in wanted:
            if isinstance(var, Const) and var.constant is None:
                raise SchemaError(
                    f'Invalid value: null used for required field: "{name}", schema type: {kind}',
                    path=f"$.{name}",
                )
        open_ = [(v, n, t) for v, n, t in wanted if not self._is_known(v)]
        if open_:
            self.do(Require([v for v, _, _ in open_], [n for _, n, _ in open_], [t for _, _, t in open_]))
            self._known.update(v for v, _, _ in open_)

    def _is_known(self, var: Var) -> bool:
        return var in self._known or (isinstance(var, Const) and var.constant is not None)

    # --- ends

    def finish(
        self,
        then: Callable[[Any], Any] | None = None,
        stage: tuple[int, bool] | None = None,
        *,
        told: bool = True,
    ) -> None:
        """End the block with the record as it stands, which goes on with ``then``: that ``stage``.

        ``told``: whether the schemas that come out can be told without data.
        """
        parts = dict(self.parts)
        for side in (self.key, self.value):
            if side.changed:
                parts[side.name] = side.whole()
                schema = side.schema_var
                if schema is None:
                    schema = Const(side.schema) if side.schema is not None else NONE
                parts[f"{side.name}_schema"] = schema
        told = told and self.key.schema_var is None and self.value.schema_var is None
        schemas = (self.key.schema, self.value.schema) if told else None
        self.block.end = Finish(self.record_class, parts, schemas, then, stage)


KEY = Input("r.key", lambda record: record.key)
VALUE = Input("r.value", lambda record: record.value)
TOPIC = Input("r.topic", lambda record: record.topic)
PARTITION = Input("r.kafka_partition", lambda record: record.kafka_partition)
TIMESTAMP = Input("r.timestamp", lambda record: record.timestamp)
HEADERS = Input("r.headers", lambda record: record.headers)
OFFSET = Input("r.kafka_offset", lambda record: record.kafka_offset)
"""The offset of a sink record, after transforms."""
