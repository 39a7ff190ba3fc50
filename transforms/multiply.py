"""Several records out of one: what Explode and Split have in common.

A :class:`Multiplier` finds the part of a value that is to be taken apart, and makes a record of each
piece. What depends on the schema alone is done once a schema (:mod:`~connectkit.transforms.pieces`).
Every record that is made has the key, the headers, the topic, partition, timestamp and place of the one
it comes from; nothing of that one is changed, and what the pieces have in common they share. The worker
stores the offset only when all of them are delivered. Used by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectkit.api import R
from connectkit.checks import at_least, non_empty_string
from connectkit.compile import PerSchema
from connectkit.config import HIGH, LOW, Config, option
from connectkit.record import SchemaPair
from connectkit.schema import Schema, StructValue
from connectkit.transforms.paths import FieldPath
from connectkit.transforms.pieces import Plan, map_plan, struct_plan
from connectkit.transforms.taking import Taking


class MultiplyConfig(Config):
    """Where the pieces are, and what the records made of them hold."""

    path: str | None = option(
        None,
        doc="What to take apart: a field of the value, or a path to a nested one (order.items; backticks "
        "around a name that holds dots). With rest=drop the path may pick elements and have wildcards "
        "(orders[*].items[*]). Unset, it is the whole value.",
        check=non_empty_string,
        importance=HIGH,
    )
    rest: Literal["keep", "drop"] = option(
        "keep",
        doc="keep: each record is the whole value, with one piece in the place of all of them. drop, and "
        "always without a path: each record is a piece alone; null pieces are left out then, since they "
        "would be tombstones.",
        importance=HIGH,
    )
    index_field: str | None = option(
        None,
        doc="A field to add to each record for the number of its piece, from 0.",
        check=non_empty_string,
    )
    index_header: str | None = option(
        None,
        doc="A header to set in each record to the number of its piece, from 0. All records that come of one "
        "share its topic, partition and offset, so a sink that tells records apart by these needs it.",
        check=non_empty_string,
    )
    on_empty: Literal["drop", "keep"] = option(
        "drop",
        doc="What becomes of a record in which there is nothing to take apart, because it is null or empty. "
        "drop: the record is dropped. keep: it goes on with null in the place (needs rest=keep).",
    )
    on_missing: Literal["fail", "warn", "ignore"] = option(
        "fail",
        doc="What becomes of a record that does not have the field. fail: it is an error. warn, ignore: as "
        "if the field were null; warn tells of it once.",
    )
    max_records: int = option(
        10_000,
        doc="The most records that one may become; what would become more is an error.",
        check=at_least(1),
        importance=LOW,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str] = {}
        try:
            path = None if self.path is None else FieldPath.of(self.path)
        except ValueError as error:
            return {"path": str(error)}
        if path is not None and not all(step.name for step in path.steps):
            found["path"] = "has an empty step (look for a dot too many)"
        if path is not None and self.rest == "keep" and any(step.picks for step in path.steps):
            found["path"] = "can pick elements or have wildcards only with rest=drop"
        if self.on_empty == "keep" and (self.rest == "drop" or self.path is None):
            found["on.empty"] = (
                "can be keep only with a path and rest=keep: anything else would make tombstones"
            )
        return found


class Multiplier:
    """Takes values apart. ``schema_of`` and ``pieces_of`` say how; they raise ``DataError``.

    ``schema_of(schema)`` is the schema of a piece of what has that schema. ``pieces_of(value)`` are the
    pieces of a value that is not null. ``label()`` names the transform in messages.
    """

    def __init__(
        self,
        config: MultiplyConfig,
        *,
        schema_of: Callable[[Schema], Schema],
        pieces_of: Callable[[Any], Sequence[Any]],
        label: Callable[[], str],
    ) -> None:
        self._header = config.index_header
        self._taking = Taking(
            None if config.path is None else FieldPath.of(config.path),
            keeps_rest=config.rest == "keep",
            keeps_empty=config.on_empty == "keep",
            index_field=config.index_field,
            max_pieces=config.max_records,
            on_missing=config.on_missing,
            schema_of=schema_of,
            pieces_of=pieces_of,
            label=label,
        )
        self._plans: PerSchema[Plan] = PerSchema(self._plan)

    def apply(self, record: R) -> list[R] | R:
        """The records that come of one; a tombstone stays as it is."""
        value = record.value
        if value is None:
            return record
        plan = self._plans[value.schema if isinstance(value, StructValue) else record.value_schema]
        schema, header = plan.schema, self._header
        made: list[R] = []
        for each, number in plan.take(value):
            child = record.new_record(value_schema=schema, value=each)
            if header is not None and number is not None:
                child.headers.remove(header).add_int(header, number)
            made.append(child)
        return made

    def output_schemas(self, key_schema: Schema | None, value_schema: Schema | None) -> set[SchemaPair]:
        """As :meth:`connectkit.api.Transform.output_schemas`."""
        return {(key_schema, self._plans[value_schema].schema)}

    def _plan(self, schema: Schema | None) -> Plan:
        return map_plan(self._taking) if schema is None else struct_plan(self._taking, schema)
