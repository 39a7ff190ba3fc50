"""A record edit as a small program: run step by step, or compiled to one Python function.

A program is a tree of blocks. A block is straight-line code over *variables* that are set once, and
ends by making a record, dropping it, branching, or failing. :mod:`connectkit.draft` writes programs
(transforms describe their work to it); this module gives them their two executions, which must agree:
:meth:`Program.run` interprets, for schemas seen once and for explaining errors; :meth:`Program.build`
generates. Used by one thread while it is being made; immutable, hence shareable, afterwards.
It is one piece so that the two forms of every operation stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from connectkit.compile import Code
from connectkit.errors import ConnectError, DataError, SchemaError
from connectkit.javatext import float_text
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct

Env = dict["Var", Any]
Absent = Callable[[str, Mapping[Any, Any]], None]
"""Told of a key and the dict that does not have it."""

_makers: dict[type, Callable[[], Any]] = {
    cls: partial(object.__new__, cls) for cls in (Struct, SourceRecord, SinkRecord)
}
"""What makes an empty object of a class: a call without arguments is the fastest."""


class EditCode(Code):
    """Code that does an edit to the record ``r``: the body of a function of it, or of a loop over many."""

    def __init__(self, *parameters: str, loops: bool) -> None:
        super().__init__(*parameters)
        self._loops = loops

    def leave(self, text: str) -> None:
        """Be done with the record; ``text`` is an expression for what became of it."""
        if self._loops:
            self.line(f"append({text})")
            self.line("continue")
        else:
            self.line(f"return {text}")


class Var:
    """Something a program can read."""

    __slots__ = ()

    def source(self, code: Code) -> str:
        raise NotImplementedError

    def value(self, env: Env) -> Any:
        return env[self]


class Input(Var):
    """Part of the record, as our own expression over ``r`` and as a function of the record."""

    __slots__ = ("get", "text")

    def __init__(self, text: str, get: Callable[[Any], Any]) -> None:
        self.text = text
        self.get = get

    def source(self, code: Code) -> str:
        return self.text

    def value(self, env: Env) -> Any:
        return self.get(env[RECORD])


class Slot(Input):
    """One slot of the struct that stands in the key or the value."""

    __slots__ = ("side",)

    def __init__(self, side: str, index: int) -> None:
        super().__init__(f"{SIDE_LETTERS[side]}{index}", lambda record: getattr(record, side).values[index])
        self.side = side


class Const(Var):
    """An object that is the same for all records."""

    __slots__ = ("constant",)

    def __init__(self, constant: Any) -> None:
        self.constant = constant

    def source(self, code: Code) -> str:
        return "None" if self.constant is None else code.bind(self.constant)

    def value(self, env: Env) -> Any:
        return self.constant


class Temp(Var):
    """The result of an operation."""

    __slots__ = ("name",)

    def __init__(self, number: int) -> None:
        self.name = f"x{number}"

    def source(self, code: Code) -> str:
        return self.name


SIDE_LETTERS = {"key": "q", "value": "v"}
"""How generated code names the slots of each side."""
RECORD = Input("r", lambda record: record)
NONE = Const(None)


class Op:
    """One operation; ``out`` is the variable it sets, or None; ``outs`` are those it sets beside it.

    ``pure``: the operation is not needed if none of them is.
    """

    __slots__ = ("args", "out")
    pure = False
    outs: Sequence[Temp] = ()

    def __init__(self, out: Temp | None, *args: Var) -> None:
        self.out = out
        self.args = args

    def run(self, env: Env) -> None:
        raise NotImplementedError

    def emit(self, code: Code) -> None:
        raise NotImplementedError


INLINE: dict[Callable[..., Any], str] = {
    float_text: "(repr({x}) if 1e-3 <= {x} < 1e7 else {call})",
}
"""Functions that are written out for the values they nearly always get. Our own text, with no other's.

