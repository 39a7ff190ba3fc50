"""Kafka's murmur2, against values of the Java client's ``Utils.murmur2``."""

from __future__ import annotations

import pytest

from connectkit.runner.log.partitioner import murmur2, partition_for

# (key in hexadecimal, murmur2 as Java's signed int), printed by org.apache.kafka.common.utils.Utils
JAVA = [
    ("", 275646681),
    ("61", -1563381124),
    ("6162", 316155434),
    ("616263", 479470107),
    ("61626364", -1323649548),
    ("6b65792d3137", 956945460),
    ("68656c6c6f20776f726c64", 1221641059),
    ("c3a9c3bce6bca2", -1877202028),
    ("30", 971027396),
    ("3132333435363738", 338742798),
    ("99", 1288378381),
    ("1834", -1042682160),
    ("5a94c9", -313141582),
    ("09d32a595d", 99467382),
    ("41f4b3e59247", -1134459280),
    ("05194bb55dcab3", -1772457477),
    ("166fc2edcea4fb1b65e240", -435219086),
    ("437cb251a58953f96424e7bd33a2e0636ebdbbc1d586f9d6d6c93e220a", 1778850706),
    ("cc5791c758218f6b8a0cd56d9d78ff727bf90b64b0a84b5491c1f5840f7f8dc0", 356766002),
    ("738766847b0a5cf9f95908d5ef4d8c7c468cc00866e1c466630d8f49b86270688321", 541882341),
    ("9a5b1c6efe5aeed36fe78d7e363d36f4f7df46f0f2420dd8af0ff55ca6af8911a2ce983c", 1626953494),
    ("6b1b9d4e95058b2b1dbb7de2f1467ff4dd4e6d675c277308d75b44e764896d8c8fddc4094ed8d8", 100013),
]


@pytest.mark.parametrize(("key", "java"), JAVA)
def test_the_hash_is_javas(key: str, java: int) -> None:
    assert murmur2(bytes.fromhex(key)) == java & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "partition"),
    [("99", 3), ("1834", 0), ("5a94c9", 4), ("41f4b3e59247", 6), ("", 2), ("166fc2edcea4fb1b65e240", 1)],
)
def test_the_partition_is_javas(key: str, partition: int) -> None:
    assert partition_for(bytes.fromhex(key), 7) == partition


def test_long_keys_are_hashed_too() -> None:
    assert 0 <= partition_for(bytes(1000), 11) < 11
