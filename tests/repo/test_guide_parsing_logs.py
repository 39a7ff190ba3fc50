"""The examples in the guide to parsing logs give what the guide says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from connectkit.plugin import plugins
from connectkit.record import SourceRecord

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "parsing-logs.md"
EXAMPLE = re.compile(
    r"^```json\n(.*?)^```\n+^```text\n(.*?)^```\n+^```result\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
EXAMPLES = EXAMPLE.findall(GUIDE.read_text())
RECORD_MS = 1_700_000_000_000


def results(text: str) -> list[Any]:
    """The JSON documents, one behind the other."""
    decoder = json.JSONDecoder()
    found: list[Any] = []
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


@pytest.mark.parametrize(("config", "lines", "wanted"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_example(config: str, lines: str, wanted: str) -> None:
    connector: dict[str, str] = json.loads(config)
    prefix = f"transforms.{connector['transforms']}."
    options = {key.removeprefix(prefix): value for key, value in connector.items() if key.startswith(prefix)}
    transform = plugins.create("transform", options.pop("type"), options)
    made: list[Any] = []
    for line in lines.splitlines():
        value = json.loads(line) if line.startswith("{") else line
        record = transform.apply(SourceRecord({}, {}, "logs", None, value, timestamp=RECORD_MS))
        assert isinstance(record, SourceRecord)
        assert not isinstance(value, dict) or next(iter(record.value)) == next(iter(value))
        made.append(record.value)
    assert [list(each.items()) for each in made] == [list(each.items()) for each in results(wanted)]


def test_every_block_is_part_of_an_example() -> None:
    assert GUIDE.read_text().count("```json") == len(EXAMPLES) >= 7
