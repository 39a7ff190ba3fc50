"""What holds for every predicate: a yes or a no, from the record alone."""

from __future__ import annotations

from typing import Any, ClassVar

from connectkit.api import Predicate
from connectkit.errors import DataError
from connectkit.record import SinkRecord, SourceRecord
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import describe, law
from connectkit.testing.laws.records import MANY, RecordLaws


class PredicateLaws(RecordLaws):
    """Subclass it and name the ``predicate`` (class, or name of an installed one) and its ``config``."""

    kind = "predicate"
    plugin_attribute = "predicate"
    plugin_bases = (Predicate,)
    predicate: ClassVar[type[Predicate[Any]] | str | None] = None

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

    def _ask(self, predicate: Predicate[Any], record: SourceRecord | SinkRecord) -> Any:
        try:
            return predicate.test(record)
        except DataError:
            return None
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", record=record)
