"""Java plugins that are not here under their own names, and ours that do the same under another.

A class that is registered under its Java name has no entry: the registry finds it. An entry counts only
where ours is installed. Configurations must be changed: the sentences say how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Equivalent(NamedTuple):
    """A plugin of ours, and what is to be done to use it."""

    name: str
    sentence: str


_HARRIS: Final = "com.github.jcustenborder.kafka.connect"

EQUIVALENTS: Final[Mapping[str, Equivalent]] = {
    f"{_HARRIS}.spooldir.SpoolDirCsvSourceConnector": Equivalent(
        "CsvSource", "it reads files as they come as well, its options have other names"
    ),
    f"{_HARRIS}.json.FromJson": Equivalent(
        "FromJson", "give the schema as Connect's own JSON (schema), or infer.schema=true"
    ),
    f"{_HARRIS}.transform.common.ToJSON": Equivalent("ToJson", "it has no options that must be given"),
    f"{_HARRIS}.transform.common.TopicNameToField": Equivalent(
        "InsertField", "write topic.field in place of field"
    ),
    f"{_HARRIS}.transform.common.ExtractNestedField": Equivalent(
        "ExtractField", "write the path as field, and field.syntax.version=V2"
    ),
    f"{_HARRIS}.transform.common.ChangeTopicCase": Equivalent(
        "Expression", "an expression sets the topic's name"
    ),
    f"{_HARRIS}.transform.common.PatternFilter": Equivalent(
        "Expression", "an expression says which records stay"
    ),
    "io.debezium.transforms.Filter": Equivalent(
        "Expression", "write the condition in place of the Groovy or JavaScript one"
    ),
    "io.debezium.transforms.ContentBasedRouter": Equivalent(
        "Route", "write a route for each case in place of the script"
    ),
    "io.debezium.converters.ByteArrayConverter": Equivalent(
        "ByteArrayConverter", "leave the delegate converter's options out"
    ),
    "io.debezium.converters.BinaryDataConverter": Equivalent(
        "ByteArrayConverter", "leave the delegate converter's options out"
    ),
    "io.confluent.connect.replicator.util.ByteArrayConverter": Equivalent(
        "ByteArrayConverter", "only the class's name changes"
    ),
    "io.apicurio.registry.utils.converter.AvroConverter": Equivalent(
        "AvroConverter", "let schema.registry.url be the registry's address for Confluent's clients (ccompat)"
    ),
    "com.blueapron.connect.protobuf.ProtobufConverter": Equivalent(
        "ProtobufConverter", "it takes schemas from a registry in place of a Java class"
    ),
}
