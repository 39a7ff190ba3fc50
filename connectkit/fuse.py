"""Runs records through stages (a transform and perhaps a predicate each), fused where they can be.

Consecutive stages that describe themselves to a :class:`~connectkit.draft.Draft` become one generated
function per combination of schemas; a plain ``apply`` or ``test`` is called in its place between them.
The result is that of applying the stages one by one, which is also how an error finds its stage: the
fused function only says that something failed, and the stages before it are then repeated singly, on
the record they were given (edits are pure; a plain ``apply`` is never repeated for this).

Used by one thread at a time, as are the transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from connectkit.compile import Code, PerSchema, PerSchemas
from connectkit.draft import Draft, Kind, SideName, UndecidedError
from connectkit.errors import ConnectError, DataError, FatalTaskError, FencedError, RetriableError
from connectkit.infer import Inference, Inferred
from connectkit.program import Block, Branch, Drop, Fail, Program, Var
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema, StructValue, Type
from connectkit.struct import Struct

Result = Any
"""A record, None (dropped) or a list of records."""

Loop = Callable[[Sequence[Any], Callable[[Result], None]], None]
"""Appends what becomes of each record."""

MAX_BRANCHES = 7
"""Predicates that are decided record by record in one generated function; the next begins another."""
CACHED_SCHEMAS = 256
"""Combinations of schemas whose functions are kept, for each place a chain is entered at."""


class StepError(DataError):
    """A record cannot pass a stage; the cause is chained. ``step`` is the stage's number, from 0."""

    def __init__(self, message: str, *, step: int, path: str | None) -> None:
        super().__init__(message, path=path)
        self.step = step


class Stage:
    """One step of a chain. ``label`` names it in messages (``transform 'mask' (MaskField)``)."""

    __slots__ = ("decide", "edit", "label", "negate", "number", "predicate", "reads", "transform")

    def __init__(
        self,
        transform: Any,
        predicate: Any = None,
        *,
        negate: bool = False,
        label: str = "transform",
        number: int = 0,
    ) -> None:
        self.transform = transform
        self.predicate = predicate
        self.negate = negate
        self.label = label
        self.number = number
        self.edit: Callable[[Draft], None] | None = getattr(transform, "edit", None)
        """What it does to a draft; None: only ``transform.apply`` knows."""
        self.decide: Callable[[Draft], bool | Var] | None = getattr(predicate, "decide", None)
        self.reads: frozenset[SideName] = frozenset(
            [*(transform.reads if self.edit else ()), *(predicate.reads if self.decide else ())]
        )

    def apply(self, record: Any) -> Result:
        """This stage alone, errors as the plugins raise them."""
        return checked(self.transform.apply(record)) if self.applies(record) else record

    def applies(self, record: Any) -> bool:
        """Whether the predicate, if there is one, lets the transform see the record."""
        return self.predicate is None or bool(self.predicate.test(record)) is not self.negate

    def located(self, error: Exception) -> Exception:
        """The error with the stage's name in front, of the class that says what to do next.

        The text of an exception that is not connectkit's own is not repeated: it may quote a value.
        """
        if getattr(error, "step", None) is not None:
            return error
        if not isinstance(error, ConnectError):
            message = f"{self.label} failed with {type(error).__name__}"
            made: ConnectError = StepError(message, step=self.number, path=None)
        elif isinstance(error, RetriableError):
            made = RetriableError(f"{self.label}: {error}", wait_s=error.wait_s)
        elif isinstance(error, FatalTaskError | FencedError):
            made = type(error)(f"{self.label}: {error}")
        elif isinstance(error, DataError):
            message = f"{self.label}{f' at {error.path}' if error.path else ''}: {error}"
            made = StepError(message, step=self.number, path=error.path)
        else:
            made = ConnectError(f"{self.label}: {error}")
        made.step = self.number  # type: ignore[attr-defined]  # marks it as located
        made.reason = error  # type: ignore[attr-defined]  # what the plugin raised
        made.__cause__ = error
        return made


def checked(result: Any) -> Result:
    """What a plugin's ``apply`` returned, if it is something that can be gone on with."""
    if result is None or isinstance(result, ConnectRecord):
        return result
    if isinstance(result, list) and all(isinstance(each, ConnectRecord) for each in result):
        return result
    raise FatalTaskError(
        f"A transform must return a record, a list of records or None, and returned {type(result).__name__}"
    )


