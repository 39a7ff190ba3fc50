"""The public face is what stands here: a name more or less is a decision, and shows in this file."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

import connectkit
from tools.layout import ROOT

FACE = """
BatchError Checkpoint Config ConfigData ConfigError ConfigProvider ConflictError ConnectError ConnectRecord
Connector ConnectorContext ConversionError Converter DataError Emit ErrantRecordReporter FatalTaskError
FencedError Field Header HeaderConverter Headers Instant LimitError Limits NotFoundError OffsetReader Plugin
Predicate ProjectionError RecordMetadata RetriableError Scale Schema SchemaAndValue SchemaBuilder
SchemaError Secret SinkConnector SinkRecord SinkTask SinkTaskContext SourceConnector SourceRecord SourceTask
SourceTaskContext Struct Support Task TopicPartition TransactionContext Transform Type __version__ converter
option plugins schema_of sink source transform
""".split()


def test_the_face_is_pinned() -> None:
    """A name more is a promise more, a name less breaks somebody."""
    assert connectkit.__all__ == FACE
    assert sorted(connectkit.__all__) == connectkit.__all__
    assert dir(connectkit) == connectkit.__all__


@pytest.mark.parametrize("name", FACE)
def test_every_name_is_there(name: str) -> None:
    assert getattr(connectkit, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "connectkit" / "__init__.py").read_text())
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("connectkit")
        for alias in node.names
        if alias.asname == alias.name
    }
    assert seen == set(FACE)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        connectkit.no_such_name  # noqa: B018 - the access is the test


def _loaded_by(code: str) -> set[str]:
    """The modules that code loads into a fresh interpreter."""
    program = f"import sys; before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_it_loads_next_to_nothing() -> None:
    found = {name for name in _loaded_by("import connectkit") if name.startswith("connectkit")}
    assert found == {"connectkit", "connectkit._version"}


@pytest.mark.parametrize(
    "code",
    [
        "import connectkit\nfor name in connectkit.__all__: getattr(connectkit, name)",
        "import connectkit.values, connectkit.project, connectkit.record",
    ],
)
def test_the_core_loads_no_third_party_module_and_no_plugin(code: str) -> None:
    loaded = _loaded_by(code)
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - set(sys.stdlib_module_names) == {"connectkit"}
    for part in ("runner", "converters", "transforms", "connectors"):
        assert not any(name.startswith(f"connectkit.{part}") for name in loaded)
