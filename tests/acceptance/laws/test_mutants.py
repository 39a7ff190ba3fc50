"""Plugins with one bug each: the laws catch every one, and let their sound twins pass."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from connectkit.api import (
    Converter,
    RawHeaders,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    TopicPartition,
    Transform,
)
from connectkit.builder import SchemaBuilder
from connectkit.config import Config, option
from connectkit.errors import ConversionError
from connectkit.headers import Headers
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema, SchemaAndValue, Type
from connectkit.struct import Struct
from connectkit.testing import (
    BrokenLawError,
    ConverterLaws,
    SinkLaws,
    SourceLaws,
    TransformLaws,
    strategies,
)
from connectkit.testing.laws.base import Laws

# --- a sound converter: the schema's text before the value's ------------------------------------------

_PRIMITIVE: frozenset[strategies.Kind] = frozenset(("primitive",))
_SIMPLE = (Type.INT64, Type.FLOAT64, Type.BOOLEAN, Type.STRING)


class Sound(Converter[Config]):
    """Structs of simple fields as JSON, with their schema."""

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if value is None:
            return None
        if schema is None or schema.type is not Type.STRUCT or not isinstance(value, Struct):
            raise ConversionError("Only structs can be written")
        schema.validate(value)
        try:
            return json.dumps([self.text(topic, schema), [self.out(v) for v in value.values]]).encode()
        except (TypeError, ValueError) as exc:
            raise ConversionError("A value is none that JSON can hold") from exc

    def text(self, topic: str, schema: Schema) -> Any:
        fields = [[f.name, f.schema.type.value, f.schema.optional, f.schema.default] for f in schema.fields]
        return [schema.name, schema.optional, fields]

    def out(self, value: Any) -> Any:
        return value

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is None:
            return SchemaAndValue(None, None)
        try:
            (name, optional, fields), values = json.loads(data)
            builder = SchemaBuilder.struct().name(name)
            if optional:
                builder.optional()
            for field, kind, nullable, default in fields:
                inner = SchemaBuilder(Type(kind))
                if nullable:
                    inner.optional()
                if default is not None:
                    inner.default(default)
                builder.field(field, inner.build())
            schema = builder.build()
            made = Struct(schema)
            for field, item in zip(schema.fields, values, strict=True):
                made.put(field.name, self.back(field.schema, item))
            made.validate()
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            raise ConversionError("These bytes are no struct") from exc
        return SchemaAndValue(schema, made)

    def back(self, schema: Schema, item: Any) -> Any:
        return item


class LossyFloat(Sound):
    def out(self, value: Any) -> Any:
        return round(value, 6) if isinstance(value, float) and abs(value) < 1e300 else value


class SwappedNullAndDefault(Sound):
    def back(self, schema: Schema, item: Any) -> Any:
        return schema.default if item is None else item


class MutatedInput(Sound):
    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        data = super().from_connect_data(topic, schema, value, headers)
        if isinstance(value, Struct):
            value.values = [item.strip() if isinstance(item, str) else item for item in value.values]
        return data


class StaleSchemaCache(Sound):
    def __init__(self, config: Config, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._texts: dict[Any, Any] = {}

    def text(self, topic: str, schema: Schema) -> Any:
        return self._texts.setdefault((topic, schema.name), super().text(topic, schema))


class CrashOnEmptyBytes(Sound):
    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        if data is not None and data[0] == 0:
            raise ConversionError("These bytes are of another format")
        return super().to_connect_data(topic, data, headers)


class DroppedRawHeaders(Sound):
    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        if headers:
            headers.pop()
        return super().from_connect_data(topic, schema, value, headers)


def converter_laws(plugin: type[Converter[Any]]) -> type[Laws]:
    class Made(ConverterLaws):
        converter = plugin

        def supports(self, schema: Schema) -> bool:
            return (
                schema.type is Type.STRUCT
                and all(_is_simple(f.schema) for f in schema.fields)
                and _is_bare(schema)
            )

        def schemas(self) -> st.SearchStrategy[Schema]:
            simple = strategies.schemas(depth=0, kinds=_PRIMITIVE, types=_SIMPLE, attributes=False)
            fields = st.lists(
                st.tuples(strategies.identifiers(), simple), max_size=3, unique_by=lambda f: f[0]
            )
            return st.builds(_struct, fields, st.none() | strategies.identifiers())

    return Made


def _is_simple(schema: Schema) -> bool:
    return schema.type in _SIMPLE and schema.name is None and schema.doc is None


def _is_bare(schema: Schema) -> bool:
    return schema.version is None and schema.doc is None and not schema.parameters


def _struct(fields: list[tuple[str, Schema]], name: str | None) -> Schema:
    builder = SchemaBuilder.struct().name(name)
    for field, schema in fields:
        builder.field(field, schema)
    return builder.build()


# --- a sound transform --------------------------------------------------------------------------------


class Upper(Transform[Config]):
    """Texts, and texts in maps, in capitals."""

    def apply(self, record: Any) -> Any:
        if isinstance(record.value, str) and record.value_schema is None:
            return record.new_record(value=record.value.upper())
        if isinstance(record.value, dict):
            return record.new_record(value={k: _upper(v) for k, v in record.value.items()})
        return record


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class DroppedHeader(Upper):
    def apply(self, record: Any) -> Any:
        return super().apply(record).new_record(headers=Headers())


class MutatedMap(Upper):
    def apply(self, record: Any) -> Any:
        if isinstance(record.value, dict):
            for key in record.value:
                record.value[key] = _upper(record.value[key])
            return record
        return super().apply(record)


def transform_laws(plugin: type[Transform[Any]]) -> type[Laws]:
    class Made(TransformLaws):
        transform = plugin

    return Made


# --- a sound source and a sound sink --------------------------------------------------------------------


class FileConfig(Config):
    """Which file."""

    file: str = option(doc="The file.")


class LinesTask(SourceTask[FileConfig]):
    step = 1

    def start(self) -> None:
        stored = self.context.offset_reader.offset({"file": "f"})
        self.at = int(stored["line"]) if stored else 0

    def poll(self) -> list[SourceRecord] | None:
        lines = Path(self.config.file).read_text().splitlines()[self.at : self.at + 3]
        made = []
        for line in lines:
            self.at += 1
            offset = {"line": self.at + self.step - 1}
            made.append(SourceRecord({"file": "f"}, offset, "t", Schema.STRING, line))
        return made or None

    def stop(self) -> None: ...


class Lines(SourceConnector[FileConfig]):
    task_class = LinesTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{"file": self.config.file}]


class OffByOneTask(LinesTask):
    step = 0


class OffByOneOffset(Lines):
    task_class = OffByOneTask


def source_laws(plugin: type[SourceConnector[Any]]) -> type[Laws]:
    class Made(SourceLaws):
        connector = plugin

        def prepare(self, directory: Path) -> Mapping[str, str]:
            (directory / "f").write_text("".join(f"{n}\n" for n in range(10)))
            return {"file": str(directory / "f")}

    return Made


class AppendTask(SinkTask[FileConfig]):
    def start(self) -> None:
        self.held: list[str] = []

    def put(self, records: list[SinkRecord]) -> None:
        self.held += [str(record.value) for record in records]

    def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        with Path(self.config.file).open("a") as file:
            file.writelines(f"{line}\n" for line in self.held)
        self.held.clear()

    def close(self, partitions: Collection[TopicPartition]) -> None: ...
    def stop(self) -> None: ...


class Append(SinkConnector[FileConfig]):
    task_class = AppendTask

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{"file": self.config.file}]


class HastyTask(AppendTask):
    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        return offsets

    def stop(self) -> None:
        self.flush({})


class CommitBeforeFlush(Append):
    task_class = HastyTask


def sink_laws(plugin: type[SinkConnector[Any]]) -> type[Laws]:
    class Made(SinkLaws):
        connector = plugin

        def prepare(self, directory: Path) -> Mapping[str, str]:
            return {"file": str(directory / "f")}

        def written(self, directory: Path) -> Sequence[Any]:
            return (directory / "f").read_text().splitlines() if (directory / "f").exists() else []

    return Made


SOUND = [converter_laws(Sound), transform_laws(Upper), source_laws(Lines), sink_laws(Append)]
MUTANTS = [
    (converter_laws(LossyFloat), "round_trip"),
    (converter_laws(SwappedNullAndDefault), "null_is_not_the_default"),
    (converter_laws(MutatedInput), "input_is_untouched"),
    (converter_laws(StaleSchemaCache), "records_do_not_depend_on_each_other"),
    (converter_laws(DroppedRawHeaders), "input_is_untouched"),
    (converter_laws(CrashOnEmptyBytes), "noise_is_refused"),
    (transform_laws(DroppedHeader), "other_parts_are_kept"),
    (transform_laws(MutatedMap), "input_is_untouched"),
    (source_laws(OffByOneOffset), "every_offset_can_be_resumed_at"),
    (sink_laws(CommitBeforeFlush), "committed_records_are_written"),
]


@pytest.mark.parametrize("laws", SOUND, ids=lambda laws: getattr(laws, laws.plugin_attribute).__name__)
def test_a_sound_plugin_keeps_every_law(laws: type[Laws]) -> None:
    for name in laws.laws():
        getattr(laws(), f"test_{name}")()


@pytest.mark.parametrize(
    ("laws", "law"), MUTANTS, ids=[getattr(m, m.plugin_attribute).__name__ for m, _ in MUTANTS]
)
def test_a_mutant_breaks_the_law_that_is_about_its_bug(laws: type[Laws], law: str) -> None:
    assert laws.examples <= 200
    with pytest.raises(BrokenLawError, match="breaks a law"):
        getattr(laws(), f"test_{law}")()