A module that makes such functions registers them here, once each.
"""


class Call(Op):
    """``out = function(*args)``; ``skips_none``: None without a call where the first argument is None.

    ``where`` is the path put into a ``DataError`` that has none.
    """

    __slots__ = ("function", "skips_none", "where")

    def __init__(
        self,
        out: Temp,
        function: Callable[..., Any],
        args: Sequence[Var],
        where: str | None,
        *,
        skips_none: bool,
    ) -> None:
        super().__init__(out, *args)
        self.function = function
        self.where = where
        self.skips_none = skips_none

    def run(self, env: Env) -> None:
        assert self.out is not None
        args = [a.value(env) for a in self.args]
        if self.skips_none and args[0] is None:
            env[self.out] = None
            return
        try:
            env[self.out] = self.function(*args)
        except DataError as error:
            if error.path is None:
                error.path = self.where
            raise

    def emit(self, code: Code) -> None:
        assert self.out is not None
        args = [a.source(code) for a in self.args]
        quick = INLINE.get(self.function) if len(args) == 1 else None
        call = f"{code.bind(self.function)}({', '.join(args)})"
        if quick is not None:
            call = quick.format(x=args[0], call=call)
        code.line(
            f"{self.out.name} = " + (f"None if {args[0]} is None else {call}" if self.skips_none else call)
        )


class OrDefault(Op):
    """``out = arg``, or the default where that is None."""

    __slots__ = ()
    pure = True

    def run(self, env: Env) -> None:
        assert self.out is not None
        value = self.args[0].value(env)
        env[self.out] = self.args[1].value(env) if value is None else value

    def emit(self, code: Code) -> None:
        assert self.out is not None
        value, default = (a.source(code) for a in self.args)
        code.line(f"{self.out.name} = {default} if {value} is None else {value}")


class IfPresent(Op):
    """``out`` = the second argument where the first is not None, else None."""

    __slots__ = ()
    pure = True

    def run(self, env: Env) -> None:
        assert self.out is not None
        env[self.out] = None if self.args[0].value(env) is None else self.args[1].value(env)

    def emit(self, code: Code) -> None:
        assert self.out is not None
        value, other = (a.source(code) for a in self.args)
        code.line(f"{self.out.name} = None if {value} is None else {other}")


class Require(Op):
    """Raise ``SchemaError`` where a value is None that the named field must have."""

    __slots__ = ("names", "types")

    def __init__(self, args: Sequence[Var], names: Sequence[str], types: Sequence[Any]) -> None:
        super().__init__(None, *args)
        self.names = names
        self.types = types

    def run(self, env: Env) -> None:
        for arg, name, kind in zip(self.args, self.names, self.types):
            if arg.value(env) is None:
                raise SchemaError(
                    f'Invalid value: null used for required field: "{name}", schema type: {kind}',
                    path=f"$.{name}",
                )

    def emit(self, code: Code) -> None:
        # Which field it was is found by running the step again, interpreted.
        with code.block(f"if {' or '.join(f'{a.source(code)} is None' for a in self.args)}:"):
            code.line(f"raise {code.bind(SchemaError)}({code.bind('a required field is null')})")


class Build(Op):
    """``out`` = a struct of the schema around the given values."""

    __slots__ = ("schema",)
    pure = True

    def __init__(self, out: Temp, schema: Schema, args: Sequence[Var]) -> None:
        super().__init__(out, *args)
        self.schema = schema

    def run(self, env: Env) -> None:
        assert self.out is not None
        env[self.out] = Struct.of(self.schema, [a.value(env) for a in self.args])

    def emit(self, code: Code) -> None:
        assert self.out is not None
        name = self.out.name
        code.line(f"{name} = {code.bind(_makers[Struct])}()")
        code.line(f"{name}.schema = {code.bind(self.schema)}")
        code.line(f"{name}.values = [{', '.join(a.source(code) for a in self.args)}]")


class GetSlot(Op):
    """``out`` = a slot of the struct in a variable, or None where there is no struct."""

    __slots__ = ("index",)
    pure = True

    def __init__(self, out: Temp, struct: Var, index: int) -> None:
        super().__init__(out, struct)
        self.index = index

    def run(self, env: Env) -> None:
        assert self.out is not None
        struct = self.args[0].value(env)
        env[self.out] = None if struct is None else struct.values[self.index]

    def emit(self, code: Code) -> None:
        assert self.out is not None
        struct = self.args[0].source(code)
        code.line(f"{self.out.name} = None if {struct} is None else {struct}.values[{int(self.index)}]")


class Unpack(Op):
    """``outs`` = the slots of the struct in a variable, which is never None."""

    __slots__ = ("outs",)
    pure = True

    def __init__(self, outs: Sequence[Temp], struct: Var) -> None:
        super().__init__(None, struct)
        self.outs = outs

    def run(self, env: Env) -> None:
        env.update(zip(self.outs, self.args[0].value(env).values, strict=True))

    def emit(self, code: Code) -> None:
        names = "".join(f"{out.name}, " for out in self.outs)
        code.line(f"{names.rstrip()} = {self.args[0].source(code)}.values")


class CopyMap(Op):
    """``out`` = a copy of the dict, which the program may then change."""

    __slots__ = ()
    pure = True

    def run(self, env: Env) -> None:
        assert self.out is not None
        env[self.out] = self.args[0].value(env).copy()

    def emit(self, code: Code) -> None:
        assert self.out is not None
        code.line(f"{self.out.name} = {self.args[0].source(code)}.copy()")

    def emit_with(self, code: Code, entries: Sequence[SetItem]) -> None:
        """The copy and the entries set in it next, at once: such a dict grows once."""
        assert self.out is not None
        items = ", ".join(f"{entry.args[1].source(code)}: {entry.args[2].source(code)}" for entry in entries)
        code.line(f"{self.out.name} = {{**{self.args[0].source(code)}, {items}}}")


class GetItem(Op):
    """``out`` = the entry of the dict under the key (a constant), or None."""

    __slots__ = ("absent",)
    # Not pure: a later operation may change the dict, so it stays where it stands.

    def __init__(self, out: Temp, mapping: Var, key: Const, absent: Absent | None) -> None:
        super().__init__(out, mapping, key)
        self.absent = absent

    def run(self, env: Env) -> None:
        assert self.out is not None
        mapping, key = (a.value(env) for a in self.args)
        env[self.out] = mapping.get(key)
        if self.absent is not None and key not in mapping:
            self.absent(key, mapping)

    def emit(self, code: Code) -> None:
        assert self.out is not None
        mapping, key = (a.source(code) for a in self.args)
        code.line(f"{self.out.name} = {mapping}.get({key})")
        if self.absent is not None:
            with code.block(f"if {self.out.name} is None and {key} not in {mapping}:"):
                code.line(f"{code.bind(self.absent)}({key}, {mapping})")


class LookFor(Op):
    """Call a function with key and dict where the dict has no such key."""

    __slots__ = ()

    def run(self, env: Env) -> None:
        mapping, key, absent = (a.value(env) for a in self.args)
        if key not in mapping:
            absent(key, mapping)

    def emit(self, code: Code) -> None:
        mapping, key, absent = (a.source(code) for a in self.args)
        with code.block(f"if {key} not in {mapping}:"):
            code.line(f"{absent}({key}, {mapping})")


class SetItem(Op):
    """Set an entry of a dict the program owns; ``unless_none``: leave it as it is for a None."""

    __slots__ = ("unless_none",)

    def __init__(self, mapping: Var, key: Var, value: Var, *, unless_none: bool) -> None:
        super().__init__(None, mapping, key, value)
        self.unless_none = unless_none

    def run(self, env: Env) -> None:
        mapping, key, value = (a.value(env) for a in self.args)
        if value is not None or not self.unless_none:
            mapping[key] = value

    def emit(self, code: Code) -> None:
        mapping, key, value = (a.source(code) for a in self.args)
        if self.unless_none:
            with code.block(f"if {value} is not None:"):
                code.line(f"{mapping}[{key}] = {value}")
        else:
            code.line(f"{mapping}[{key}] = {value}")


class DropItem(Op):
    """Remove an entry from a dict the program owns; ``absent`` is called if there is none."""

    __slots__ = ("absent",)

    def __init__(self, mapping: Var, key: Const, absent: Absent | None) -> None:
        super().__init__(None, mapping, key)
        self.absent = absent

    def run(self, env: Env) -> None:
        mapping, key = (a.value(env) for a in self.args)
        if key in mapping:
            del mapping[key]
        elif self.absent is not None:
            self.absent(key, mapping)

    def emit(self, code: Code) -> None:
        mapping, key = (a.source(code) for a in self.args)
        with code.block(f"if {key} in {mapping}:"):
            code.line(f"del {mapping}[{key}]")
        if self.absent is not None:
            with code.block("else:"):
                code.line(f"{code.bind(self.absent)}({key}, {mapping})")


class RenameItem(Op):
    """Move an entry of a dict the program owns to another key; ``absent`` is called if there is none.

    Where both keys are there, the later of the two entries is the one that stays.
    """

    __slots__ = ("absent",)

    def __init__(self, mapping: Var, key: Const, new: Const, absent: Absent | None) -> None:
        super().__init__(None, mapping, key, new)
        self.absent = absent

    def run(self, env: Env) -> None:
        mapping, key, new = (a.value(env) for a in self.args)
        if key in mapping:
            if new in mapping:
                _merge(mapping, key, new)
            else:
                mapping[new] = mapping.pop(key)
        elif self.absent is not None:
            self.absent(key, mapping)

    def emit(self, code: Code) -> None:
        mapping, key, new = (a.source(code) for a in self.args)
        with code.block(f"if {key} in {mapping}:"):
            with code.block(f"if {new} in {mapping}:"):
                code.line(f"{code.bind(_merge)}({mapping}, {key}, {new})")
            with code.block("else:"):
                code.line(f"{mapping}[{new}] = {mapping}.pop({key})")
        if self.absent is not None:
            with code.block("else:"):
                code.line(f"{code.bind(self.absent)}({key}, {mapping})")


def _merge(mapping: dict[Any, Any], key: Any, new: Any) -> None:
    """Make one entry, called ``new``, of two: the later one."""
    last = next(each for each in reversed(mapping) if each in (key, new))
    value = mapping.pop(key)
    if last != new:
        mapping[new] = value


def _fills(op: Op, copy: CopyMap) -> bool:
    """Whether the operation sets an entry of the copy, whatever its value."""
    return isinstance(op, SetItem) and op.args[0] is copy.out and not op.unless_none


class Block:
    """Operations in order, then an end."""

    __slots__ = ("end", "ops")

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.end: End = Drop()

    def run(self, env: Env) -> Any:
        for op in self.ops:
            op.run(env)
        return self.end.run(env)

    def emit(self, code: EditCode) -> None:
        at = 0
        while at < len(self.ops):
            op = self.ops[at]
            at += 1
            entries: list[SetItem] = []
            while isinstance(op, CopyMap) and at < len(self.ops) and _fills(self.ops[at], op):
                entries.append(cast("SetItem", self.ops[at]))
                at += 1
            if entries:
                cast("CopyMap", op).emit_with(code, entries)
            else:
                op.emit(code)
        self.end.emit(code)

    def prune(self) -> set[Var]:
        """Leave out pure operations whose results nobody reads; return what the block reads."""
        live = set(self.end.reads())
        for child in self.end.blocks():
            live |= child.prune()
        kept: list[Op] = []
        for op in reversed(self.ops):
            if not op.pure or op.out in live or not live.isdisjoint(op.outs):
                live.update(op.args)
                kept.append(op)
        self.ops = kept[::-1]
        return live

    def ends(self) -> Iterator[End]:
        """Every end that can be reached, except the branches on the way."""
        children = self.end.blocks()
        if not children:
            yield self.end
        for child in children:
            yield from child.ends()


class End:
    """How a block ends."""

    __slots__ = ()

    def run(self, env: Env) -> Any:
        raise NotImplementedError

    def emit(self, code: EditCode) -> None:
        raise NotImplementedError

    def reads(self) -> Iterable[Var]:
        return ()

    def blocks(self) -> Sequence[Block]:
        return ()


class Drop(End):
    """The record is dropped."""

    __slots__ = ()

    def run(self, env: Env) -> Any:
        return None

    def emit(self, code: EditCode) -> None:
        code.leave("None")


class Fail(End):
    """No record of these schemas can pass this stage: raise its error anew each time."""

    __slots__ = ("make", "stage")

    def __init__(self, error: ConnectError, stage: int) -> None:
        self.stage = stage
        kind, args, state = type(error), error.args, dict(error.__dict__)

        def make() -> ConnectError:
            again = kind.__new__(kind, *args)
            again.__dict__.update(state)
            return again

        self.make = make

    def run(self, env: Env) -> Any:
        raise self.make()

    def emit(self, code: EditCode) -> None:
        code.line(f"raise {code.bind(self.make)}()")


class Branch(End):
    """Go on with one block or the other."""

    __slots__ = ("condition", "no", "yes")

    def __init__(self, condition: Var, yes: Block, no: Block) -> None:
        self.condition = condition
        self.yes = yes
        self.no = no

    def run(self, env: Env) -> Any:
        return (self.yes if self.condition.value(env) else self.no).run(env)

    def emit(self, code: EditCode) -> None:
        with code.block(f"if {self.condition.source(code)}:"):
            self.yes.emit(code)
        self.no.emit(code)

    def reads(self) -> Iterable[Var]:
        return (self.condition,)

    def blocks(self) -> Sequence[Block]:
        return (self.yes, self.no)


class Finish(End):
    """Make the record with the changed parts; hand it to ``then`` if given, or return it.

    ``parts`` maps attributes of the record to variables; none at all returns the record itself.
    ``schemas`` are the key's and the value's, for inference; None: they are each record's own.
    ``stage`` is where the record goes on: a stage's number, and whether its predicate was asked.
    """

    __slots__ = ("parts", "record_class", "schemas", "stage", "then")

    def __init__(
        self,
        record_class: type[ConnectRecord],
        parts: dict[str, Var],
        schemas: tuple[Schema | None, Schema | None] | None,
        then: Callable[[Any], Any] | None,
        stage: tuple[int, bool] | None = None,
    ) -> None:
        self.stage = stage
        self.record_class = record_class
        self.parts = parts
        self.schemas = schemas
        self.then = then

    def run(self, env: Env) -> Any:
        record = env[RECORD]
        if self.parts:
            made = record.new_record()
            for name, var in self.parts.items():
                setattr(made, name, var.value(env))
            record = made
        return record if self.then is None else self.then(record)

    def emit(self, code: EditCode) -> None:
        if not self.parts:
            self._leave(code, "r")
        else:
            if self.record_class in _SLOTS:
                self._copy_inline(code)
            else:
                code.line("n = r.new_record()")
            for name, var in self.parts.items():
                code.line(f"n.{name} = {var.source(code)}")
            self._leave(code, "n")

    def _copy_inline(self, code: Code) -> None:
        code.line(f"n = {code.bind(_makers[self.record_class])}()")
        for name in _SLOTS[self.record_class]:
            if name in self.parts or name in ("_headers", "_origin"):
                continue
            code.line(f"n.{name} = r.{name}")
        if "_headers" not in self.parts:
            code.line("h = r._headers")
            code.line("n._headers = None if h is None else h.duplicate()")
        if (
            self.record_class is SinkRecord
            and "topic" not in self.parts
            and "kafka_partition" not in self.parts
        ):
            code.line("n._origin = r._origin")  # None says: where it stands now, and that is the same place
        elif self.record_class is SinkRecord:
            code.line("o = r._origin")
            code.line("n._origin = (r.topic, r.kafka_partition, r.kafka_offset) if o is None else o")

    def _leave(self, code: EditCode, name: str) -> None:
        code.leave(name if self.then is None else f"{code.bind(self.then)}({name})")

    def reads(self) -> Iterable[Var]:
        return self.parts.values()


_SLOTS: dict[type[ConnectRecord], tuple[str, ...]] = {
    cls: (*ConnectRecord.__slots__, *cls.__slots__) for cls in (SourceRecord, SinkRecord)
}
"""The record classes whose copying is spelled out; a subclass copies itself."""


class Program:
    """A finished tree of blocks, and what it takes for granted of the records it is given.

    ``guards`` are conditions in our own words over ``r`` under which the program does *not* apply;
    ``widths`` says how many slots the structs in key and value have.
    """

    def __init__(
        self, root: Block, *, widths: Mapping[str, int], guards: Sequence[Callable[[Code], str]]
    ) -> None:
        sides = {var.side for var in root.prune() if isinstance(var, Slot)}
        self.root = root
        self.guards = guards
        self._unpacked = {side: widths[side] for side in sorted(sides)}

    def run(self, record: Any) -> Any:
        """Interpret the program on one record that it applies to."""
        return self.root.run({RECORD: record})

    def build(self, label: str, *, otherwise: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
        """The program as a function; records that it does not apply to go ``otherwise``, if given."""
        code = EditCode("r", loops=False)
        self._emit(code, [guard(code) for guard in self.guards] if otherwise is not None else [], otherwise)
        return code.build(label, name="edit")

    def build_loop(
        self, label: str, *, otherwise: Callable[[Any], Any], schemas: Mapping[str, Schema | None]
    ) -> Callable[[Iterable[Any], Callable[[Any], None]], None]:
        """The program as ``edit(records, append)``, which appends what becomes of each record.

        ``schemas`` are those, by attribute, that records must have beside what the guards ask for.
        """
        code = EditCode("records", "append", loops=True)
        with code.block("for r in records:"):
            others = [
                f"r.{name} is not {'None' if schema is None else code.bind(schema)}"
                for name, schema in sorted(schemas.items())
            ]
            self._emit(code, others + [guard(code) for guard in self.guards], otherwise)
        return code.build(label, name="edit")

    def _emit(self, code: EditCode, others: Sequence[str], otherwise: Callable[[Any], Any] | None) -> None:
        if others and otherwise is not None:
            with code.block(f"if {' or '.join(others)}:"):
                code.leave(f"{code.bind(otherwise)}(r)")
        for side, width in self._unpacked.items():
            names = ", ".join(f"{SIDE_LETTERS[side]}{i}" for i in range(width))
            code.line(f"{names}, = r.{side}.values")
        self.root.emit(code)
