"""Every configuration in the guides is one that the worker takes without a word, so that none can rot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectkit.errors import DataError
from connectkit.plugin import PluginKind, plugins
from connectkit.properties import loads
from connectkit.record import SinkRecord
from connectkit.runner.chain import Chain
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.report import Report
from connectkit.runner.validation import validate_connector, validate_worker
from tools.docs.plugins import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/quickstart.md", *sorted(ROOT.glob("docs/guides/*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`` (.+?) ``|`([^`]+)`")
_IS_NOT_HERE = re.compile("does not exist|no function '.*' is installed")
GUIDE = ROOT / "docs/guides/transforms.md"

WORKER_RAW = {
    "bootstrap.servers": "a:1",
    "key.converter": "JsonConverter",
    "value.converter": "JsonConverter",
    "offset.storage.file.filename": "x",
}
WORKER = WorkerConfig.parse(WORKER_RAW)
PROVIDERS = ("file", "dir", "env")
"""What the guides call config providers."""
SOURCE = {"name": "guide", "connector.class": "FileStreamSource", "file": "in.txt", "topic": "t"}
SINK = {"name": "guide", "connector.class": "FileStreamSink", "file": "out.txt", "topics": "t"}


class Block(NamedTuple):
    """A fenced block of a page that holds a configuration."""

    page: str
    line: int
    language: str
    text: str

    def config(self) -> dict[str, Any] | None:
        """What it configures; None if it is data of another sort."""
        if self.language == "properties":
            return dict(loads(self.text).values)
        try:
            found = json.loads(self.text)
        except json.JSONDecodeError:
            for line in self.text.splitlines():  # records, one a line
                json.loads(line)
            return None
        if not isinstance(found, dict):
            return None
        if isinstance(found.get("config"), dict):
            found = {"name": found.get("name"), **found["config"]}
        configures = ("connector.class", "transforms", "predicates")
        return (
            found if any(key.partition(".")[0] in configures or key in configures for key in found) else None
        )


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            if match[2] in ("json", "properties"):
                line = text.count("\n", 0, match.start()) + 2
                yield Block(str(page.relative_to(ROOT)), line, match[2], match[3])


BLOCKS = list(blocks())


def said_of(report: Report) -> list[str]:
    """What the worker has to say against a configuration; which files and functions are here is no matter."""
    found = {**report.warnings, **report.errors}
    said = [f"{key} {sentence}" for key, sentences in found.items() for sentence in sentences]
    return [sentence for sentence in said if not _IS_NOT_HERE.search(sentence)]


def of_connector(raw: Mapping[str, Any]) -> list[str]:
    return said_of(validate_connector(raw, WORKER, plugins, providers=PROVIDERS))


def of_worker(raw: Mapping[str, Any]) -> list[str]:
    return said_of(validate_worker(raw, plugins))


def complaints(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with a configuration: a connector's, a worker's, or a part of one."""
    if "connector.class" in config:
        return of_connector({"name": "guide", **config})
    if "bootstrap.servers" in config:
        return of_worker(config)
    # A part is right if it is right in a source, in a sink or in a worker's file.
    tries = [of_connector({**base, **config}) for base in (SOURCE, SINK)]
    return min([*tries, of_worker({**WORKER_RAW, **config})], key=len)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_a_configuration_is_taken_without_a_word(block: Block) -> None:
    config = block.config()
    if config is None:
        return
    if "transforms" not in config and any(key.startswith("transforms.") for key in config):
        assert loose_complaints(block, config) == []
    else:
        assert complaints(config) == []


def loose_complaints(block: Block, config: Mapping[str, Any]) -> list[str]:
    """What is wrong with options by themselves, under a name that the page gave a type before."""
    types: dict[str, str] = {}
    for earlier in BLOCKS:
        if earlier.page == block.page and earlier.line < block.line:
            for key, value in (earlier.config() or {}).items():
                if (found := re.fullmatch(r"transforms\.(\w+)\.type", key)) is not None:
                    types[found[1]] = value
    said = []
    for key in config:
        alias, _, option = key.removeprefix("transforms.").partition(".")
        if alias not in types:
            said.append(f"{key} stands under a name that the page has not introduced")
        else:
            unknown = plugins.find("transform", types[alias]).cls.config_type.unknown_keys({option: ""})
            said += [f"{key} {sentence}" for sentences in unknown.values() for sentence in sentences]
    return said