class Fused:
    """Stages to be run over records. ``name`` stands in the labels of generated functions."""

    def __init__(self, stages: Sequence[Stage], *, name: str = "chain", size: int = CACHED_SCHEMAS) -> None:
        self.stages = list(stages)
        self.name = name
        self.size = size
        self._entries: dict[tuple[int, bool], _Entry] = {}
        self.run: Callable[[Any], Result] = self.enter(0).run if stages else _unchanged
        """One record through all stages: a record, None or a list. Errors say which stage failed."""

    def run_batch(self, records: Sequence[Any]) -> list[Result]:
        """Each record's outcome, in order; the first error ends it and is located."""
        if not self.stages:
            return list(records)
        return self.enter(0).run_batch(records)

    def enter(self, number: int, *, decided: bool = False) -> _Entry:
        """The way in at a stage; ``decided``: its predicate was asked already and said yes."""
        entry = self._entries.get((number, decided))
        if entry is None:
            entry = self._entries[number, decided] = _Entry(self, number, decided)
        return entry

    def follow(self, number: int) -> Callable[[Any], Result] | None:
        """What runs the stages from that number on; None if there are none left."""
        return self.enter(number).run if number < len(self.stages) else None

    def program(
        self, shape: Shape, number: int = 0, *, decided: bool = False, guarded: bool = False
    ) -> Program:
        """The program of the stages from there on, for records of that shape."""
        return _Tracer(self, number, decided).program(shape, guarded=guarded)

    def infer(
        self, record_class: type[ConnectRecord], key_schema: Schema | None, value_schema: Schema | None
    ) -> Inferred:
        """What records with these schemas end with. ``DataError`` where none of them can pass."""
        return Inference(self, record_class).follow(key_schema, value_schema)

    def typical_program(
        self, record_class: type[ConnectRecord], schemas: SchemaPair, number: int, *, decided: bool
    ) -> Program:
        """The program for records with these schemas of which nothing is null."""
        key, value = schemas
        shape = Shape(record_class, (key, typical(key)), (value, typical(value)))
        return self.program(shape, number, decided=decided)


def _unchanged(record: Any) -> Any:
    return record


class Shape:
    """What a program is made for: the record's class, and schema and kind of each side that is read."""

    __slots__ = ("key", "record_class", "value")

    def __init__(
        self,
        record_class: type[ConnectRecord],
        key: tuple[Schema | None, Kind],
        value: tuple[Schema | None, Kind],
    ) -> None:
        self.record_class = record_class
        self.key = key
        self.value = value


NOT_READ: tuple[Schema | None, Kind] = (None, Kind.UNKNOWN)


def kind_of(schema: Schema | None, value: Any) -> tuple[Schema | None, Kind]:
    """The schema that counts, and the kind. A struct's own schema goes before the one beside it."""
    if value is None:
        return schema, Kind.NULL
    if schema is None:
        return None, Kind.MAP if isinstance(value, Mapping) else Kind.OTHER
    if isinstance(value, StructValue):
        own = value.schema
        return (schema if own is schema or own == schema else own), Kind.STRUCT
    return schema, Kind.OTHER


def typical(schema: Schema | None) -> Kind:
    """What stands beside such a schema in most records."""
    if schema is None:
        return Kind.MAP
    return Kind.STRUCT if schema.type is Type.STRUCT else Kind.OTHER


