"""What laws of transforms and predicates share: how one is made, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st

from connectkit.plugin import PluginKind, plugins
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import SchemaAndValue
from connectkit.struct import Struct
from connectkit.testing import strategies
from connectkit.testing.laws import pairs
from connectkit.testing.laws.base import Laws

MANY = 64
"""How often a record is given again, for what counts."""


class RecordLaws(Laws):
    """Base of the laws of what is given records; ``kind`` says where a plugin is found by its name."""

    kind: ClassVar[PluginKind]
    extra: ClassVar[Mapping[str, Any]] = {}
    """Further arguments of the class, such as ``{"side": "key"}``."""

    def _chosen(self) -> Any:
        return getattr(self, self.plugin_attribute)

    def plugin_class(self) -> type[Any]:
        chosen = self._chosen()
        return plugins.find(self.kind, chosen).cls if isinstance(chosen, str) else chosen

    def make(self) -> Any:
        """A new one of the plugin."""
        chosen = self._chosen()
        if isinstance(chosen, str):
            return plugins.create(self.kind, chosen, dict(self.configuration()))
        return chosen(chosen.config_type.parse(dict(self.configuration())), **self.extra)

    def records(self) -> st.SearchStrategy[SourceRecord | SinkRecord]:
        """The records that it is given: by default ordinary ones and any others, which it may refuse."""
        bare = strategies.bare_pairs()
        # As often as the four ways of the others, so that every other one is of those; each an object of
        # its own, as Hypothesis takes one that comes twice for one.
        often = [strategies.ordinary_records() for _ in range(4)]
        return st.one_of(*often, strategies.records(), strategies.records(key=bare, value=bare))

    def sequences(self) -> st.SearchStrategy[list[SourceRecord | SinkRecord]]:
        return st.lists(self.records(), min_size=2, max_size=4)

    def alike(self) -> st.SearchStrategy[list[SourceRecord | SinkRecord]]:
        """Two records: structs whose schemas differ in one thing, if the first one holds a struct."""
        return _alike(self.records())


@st.composite
def _alike(
    draw: st.DrawFn, records: st.SearchStrategy[SourceRecord | SinkRecord]
) -> list[SourceRecord | SinkRecord]:
    record = draw(records)
    first = record.value_schema
    if first is None or not isinstance(record.value, Struct):
        return [record, draw(records)]
    _, schema = draw(strategies.siblings(st.just(first)))
    value = draw(strategies.values(schema))
    return [record, record.new_record(value_schema=schema, value=value)]


def reborn(first: Any, last: Any, use: Callable[[Any], Any]) -> Any:
    """The last record with its value's schema where the first one's was (:func:`pairs.reborn`), or None."""
    found = pairs.reborn(
        SchemaAndValue(first.value_schema, first.value),
        SchemaAndValue(last.value_schema, last.value),
        lambda pair: use(first.new_record(value_schema=pair.schema, value=pair.value)),
    )
    return None if found is None else last.new_record(value_schema=found.schema, value=found.value)
