"""What holds for every predicate: a yes or a no, from the record alone."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

from connectkit.api import Predicate
from connectkit.errors import DataError
from connectkit.record import SinkRecord, SourceRecord
from connectkit.testing import strategies
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import describe, law
from connectkit.testing.laws.records import MANY, RecordLaws, reborn


class PredicateLaws(RecordLaws):
    """Subclass it and name the ``predicate`` (class, or name of an installed one) and its ``config``."""

    kind = "predicate"
    plugin_attribute = "predicate"
    plugin_bases = (Predicate,)
    predicate: ClassVar[type[Predicate[Any]] | str | None] = None

    def alike(self) -> st.SearchStrategy[list[SourceRecord | SinkRecord]]:
        """Two records: of schemas that differ in one thing, or of any, as few answers hang on one thing."""
        return super().alike() | st.lists(strategies.ordinary_records(), min_size=2, max_size=2)

    @law("A predicate answers True or False, or refuses the record with a DataError", cases="records")
    def answers_yes_or_no(self, case: SourceRecord | SinkRecord) -> None:
        found = self._ask(self.make(), case)
        if found is not None and not isinstance(found, bool):
            self.broken(f"it answers with a value of class {type(found).__name__}", record=case)

    @law("A predicate changes nothing in the record", cases="records")
    def input_is_untouched(self, case: SourceRecord | SinkRecord) -> None:
        before = code_of(case)
        self._ask(self.make(), case)
        if code_of(case) != before:
            self.broken("the record was changed", before=before, after=case)

    @law("The answer depends on the record alone, not on those before it", cases="sequences")
    def answers_do_not_depend_on_each_other(self, case: list[SourceRecord | SinkRecord]) -> None:
        shared = self.make()
        for record in case + case:
            alone = self._ask(self.make(), record)
            if self._ask(shared, record) != alone:
                self.broken("a fresh predicate answers otherwise", record=record, sequence=case)
        alone = self._ask(self.make(), case[-1])
        for count in range(MANY):
            if self._ask(shared, case[-1]) != alone:
                self.broken(f"after {count + 2 * len(case)} records it answers otherwise", record=case[-1])

    @law("Schemas that are alike are not taken for one another", cases="alike")
    def schemas_are_told_apart(self, case: list[SourceRecord | SinkRecord]) -> None:
        shared = self.make()
        first, last = case
        for record in case:
            if self._ask(shared, record) != self._ask(self.make(), record):
                self.broken("a fresh predicate answers otherwise", record=record, sequence=case)
        if first.value_schema is None or last.value_schema is None or first.value_schema == last.value_schema:
            return
        shared = self.make()
        other = reborn(first, last, lambda record: self._ask(shared, record))
        if other is not None and self._ask(shared, other) != self._ask(self.make(), last):
            self.broken("it answers as for a schema that is gone", sequence=case)

    def _ask(self, predicate: Predicate[Any], record: SourceRecord | SinkRecord) -> Any:
        try:
            return predicate.test(record)
        except DataError:
            return None
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", record=record)
