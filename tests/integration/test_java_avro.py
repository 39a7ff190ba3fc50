"""Confluent's Avro converter in a Java worker: what it writes we read, and what we write it reads.

One Java worker with Kafka's file connectors runs for all tests here; both sides share our registry over
HTTP. Skipped, with the reason, where there is no Java, or its jars cannot be fetched.
"""

from __future__ import annotations

import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from benchmarks.peer import avro as confluent
from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.converters.avro.config import AvroConfig
from connectkit.converters.avro.converter import AvroConverter
from connectkit.schema import Schema, SchemaAndValue, Type
from connectkit.struct import Struct
from tests.kafka_server import UnavailableError, free_port, jars_of
from tests.support.registry_server import Served, served

pytestmark = pytest.mark.xdist_group(
    "java-avro"
)  # one worker for both; not "kafka", which may not be skipped
WAIT_S = 60.0
JAVA_AVRO = "io.confluent.connect.avro.AvroConverter"
LINES = ["first", "zweite ü", ""]
NESTED = SchemaBuilder.struct().name("x.Inner").field("deep", Schema.OPTIONAL_INT64).build()
ALL = (
    SchemaBuilder.struct()
    .name("x.All")
    .field("small", Schema.INT8)
    .field("number", Schema.INT64)
    .field("half", Schema.FLOAT32)
    .field("yes", Schema.BOOLEAN)
    .field("text", Schema.OPTIONAL_STRING)
    .field("nothing", Schema.OPTIONAL_STRING)
    .field("price", logical.decimal_schema(2))
    .field("list", SchemaBuilder.array(Schema.INT32).build())
    .field("map", SchemaBuilder.map(Schema.STRING, Schema.INT32).build())
    .field("pairs", SchemaBuilder.map(Schema.INT32, Schema.STRING).build())
    .field(
        "inner",
        SchemaBuilder.struct().name("x.Inner").field("deep", Schema.OPTIONAL_INT64).optional().build(),
    )
    .build()
)


@dataclass
class World:
    """What a test sees: the registry, the broker, and the files and topics of the Java worker."""

    registry: Served
    bootstrap: str
    written: str
    """The topic that the Java source writes."""
    read: str
    """The topic that the Java sink reads."""
    output: Path
    worker: subprocess.Popen[bytes]
    log: Path

    def check(self, deadline_s: float) -> None:
        """Fail, with the end of its log, if the worker has ended or takes too long."""
        told = self.log.read_text(errors="replace")[-2000:]
        assert self.worker.poll() is None, told
        assert time.monotonic() < deadline_s, told


