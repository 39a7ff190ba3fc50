"""The reference tells of every plugin and option, and a page that fell behind is found."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from connectkit.config import Config
from connectkit.plugin import KINDS, PluginInfo
from connectkit.runner.cli.commands import build_parser
from connectkit.runner.configs.connector import SinkConnectorConfig, SourceConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.log.kafka.properties import PROPERTIES
from tools.docs import markdown
from tools.docs.__main__ import PAGES, REFERENCE, main
from tools.docs.cli import commands
from tools.docs.plugins import PAGE_OF, shipped

SHIPPED = [info for kind in KINDS for info in shipped(kind)]
IDS = [f"{info.kind}:{info.name}" for info in SHIPPED]


def text(name: str) -> str:
    return (REFERENCE / name).read_text()


@pytest.mark.parametrize("info", SHIPPED, ids=IDS)
def test_plugin_has_a_section_under_every_name(info: PluginInfo) -> None:
    page = text(PAGE_OF[info.kind])
    assert f"### {info.name}\n" in page
    for name in info.java_names:
        assert f"`{name}`" in page
        assert f"`{name}`" in text("plugins.md")


@pytest.mark.parametrize("info", SHIPPED, ids=IDS)
def test_every_option_of_a_plugin_is_told(info: PluginInfo) -> None:
    section = text(PAGE_OF[info.kind]).partition(f"### {info.name}\n")[2].partition("\n### ")[0]
    keys = info.load().config_type.definition().keys
    for key in keys:
        row = re.search(rf"^\| `{re.escape(key.name)}`.*\| (\S.*) \|$", section, re.MULTILINE)
        assert row, f"{key.name} has no row"
    assert keys or "It has no options." in section


@pytest.mark.parametrize("info", SHIPPED, ids=IDS)
def test_java_names_of_the_class_are_its_entry_points(info: PluginInfo) -> None:
    declared = info.load().java_names
    assert not declared or set(declared) == set(info.java_names)


@pytest.mark.parametrize("config", [WorkerConfig, SourceConnectorConfig, SinkConnectorConfig])
def test_every_option_of_worker_and_connectors_is_told(config: type[Config]) -> None:
    page = text("worker.md")
    assert [key.name for key in config.definition().keys if f"\n| `{key.name}`" not in page] == []


def test_every_command_and_argument_is_told() -> None:
    page = text("cli.md")
    parser = build_parser()
    found = dict(commands(parser))
    assert {"standalone", "validate", "plugins", "topics", "topics list", "topics read", "quickstart"} <= set(
        found
    )
    for path, command in found.items():
        section = page.partition(f"# {path}\n")[2].partition("\n#")[0]
        assert section, f"{path} is not told"
        assert command.description, f"{path} does not explain itself"
        for action in command._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"`{option}" in section


def test_every_argument_has_a_help_text() -> None:
    bare = [
        f"{path} {action.dest}"
        for path, command in commands(build_parser())
        for action in command._actions
        if not action.help and action.choices is None
    ]
    assert bare == []


def test_every_client_property_is_told() -> None:
    page = text("client-properties.md")
    assert [each.name for each in PROPERTIES if f"| `{each.name}` |" not in page] == []


def test_the_pages_in_the_tree_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_check_names_a_page_that_fell_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(REFERENCE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "errors.md").write_text(text("errors.md").replace("ConfigError", "ConfigurationError"))
    (tmp_path / "plugins.md").unlink()
    (tmp_path / "strange.md").write_text("# Strange\n")
    assert main(["--check"], folder=tmp_path) == 1
    said = capsys.readouterr().err
    for name in ("errors.md", "plugins.md", "strange.md"):
        assert f"docs/reference/{name} is stale" in said
    assert "transforms.md" not in said


def test_writing_makes_every_page_and_removes_strangers(tmp_path: Path) -> None:
    (tmp_path / "strange.md").write_text("# Strange\n")
    assert main([], folder=tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(PAGES)
    assert main(["--check"], folder=tmp_path) == 0


def test_pages_are_the_same_wherever_they_are_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["--check"]) == 0


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("``a`` of :class:`b.C`", "`a` of `b.C`"),
        ("see:\n    code", "see:\n\n    code"),
        ("one\ntwo", "one\ntwo"),
        ("as key.converter.*; or .param.* too", "as `key.converter.*`; or `.param.*` too"),
        ("``a.b.*`` stays", "`a.b.*` stays"),
    ],
)
def test_docstrings_become_markdown(given: str, wanted: str) -> None:
    assert markdown.prose(given) == wanted


def test_cells_keep_their_column() -> None:
    assert markdown.table(["a"], [["x|y\nz"]]).splitlines()[2] == r"| x\|y z |"
    assert markdown.code("a`b") == "`` a`b ``"
