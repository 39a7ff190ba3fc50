"""The connectors keep the laws."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectkit.builder import SchemaBuilder
from connectkit.record import SinkRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.testing import SinkHarness, SinkLaws, SourceLaws
from tests.unit.test_connectors_csv_sink import killed


class TestFileStreamSource(SourceLaws):
    connector = "FileStreamSource"

    def prepare(self, directory: Path) -> Mapping[str, str]:
        file = directory / "lines.txt"
        file.write_text("".join(f"line {n} ü\n" for n in range(20)), encoding="utf-8")
        return {"file": str(file), "topic": "t", "batch.size": "3"}


class TestFileStreamSink(SinkLaws):
    connector = "FileStreamSink"

    def prepare(self, directory: Path) -> Mapping[str, str]:
        return {"file": str(directory / "out.txt")}

    def written(self, directory: Path) -> Sequence[Any]:
        file = directory / "out.txt"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


class TestCsvSource(SourceLaws):
    connector = "CsvSource"

    def prepare(self, directory: Path) -> Mapping[str, str]:
        (directory / "in").mkdir(exist_ok=True)
        for number in range(2):
            rows = "".join(f'{n},"name {n}\nof {number}"\n' for n in range(9))
            (directory / "in" / f"{number}.csv").write_text(f"id,name\n{rows}", encoding="utf-8")
        return {"file": str(directory / "in" / "*.csv"), "topic": "t", "batch.size": "4"}


class TestCsvSink(SinkLaws):
    connector = "CsvSink"

    def prepare(self, directory: Path) -> Mapping[str, str]:
        return {"file": str(directory / "out.csv")}

    def crash(self, sink: SinkHarness) -> None:
        killed(sink)

    def value(self, number: int) -> tuple[Schema | None, Any]:
        schema = SchemaBuilder.struct().field("id", Schema.INT64).field("name", Schema.STRING).build()
        return schema, Struct.of(schema, [number, f"name, {number}"])

    def shown(self, record: SinkRecord) -> Any:
        return [str(record.value.get("id")), record.value.get("name")]

    def written(self, directory: Path) -> Sequence[Any]:
        file = directory / "out.csv"
        return list(csv.reader(file.read_text().splitlines()))[1:] if file.exists() else []