@pytest.fixture(scope="module")
def world(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    try:
        jars = jars_of("connect", "connect-runtime", "connect-file", "connect-transforms")
        plugins = confluent.prepare()
    except (UnavailableError, OSError, subprocess.SubprocessError, zipfile.BadZipFile) as reason:
        pytest.skip(f"no Java worker with Confluent's converter: {reason}")
    folder = tmp_path_factory.mktemp("java-worker")
    name = f"java-avro-{time.time_ns()}"
    log = folder / "worker.log"
    with served() as registry:
        (folder / "in.txt").write_text("".join(f"{line}\n" for line in LINES))
        command = _command(folder, jars, plugins, kafka_bootstrap, registry.url, name)
        with log.open("wb") as out:
            worker = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
        try:
            yield World(
                registry, kafka_bootstrap, f"{name}-written", f"{name}-read", folder / "out.txt",
                worker, log,
            )  # fmt: skip
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _command(folder: Path, jars: Path, plugins: Path, bootstrap: str, url: str, name: str) -> list[str]:
    """A standalone worker with a source that makes structs of a file's lines, and a sink."""
    worker = {
        "bootstrap.servers": bootstrap,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": JAVA_AVRO,
        "value.converter.schema.registry.url": url,
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "1000",
        "plugin.path": str(plugins),
        "plugin.discovery": "only_scan",
        "listeners": f"http://127.0.0.1:{free_port()}",
    }
    steps = {
        "hoist.type": "HoistField$Value", "hoist.field": "line",
        "insert.type": "InsertField$Value", "insert.static.field": "number", "insert.static.value": "42",
        "cast.type": "Cast$Value", "cast.spec": "number:int16",
        "when.type": "InsertField$Value", "when.static.field": "at", "when.static.value": "2026-03-01",
        "moment.type": "TimestampConverter$Value", "moment.field": "at", "moment.target.type": "Timestamp",
        "moment.format": "yyyy-MM-dd",
        "name.type": "SetSchemaMetadata$Value", "name.schema.name": "x.Line",
    }  # fmt: skip
    package = "org.apache.kafka.connect.transforms."
    transforms = {
        f"transforms.{key}": package + value if key.endswith(".type") and "$" in value else value
        for key, value in steps.items()
    }
    source = {
        "name": "source", "connector.class": "FileStreamSource", "file": str(folder / "in.txt"),
        "topic": f"{name}-written", "transforms": "hoist,insert,cast,when,moment,name", **transforms,
    }  # fmt: skip
    sink = {
        "name": "sink", "connector.class": "FileStreamSink", "file": str(folder / "out.txt"),
        "topics": f"{name}-read", "consumer.override.auto.offset.reset": "earliest",
    }  # fmt: skip
    files = []
    for file, config in (("worker", worker), ("source", source), ("sink", sink)):
        files.append(folder / f"{file}.properties")
        files[-1].write_text("".join(f"{key}={value}\n" for key, value in config.items()))
    java = [
        "java",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Duser.timezone=UTC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]
    return [*java, "-cp", f"{jars}/*", "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, files)]


def ours(world: World) -> AvroConverter:
    return AvroConverter(AvroConfig.parse({"schema.registry.url": world.registry.url}))


def test_what_a_java_worker_writes_we_read(world: World) -> None:
    consumer = Consumer(
        {"bootstrap.servers": world.bootstrap, "group.id": "test", "auto.offset.reset": "earliest",
         "topic.metadata.refresh.interval.ms": 500, "allow.auto.create.topics": True}
    )  # fmt: skip
    consumer.subscribe([world.written])
    made = ours(world)
    values: list[SchemaAndValue] = []
    deadline_s = time.monotonic() + WAIT_S
    while len(values) < len(LINES):
        world.check(deadline_s)
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            data = message.value() or b""
            found = made.to_connect_data(world.written, data)
            # The schema that was read has the registry's version, so it is another one there.
            again = made.from_connect_data("copy", found.schema, found.value)
            assert again is not None
            assert again[5:] == data[5:], "we write what Java wrote"
            values.append(found)
    consumer.close()
    made.close()
    assert [each.value["line"] for each in values] == LINES
    schema = values[0].schema
    assert schema is not None
    assert (schema.name, schema.version) == ("x.Line", 1)
    assert [(each.name, each.schema.type) for each in schema.fields] == [
        ("line", Type.STRING), ("number", Type.INT16), ("at", Type.INT64),
    ]  # fmt: skip
    assert schema.fields[2].schema.name == "org.apache.kafka.connect.data.Timestamp"
    assert values[0].value.values[1:] == [42, datetime(2026, 3, 1, tzinfo=UTC)]
    assert world.registry.registry.subjects().count(f"{world.written}-value") == 1


def test_what_we_write_a_java_worker_reads(world: World) -> None:
    made = ours(world)
    inner = ALL.fields[-1].schema
    value = Struct.of(
        ALL,
        [
            -7,
            2**40,
            1.5,
            True,
            "ü",
            None,
            Decimal("-12.50"),
            [1, 2],
            {"a": 1},
            {5: "five"},
            Struct.of(inner, [9]),
        ],
    )
    producer = Producer({"bootstrap.servers": world.bootstrap})
    moment = SchemaBuilder.struct().name("x.Day").field("day", logical.DATE).build()
    for schema, each in (
        (ALL, value),
        (moment, Struct.of(moment, [date(2026, 3, 1)])),
        (None, {"free": [1, "x"]}),
    ):
        data = made.from_connect_data(world.read, schema, each)
        # The three are not versions of one schema, so each has a topic's subject only once.
        producer.produce(world.read, data)
        world.registry.registry.set_level(f"{world.read}-value", "NONE")
    producer.flush(30)
    made.close()
    wanted = [
        (
            "Struct{small=-7,number=1099511627776,half=1.5,yes=true,text=ü,price=-12.50,list=[1, 2],"
            "map={a=1},pairs={5=five},inner=Struct{deep=9}}"
        ),
        "Struct{day=Sun Mar 01 00:00:00 UTC 2026}",
        "{free=[1, x]}",
    ]
    deadline_s = time.monotonic() + WAIT_S
    lines: list[str] = []
    while len(lines) < len(wanted):
        world.check(deadline_s)
        time.sleep(0.1)
        lines = world.output.read_text().splitlines() if world.output.exists() else []
    assert lines == wanted
