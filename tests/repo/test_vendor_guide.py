"""The examples of the guide to the vendors' transforms are run, each record of each."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from connectkit.errors import DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.properties import loads
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.struct import Struct

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "vendor-transforms.md").read_text()
EXAMPLES = re.findall(r"^```properties\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NAMES = re.findall(r"\.type=(\S+)", PAGE)


def record_of(text: str) -> SinkRecord:
    given: dict[str, Any] = {"topic": "t", "key": None, "value": None, "timestamp": None, **json.loads(text)}
    value = given["value"]
    if isinstance(value, dict) and value.keys() == {"base64"}:
        value = b64decode(value["base64"])
    headers = Headers()
    for name, each in given.get("headers", {}).items():
        headers.add_string(name, each)
    return SinkRecord(
        given["topic"], 0, None, given["key"], None, value, 0, given["timestamp"], headers=headers
    )


def plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {f.name: plain(each) for f, each in zip(value.schema.fields, value.values, strict=True)}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def outcome(chain: Chain, text: str, shown: dict[str, Any]) -> Any:
    """What becomes of a record, in the parts that the page shows."""
    try:
        made = chain.apply(record_of(text))
    except DataError as error:
        return f"fails: {error}"
    if made is None:
        return "dropped"
    assert isinstance(made, SinkRecord)
    parts: dict[str, Any] = {
        "topic": made.topic,
        "key": plain(made.key),
        "value": plain(made.value),
        "timestamp": made.timestamp,
        "headers": {each.key: each.value for each in made.headers},
    }
    return {name: parts[name] for name in shown}


@pytest.mark.parametrize(("config", "text"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_as_shown(config: str, text: str) -> None:
    chain = Chain.build(loads(config).values, plugins)
    assert not chain.warnings
    lines = text.splitlines()
    for before, after in zip(lines[::2], lines[1::2], strict=True):
        assert before.startswith("before ")
        assert after.startswith("after  ")
        wanted = after.removeprefix("after  ")
        said = json.loads(wanted) if wanted.startswith("{") else wanted
        for _ in range(3):  # interpreted, then compiled
            assert outcome(chain, before.removeprefix("before "), json.loads(before[7:])) == said


def test_every_vendor_transform_has_an_example() -> None:
    vendors = ("io.confluent.", "io.aiven.")
    known = {n for info in plugins.all("transform") for n in info.names if n.startswith(vendors)}
    told = " ".join([*NAMES, PAGE])
    assert len(known) == 19
    assert [name for name in known if name.rpartition(".")[2].partition("$")[0] not in told] == []
    assert PAGE.count("\n### ") >= 15
