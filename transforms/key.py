"""ValueToKey: a new key out of fields of the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.checks import no_duplicates, no_empty_items, non_empty_list
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.suggest import did_you_mean
from connectkit.transforms.paths import FieldPath, syntax_option

_PURPOSE = "making a key of the value's fields"


class ValueToKeyConfig(Config):
    """Which fields make the key."""

    fields: list[str] = option(
        doc="Fields of the value to make the key of.",
        check=[non_empty_list, no_empty_items, no_duplicates],
        importance=HIGH,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether an unset field is given its default.", importance=MEDIUM
    )
    field_syntax_version: str = syntax_option()

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            for field in self.fields:
                FieldPath.of(field, self.field_syntax_version)
        except ValueError as error:
            return {"fields": str(error)}
        return {}


class ValueToKey(EditTransform[ValueToKeyConfig]):
    """Replace the record key with a new key formed from a subset of fields in the record value."""

    java_names = ("org.apache.kafka.connect.transforms.ValueToKey",)
    reads: frozenset[SideName] = frozenset(("value",))

    def __init__(self, config: ValueToKeyConfig) -> None:
        super().__init__(config)
        self._paths = [FieldPath.of(field, config.field_syntax_version) for field in config.fields]

    def edit(self, draft: Draft) -> None:
        if draft.value.schema is None:
            self._from_map(draft, draft.value)
        else:
            self._from_struct(draft, draft.value)

    def _from_map(self, draft: Draft, value: Side) -> None:
        value.require_map(_PURPOSE)
        found: list[Var] = []
        for path in self._paths:
            if len(path.steps) == 1:
                found.append(value.get_item(path.steps[0], absent=self.missing_in_map))
            else:
                found.append(draft.call(path.read_map, value.peek()))
        names = [path.text for path in self._paths]

        def key(*values: Any) -> dict[str, Any]:
            return dict(zip(names, values))

        draft.key.put(None, draft.call(key, *found), Kind.MAP)

    def _from_struct(self, draft: Draft, value: Side) -> None:
        with_default = self.config.replace_null_with_default
        slots = value.read(_PURPOSE, with_defaults=with_default)
        schema = value.require_struct(_PURPOSE)
        builder = SchemaBuilder.struct()
        found: list[Var] = []
        for path in self._paths:
            field_schema = path.schema_in(schema)
            if field_schema is None:
                hint = did_you_mean(path.steps[0], [field.name for field in schema.fields])
                raise DataError(f"There is no field '{path.text}' in the value{hint}", path=path.where)
            builder.field(path.text, field_schema)
            if len(path.steps) == 1:
                field = schema.field(path.steps[0])
                assert field is not None
                found.append(slots[field.index])
            else:
                read = path.reader(with_default=with_default)
                found.append(draft.call(read, value.whole(), where=path.where))
        draft.key.write(builder.build(), found)
