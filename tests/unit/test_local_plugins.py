"""Plugins in a file that the command line names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.runner.cli import main
from connectkit.runner.local_plugins import load_plugins

SOURCE = '''
import connectkit
from connectkit import Config, Emit, option

class WordsConfig(Config):
    """Which topic."""
    topic: str = option(doc="The topic.")

@connectkit.source
def {name}(config: WordsConfig):
    """Two words."""
    for n, word in enumerate(("one", "two")):
        yield Emit(word, offset={{"n": n}})
'''


@pytest.fixture(autouse=True)
def _own_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def test_a_file_of_plugins(tmp_path: Path) -> None:
    file = tmp_path / "words_for_a_test.py"
    file.write_text(SOURCE.format(name="words"))
    registry = plugins.clone()
    assert load_plugins([file], registry) == ["words"]
    assert registry.find_connector("words").cls.__name__ == "words"
    assert not any(info.name == "words" for info in plugins.all("source"))


def test_the_command_line_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "more_words_for_a_test.py"
    file.write_text(SOURCE.format(name="more_words"))
    assert main(["plugins", "--plugins", str(file), "more_words"]) == 0
    assert "Two words." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("no_plugins_here.py", "x = 1\n", "defines no plugin"),
        ("broken_plugins.py", "import nothing_of_that_name\n", "cannot be imported: ModuleNotFoundError"),
        ("json.py", "x = 1\n", "has the name of another module"),
        ("not-a-name.py", "x = 1\n", "must be named as a Python module"),
        ("plugins.txt", "x = 1\n", "must be named as a Python module"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_plugins([tmp_path / name], plugins.clone())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no file"):
        load_plugins([tmp_path / "gone.py"], plugins.clone())
