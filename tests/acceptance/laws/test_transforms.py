"""Every installed transform and predicate keeps the laws, in at least one configuration."""

from __future__ import annotations

from typing import Any

from connectkit.plugin import plugins
from connectkit.testing import PredicateLaws, TransformLaws

TOPIC = {"topic"}
ALL = {"topic", "kafka_partition", "key", "value", "timestamp", "headers"}

TRANSFORMS: dict[str, dict[str, Any]] = {
    "ByLogicalTableRouter": {
        "tombstones": "change",
        "config": {"topic.regex": "(.*)omers", "topic.replacement": "$1ers"},
        "changes": {"topic", "key"},
    },
    "BytesToString$Value": {"config": {"fields": "name"}},
    "CaseTransform": {"tombstones": "refuse", "config": {"field.names": "name", "case": "upper"}},
    "Cast$Value": {"config": {"spec": "id:string,amount:float32"}},
    "ConcatFields": {
        "tombstones": "refuse",
        "config": {"field.names": "name,email", "output.field.name": "both", "field.replace.missing": "-"},
    },
    "Drop$Value": {},
    "DropHeaders": {"config": {"headers": "trace"}, "changes": {"headers"}},
    "EventRouter": {"tombstones": "change", "changes": ALL},
    "Explode": {"config": {"path": "tags"}, "changes": {"value", "headers"}},
    "Expression": {"config": {"expression": "value.total = 1"}, "changes": ALL},
    "ExtractField$Value": {"tombstones": "change", "config": {"field": "name"}},
    "ExtractNewRecordState": {"tombstones": "drop", "changes": ALL},
    "ExtractTimestamp": {"tombstones": "refuse", "config": {"field.name": "id"}, "changes": {"timestamp"}},
    "ExtractTopic$Header": {"tombstones": "change", "config": {"field": "trace"}, "changes": TOPIC},
    "ExtractTopicFromSchemaName": {"tombstones": "change", "config": {}, "changes": TOPIC},
    "Filter": {"tombstones": "drop"},
    "FilterByFieldValue": {"config": {"field.name": "name", "field.value": "grace"}},
    "Flatten$Value": {},
    "FromJson$Value": {"config": {"fields": "name", "infer.schema": "true", "on.error": "null"}},
    "GzipDecompress$Value": {},
    "Hash$Value": {
        "tombstones": "refuse",
        "config": {"function": "sha256", "field.name": "name", "skip.missing.or.null": "true"},
    },
    "HeaderFrom$Value": {
        "tombstones": "refuse",
        "config": {"fields": "name", "headers": "name", "operation": "copy"},
        "changes": {"headers", "value"},
    },
    "HeaderToValue": {
        "config": {"fields": "trace", "headers": "trace", "operation": "copy"},
        "changes": {"headers", "value"},
    },
    "HoistField$Value": {"tombstones": "change", "config": {"field": "inner"}},
    "InsertField$Value": {
        "config": {"static.field": "source", "static.value": "here", "topic.field": "topic"}
    },
    "InsertHeader": {"config": {"header": "h", "value.literal": "1"}, "changes": {"headers"}},
    "KeyToValue": {"tombstones": "refuse", "config": {"key.fields": "id"}},
    "MakeTombstone": {},
    "MaskField$Value": {"tombstones": "refuse", "config": {"fields": "name,email"}, "idempotent": True},
    "MessageTimestampRouter": {
        "tombstones": "refuse",
        "config": {"message.timestamp.keys": "name"},
        "changes": TOPIC,
    },
    "Parse$Value": {"config": {"format": "json", "field": "name"}},
    "PartitionRouting": {
        "config": {"partition.payload.fields": "id", "partition.topic.num": "3"},
        "changes": {"kafka_partition"},
    },
    "RateLimit": {"config": {"rate": "1000000"}, "stateful": True},
    "Redact$Value": {"config": {"patterns": "email"}, "idempotent": True},
    "RegexRouter": {"config": {"regex": "(.*)s", "replacement": "$1"}, "changes": TOPIC},
    "ReplaceField$Value": {"config": {"exclude": "email", "renames": "name:called"}},
    "Route": {
        "config": {"routes": "g", "routes.g.when": "value.id > 5", "routes.g.topic": "graces"},
        "changes": TOPIC,
    },
    "Sample": {"config": {"rate": "0.5"}, "stateful": True},
    "SetSchemaMetadata$Value": {"config": {"schema.name": "n", "schema.version": "3"}},
    "Split": {"config": {"path": "name", "separator": " "}, "changes": {"value", "headers"}},
    "TimestampConverter$Value": {
        "tombstones": "change",
        "config": {"target.type": "Timestamp", "field": "id"},
    },
    "TimestampRouter": {"tombstones": "change", "changes": TOPIC},
    "TimezoneConverter": {"config": {"converted.timezone": "+05:30"}, "changes": {"key", "value", "headers"}},
    "ToJson$Value": {"config": {"fields": "address"}},
    "ToLogicalTopicRouter": {
        "tombstones": "change",
        "config": {"topic.regex": "(.*)omers", "topic.replacement": "$1ers"},
        "changes": {"topic", "key"},
    },
    "ValueToKey": {"tombstones": "refuse", "config": {"fields": "id"}, "changes": {"key"}},
    "io.aiven.kafka.connect.transforms.ExtractTopic$Value": {
        "tombstones": "refuse",
        "config": {"field.name": "name", "skip.missing.or.null": "true"},
        "changes": TOPIC,
    },
    "io.aiven.kafka.connect.transforms.TombstoneHandler": {
        "config": {"behavior": "drop_silent"},
        "tombstones": "drop",
    },
    "io.confluent.connect.transforms.ExtractTopic$Value": {
        "config": {"field": "name", "skip.missing.or.null": "true"},
        "changes": TOPIC,
    },
    "io.confluent.connect.transforms.Filter$Value": {
        "tombstones": "refuse",
        "config": {"filter.condition": "$[?(@.name == 'grace')]", "filter.type": "include"},
    },
    "io.confluent.connect.transforms.ReplaceField$Value": {"config": {"exclude": "email"}},
    "io.confluent.connect.transforms.TombstoneHandler": {
        "config": {"behavior": "ignore"},
        "tombstones": "drop",
    },
}

# "change": it depends on more than the value, such as a timestamp, a header or the record's schema.

PREDICATES: dict[str, dict[str, str]] = {
    "HasHeaderKey": {"name": "trace"},
    "RecordIsTombstone": {},
    "TopicNameMatches": {"pattern": "cust.*"},
}


def _named(name: str) -> str:
    return "Test" + "".join(part[:1].upper() + part[1:] for part in name.replace("$", ".").split("."))


for _name, _declared in TRANSFORMS.items():
    globals()[_named(_name)] = type(
        _named(_name),
        (TransformLaws,),
        {"transform": _name, "examples": 25, **_declared, "__module__": __name__},
    )
for _name, _config in PREDICATES.items():
    globals()[_named(_name)] = type(
        _named(_name),
        (PredicateLaws,),
        {"predicate": _name, "examples": 25, "config": _config, "__module__": __name__},
    )


def test_every_installed_transform_and_predicate_is_here() -> None:
    listed = {name.split("$")[0] for name in TRANSFORMS} | {
        "Function"
    }  # whose functions are installed by others
    assert {info.name.split("$")[0] for info in plugins.all("transform")} == listed
    assert {info.name for info in plugins.all("predicate")} == set(PREDICATES)
