"""The table of client options: its types are Kafka's, and values of another type are told."""

from __future__ import annotations

import pytest

from connectkit.kinds import parse_kind
from connectkit.runner.configs.client_keys import CLIENT_KEYS
from connectkit.runner.configs.client_options import CLIENT_OPTIONS, value_problem


@pytest.mark.parametrize("client", CLIENT_OPTIONS)
def test_defaults_are_of_their_types(client: str) -> None:
    for name, option in CLIENT_OPTIONS[client].items():
        assert name in CLIENT_KEYS
        if option.default is not None:
            parse_kind(option.default, option.kind)


@pytest.mark.parametrize(
    ("client", "name", "value", "wrong"),
    [
        ("producer", "linger.ms", "5", False),
        ("producer", "linger.ms", "x", True),
        ("producer", "linger.ms", "", True),
        ("producer", "batch.size", "2147483648", True),
        ("producer", "enable.idempotence", "yes", True),
        ("producer", "acks", "anything", False),
        ("consumer", "max.poll.records", " 7 ", False),
        ("consumer", "max.poll.records", "1.5", True),
        ("admin", "retries", "x", True),
        ("admin", "nobody.knows", "x", False),
    ],
)
def test_values(client: str, name: str, value: str, wrong: bool) -> None:
    assert (value_problem(client, name, value) is not None) is wrong
