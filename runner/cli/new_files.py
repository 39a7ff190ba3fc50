"""The files of a new plugin's project. ``$name`` is filled in; ``$$`` is a dollar sign."""

from __future__ import annotations

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$project"
version = "0.1.0"
description = "A $kind for Kafka Connect pipelines in Python: $title."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["kafka-connectkit"]

[project.optional-dependencies]
test = ["kafka-connectkit[runner,testing]"]

# What a configuration says, and where it is.
[project.entry-points."connectkit.$group"]
$Class = "$module:$module"

[tool.setuptools]
package-dir = { "" = "src" }
py-modules = ["$module"]

[tool.ruff]
line-length = 110
src = ["src"]

[tool.ruff.lint]
ignore = ["RUF012"] # what a law class declares is not changed

[tool.mypy]
strict = true
files = ["src", "tests"]
mypy_path = "src"

[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
""",
    "README.md": """\
# $title

A $kind plugin for connectkit, Kafka Connect for Python.

    python -m pip install -e '.[test]'
    python -m pytest
    connectkit plugins $Class
""",
    ".gitignore": """\
__pycache__/
*.egg-info/
.hypothesis/
.pytest_cache/
.venv/
build/
dist/
""",
    ".github/workflows/test.yml": """\
name: test
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: $${{ matrix.python }}
      - run: python -m pip install -e '.[test]'
      - run: python -m pytest
""",
}

PLUGINS = {
    "converter": '''\
"""$title: maps of texts as a URL writes them, ``a=1&b=2``."""

from urllib.parse import parse_qsl, urlencode

import connectkit
from connectkit import Config, option


class ${Class}Config(Config):
    """How pairs are written."""

    plus: bool = option(True, doc="Whether a space is written as + (as %20 otherwise).")


@connectkit.converter
def $module(value: dict[str, str], config: ${Class}Config) -> bytes:
    """Maps of texts as a URL writes them."""
    text = urlencode(value)
    return (text if config.plus else text.replace("+", "%20")).encode()


@$module.reads
def _(data: bytes) -> dict[str, str]:
    text = data.decode("ascii")
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")) if text else {}
''',
    "transform": '''\
"""$title: takes the white space off the ends of texts."""

from typing import Any

import connectkit
from connectkit import Config, option


class ${Class}Config(Config):
    """Which fields."""

    fields: list[str] = option([], doc="The fields to trim; left out, all that are texts.")


@connectkit.transform
def $module(value: dict[str, Any], config: ${Class}Config) -> dict[str, Any]:
    """Take the white space off the ends of texts."""
    if not isinstance(value, dict):
        return value
    return {
        name: item.strip() if isinstance(item, str) and (not config.fields or name in config.fields) else item
        for name, item in value.items()
    }
''',
    "source": '''\
"""$title: the lines of a text file, each as soon as it has its end."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import connectkit
from connectkit import Config, Emit, Schema, option


class ${Class}Config(Config):
    """Where the lines come from and go to."""

    file: str = option(doc="The file to read.")
    topic: str = option(doc="The topic that the lines go to.")


@connectkit.source(exactly_once=True)
def $module(config: ${Class}Config, offset: Mapping[str, Any] | None) -> Iterator[Emit | None]:
    """The lines of a text file."""
    position = offset["position"] if offset else 0
    while True:
        with Path(config.file).open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\\n"):
                    break
                position += len(line)
                text = line[:-1].decode("utf-8", "replace")
                yield Emit(text, offset={"position": position}, schema=Schema.STRING)
        yield None  # nothing more just now
''',
    "sink": '''\
"""$title: one JSON document a line, on disk before it is committed."""

import json
import os
from pathlib import Path

import connectkit
from connectkit import Config, SinkRecord, option


class ${Class}Config(Config):
    """Where the lines go."""

    file: str = option(doc="The file to append to.")


@connectkit.sink
def $module(batch: list[SinkRecord], config: ${Class}Config) -> None:
    """One JSON document a line."""
    with Path(config.file).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record.value, default=str) + "\\n" for record in batch)
        file.flush()
        os.fsync(file.fileno())
''',
}

TESTS = {
    "converter": '''\
"""What every converter must do, tried on cases that nobody thought of."""

from connectkit.testing import ConverterLaws

from $module import $module


class Test$Class(ConverterLaws):
    converter = $module
''',
    "transform": '''\
"""What every transform must do, tried on cases that nobody thought of."""

from connectkit.testing import TransformLaws

from $module import $module


class Test$Class(TransformLaws):
    transform = $module
    config = {"fields": "name"}
    idempotent = True
''',
    "source": '''\
"""What every source must do: interrupted anywhere, it goes on without a gap."""

from collections.abc import Mapping
from pathlib import Path

from connectkit.testing import SourceLaws

from $module import $module


class Test$Class(SourceLaws):
    connector = $module

    def prepare(self, directory: Path) -> Mapping[str, str]:
        file = directory / "lines.txt"
        file.write_text("".join(f"line {n}\\n" for n in range(20)), encoding="utf-8")
        return {"file": str(file), "topic": "lines"}

    def expected(self, directory: Path) -> list[str]:
        return [f"line {n}" for n in range(20)]

    def more(self, directory: Path) -> None:
        with (directory / "lines.txt").open("a", encoding="utf-8") as file:
            file.write("another line\\n")
''',
    "sink": '''\
"""What every sink must do: what is committed is written, whatever happens afterwards."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectkit.testing import SinkLaws

from $module import $module


class Test$Class(SinkLaws):
    connector = $module

    def prepare(self, directory: Path) -> Mapping[str, str]:
        return {"file": str(directory / "out.jsonl")}

    def written(self, directory: Path) -> Sequence[Any]:
        file = directory / "out.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
''',
}
