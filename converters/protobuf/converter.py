"""ProtobufConverter: Connect data as Protobuf with a schema registry, as Confluent's writes it.

Source: spec registry 1, 3 (``io.confluent.connect.protobuf.ProtobufConverter``).
"""

from __future__ import annotations

from connectkit.api import SchemaCheck
from connectkit.compile import PerSchema
from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.contract import ProtobufNative
from connectkit.converters.protobuf.decode import compile_decoder
from connectkit.converters.protobuf.encode import compile_encoder
from connectkit.converters.protobuf.formats import registered_text
from connectkit.converters.protobuf.from_proto import from_proto
from connectkit.converters.protobuf.linked import LinkedFile, link
from connectkit.converters.protobuf.options import WRAPPER_OF
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.references import linked, references_of
from connectkit.converters.protobuf.to_proto import to_proto
from connectkit.converters.registry.converter import Reading, RegistryConverter, Writing
from connectkit.converters.registry.port import Registered, SchemaText
from connectkit.converters.registry.rules.stages import Checks, Reader
from connectkit.converters.registry.wire import Frame
from connectkit.errors import ConversionError
from connectkit.schema import Schema


class ProtobufConverter(RegistryConverter[ProtobufConfig]):
    """Protobuf with its schemas in a registry, where new ones are registered by themselves.

    The first record of a schema asks the registry; those after it ask nobody. Null is a null message.
    """

    kind = "PROTOBUF"
    java_names = ("io.confluent.connect.protobuf.ProtobufConverter",)
    has_indexes = True

    def __init__(self, config: ProtobufConfig, *, is_key: bool = False) -> None:
        super().__init__(config, is_key=is_key)
        self._options = config.options
        self._checked = PerSchema(self._check, size=self._size)

    def _is_null(self, schema: Schema | None) -> bool:
        """A null is a null message; but a schema that no value could be written with is refused as ever."""
        if schema is not None and schema.type not in WRAPPER_OF:
            _ = self._checked[schema]
        return True

    def _make_writing(self, topic: str, schema: Schema | None, given: SchemaText | None) -> Writing:
        if schema is None:
            raise ConversionError("A value without a schema cannot be written as Protobuf, which needs one")
        made = to_proto(schema, self._options)
        own = link(made.file)
        references = references_of(self._serde.client, self.config, made.file)
        text = SchemaText(registered_text(made.file, self.config.schema_format), "PROTOBUF", references)
        chosen = self._serde.choose(topic, given or text, lambda: made.message)
        is_own = given is None and chosen.is_own and chosen.registered.schema.text == text.text
        target = own if is_own else linked(self._serde.client, chosen.registered.schema)
        indexes = target.indexes(made.message)
        encode = compile_encoder(target.at(indexes), schema, self._options)
        found = chosen.registered
        name = target.at(indexes).full_name
        ruled = self._ruled_writing(
            topic, found, encode, lambda: self._native(found.schema, name), lambda: made.message
        )
        header = self._serde.header(chosen.registered, indexes) if self._serde.in_header else None
        return Writing(ruled, self._serde.prefix(chosen.registered, indexes), header)

    def _check(self, schema: Schema) -> LinkedFile:
        return link(to_proto(schema, self._options).file)

    def _make_reading(self, topic: str, frame: Frame) -> tuple[Reading, Registered]:
        files: dict[SchemaText, LinkedFile] = {}

        def file_of(schema: SchemaText) -> LinkedFile:
            found = files.get(schema)
            if found is None:
                found = files[schema] = linked(self._serde.client, schema)
            return found

        def name_of(schema: SchemaText) -> str:
            return file_of(schema).at(frame.indexes).full_name

        writer = self._serde.writer(topic, frame, lambda found: name_of(found.schema))
        wrote = file_of(writer.schema)
        message = wrote.at(frame.indexes)
        wrote_name = message.full_name
        reader = self._serde.reader(topic, writer, lambda: message.full_name)
        if reader is not writer:
            reads = file_of(reader.schema)
            message = reads.at(reads.indexes(message.full_name))
        schema = from_proto(message, self._options, version=reader.version)
        decode = compile_decoder(message, schema, self._options)
        way = Reader(
            decode,
            own=lambda: decode,
            guard=None,
            resolve=None,
            native=lambda each: self._native(
                each, wrote_name if each is writer.schema else message.full_name
            ),
            checks=Checks(),
        )
        ruled = self._ruled_reading(topic, writer, reader, way, lambda: message.full_name)
        return Reading(ruled, schema), writer

    def _native(self, schema: SchemaText, message: str) -> ProtobufNative:
        return ProtobufNative(schema.text, self._serde.texts_of(schema), message)

    # --- schemas by themselves

    def connect_schema(self, text: str) -> Schema | None:
        """The Connect schema of a .proto file's first message (:class:`connectkit.api.KeepsSchemas`)."""
        return self._first_message(SchemaText(text, "PROTOBUF"))[1]

    def check_schema(self, topic: str, new: str | Schema) -> SchemaCheck:
        """Compare a schema with those of the topic's subject (:class:`connectkit.api.KeepsSchemas`)."""
        text = new if isinstance(new, str) else to_text(to_proto(new, self._options).file)
        schema = SchemaText(text, "PROTOBUF")
        name = self._first_message(schema)[0]
        return self._serde.check(topic, schema, lambda: name, lambda each: self._first_message(each)[1])

    def _first_message(self, schema: SchemaText) -> tuple[str, Schema]:
        message = linked(self._serde.client, schema).at((0,))
        return message.full_name, from_proto(message, self._options)
