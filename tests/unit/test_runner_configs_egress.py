"""Connectors name registries that the worker's file knows, or at least none of a cloud's inner addresses."""

from __future__ import annotations

import pytest

from connectkit.plugin import plugins
from connectkit.runner.configs.egress import allowed_hosts, url_problems
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.validation import validate_connector

RAW = {
    "bootstrap.servers": "embedded:x",
    "key.converter": "StringConverter",
    "value.converter": "AvroConverter",
    "offset.storage.file.filename": "x",
}
URL = "value.converter.schema.registry.url"


def worker(**more: str) -> WorkerConfig:
    return WorkerConfig.parse({**RAW, **{key.replace("_", "."): value for key, value in more.items()}})


@pytest.mark.parametrize(
    ("settings", "url", "refused"),
    [
        ({}, "http://anything:8081", False),
        ({}, "http://169.254.169.254/latest", True),
        ({}, "http://[::ffff:169.254.169.254]", True),
        ({}, "http://[fe80::1%25eth0]:80", True),
        ({}, "https://metadata.google.internal", True),
        ({}, "HTTP://METADATA.GOOGLE.INTERNAL", True),
        ({}, "embedded:folder", False),
        ({}, "mock://x", False),
        ({}, "http://good:1,http://169.254.1.1", True),
        ({"value_converter_schema_registry_url": "http://own:8081"}, "https://own:9999", False),
        ({"value_converter_schema_registry_url": "http://own:8081"}, "http://other:8081", True),
        ({"value_converter_schema_registry_url": "http://own:8081"}, "http://user:pw@other", True),
        ({"value_converter_schema_registry_url": "http://own:8081"}, "http://own@other", True),
        ({"registry_urls": "http://a,http://b"}, "http://b:1", False),
        ({"registry_urls": "http://a,http://b"}, "http://c", True),
        ({"registry_urls": "*"}, "http://169.254.169.254", False),
        ({"registry_urls": "http://169.254.169.254"}, "http://169.254.169.254", False),
    ],
)
def test_which_hosts_a_connector_may_name(settings: dict[str, str], url: str, *, refused: bool) -> None:
    for key in (URL, "key.converter.bearer.auth.issuer.endpoint.url"):
        found = dict(url_problems({key: url}, worker(**settings)))
        assert (key in found) is refused, found
        assert "pw" not in str(found)


def test_other_options_are_not_looked_at() -> None:
    raw = {"connection.url": "http://169.254.169.254", "value.converter.text": "http://169.254.169.254"}
    assert list(url_problems(raw, worker())) == []
    assert list(url_problems({URL: None, "key.converter.x.url": 7}, worker())) == []
    assert allowed_hosts(worker()) is None


def test_validation_tells_it_by_key() -> None:
    raw = {
        "name": "n", "connector.class": "FileStreamSink", "file": "x", "topics": "t",
        "value.converter": "AvroConverter", URL: "http://other:1",
    }  # fmt: skip
    found = validate_connector(raw, worker(registry_urls="http://own"), plugins)
    assert "registry.urls" in found.errors[URL][0]
    assert URL not in validate_connector(raw, worker(), plugins).errors
