"""FromJson: JSON texts become what they say, with a declared schema, an inferred or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from connectkit.checks import at_least, no_duplicates, no_empty_items
from connectkit.config import HIGH, LOW, MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import ConfigError, DataError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.plugin import plugins
from connectkit.program import Var
from connectkit.schema import Schema, Type
from connectkit.struct import Struct
from connectkit.transforms.base import copy_of, optional_form
from connectkit.transforms.json_infer import Inference, load
from connectkit.transforms.json_read import Remaker, data_of, decoded, loaded
from connectkit.transforms.json_typed import typed_reader

_FAILED: Any = type("Failed", (), {"__slots__": ()})()
"""Stands for what could not be read, where such records are dropped."""


class FromJsonConfig(Config):
    """Where the JSON is, what schema it gets, and what becomes of texts that are none."""

    fields: list[str] = option(
        [],
        doc="The fields to read as JSON; without any, the whole key or value.",
        check=[no_empty_items, no_duplicates],
        importance=HIGH,
    )
    schema: str | None = option(
        None,
        doc="The schema of what the texts say, as JSON in Connect's own form, such as "
        '{"type":"struct","fields":[{"field":"id","type":"int64"}]}.',
        importance=HIGH,
    )
    infer_schema: bool = option(
        False,
        doc="Whether a schema is made from what each text says: objects become structs, and everything is "
        "optional. Without this and without schema, what is read has no schema.",
        importance=HIGH,
    )
    replace_null_with_default: bool = option(
        True, doc="Whether a null takes the default of the declared schema.", importance=MEDIUM
    )
    on_error: Literal["fail", "null", "drop"] = option(
        "fail",
        doc="What to do with a text that is no JSON or does not fit the schema. fail: it is an error of the "
        "record. null: null takes its place, with one warning. drop: the record is dropped, with one too.",
        importance=MEDIUM,
    )
    max_bytes: int = option(
        DEFAULT_LIMITS.value_bytes,
        doc="The longest text to read, in bytes of UTF-8.",
        check=at_least(1),
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option("warn, and leave the record as it is")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.schema is None:
            return {}
        if self.infer_schema:
            return {"infer.schema": "must not be true together with a schema"}
        try:
            read_schema(self.schema)
        except ConfigError as error:
            return {"schema": next((said for each in error.problems.values() for said in each), str(error))}
        return {}


def read_schema(text: str) -> Schema:
    """A schema out of its JSON; ``ConfigError`` says what is wrong with it."""
    # The worker's own converter for JSON knows the form.
    options = {"schemas.enable": "true", "schema.content": text}
    found: Schema | None = plugins.create("converter", "JsonConverter", options).content_schema
    if found is None:
        raise ConfigError("must be a schema in JSON, not null")
    return found


class _Declared(NamedTuple):
    """The declared schema, and what reads a text by it."""

    schema: Schema
    read: Callable[[bytes], Any]

    @classmethod
    def of(cls, config: FromJsonConfig, *, optional: bool) -> _Declared:
        assert config.schema is not None
        schema = read_schema(config.schema)
        if optional:
            schema = optional_form(schema)
        typed = typed_reader(schema, replace_null=config.replace_null_with_default)
        return cls(schema, lambda data: typed(load(decoded(data), exact=True)))


class FromJson(SideTransform[FromJsonConfig]):
    """Replace JSON texts by what they say: fields, or the whole key or value.

    The texts are strings or bytes. A null stays null. A field of a struct needs a schema, declared or
    inferred; one declared for a field that may be null becomes optional. An inferred schema is each
    record's own.
    """

    purpose = "reading JSON"

    def __init__(self, config: FromJsonConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._declared: dict[bool, _Declared] = {}
        self._inference = Inference()

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if not self.config.fields:
            self._edit_whole(draft, side)
        elif side.schema is None:
            self._edit_map(draft, side)
        else:
            self._edit_struct(draft, side)

    # --- the whole

    def _edit_whole(self, draft: Draft, side: Side) -> None:
        schema = side.schema
        if schema is not None:
            _require_text(schema, f"The {self.side}", "$")
        if self.config.infer_schema:
            draft, side, (pair,) = self._read(draft, side, {"$": (side.whole(), self._infer)})
            side.put_dynamic(draft.call(itemgetter(0), pair), draft.call(itemgetter(1), pair))
        elif self.config.schema is not None:
            declared = self._of(optional=self._may_be_null(schema))
            draft, side, (var,) = self._read(draft, side, {"$": (side.whole(), declared.read)})
            side.put(declared.schema, var)
        else:
            draft, side, (var,) = self._read(draft, side, {"$": (side.whole(), loaded)})
            side.put(None, var)

    # --- fields

    def _edit_map(self, draft: Draft, side: Side) -> None:
        side.require_map(self.purpose)
        if self.config.schema is not None or self.config.infer_schema:
            raise DataError(
                f"The {self.side} is a map without a schema, so its fields cannot have one; leave schema and "
                "infer.schema out for it"
            )
        found = {
            f"$.{name}": (side.get_item(name, absent=self.missing_in_map), loaded)
            for name in self.config.fields
        }
        draft, side, read = self._read(draft, side, found)
        for name, var in zip(self.config.fields, read, strict=True):
            # What is null now was null or missing before, unless on.error=null has made it so.
            side.set_item(name, var, unless_none=self.config.on_error != "null")

    def _edit_struct(self, draft: Draft, side: Side) -> None:
        schema = side.require_struct(self.purpose)
        self.tell_missing(self.config.fields, schema)
        fields = [field for field in schema.fields if field.name in self.config.fields]
        if not fields:
            return
        for field in fields:
            _require_text(field.schema, "The field", f"$.{field.name}")
        slots = side.read(self.purpose, with_defaults=True)
        if self.config.infer_schema:
            read = {f"$.{field.name}": (slots[field.index], self._infer) for field in fields}
            draft, side, pairs = self._read(draft, side, read)
            make = Remaker(schema, [field.index for field in fields]).make
            made = draft.call(make, *side.read(self.purpose, with_defaults=False), *pairs)
            side.put_dynamic(draft.call(_schema_of, made), made)
            return
        if self.config.schema is None:
            raise DataError(
                "A field of a struct needs a schema; declare one with schema, or set infer.schema=true"
            )
        builder = copy_of(schema, fields=False)
        if schema.optional:
            builder.optional()
        texts: dict[str, tuple[Var, Callable[[bytes], Any]]] = {}
        for field in schema.fields:
            if field.name not in self.config.fields:
                builder.field(field.name, field.schema)
                continue
            declared = self._of(optional=self._may_be_null(field.schema))
            builder.field(field.name, declared.schema)
            texts[f"$.{field.name}"] = slots[field.index], declared.read
        draft, side, found = self._read(draft, side, texts)
        slots = side.read(self.purpose, with_defaults=False)
        for field, var in zip(fields, found, strict=True):
            slots[field.index] = var
        side.write(builder.build(), slots)

    # --- reading

    def _read(
        self, draft: Draft, side: Side, texts: Mapping[str, tuple[Var, Callable[[bytes], Any]]]
    ) -> tuple[Draft, Side, list[Var]]:
        """What the texts at these paths say, and the draft to go on with.

        It is another where records are dropped.
        """
        found = [
            draft.call(self._reader(read, where), var, where=where) for where, (var, read) in texts.items()
        ]
        if self.config.on_error != "drop":
            return draft, side, found
        good, bad = draft.split(draft.call(_all_read, *found))
        bad.drop()
        return good, good.side(self.side), found

    def _reader(self, read: Callable[[bytes], Any], where: str) -> Callable[[Any], Any]:
        """From a text or null to what it says, errors handled as ``on.error`` asks."""
        most = self.config.max_bytes
        policy = self.config.on_error
        nothing: Any = (None, None) if self.config.infer_schema else None

        def from_text(value: Any) -> Any:
            if value is None:
                return nothing
            try:
                return read(data_of(value, most))
            except DataError as error:
                if policy == "fail":
                    inner = (error.path or "$").removeprefix("$")
                    raise type(error)(str(error), path=f"{where}{inner}") from error
                does = "is dropped" if policy == "drop" else "gets a null in its place"
                self.warn_once(f"error {where}", "the text at %s cannot be read; its record %s", where, does)
                return _FAILED if policy == "drop" else nothing

        return from_text

    def _infer(self, data: bytes) -> tuple[Schema | None, Any]:
        return self._inference.infer(loaded(data))

    def _may_be_null(self, source: Schema | None) -> bool:
        return self.config.on_error == "null" or (source is not None and source.optional)

    def _of(self, *, optional: bool) -> _Declared:
        if optional not in self._declared:
            self._declared[optional] = _Declared.of(self.config, optional=optional)
        return self._declared[optional]


def _all_read(*values: Any) -> bool:
    return all(value is not _FAILED for value in values)


def _schema_of(struct: Struct) -> Schema:
    return struct.schema


def _require_text(schema: Schema, what: str, where: str) -> None:
    if schema.type not in (Type.STRING, Type.BYTES):
        raise DataError(f"{what} is of type {schema.type.value}, and JSON is read from strings", path=where)
