"""A process that consumes in a group and prints what it read: ``python -m tests.embedded.reader FOLDER``."""

from __future__ import annotations

import sys

from connectkit.runner.log.embedded import EmbeddedLog


def main() -> None:
    consumer = EmbeddedLog(sys.argv[1]).consumer(
        {"group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": "false"}
    )
    consumer.subscribe(topics=["t"])
    while True:
        for message in consumer.consume(10, 0.1):
            print(message.partition(), (message.value() or b"").decode(), flush=True)
        print("held", *(where.partition for where in consumer.assignment()), flush=True)


if __name__ == "__main__":
    main()
