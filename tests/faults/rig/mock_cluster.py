"""librdkafka's mock cluster in a process of its own, through ctypes on the wheel's own library.

``python -m tests.faults.rig.mock_cluster BROKERS`` prints one line of JSON, the bootstrap address or why it
cannot be had, and then answers lines of JSON from its input until that closes. The mock is librdkafka's own
test double, not a promised interface: each symbol is looked up before anything is begun, and a missing one
is a reason to skip. It has groups, idempotent producers and request errors, but no transactions and no
disk. Codes are Kafka's protocol numbers.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PRODUCER = 0
_P, _I, _S, _V = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, None
_I16, _SIZE = ctypes.c_int16, ctypes.c_size_t

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_conf_new": (_P, []),
    "rd_kafka_conf_set": (_I, [_P, _S, _S, _S, _SIZE]),
    "rd_kafka_new": (_P, [_I, _P, _S, _SIZE]),
    "rd_kafka_mock_cluster_new": (_P, [_P, _I]),
    "rd_kafka_mock_cluster_destroy": (_V, [_P]),
    "rd_kafka_mock_cluster_bootstraps": (_S, [_P]),
    "rd_kafka_mock_topic_create": (_I, [_P, _S, _I, _I]),
    "rd_kafka_mock_broker_set_down": (_I, [_P, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_up": (_I, [_P, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_rtt": (_I, [_P, ctypes.c_int32, _I]),
    "rd_kafka_mock_partition_set_leader": (_I, [_P, _S, ctypes.c_int32, ctypes.c_int32]),
    "rd_kafka_mock_coordinator_set": (_I, [_P, _S, _S, ctypes.c_int32]),
    "rd_kafka_mock_push_request_errors_array": (_V, [_P, _I16, _SIZE, ctypes.POINTER(_I)]),
    "rd_kafka_mock_clear_request_errors": (_V, [_P, _I16]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (_V, [_P, ctypes.c_int32]),
}


class MissingError(Exception):
    """The mock cannot be had here; the sentence says what is missing."""


def library() -> Path:
    """The librdkafka that the installed confluent-kafka brings."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise MissingError("confluent-kafka is not installed")
    folder = Path(spec.origin).parent
    for home in (folder.parent / "confluent_kafka.libs", folder / ".dylibs"):
        found = sorted(home.glob("librdkafka*"))
        if found:
            return found[0]
    raise MissingError("this confluent-kafka does not bring a librdkafka of its own")


class MockCluster:
    """The mock and its controls. Brokers are numbered from 1; -1 stands for all of them."""

    def __init__(self, brokers: int) -> None:
        loaded = ctypes.CDLL(str(library()))
        self._call: dict[str, Callable[..., Any]] = {}
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(loaded, name, None)
            if function is None:
                raise MissingError(f"this librdkafka has no {name}")
            function.restype, function.argtypes = result, arguments
            self._call[name.removeprefix("rd_kafka_")] = function
        self._brokers = brokers
        error = ctypes.create_string_buffer(512)
        conf = self._call["conf_new"]()
        self._call["conf_set"](conf, b"log_level", b"0", error, len(error))
        handle = self._call["new"](_PRODUCER, conf, error, len(error))
        if not handle:
            raise MissingError(f"librdkafka made no client: {error.value.decode()}")
        self._cluster = self._call["mock_cluster_new"](handle, brokers)
        if not self._cluster:
            raise MissingError("librdkafka made no mock cluster")
        self._call["mock_group_initial_rebalance_delay_ms"](self._cluster, 0)
        self.bootstrap: str = self._call["mock_cluster_bootstraps"](self._cluster).decode()

    def _numbers(self, broker: int) -> range:
        return range(1, self._brokers + 1) if broker == -1 else range(broker, broker + 1)

    def _check(self, code: int | None, what: str) -> None:
        if code:
            raise ValueError(f"{what} failed with librdkafka's error {code}")

    def topic(self, name: str, partitions: int) -> None:
        code = self._call["mock_topic_create"](self._cluster, name.encode(), partitions, self._brokers)
        self._check(code, "creating a topic")

    def down(self, broker: int) -> None:
        """Connections are refused from now on, and those that are open close."""
        for number in self._numbers(broker):
            self._check(self._call["mock_broker_set_down"](self._cluster, number), "taking down")

    def up(self, broker: int) -> None:
        for number in self._numbers(broker):
            self._check(self._call["mock_broker_set_up"](self._cluster, number), "bringing up")

    def rtt(self, broker: int, ms: int) -> None:
        for number in self._numbers(broker):
            self._check(self._call["mock_broker_set_rtt"](self._cluster, number, ms), "slowing")

    def leader(self, topic: str, partition: int, broker: int) -> None:
        code = self._call["mock_partition_set_leader"](self._cluster, topic.encode(), partition, broker)
        self._check(code, "moving a leader")

    def coordinator(self, group: str, broker: int) -> None:
        code = self._call["mock_coordinator_set"](self._cluster, b"group", group.encode(), broker)
        self._check(code, "moving a coordinator")

    def errors(self, api: int, codes: list[int]) -> None:
        """The next requests of this kind are answered with these errors, one each; 0 lets one through."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._call["mock_push_request_errors_array"](self._cluster, api, len(codes), array)

    def clear(self, api: int) -> None:
        self._call["mock_clear_request_errors"](self._cluster, api)


def main() -> None:
    try:
        cluster = MockCluster(int(sys.argv[1]))
    except (MissingError, OSError) as exc:
        print(json.dumps({"missing": str(exc)}), flush=True)
        return
    print(json.dumps({"bootstrap": cluster.bootstrap}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            getattr(cluster, request.pop("do"))(**request)
            answer: dict[str, str] = {}
        except ValueError as exc:
            answer = {"error": str(exc)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
