"""The backend on librdkafka's mock cluster, and its faults: brokers down, slow, moving, answering errors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.faults.rig.backends import KafkaBackend
from tests.faults.rig.mock_cluster import MissingError
from tools.layout import ROOT

PRODUCE, FETCH, OFFSET_COMMIT, METADATA = 0, 1, 8, 3
"""Requests, by Kafka's protocol numbers."""


class MockBackend(KafkaBackend):
    """A mock cluster in a process of its own. Raises ``MissingError`` where it cannot be had."""

    name = "mock"
    transactions = False
    commits_in_rebalance = False

    def __init__(self, brokers: int = 3) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rig.mock_cluster", str(brokers)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = self._answer()
        if "bootstrap" not in first:
            self._process.communicate(timeout=10)
            raise MissingError(first.get("missing", "the mock cluster did not start"))
        super().__init__(first["bootstrap"])
        self.brokers = brokers

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"error": "the mock cluster has ended"}
        return found

    def tell(self, do: str, **request: Any) -> None:
        """Have the mock do something; see :class:`MockCluster`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise ValueError(answer["error"])

    def create_topic(self, topic: str, partitions: int, most_bytes: int) -> None:
        self.tell("topic", name=topic, partitions=partitions)

    def close(self) -> None:
        super().close()
        self._process.communicate(timeout=20)
