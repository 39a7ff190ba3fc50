"""What holds for every predicate: a yes or a no, from the record alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st

from connectkit.api import Predicate
from connectkit.errors import DataError
from connectkit.plugin import plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.testing import strategies
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import Laws, describe, law

_MANY = 64
"""How often a record is tested again, for what counts."""


class PredicateLaws(Laws):
    """Subclass it and name the ``predicate`` (class, or name of an installed one) and its ``config``."""

    plugin_attribute = "predicate"
    plugin_bases = (Predicate,)
    predicate: ClassVar[type[Predicate[Any]] | str | None] = None
    extra: ClassVar[Mapping[str, Any]] = {}
    """Further arguments of the class."""

    def plugin_class(self) -> type[Any]:
        chosen: Any = self.predicate
        return plugins.find("predicate", chosen).cls if isinstance(chosen, str) else chosen

    def make(self) -> Predicate[Any]:
        """A new predicate."""
        chosen: Any = self.predicate
        made: Predicate[Any]
        if isinstance(chosen, str):
            made = plugins.create("predicate", chosen, dict(self.configuration()))
        else:
            made = chosen(chosen.config_type.parse(dict(self.configuration())), **self.extra)
        return made

    def records(self) -> st.SearchStrategy[SourceRecord | SinkRecord]:
        """The records that are tested."""
        # Twice, so that every other one is of those.
        often = strategies.ordinary_records(), strategies.ordinary_records()
        return st.one_of(*often, strategies.records())

    def sequences(self) -> st.SearchStrategy[list[SourceRecord | SinkRecord]]:
        return st.lists(self.records(), min_size=2, max_size=4)

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
        for count in range(_MANY):
            if self._ask(shared, case[-1]) != alone:
                self.broken(f"after {count + 2 * len(case)} records it answers otherwise", record=case[-1])

    def _ask(self, predicate: Predicate[Any], record: SourceRecord | SinkRecord) -> Any:
        try:
            return predicate.test(record)
        except DataError:
            return None
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", record=record)
