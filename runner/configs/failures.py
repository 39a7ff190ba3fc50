"""The options of connectors about failing records and batches that Kafka Connect does not have."""

from __future__ import annotations

from typing import Literal

from connectkit.checks import at_least
from connectkit.config import LOW, MEDIUM, Config, Kind, Width, option

ERRORS = "Error Handling"
BATCHES = "Batches"


class BreakerOptions(Config):
    """``errors.breaker.*``: when a row of failures means that a system is down."""

    errors_breaker_failures: int = option(
        100,
        doc="How many records in a row may fail, with errors.tolerance=all, before that counts as a system "
        "that is down: the task pauses, goes back to the first of them and tries again later; 0 for never.",
        check=at_least(0),
        importance=MEDIUM,
        group=ERRORS,
        order=9,
        width=Width.SHORT,
        display_name="Circuit Breaker",
        extension=True,
    )
    errors_breaker_counts: Literal["faults", "all"] = option(
        "faults",
        doc="Which failures count: all, or faults, which are all but those where the error says of the "
        "record that it can never pass (DataError, or a ValueError of a transform).",
        importance=LOW,
        group=ERRORS,
        order=10,
        width=Width.SHORT,
        display_name="What the Circuit Breaker Counts",
        extension=True,
    )
    errors_breaker_delay_ms: int = option(
        1_000,
        doc="How long the task pauses before it tries one record, in milliseconds; twice as long each time.",
        kind=Kind.LONG,
        check=at_least(1),
        importance=LOW,
        group=ERRORS,
        order=11,
        width=Width.SHORT,
        display_name="Circuit Breaker Delay",
        extension=True,
    )
    errors_breaker_delay_max_ms: int = option(
        30_000,
        doc="The longest such pause, in milliseconds.",
        kind=Kind.LONG,
        check=at_least(1),
        importance=LOW,
        group=ERRORS,
        order=12,
        width=Width.SHORT,
        display_name="Longest Circuit Breaker Delay",
        extension=True,
    )


class SourceLetterOptions(Config):
    """``errors.deadletterqueue.*`` of a source; Kafka Connect has them for sinks only."""

    errors_deadletterqueue_topic_name: str = option(
        "",
        doc="The topic that takes the records that cannot be processed; empty for none.",
        importance=MEDIUM,
        group=ERRORS,
        order=6,
        width=Width.MEDIUM,
        display_name="Dead Letter Queue Topic Name",
        extension=True,
    )
    errors_deadletterqueue_topic_replication_factor: int = option(
        3,
        doc="The replication factor of that topic, if it has to be created.",
        kind=Kind.SHORT,
        importance=MEDIUM,
        group=ERRORS,
        order=7,
        width=Width.MEDIUM,
        display_name="Dead Letter Queue Topic Replication Factor",
        extension=True,
    )
    errors_deadletterqueue_context_headers_enable: bool = option(
        True,
        doc="Whether those records get headers that say what went wrong and where the source stood. (Of a "
        "sink they are off unless asked for, as in Kafka Connect.)",
        importance=MEDIUM,
        group=ERRORS,
        order=8,
        width=Width.MEDIUM,
        display_name="Enable Error Context Headers",
        extension=True,
    )


class SinkBatchOptions(Config):
    """``put.bisect`` and ``batch.*``."""

    put_bisect: Literal["auto", "always", "never"] = option(
        "auto",
        doc="Whether, with errors.tolerance=all, a batch that could not be written is put in smaller and "
        "smaller parts to find the guilty records: always, never, or where the connector's task says that "
        "putting records again does no harm.",
        importance=MEDIUM,
        group=ERRORS,
        order=13,
        width=Width.SHORT,
        display_name="Look for Guilty Records",
        extension=True,
    )
    batch_records: int | None = option(
        None,
        doc="How many records are put at once, however many a poll returns; left out, what each poll "
        "returns is put, unless batch.bytes or batch.linger.ms is given.",
        check=at_least(1),
        importance=MEDIUM,
        group=BATCHES,
        order=1,
        width=Width.SHORT,
        display_name="Records a Batch",
        extension=True,
    )
    batch_bytes: int | None = option(
        None,
        doc="How many bytes of keys and values are put at once; left out, at most 64 MiB are gathered.",
        kind=Kind.LONG,
        check=at_least(1),
        importance=MEDIUM,
        group=BATCHES,
        order=2,
        width=Width.SHORT,
        display_name="Bytes a Batch",
        extension=True,
    )
    batch_linger_ms: int | None = option(
        None,
        doc="How long records wait for more at most, in milliseconds; left out, a second where a size is "
        "given.",
        kind=Kind.LONG,
        check=at_least(0),
        importance=MEDIUM,
        group=BATCHES,
        order=3,
        width=Width.SHORT,
        display_name="Batch Linger",
        extension=True,
    )