class _Entry:
    """The functions for records that enter at one stage.

    The quick table is keyed by the identity of the schemas alone; a function from it first makes sure
    that what stands there is of the kind it was made for, and otherwise hands the record to
    :meth:`_exact_run`, which looks at everything.
    """

    def __init__(self, fused: Fused, number: int, decided: bool) -> None:
        self._fused = fused
        self._number = number
        self._decided = decided
        stage = self._stage = fused.stages[number]
        self._after = fused.follow(number + 1)
        self._reads = self._reads_ahead()
        self._sample: Any = None
        if stage.predicate is not None and stage.decide is None and not decided:
            self.run: Callable[[Any], Result] = self._run_test
            self._yes = fused.enter(number, decided=True).run
        elif stage.edit is None and (decided or stage.predicate is None):
            self.run = self._run_apply
        elif not self._reads:
            self.run = self._run_neither
        else:
            self.run = self._run_both if "key" in self._reads else self._run_value
        self._is_fused = self.run not in (self._run_test, self._run_apply)
        self._pairs = "key" in self._reads and self._is_fused
        cache: type[PerSchema[Any]] = PerSchemas if "key" in self._reads else PerSchema
        self._quick: PerSchema[Callable[[Any], Result]] = cache(
            self._make_quick, first=lambda _: self._exact_run, size=fused.size
        )
        loops: type[PerSchema[Any]] = PerSchemas if self._pairs else PerSchema
        self._loops: PerSchema[Loop] = loops(
            self._make_loop, first=lambda _: self._one_by_one, size=fused.size
        )
        self._exact: PerSchemas[Callable[[Any], Result]] = PerSchemas(
            lambda shape: self._program(shape).build(fused.name),
            first=lambda shape: self._program(shape).run,
            size=fused.size,
        )

    def _reads_ahead(self) -> frozenset[SideName]:
        found: set[SideName] = set()
        for stage in self._fused.stages[self._number :]:
            found |= stage.reads
        return frozenset(found)

    # --- plain plugins

    def _run_test(self, record: Any) -> Result:
        try:
            applies = bool(self._stage.predicate.test(record)) is not self._stage.negate
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            found = self._stage.located(error)
            raise found from found.__cause__
        if applies:
            return self._yes(record)
        return record if self._after is None else self._after(record)

    def _run_apply(self, record: Any) -> Result:
        try:
            made = self._stage.transform.apply(record)
            if not isinstance(made, ConnectRecord):
                made = checked(made)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            found = self._stage.located(error)
            raise found from found.__cause__
        if made is None or self._after is None:
            return made
        if type(made) is list:
            return run_each(made, self._after)
        return self._after(made)

    # --- fused stages

    # Three forms of one loop body: the key of the quick table is what the stages read, no more, since
    # a function per schema that nobody looks at would be made in vain.

    def _run_neither(self, record: Any) -> Result:
        try:
            return self._always(record)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            self._raise(record, error)

    def _run_value(self, record: Any) -> Result:
        try:
            found = self._quick.table.get(id(record.value_schema))
            return (self._miss(record, record.value_schema) if found is None else found)(record)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            self._raise(record, error)

    def _run_both(self, record: Any) -> Result:
        try:
            found = self._quick.table.get((id(record.key_schema), id(record.value_schema)))
            if found is None:
                found = self._miss(record, (record.key_schema, record.value_schema))
            return found(record)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            self._raise(record, error)

    def run_batch(self, records: Sequence[Any]) -> list[Result]:
        """Each record's outcome, in order; the first error ends it."""
        out: list[Result] = []
        if not records:
            return out
        self._sample = first = records[0]
        try:
            self._loops[self._key_of(first)](records, out.append)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            self._raise(records[len(out)], error)
        return out

    def _key_of(self, record: Any) -> Any:
        """What the tables are keyed by: the schemas that the stages read, no more."""
        if not self._reads or not self._is_fused:
            return None
        return (record.key_schema, record.value_schema) if self._pairs else record.value_schema

    def _one_by_one(self, records: Sequence[Any], append: Callable[[Result], None]) -> None:
        run = self.run
        for record in records:
            append(run(record))

    def _make_loop(self, schemas: Any) -> Loop:
        """One function for all records of a batch; those of other schemas or kinds are run singly."""
        if not self._is_fused:
            return self._one_by_one
        names: tuple[str, ...] = (
            () if not self._reads else ("key_schema", "value_schema") if self._pairs else ("value_schema",)
        )
        wanted: dict[str, Schema | None] = dict(zip(names, schemas if self._pairs else (schemas,)))
        program = self._quick_program(schemas)
        return program.build_loop(self._fused.name, otherwise=self.run, schemas=wanted)

    def _miss(self, record: Any, schemas: Any) -> Callable[[Any], Result]:
        self._sample = record
        return self._quick.miss(schemas)

    def _always(self, record: Any) -> Result:
        """The function where no schema is read; it replaces itself by what was made."""
        self._sample = record
        self._always = self._make_quick(None)  # type: ignore[method-assign,assignment]  # takes its place
        return self._always(record)

    def _raise(self, record: Any, error: Exception) -> NoReturn:
        """Raise the error with its stage's name, and the error that the stage raised as its cause."""
        found = self._explained(record, error)
        raise found from found.__cause__

    def _explained(self, record: Any, error: Exception) -> Exception:
        """The error of the stage that fails when the stages are run one by one."""
        if getattr(error, "step", None) is not None:
            return error
        if self._stage.edit is not None and len(self._fused.stages) == 1:
            # Not by way of ``apply``, which would come back here: run step by step, an edit says where.
            try:
                record, shape = self._look(record)
                self._program(shape).run(record)
            except Exception as found:  # noqa: BLE001 - any error is the stage's, and is handed on
                error = found
            return self._stage.located(error)
        for stage in self._fused.stages[self._number :]:
            if stage.predicate is not None and stage.decide is None:
                break  # the fused part ended before it
            try:
                if stage.edit is None and stage.applies(record):
                    break  # it ended here for this record, and a plain ``apply`` is not repeated
                record = stage.apply(record)
            except Exception as found:  # noqa: BLE001 - any error is the stage's, and is handed on
                return stage.located(found)
            if record is None:
                break
        return self._stage.located(error)

    def _exact_run(self, record: Any) -> Result:
        """Look at the record's class, schemas and values, and run what was made for just these."""
        record, shape = self._look(record)
        return self._exact[shape](record)

    def _look(self, record: Any) -> tuple[Any, Any]:
        """The record, its maps as dicts, and what a program is made for: its class, schemas and kinds."""
        key, value = NOT_READ, NOT_READ
        if "key" in self._reads:
            key = kind_of(record.key_schema, record.key)
            if key[1] is Kind.MAP and not isinstance(record.key, dict):
                record = record.new_record(key=dict(record.key))
        if "value" in self._reads:
            value = kind_of(record.value_schema, record.value)
            if value[1] is Kind.MAP and not isinstance(record.value, dict):
                record = record.new_record(value=dict(record.value))
        return record, (type(record), *key, *value)

    def _program(self, shape: Any, *, guarded: bool = False) -> Program:
        record_class, key_schema, key_kind, value_schema, value_kind = shape
        return self._fused.program(
            Shape(record_class, (key_schema, key_kind), (value_schema, value_kind)),
            self._number,
            decided=self._decided,
            guarded=guarded,
        )

    def _make_quick(self, schemas: Any) -> Callable[[Any], Result]:
        return self._quick_program(schemas).build(self._fused.name, otherwise=self._exact_run)

    def _quick_program(self, schemas: Any) -> Program:
        """The program for records like the sample, which had these schemas."""
        pair = schemas if "key" in self._reads else (None, schemas)
        sides: list[Any] = []
        for name, schema in zip(("key", "value"), pair):
            if name not in self._reads:
                sides += NOT_READ
                continue
            counts, kind = kind_of(schema, getattr(self._sample, name))
            usual = kind is not Kind.NULL and counts is schema
            sides += [schema, kind if usual else typical(schema)]
        return self._program((type(self._sample), *sides), guarded=True)


