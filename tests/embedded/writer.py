"""A process that appends numbered batches and says which are done: killed by the tests at any moment.

``python -m tests.embedded.writer FOLDER RECORDS_A_BATCH [TRANSACTIONAL_ID]``
"""

from __future__ import annotations

import sys
from itertools import count

from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.embedded import EmbeddedLog


def main() -> None:
    folder, size = sys.argv[1], int(sys.argv[2])
    transactional_id = sys.argv[3] if len(sys.argv) > 3 else None
    config = {"transactional.id": transactional_id} if transactional_id else {}
    producer = EmbeddedLog(folder).producer(config)
    if transactional_id:
        producer.init_transactions(10)
    for number in count():
        batch = [OutRecord("t", None, None, b"%d %d" % (number, i), None, None) for i in range(size)]
        if transactional_id:
            producer.begin_transaction()
        producer.send(batch, lambda failed: None)
        if transactional_id:
            producer.commit_transaction(10)
        producer.flush(1)
        print(number, flush=True)


if __name__ == "__main__":
    main()
