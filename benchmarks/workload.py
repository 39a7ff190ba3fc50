"""The one workload every runner gets: an order of five fields, plain or through three transforms.

As JSON it is a map without a schema, as Avro a record with one, registered in a registry.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
"""Records a run."""


FORMATS = ("json", "avro")
RUNNERS = ("bare", "ours", "java")


def order(number: int) -> dict[str, Any]:
    """The record every source makes anew for each number."""
    return {"id": number, "name": "hello world", "price": 3.14, "ts": 1234567890123, "active": True}


def avro_order(number: int) -> dict[str, Any]:
    """The same for Avro, where the time is one."""
    return order(number) | {"ts": datetime.fromtimestamp(1234567890.123, UTC)}


_TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
_NULLABLE = ["null", "string"]
AVRO_ORDER = {
    "type": "record",
    "name": "order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": _NULLABLE, "default": None},
        {"name": "price", "type": "double"},
        {"name": "ts", "type": _TIMESTAMP},
        {"name": "active", "type": "boolean"},
    ],
}
AVRO_EDITED = {
    "type": "record",
    "name": "order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "customer", "type": _NULLABLE, "default": None},
        {"name": "price", "type": "string"},
        {"name": "ts", "type": _TIMESTAMP},
        {"name": "active", "type": "boolean"},
        {"name": "src", "type": _NULLABLE, "default": None},
    ],
}
"""What the three transforms of the source side make of it."""

_THREE = {
    "transforms": "a,b,c",
    "transforms.a.type": "org.apache.kafka.connect.transforms.InsertField$Value",
    "transforms.a.static.value": "mysql",
    "transforms.b.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.c.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
}


def _converter(data_format: str, registry: str) -> dict[str, str]:
    if data_format == "json":
        return {
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
        }
    return {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": registry,
    }


def connector_config(
    side: str, data_format: str, topic: str, registry: str, *, transforms: bool
) -> dict[str, str]:
    """A connector configuration that the Java worker and ours both take as it is."""
    config = {"name": f"bench-{side}-{topic}", "tasks.max": "1", "records": str(RECORDS)}
    config |= _converter(data_format, registry)
    if side == "source":
        config |= {"connector.class": "BenchSource", "topic": topic, "format": data_format}
        edit = {"static.field": "src", "spec": "price:string", "renames": "name:customer"}
    else:
        config |= {"connector.class": "BenchSink", "topics": topic}
        edit = {"static.field": "sink", "spec": "price:float64", "renames": "customer:name"}
    if transforms:
        config |= _THREE
        config["transforms.a.static.field"] = edit["static.field"]
        config["transforms.b.spec"] = edit["spec"]
        config["transforms.c.renames"] = edit["renames"]
    return config


def edit_source(value: dict[str, Any]) -> dict[str, Any]:
    """The three transforms of the source side, written by hand."""
    value["src"] = "mysql"
    value["price"] = str(value["price"])
    value["customer"] = value.pop("name")
    return value


def edit_sink(value: dict[str, Any]) -> dict[str, Any]:
    """The three transforms of the sink side, written by hand."""
    value["sink"] = "mysql"
    value["price"] = float(value["price"])
    if "customer" in value:
        value["name"] = value.pop("customer")
    return value