def run_each(records: list[Any], run: Callable[[Any], Result]) -> list[Any]:
    """The records that come out when each of these is run, in one list."""
    out: list[Any] = []
    for record in records:
        made = run(record)
        if type(made) is list:
            out += made
        elif made is not None:
            out.append(made)
    return out


def _then(function: Callable[[Any], Any], after: Callable[[Any], Result] | None) -> Callable[[Any], Result]:
    """A function of a record, and what follows it."""
    if after is None:
        return lambda record: checked(function(record))

    def run(record: Any) -> Result:
        made = checked(function(record))
        if made is None:
            return None
        return run_each(made, after) if type(made) is list else after(made)

    return run


class _Tracer:
    """Leads a draft through stages, until the end or as far as it is decided by schemas alone."""

    def __init__(self, fused: Fused, start: int, decided: bool) -> None:
        self._fused = fused
        self._start = start
        self._decided = decided
        self._branches = MAX_BRANCHES

    def program(self, shape: Shape, *, guarded: bool) -> Program:
        draft = Draft(shape.record_class, key=shape.key, value=shape.value)
        widths = {
            name: len(schema.fields)
            for name, (schema, kind) in (("key", shape.key), ("value", shape.value))
            if kind is Kind.STRUCT and schema is not None
        }
        guards = _guards(shape) if guarded else []
        return Program(self._go(self._start, draft, decided=self._decided), widths=widths, guards=guards)

    def _go(self, number: int, draft: Draft, *, decided: bool = False) -> Block:
        """Lead the draft through the stages from that number on; the finished block."""
        stages = self._fused.stages
        while number < len(stages):
            stage = stages[number]
            if stage.predicate is not None and not decided:
                if stage.decide is None:
                    return self._leave(draft, number)
                try:
                    attempt = draft.attempt()
                    applies = stage.decide(attempt)
                except UndecidedError:
                    return self._leave(draft, number)
                if isinstance(applies, Var):
                    if self._branches == 0:
                        return self._leave(draft, number)
                    self._branches -= 1
                    draft = attempt
                    applied = self._go(number, draft.fork(), decided=True)
                    skipped = self._go(number + 1, draft.fork())
                    yes, no = (skipped, applied) if stage.negate else (applied, skipped)
                    draft.block.end = Branch(applies, yes, no)
                    return draft.block
                if bool(applies) is stage.negate:
                    number += 1
                    continue
            if stage.edit is None:
                draft.finish(self._fused.enter(number, decided=True).run, (number, True))
                return draft.block
            try:
                attempt = draft.attempt()
                stage.edit(attempt)
            except UndecidedError:
                return self._leave(draft, number, decided=True)
            except ConnectError as error:
                draft.block.end = Fail(error, number)
                return draft.block
            if attempt.dropped or attempt.failure or attempt.halves or attempt.handed_to:
                return self._end(attempt, number + 1)
            draft = attempt
            number += 1
            decided = False
        draft.finish()
        return draft.block

    def _end(self, draft: Draft, number: int) -> Block:
        """The block of a draft that an edit did not simply leave to the stage of that number."""
        if draft.dropped:
            draft.block.end = Drop()
        elif draft.failure is not None:
            draft.block.end = Fail(draft.failure, number - 1)
        elif draft.halves is not None:
            condition, yes, no = draft.halves
            draft.block.end = Branch(condition, self._half(yes, number), self._half(no, number))
        else:
            assert draft.handed_to is not None
            draft.finish(_then(draft.handed_to, self._fused.follow(number)), told=False)
        return draft.block

    def _half(self, draft: Draft, number: int) -> Block:
        if draft.dropped or draft.failure or draft.halves or draft.handed_to:
            return self._end(draft, number)
        if number < len(self._fused.stages):
            if self._branches == 0:
                return self._leave(draft, number)
            self._branches -= 1
        return self._go(number, draft)

    def _leave(self, draft: Draft, number: int, *, decided: bool = False) -> Block:
        if number == self._start and decided == self._decided:
            label = self._fused.stages[number].label
            raise RuntimeError(f"{label} cannot decide what to do although all of the record is known")
        draft.finish(self._fused.enter(number, decided=decided).run, (number, decided))
        return draft.block


def _guards(shape: Shape) -> list[Callable[[Code], str]]:
    """Conditions under which a record is not of the shape, the schemas beside its sides being right."""
    record_class = shape.record_class
    found: list[Callable[[Code], str]] = [lambda code: f"type(r) is not {code.bind(record_class)}"]
    for name, (schema, kind) in (("key", shape.key), ("value", shape.value)):
        if kind is Kind.STRUCT:
            found.append(
                lambda code, n=name: (  # type: ignore[misc]  # the default holds the loop's name fast
                    f"type(z := r.{n}) is not {code.bind(Struct)} or z.schema is not r.{n}_schema"
                )
            )
        elif kind is Kind.MAP:
            found.append(lambda code, n=name: f"type(r.{n}) is not dict")  # type: ignore[misc]
        elif kind is Kind.OTHER:
            others = (Mapping, StructValue) if schema is None else StructValue
            found.append(
                lambda code, n=name, o=others: (  # type: ignore[misc]
                    # Asking an abstract class takes a while, and most of these are texts.
                    f"(z := r.{n}) is None or "
                    f"type(z) is not {code.bind(str)} and isinstance(z, {code.bind(o)})"
                )
            )
    return found
