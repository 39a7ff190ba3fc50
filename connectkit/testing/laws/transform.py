"""What holds for every transform: what comes out is a good record, and what went in is untouched."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Literal

from hypothesis import assume
from hypothesis import strategies as st

from connectkit.api import Transform
from connectkit.errors import DataError
from connectkit.functions.transform import as_dict
from connectkit.headers import Headers
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.schema import Schema, SchemaAndValue, same_value
from connectkit.testing import strategies
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import describe, each, law, misfit
from connectkit.testing.laws.records import MANY, RecordLaws, reborn
from connectkit.typed.codec import TypeCodec

Part = Literal["topic", "kafka_partition", "key", "value", "timestamp", "headers"]

_REFUSED: Any = object()


class TransformLaws(RecordLaws):
    """Subclass it and name the ``transform`` (class, or name of an installed one) and its ``config``.

    What it does is declared: ``changes`` names the parts of a record that it may touch, ``tombstones``
    what becomes of a record whose value is null, ``idempotent`` that twice is as good as once,
    ``stateful`` that it remembers records. :meth:`records` makes records that suit it.
    """

    kind = "transform"
    plugin_attribute = "transform"
    plugin_bases = (Transform,)
    transform: ClassVar[type[Transform[Any]] | str | None] = None
    changes: ClassVar[Collection[Part] | None] = None
    """Left out, the value: or the key, of a transform that is named ``…$Key`` or made with that side."""
    tombstones: ClassVar[Literal["pass", "drop", "refuse", "change"]] = "pass"
    idempotent: ClassVar[bool] = False
    stateful: ClassVar[bool] = False

    def may_change(self) -> Collection[Part]:
        """The parts of a record that it may touch."""
        if self.changes is not None:
            return self.changes
        named = isinstance(self.transform, str) and self.transform.endswith("$Key")
        side: Part = "key" if named or self.extra.get("side") == "key" else "value"
        return (side,)

    def records(self) -> st.SearchStrategy[SourceRecord | SinkRecord]:
        """The records that go through: by default ordinary ones and any others, which it may refuse.

        Where a function is annotated with a class with fields, half of them hold what it takes.
        """
        typed: TypeCodec | None = getattr(self.plugin_class(), "taken", None)
        if typed is not None:
            fitting = st.builds(
                _pair_of, st.just(typed.schema), strategies.typed_values(typed.hint), st.booleans()
            )
            wanted = {"key" if "key" in self.may_change() else "value": fitting}
            return st.one_of(strategies.records(**wanted), strategies.ordinary_records())
        return super().records()

    def null_records(self) -> st.SearchStrategy[SourceRecord | SinkRecord]:
        """Records whose value is null, with and without a schema."""
        return st.builds(
            lambda record, bare: record.new_record(
                value=None, value_schema=None if bare or not _optional(record) else record.value_schema
            ),
            self.records(),
            st.booleans(),
        )

    # --- laws ------------------------------------------------------------------------------------

    @law("A record goes through, is dropped, or is refused with a DataError; nothing else", cases="records")
    def refuses_only_with_data_errors(self, case: SourceRecord | SinkRecord) -> None:
        for made in each(self._apply(self.make(), case, or_refused=[])):
            if type(made) is not type(case):
                self.broken(f"a {type(made).__name__} came out of a {type(case).__name__}", record=case)

    @law("Key, value and headers that come out fit their schemas", cases="records")
    def schemas_and_values_agree(self, case: SourceRecord | SinkRecord) -> None:
        assume(_fits(case))
        for made in each(self._apply(self.make(), case, or_refused=[])):
            told = _misfit_of(made)
            if told is not None:
                self.broken(told, record=case, made=made)

    @law("The record that goes in is untouched", cases="records")
    def input_is_untouched(self, case: SourceRecord | SinkRecord) -> None:
        before = code_of(case)
        transform = self.make()
        made = self._apply(transform, case, or_refused=[])
        if code_of(case) != before:
            self.broken("the record that went in was changed", before=before, after=case)
        for other in each(made):
            if other is not case and len(other.headers):
                other.headers.add("law", 1, None)
                if code_of(case) != before:
                    self.broken("what comes out shares its headers with what went in", record=before)

    @law("Parts of a record that the transform does not declare to change stay as they are", cases="records")
    def other_parts_are_kept(self, case: SourceRecord | SinkRecord) -> None:
        for made in each(self._apply(self.make(), case, or_refused=[])):
            for part, wanted, found in _parts(case, made):
                if part not in self.may_change() and not _same(wanted, found):
                    self.broken(f"its {part} was changed", record=case, made=made)
            if _origin(case) != _origin(made):
                self.broken("it no longer says where it was read", record=case, made=made)

    @law("A record without a value is treated as the transform declares", cases="null_records")
    def tombstones_are_treated_as_declared(self, case: SourceRecord | SinkRecord) -> None:
        made = self._apply(self.make(), case, or_refused=_REFUSED)
        if self.tombstones == "refuse":
            if made is not _REFUSED:
                self.broken("a record without a value was not refused", record=case)
        elif self.tombstones == "drop":
            if made is not None and made != []:
                self.broken("a record without a value was not dropped", record=case)
        elif self.tombstones == "pass":
            if made is _REFUSED:
                self.broken("a record without a value was refused", record=case)
            found = list(each(made))
            if len(found) != 1 or found[0].value is not None:
                self.broken("a record without a value did not come out as one", record=case)

    @law("Twice is as good as once", cases="records", when=lambda laws: laws.idempotent)
    def twice_is_as_once(self, case: SourceRecord | SinkRecord) -> None:
        for once in each(self._apply(self.make(), case, or_refused=[])):
            twice = list(each(self._apply(self.make(), once, or_refused=[])))
            if len(twice) != 1 or twice[0] != once:
                self.broken("the second time something else came out", record=case, once=once, twice=twice)

    @law("Records come out with the schemas that output_schemas() tells before", cases="records")
    def schemas_are_as_told(self, case: SourceRecord | SinkRecord) -> None:
        assume(case.value is not None)
        transform = self.make()
        made = self._apply(transform, case, or_refused=_REFUSED)
        try:
            told = transform.output_schemas(case.key_schema, case.value_schema)
        except DataError:
            if made is not _REFUSED and made is not None:
                self.broken("output_schemas() says that no such record can pass", record=case, made=made)
            return
        if told is None or made is _REFUSED:
            return
        for other in each(made):
            if other.value is None or (case.key is None) != (other.key is None):
                continue
            pair = (other.key_schema, other.value_schema)
            if pair not in told:
                self.broken(
                    "it came out with schemas that were not told", record=case, made=pair, told=list(told)
                )

    @law(
        "What becomes of a record does not depend on the records before it",
        cases="sequences",
        when=lambda laws: not laws.stateful,
    )
    def records_do_not_depend_on_each_other(self, case: list[SourceRecord | SinkRecord]) -> None:
        shared = self.make()
        for record in case + case:
            found = self._apply(shared, record, or_refused=_REFUSED)
            alone = self._apply(self.make(), record, or_refused=_REFUSED)
            if not _equal(found, alone):
                self.broken("a fresh transform makes something else of it", record=record, sequence=case)
        alone = self._apply(self.make(), case[-1], or_refused=_REFUSED)
        for count in range(MANY):
            if not _equal(self._apply(shared, case[-1], or_refused=_REFUSED), alone):
                self.broken(f"after {count + 2 * len(case)} records it makes something else", record=case[-1])

    @law(
        "Schemas that are alike are not taken for one another",
        cases="alike",
        when=lambda laws: not laws.stateful,
    )
    def schemas_are_told_apart(self, case: list[SourceRecord | SinkRecord]) -> None:
        shared = self.make()
        alone = [self._apply(self.make(), record, or_refused=_REFUSED) for record in case]
        for record, wanted in zip(case, alone, strict=True):
            if not _equal(self._apply(shared, record, or_refused=_REFUSED), wanted):
                self.broken("a fresh transform makes something else of it", record=record, sequence=case)
        self._not_by_place(case, alone[-1])

    def _not_by_place(self, case: list[SourceRecord | SinkRecord], wanted: Any) -> None:
        """Let a schema go, and another one come to the place in memory where it was."""
        first, last = case[0].value_schema, case[-1].value_schema
        if first is None or last is None or first == last:
            return
        transform = self.make()
        other = reborn(case[0], case[-1], lambda record: self._apply(transform, record, or_refused=_REFUSED))
        if other is not None and not _equal(self._apply(transform, other, or_refused=_REFUSED), wanted):
            self.broken("it makes of it what it made of a schema that is gone", sequence=case)

    @law(
        "After rewind() the records since mark() are treated as if they came for the first time",
        cases="sequences",
    )
    def a_batch_can_be_replayed(self, case: list[SourceRecord | SinkRecord]) -> None:
        transform = self.make()
        transform.mark()
        first = [self._apply(transform, record, or_refused=_REFUSED) for record in case]
        transform.rewind()
        second = [self._apply(transform, record, or_refused=_REFUSED) for record in case]
        for record, a, b in zip(case, first, second, strict=True):
            if (a is _REFUSED) != (b is _REFUSED) or (
                a is not _REFUSED and [code_of(r) for r in each(a)] != [code_of(r) for r in each(b)]
            ):
                self.broken("replayed, something else came out", record=record, sequence=case)

    @law("close() lets go of everything, also the second time")
    def closing_twice_is_fine(self) -> None:
        transform = self.make()
        transform.close()
        transform.close()

    # --- inside ------------------------------------------------------------------------------------

    def _apply(self, transform: Transform[Any], record: SourceRecord | SinkRecord, *, or_refused: Any) -> Any:
        try:
            return transform.apply(record)
        except DataError:
            return or_refused
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", record=record)


def _pair_of(schema: Schema, value: Any, bare: bool) -> SchemaAndValue:
    """A struct with its schema, or as a map without one."""
    return SchemaAndValue(None, as_dict(value)) if bare else SchemaAndValue(schema, value)


def _equal(found: Any, wanted: Any) -> bool:
    """Whether two answers of a transform are the same."""
    if found is _REFUSED or wanted is _REFUSED:
        return found is wanted
    return list(each(found)) == list(each(wanted))


def _optional(record: ConnectRecord) -> bool:
    return record.value_schema is not None and record.value_schema.optional


def _misfit_of(record: ConnectRecord) -> str | None:
    """What of a record does not fit its schema."""
    sides = (("key", record.key_schema, record.key), ("value", record.value_schema, record.value))
    named = [(what, schema, value) for what, schema, value in sides]
    named += [(f"header {h.key!r}", h.schema, h.value) for h in record.headers]
    for what, schema, value in named:
        if schema is None:
            continue
        if value is None and (schema.default is not None or what == "value"):
            continue
        told = misfit(schema, value)
        if told is not None:
            return f"the {what} does not fit its schema ({told})"
    return None


def _fits(record: ConnectRecord) -> bool:
    return _misfit_of(record) is None


def _parts(record: ConnectRecord, made: ConnectRecord) -> list[tuple[str, Any, Any]]:
    return [
        ("topic", record.topic, made.topic),
        ("kafka_partition", record.kafka_partition, made.kafka_partition),
        ("timestamp", record.timestamp, made.timestamp),
        ("key", (record.key_schema, record.key), (made.key_schema, made.key)),
        ("value", (record.value_schema, record.value), (made.value_schema, made.value)),
        ("headers", record.headers, made.headers),
    ]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Headers):
        return list(a) == list(b)
    return same_value(a, b)


def _origin(record: ConnectRecord) -> Any:
    """Where a record was read."""
    if isinstance(record, SourceRecord):
        return dict(record.source_partition or {}), dict(record.source_offset or {})
    assert isinstance(record, SinkRecord)
    return record.original_topic, record.original_kafka_partition, record.original_kafka_offset
