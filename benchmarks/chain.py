"""A chain of three transforms on a struct of five fields, beside one ``orjson.dumps`` of the same record."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson

from benchmarks.workload import edit_source, order
from connectkit.builder import SchemaBuilder
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.memory import tune_memory
from connectkit.schema import Schema
from connectkit.struct import Struct

RECORDS, ROUNDS = 1000, 200
THREE = {
    "transforms": "a,b,c",
    "transforms.a.type": "InsertField$Value",
    "transforms.a.static.field": "src",
    "transforms.a.static.value": "mysql",
    "transforms.b.type": "Cast$Value",
    "transforms.b.spec": "price:string",
    "transforms.c.type": "ReplaceField$Value",
    "transforms.c.renames": "name:customer",
}
"""What ``edit_source`` does."""


def main() -> None:
    """Print microseconds a record: the best of several rounds, conversions left out."""
    tune_memory()
    values = [order(number) for number in range(RECORDS)]
    dumps = _best_us(lambda: [orjson.dumps(value) for value in values])
    print(f"orjson.dumps              {dumps:.3f} us a record")
    edit = _best_us(lambda: [edit_source(dict(value)) for value in values])
    print(f"the same edit by hand     {edit:.3f} us a record, on a dict")
    chain = Chain.build(THREE, plugins)
    schema = _schema()
    made = {
        "struct": [_record(schema, Struct.of(schema, list(value.values()))) for value in values],
        "dict": [_record(None, value) for value in values],
    }
    for kind, records in made.items():
        for _ in range(3):
            chain.apply_batch(records)
        took = _best_us(lambda records=records: chain.apply_batch(records))  # type: ignore[misc]  # bound now
        bound = f"(bound {dumps / 0.15:.2f}: 1 where orjson takes 0.15)"
        print(f"chain of three, {kind:9} {took:.3f} us a record   {bound}")


def _schema() -> Schema:
    fields = {
        "id": Schema.INT64,
        "name": Schema.STRING,
        "price": Schema.FLOAT64,
        "ts": Schema.INT64,
        "active": Schema.BOOLEAN,
    }
    builder = SchemaBuilder.struct().name("order")
    for name, schema in fields.items():
        builder.field(name, schema)
    return builder.build()


def _record(schema: Schema | None, value: object) -> SourceRecord:
    return SourceRecord({"task": "0"}, {"pos": 0}, "t", schema, value)


def _best_us(step: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - began)
    return best / RECORDS * 1e6


if __name__ == "__main__":
    main()
