"""Records a second through the embedded log, appending and reading: ``python -m benchmarks.log_embedded``.

Each batch is durable when it is counted. Beside it, in the same run, what SQLite itself makes of the
same bytes: the same blobs, one insert and one commit a batch, and nothing else.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from array import array
from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

from connectkit.api import TopicPartition
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog

RECORDS, BATCH = 500_000, 1000


def main() -> None:
    """Print records a second, beside those of bare SQLite."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as name:
        for title, found in measure(Path(name), RECORDS // BATCH, BATCH):
            print(f"{title:22} {found:>10,.0f} records/s")


def measure(folder: Path, batches: int, size: int) -> list[tuple[str, float]]:
    """``(case, records a second)``: bare SQLite, then the log, without keys and with keys and times."""
    plain = [record(i, keyed=False) for i in range(size)]
    keyed = [record(i, keyed=True) for i in range(size)]
    total = batches * size
    results = []
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    results.append(("bare SQLite, append", rate(total, lambda: bare_append(bare, plain, batches))))
    results.append(("bare SQLite, read", rate(total, lambda: bare_read(bare, size, batches))))
    bare.close()
    log = EmbeddedLog(folder / "log")
    admin = log.admin()
    for topic, partitions, records in (("plain", 1, plain), ("keyed", 3, keyed)):
        admin.create_topic(topic, partitions=partitions, config={"retention.ms": "-1"})
        batch = [each._replace(topic=topic) for each in records]
        results.append((f"append, {topic}", rate(total, partial(append, log, batch, batches))))
        where = [TopicPartition(topic, n) for n in range(partitions)]
        results.append((f"read, {topic}", rate(total, partial(read, log, where, total))))
    admin.close()
    return results


def record(number: int, *, keyed: bool) -> OutRecord:
    value = json.dumps({"id": number, "name": "abcdefgh", "price": 12.5, "flag": True, "ts": 1.7e12}).encode()
    if keyed:
        return OutRecord("", None, b"key-%d" % number, value, 1_700_000_000_000 + number, None)
    return OutRecord("", None, None, value, None, None)


def rate(records: int, step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return records / (time.perf_counter() - began)


def append(log: EmbeddedLog, batch: list[OutRecord], batches: int) -> None:
    producer = log.producer({})
    settled: list[object] = []
    for _ in range(batches):
        producer.send(batch, settled.append)
        producer.poll()
    producer.close(10)
    assert settled == [[]] * batches


def read(log: EmbeddedLog, where: list[TopicPartition], total: int) -> None:
    consumer = log.consumer({})
    consumer.assign(dict.fromkeys(where, -2))
    found = size_bytes = 0
    while found < total:
        messages = consumer.consume(1000, 1.0)
        found += len(messages)
        for message in messages:
            size_bytes += len(message.value() or b"")
    consumer.close()
    assert found == total
    assert size_bytes


def bare_append(sql: sqlite3.Connection, batch: list[OutRecord], batches: int) -> None:
    sql.execute("PRAGMA journal_mode=WAL")
    sql.execute("PRAGMA synchronous=FULL")
    sql.execute("CREATE TABLE batches (base INTEGER PRIMARY KEY, data BLOB)")
    for base in range(0, batches * len(batch), len(batch)):
        values = [each.value or b"" for each in batch]
        blob = array("i", map(len, values)).tobytes() + b"".join(values)
        sql.execute("INSERT INTO batches VALUES (?, ?)", (base, blob))


def bare_read(sql: sqlite3.Connection, size: int, batches: int) -> None:
    count = 0
    for (blob,) in sql.execute("SELECT data FROM batches ORDER BY base"):
        lengths = array("i", blob[: 4 * size])
        ends = list(accumulate(lengths, initial=4 * size))
        count += len([blob[a:b] for a, b in pairwise(ends)])
    assert count == size * batches


if __name__ == "__main__":
    main()
