"""Configurations are shown without secrets, and what was shown may come back."""

from __future__ import annotations

import pytest

from connectkit.config import Config, Secret, option
from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.runner.hiding import restored, shown_config
from connectkit.secret import HIDDEN
from tests.support.plugins import TroubleSource


class VaultConfig(Config):
    where: str = option("", doc="Where.")
    pin: Secret | None = option(None, doc="A secret whose name does not say so.")


class VaultSource(TroubleSource):
    config_type = VaultConfig


@pytest.fixture(autouse=True)
def registered() -> None:
    plugins.register("source", "VaultSource", VaultSource)


RAW = {
    "name": "v",
    "connector.class": "VaultSource",
    "pin": "1234-5678",
    "connection.password": "hunter2",
    "connection.url": "jdbc:x://scott:tiger@db:1/x",
    "aws.secret.access.key": "AAA",
    "consumer.override.sasl.jaas.config": 'x required password="p";',
    "auth.token": "${env:TOKEN}",
    "other.token": "pre-${env:TOKEN}",
    "message.key.columns": "id",
    "key.converter": "StringConverter",
    "transforms": "createKey",
    "transforms.createKey.fields": "id",
    "tokens.max": "5",
    "empty.password": "",
    "null.password": None,
}
SHOWN = {
    **RAW,
    "pin": HIDDEN,
    "connection.password": HIDDEN,
    "connection.url": "jdbc:x://[hidden]@db:1/x",
    "aws.secret.access.key": HIDDEN,
    "consumer.override.sasl.jaas.config": HIDDEN,
    "other.token": HIDDEN,
}


def test_secrets_are_hidden_and_all_else_is_shown() -> None:
    assert shown_config(RAW, plugins) == SHOWN


def test_a_plugin_that_is_unknown_hides_by_name() -> None:
    found = shown_config(
        {**RAW, "connector.class": "Nobody", "transforms.createKey.type": "Nothing"}, plugins
    )
    assert found["pin"] == "1234-5678"
    assert found["connection.password"] == HIDDEN


def test_configurations_of_tasks() -> None:
    task = {"pin": "1234-5678", "task.class": "x", "shard": "1", "connection.password": "hunter2"}
    found = shown_config(RAW, plugins, task=task)
    assert found == {"pin": HIDDEN, "task.class": "x", "shard": "1", "connection.password": HIDDEN}


def test_what_was_shown_may_come_back() -> None:
    assert restored(SHOWN, RAW) == RAW
    changed = {**SHOWN, "connection.password": "new", "message.key.columns": "a"}
    assert restored(changed, RAW) == {**RAW, "connection.password": "new", "message.key.columns": "a"}


@pytest.mark.parametrize("stored", [None, {}, {"connection.password": None}])
def test_hidden_stands_for_nothing_where_nothing_is_stored(stored: dict[str, str | None] | None) -> None:
    with pytest.raises(ConfigError) as caught:
        restored({"connection.password": HIDDEN}, stored)
    assert "connection.password" in caught.value.problems
