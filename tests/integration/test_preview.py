"""``connectkit preview`` of a topic, on both logs: it ends, and leaves no trace of a consumer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from connectkit.runner.cli import main
from connectkit.runner.log.api import OutRecord
from connectkit.runner.log.opening import open_log


def test_a_topic_with_transactions(
    tmp_path: Path, bootstrap: str, unique: Callable[[str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    topic, name = unique("orders"), unique("sink")
    log = open_log(bootstrap)
    admin = log.admin({"bootstrap.servers": bootstrap})
    admin.create_topic(topic, partitions=2)
    producer = log.producer({"bootstrap.servers": bootstrap, "transactional.id": unique("tx")})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send(
        [OutRecord(topic, n % 2, b"k", b'{"qty": %d}' % n, 5, [("h", b"v")]) for n in range(6)],
        lambda failed: None,
    )
    producer.commit_transaction(30)
    producer.close(10)
    config = {
        "name": name, "connector.class": "FileStreamSink", "file": str(tmp_path / "never.txt"),
        "topics": topic, "transforms": "e", "transforms.e.type": "Expression",
        "transforms.e.expression": "drop if value.qty < 2; value.at = f'{topic}-{partition}@{offset}'",
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        "key.converter": "StringConverter",
    }  # fmt: skip
    (tmp_path / "sink.json").write_text(json.dumps(config))
    arguments = ["preview", str(tmp_path / "sink.json"), "--bootstrap-servers", bootstrap, "--wait", "5"]
    assert main([*arguments, "--json"]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    found = json.loads(captured.out)
    assert len(found["records"]) == 6
    passed = [each["results"][0]["value"] for each in found["records"] if each["results"]]
    assert {each["qty"]: each["at"] for each in passed} == {
        n: f"{topic}-{n % 2}@{n // 2}" for n in range(2, 6)
    }
    assert found["records"][0]["before"]["headers"] == [["h", "v"]]
    assert found["records"][0]["before"]["key"] == "k"
    assert main([*arguments, "-n", "2", "--from", topic]) == 0
    assert "2 records in" in capfd.readouterr().out
    assert admin.group_offsets(f"connect-{name}") == {}
    assert not (tmp_path / "never.txt").exists()
    admin.close()
    log.close()
