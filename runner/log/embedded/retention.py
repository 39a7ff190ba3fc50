"""What leaves an embedded log: records too old or too many, and those a newer one of the key replaces.

Kafka's ``retention.ms``, ``retention.bytes``, ``cleanup.policy`` and ``delete.retention.ms`` per topic.
A stored batch is the unit of retention, as a segment is in Kafka.
"""

from __future__ import annotations

from connectkit.runner.log.embedded.batch import Columns, Headers, decode, encode
from connectkit.runner.log.embedded.catalog import Catalog, Topic, TopicSettings
from connectkit.runner.log.embedded.store import Connection, insert_batch
from connectkit.runner.log.embedded.transactions import ABORTED, abort_abandoned, last_stable_offset

_BATCH_RECORDS = 1000
"""Records a batch holds after compaction."""


def sweep_if_due(connection: Connection, catalog: Catalog, interval_ms: int) -> bool:
    """Clean up unless this or another process did within the interval; whether it did."""
    now_ms = connection.store.clock.now_ms()
    if abs(now_ms - connection.counter("swept_ms")) < interval_ms:
        return False
    with connection.write("start its clean-up") as sql:
        if abs(now_ms - connection.counter("swept_ms")) < interval_ms:
            return False
        sql.execute("UPDATE counters SET value = ? WHERE name = 'swept_ms'", (now_ms,))
    sweep(connection, catalog)
    return True


def sweep(connection: Connection, catalog: Catalog) -> None:
    """Clean up all topics, one transaction a partition."""
    abort_abandoned(connection)
    with connection.read("read its topics"):
        topics = list(catalog.refresh().values())
    for topic in topics:
        for partition_id in topic.partition_ids:
            if topic.settings.delete:
                _delete_old(connection, topic, partition_id)
            if topic.settings.compact:
                _compact(connection, topic, partition_id)
    with connection.write("forget settled transactions") as sql:
        sql.execute(
            "DELETE FROM txns WHERE state <> 'open'"
            " AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.txn_id = txns.id)"
        )


def _delete_old(connection: Connection, topic: Topic, partition_id: int) -> None:
    settings = topic.settings
    oldest_ms = connection.store.clock.now_ms() - settings.retention_ms
    with connection.write(f"remove old records of topic {topic.name}") as sql:
        row = sql.execute("SELECT size_bytes FROM partitions WHERE id = ?", (partition_id,)).fetchone()
        if row is None:
            return
        size_bytes = row[0]
        stable = last_stable_offset(sql, partition_id)
        gone: list[tuple[int, int]] = []
        start = None
        for base, last, newest_ms, batch_bytes in sql.execute(
            "SELECT base_offset, last_offset, newest_ms, size_bytes FROM batches"
            " WHERE partition_id = ? ORDER BY base_offset",
            (partition_id,),
        ):
            too_old = settings.retention_ms >= 0 and newest_ms < oldest_ms
            too_much = 0 <= settings.retention_bytes <= size_bytes - batch_bytes
            if not (too_old or too_much) or (stable is not None and last >= stable):
                break
            gone.append((partition_id, base))
            size_bytes -= batch_bytes
            start = last + 1
        if start is None:
            return
        sql.executemany("DELETE FROM batches WHERE partition_id = ? AND base_offset = ?", gone)
        sql.execute(
            "UPDATE partitions SET start_offset = ?, size_bytes = ? WHERE id = ?",
            (start, size_bytes, partition_id),
        )


def _compact(connection: Connection, topic: Topic, partition_id: int) -> None:
    settings = topic.settings
    with connection.write(f"compact topic {topic.name}") as sql:
        row = sql.execute(
            "SELECT next_offset, compacted_to FROM partitions WHERE id = ?", (partition_id,)
        ).fetchone()
        if row is None:
            return
        end, compacted_to = row
        stable = last_stable_offset(sql, partition_id)
        if stable is not None:
            end = min(end, stable)
        batches = sql.execute(
            "SELECT base_offset, last_offset, count, data, txns.state FROM batches"
            " LEFT JOIN txns ON txns.id = batches.txn_id"
            " WHERE partition_id = ? AND last_offset < ? ORDER BY base_offset",
            (partition_id, end),
        ).fetchall()
        clean = sum(count for _, last, count, _, _ in batches if last < compacted_to)
        dirty = sum(count for _, last, count, _, _ in batches if last >= compacted_to)
        if not dirty or dirty < settings.min_cleanable_dirty_ratio * (clean + dirty):
            return
        kept = _survivors(batches, settings, connection.store.clock.now_ms())
        sql.execute("DELETE FROM batches WHERE partition_id = ? AND last_offset < ?", (partition_id, end))
        for at in range(0, len(kept), _BATCH_RECORDS):
            _store(connection, partition_id, kept[at : at + _BATCH_RECORDS], settings)
        sql.execute(
            "UPDATE partitions SET compacted_to = ?, size_bytes ="
            " (SELECT coalesce(sum(size_bytes), 0) FROM batches WHERE partition_id = ?) WHERE id = ?",
            (end, partition_id, partition_id),
        )


_Row = tuple[int, "bytes | None", "bytes | None", int, "Headers | None"]


def _survivors(
    batches: list[tuple[int, int, int, bytes, str | None]], settings: TopicSettings, now_ms: int
) -> list[_Row]:
    rows: list[_Row] = []
    for base, _, _, data, state in batches:
        if state != ABORTED:
            rows.extend(_rows(base, decode(data)))
    newest = {key: offset for offset, key, _, _, _ in rows}
    oldest_tombstone_ms = now_ms - settings.delete_retention_ms
    return [
        row
        for row in rows
        if newest[row[1]] == row[0] and (row[2] is not None or row[3] >= oldest_tombstone_ms)
    ]


def _rows(base: int, columns: Columns) -> list[_Row]:
    count = columns.count
    deltas = columns.deltas if columns.deltas is not None else range(count)
    stamps = columns.stamps_ms if columns.stamps_ms is not None else [columns.stamp_ms] * count
    keys = columns.keys if columns.keys is not None else [None] * count
    headers = columns.headers if columns.headers is not None else [None] * count
    return [
        (base + delta, key, value, stamp, head)
        for delta, key, value, stamp, head in zip(deltas, keys, columns.values, stamps, headers)
    ]


def _store(connection: Connection, partition_id: int, rows: list[_Row], settings: TopicSettings) -> None:
    offsets, keys, values, stamps, headers = zip(*rows)
    base = offsets[0]
    parts = encode(
        keys,
        values,
        stamps,
        headers if any(headers) else None,
        append_time=settings.append_time,
        deltas=[offset - base for offset in offsets],
    )
    insert_batch(connection.sql, (partition_id, base, offsets[-1], len(rows), max(stamps)), None, parts)
