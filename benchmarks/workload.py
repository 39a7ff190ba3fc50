"""The one workload every runner gets: an order of five fields, as JSON, plain or through three transforms."""

from __future__ import annotations

import os
from typing import Any

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
"""Records a run."""


def order(number: int) -> dict[str, Any]:
    """The record every source makes anew for each number."""
    return {"id": number, "name": "hello world", "price": 3.14, "ts": 1234567890123, "active": True}


_THREE = {
    "transforms": "a,b,c",
    "transforms.a.type": "org.apache.kafka.connect.transforms.InsertField$Value",
    "transforms.a.static.field": "src",
    "transforms.b.type": "org.apache.kafka.connect.transforms.Cast$Value",
    "transforms.c.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
}
_JSON = {
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


def connector_config(side: str, topic: str, *, transforms: bool) -> dict[str, str]:
    """A connector configuration that the Java worker and ours both take as it is."""
    config = {"name": f"bench-{side}-{topic}", "tasks.max": "1", "records": str(RECORDS), **_JSON}
    if side == "source":
        config |= {"connector.class": "BenchSource", "topic": topic}
        edit = {"static.value": "mysql", "spec": "price:string", "renames": "name:customer"}
    else:
        config |= {"connector.class": "BenchSink", "topics": topic}
        edit = {"static.value": "sink", "spec": "price:float64", "renames": "customer:name"}
    if transforms:
        config |= _THREE
        config["transforms.a.static.value"] = edit["static.value"]
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
    value["src"] = "sink"
    value["price"] = float(value["price"])
    if "customer" in value:
        value["name"] = value.pop("customer")
    return value
