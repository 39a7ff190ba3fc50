"""Every transform of Kafka's on a struct and a schemaless record: nanoseconds of CPU a record.

Beside each stand the same edit written by hand on a dict (for what it means on a struct, too), and Kafka's
own class where Java is present. Each figure is the least of several rounds over a thousand records.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks import peer
from connectkit.builder import SchemaBuilder
from connectkit.plugin import plugins
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.runner.memory import tune_memory
from connectkit.schema import Schema
from connectkit.struct import Struct

RECORDS, ROUNDS = 1000, 60
PACKAGE = "org.apache.kafka.connect.transforms."
INNER = SchemaBuilder.struct().field("city", Schema.STRING).build()
ORDER = (
    SchemaBuilder.struct()
    .name("order")
    .field("id", Schema.INT64)
    .field("name", Schema.STRING)
    .field("price", Schema.FLOAT64)
    .field("ts", Schema.INT64)
    .field("address", INNER)
    .build()
)

Plain = dict[str, Any]


class Case(NamedTuple):
    """Steps (class and options each), the edit by hand, and whether Kafka has these options."""

    name: str
    steps: list[tuple[str, dict[str, str]]]
    by_hand: Callable[[Plain], Any]
    java: bool = True


def one(name: str, by_hand: Callable[[Plain], Any], /, *, java: bool = True, **options: str) -> Case:
    """A case of one transform; ``_`` in an option's name is a dot."""
    options = {key.replace("_", "."): value for key, value in options.items()}
    shown = name.removesuffix("$Value")
    return Case(shown, [(name, options)], by_hand, java)


def order(number: int) -> Plain:
    return {
        "id": number,
        "name": "hello world",
        "price": 3.14,
        "ts": 1234567890123,
        "address": {"city": "Berlin"},
    }


# --- by hand


def put(name: str, value: Any) -> Callable[[Plain], Plain]:
    def edit(value_of: Plain) -> Plain:
        made = value_of.copy()
        made[name] = value
        return made

    return edit


def cast(value: Plain) -> Plain:
    made = value.copy()
    made["price"] = str(made["price"])
    return made


def rename(value: Plain) -> Plain:
    made = value.copy()
    made["customer"] = made.pop("name")
    return made


def exclude(value: Plain) -> Plain:
    made = value.copy()
    del made["price"]
    return made


def flatten(value: Plain) -> Plain:
    made: Plain = {}
    for key, item in value.items():
        if isinstance(item, dict):
            for inner, below in item.items():
                made[f"{key}.{inner}"] = below
        else:
            made[key] = item
    return made


def timestamp(value: Plain) -> Plain:
    made = value.copy()
    made["ts"] = datetime.fromtimestamp(made["ts"] / 1000, UTC)
    return made


def timestamp_text(value: Plain) -> Plain:
    made = value.copy()
    made["ts"] = datetime.fromtimestamp(made["ts"] / 1000, UTC).strftime("%Y-%m-%d")
    return made


def nested_mask(value: Plain) -> Plain:
    return {**value, "address": {**value["address"], "city": ""}}


def three(value: Plain) -> Plain:
    made = value.copy()
    made["src"] = "mysql"
    made["price"] = str(made["price"])
    made["customer"] = made.pop("name")
    return made


def ten(value: Plain) -> Plain:
    made = value.copy()
    for number in range(10):
        made[f"f{number}"] = "x"
    return made


def same(value: Plain) -> Plain:
    return value


