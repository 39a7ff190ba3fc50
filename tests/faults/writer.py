"""A process to be killed: appends to an embedded log and prints how much of it was acknowledged.

python -m tests.faults.writer FOLDER TOPIC FIRST           batches, until killed
python -m tests.faults.writer FOLDER TOPIC FIRST --open    one transaction, never committed
"""

from __future__ import annotations

import sys

from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log
from tests.contract.helpers import DEADLINE_S, send

BATCH = 40


def main(folder: str, topic: str, first: str, mode: str = "") -> None:
    log = open_log(f"embedded:{folder}")
    producer = log.producer({"transactional.id": "killed"} if mode else {})
    if mode:
        producer.init_transactions(DEADLINE_S)
        producer.begin_transaction()
    number = int(first)
    while True:
        batch = [
            OutRecord(topic, 0, None, b"%d" % each, None, None) for each in range(number, number + BATCH)
        ]
        assert send(producer, batch) == []
        number += BATCH
        print(number, flush=True)
        if mode:
            sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