def test_there_are_configurations_of_every_sort() -> None:
    found = [config for block in BLOCKS if (config := block.config()) is not None]
    assert any("connector.class" in config for config in found)
    assert any("bootstrap.servers" in config for config in found)
    assert any("transforms" in config and "connector.class" not in config for config in found)
    assert "docs/guides/transforms.md" in {block.page for block in BLOCKS}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"transforms.x.type": "Explod"}, "Explode"),
        ({"transforms.x.pth": "items"}, "path"),
        ({"transforms.y.path": "items"}, "y"),
        ({"transforms.x.path": "`"}, "backtick"),
        ({"fiel": "x"}, "file"),
    ],
)
def test_a_mistake_would_be_found(change: dict[str, str], said: str) -> None:
    right = {"transforms": "x", "transforms.x.type": "Explode", "transforms.x.path": "items"}
    assert complaints(right) == []
    assert any(said in sentence for sentence in complaints({**right, **change}))


# --- the tables of the guide to transforms


class Row(NamedTuple):
    """A task, the plugin that does it, and its options."""

    section: str
    task: str
    plugin: str
    options: dict[str, str]


def rows() -> Iterator[Row]:
    section = ""
    header = False
    for line in GUIDE.read_text().splitlines():
        if line.startswith("#"):
            section = line.strip("# ")
        if not line.startswith("|"):
            header = False
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[-1] == "shortest form":
            header = True
        elif header and not cells[0].startswith("---"):
            [name] = [a or b for a, b in CODE.findall(cells[1])]
            spans = [a or b for a, b in CODE.findall(cells[2])]
            yield Row(section, cells[0], name, dict(span.split("=", 1) for span in spans))


ROWS = list(rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}: {row.task}")
def test_the_shortest_form_is_enough(row: Row) -> None:
    if row.plugin == "Function":
        return  # its one required option names a function that is installed
    if row.section == "Predicates":
        config = {
            "transforms": "f", "transforms.f.type": "Filter", "transforms.f.predicate": "p",
            "predicates": "p", "predicates.p.type": row.plugin,
            **{f"predicates.p.{key}": value for key, value in row.options.items()},
        }  # fmt: skip
    else:
        config = {"transforms": "t", "transforms.t.type": row.plugin}
        config |= {f"transforms.t.{key}": value for key, value in row.options.items()}
    assert complaints(config) == []
    chain = Chain.build(config, plugins)
    assert chain.warnings == {}
    assert len(chain) == 1


@pytest.mark.parametrize("kind", ["transform", "predicate"])
def test_every_transform_and_predicate_has_a_task(kind: PluginKind) -> None:
    told = {
        plugins.find(kind, row.plugin).cls
        for row in ROWS
        if (row.section == "Predicates") is (kind == "predicate")
    }
    missing = [info.name for info in shipped(kind) if info.load() not in told]
    assert missing == [], "docs/guides/transforms.md does not say what these are for"


def test_the_first_chain_of_the_guide_makes_what_the_guide_shows() -> None:
    text = GUIDE.read_text()
    config = next(block for block in BLOCKS if block.page.endswith("guides/transforms.md")).config()
    assert config is not None
    given = next(line for line in text.splitlines() if line.startswith('    {"id": 7'))
    made = Chain.build(config, plugins).apply(SinkRecord("orders", 0, None, None, None, json.loads(given), 0))
    assert [",".join(each.value) for each in made] == ["id,items_qty,items_price,line,total"] * 2
    for each in made:
        assert f"\n    {','.join(map(str, each.value.values()))}\n" in text


@pytest.mark.parametrize(
    ("kind", "options", "value"),
    [
        ("MaskField", {"fields": "cadr"}, {"card": 1}),
        ("Expression", {"expression": "value.total = value.qty / value.n"}, {"qty": 1, "n": 0}),
    ],
)
def test_messages_are_those_of_the_guide(
    kind: str, options: dict[str, str], value: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    alias = {"MaskField": "mask", "Expression": "total"}[kind]
    own = {f"transforms.{alias}.{key}": text for key, text in options.items()}
    chain = Chain.build({"transforms": alias, f"transforms.{alias}.type": kind, **own}, plugins)
    try:
        chain.apply(SinkRecord("orders", 0, None, None, None, value, 0))
        [said] = caplog.messages
    except DataError as error:
        said = str(error)
    assert f"\n    {said}\n" in GUIDE.read_text()