V = "$Value"
_INSERT = ("InsertField" + V, {"static.field": "src", "static.value": "mysql"})
_CAST = ("Cast" + V, {"spec": "price:string"})
_RENAME = ("ReplaceField" + V, {"renames": "name:customer"})
_TEN = [("InsertField" + V, {"static.field": f"f{i}", "static.value": "x"}) for i in range(10)]
CASES = [
    one("Cast$Value", cast, spec="price:string"),
    one("DropHeaders", same, headers="h"),
    one("ExtractField$Value", lambda value: value["id"], field="id"),
    one("Filter", lambda value: None),
    one("Flatten$Value", flatten),
    one("HeaderFrom$Value", exclude, fields="price", headers="price", operation="move"),
    one("HoistField$Value", lambda value: {"all": value}, field="all"),
    one("InsertField$Value", put("src", "mysql"), static_field="src", static_value="mysql"),
    one("InsertHeader", same, header="h", value_literal="1"),
    one("MaskField$Value", put("name", ""), fields="name"),
    one("RegexRouter", same, regex="(.*)", replacement="$1-x"),
    one("ReplaceField$Value", rename, renames="name:customer"),
    one("SetSchemaMetadata$Value", same, schema_name="other"),
    one("TimestampConverter$Value", timestamp, field="ts", target_type="Timestamp"),
    Case(
        "TimestampConverter to text",
        [("TimestampConverter" + V, {"field": "ts", "target.type": "string", "format": "yyyy-MM-dd"})],
        timestamp_text,
    ),
    one("TimestampRouter", same),
    one("ValueToKey", lambda value: {"id": value["id"]}, fields="id"),
    Case(
        "MaskField, nested",
        [("MaskField" + V, {"fields": "address.city", "field.syntax.version": "V2"})],
        nested_mask,
        java=False,
    ),
    Case("InsertField + Cast + ReplaceField", [_INSERT, _CAST, _RENAME], three),
    Case("ten InsertFields", _TEN, ten),
]


# --- measuring


def best_ns(step: Callable[[], object]) -> float:
    """The least CPU time of a round, for each record."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        step()
        best = min(best, time.thread_time_ns() - began)
    return best / RECORDS


def chain_of(case: Case) -> Chain:
    config: dict[str, Any] = {"transforms": ",".join(f"t{i}" for i in range(len(case.steps)))}
    for number, (name, options) in enumerate(case.steps):
        config[f"transforms.t{number}.type"] = PACKAGE + name
        config.update({f"transforms.t{number}.{key}": value for key, value in options.items()})
    return Chain.build(config, plugins)


def record(value: Plain, *, struct: bool) -> SinkRecord:
    held: Any = value
    if struct:
        held = Struct.of(ORDER, [*list(value.values())[:4], Struct.of(INNER, ["Berlin"])])
    return SinkRecord(
        "orders", 0, Schema.STRING, "k", ORDER if struct else None, held, value["id"],
        timestamp=1234567890123, timestamp_type=0,
    )  # fmt: skip


def ours_ns(case: Case, *, struct: bool) -> float | None:
    """The chain on records; None where it does not apply to them."""
    if not struct and case.name == "SetSchemaMetadata":
        return None
    chain = chain_of(case)
    records = [record(order(number), struct=struct) for number in range(RECORDS)]
    for _ in range(3):
        chain.apply_batch(records)
    return best_ns(lambda: chain.apply_batch(records))


class Java:
    """Kafka's classes in a JVM; every figure is None where there is none."""

    def __init__(self) -> None:
        self.missing = peer.missing()
        self._process: subprocess.Popen[str] | None = None
        if self.missing is None:
            jars, folder = peer.prepare()
            self._process = subprocess.Popen(
                ["java", "-cp", f"{jars}/*:{folder}/bench/bench.jar", "BenchTransforms"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

    def ns(self, case: Case, *, struct: bool) -> float | None:
        """The same as :func:`ours_ns`, by Kafka's own classes."""
        if self._process is None or not case.java or (not struct and case.name == "SetSchemaMetadata"):
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        steps = [
            f"{PACKAGE}{name}=" + ";".join(f"{key}:{value}" for key, value in options.items())
            for name, options in case.steps
        ]
        self._process.stdin.write("\t".join(["struct" if struct else "map", *steps]) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(30)


def shown(value: float | None) -> str:
    return "-".rjust(8) if value is None else f"{value:8.0f}"


def main() -> None:
    """Print a line for each transform."""
    tune_memory()
    java = Java()
    if java.missing is not None:
        print(java.missing.replace("worker is", "classes are"))
    print(f"{'nanoseconds of CPU a record':36}{'struct':>8}{'map':>8}{'by hand':>8}{'Java':>8}{'map':>8}")
    values = [order(number) for number in range(RECORDS)]
    try:
        for case in CASES:
            edit = case.by_hand
            by_hand = best_ns(lambda edit=edit: [edit(value) for value in values])  # type: ignore[misc]  # bound now
            figures = [
                ours_ns(case, struct=True),
                ours_ns(case, struct=False),
                by_hand,
                java.ns(case, struct=True),
                java.ns(case, struct=False),
            ]
            print(f"{case.name:36}" + "".join(map(shown, figures)), flush=True)
    finally:
        java.close()


if __name__ == "__main__":
    main()
