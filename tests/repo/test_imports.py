"""What the five layering rules say that a linter of the import graph cannot."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tools.layout import sources

SOURCES = dict(sources())
CORE = sorted(
    name
    for name, path in SOURCES.items()
    if path.parent.name in ("connectkit", "testing") and "runner" not in name
)
TESTING_MAY_IMPORT = {"pytest", "hypothesis"}


@pytest.mark.parametrize("module", CORE)
def test_core_imports_only_the_standard_library(module: str) -> None:
    allowed = set(sys.stdlib_module_names) | {"connectkit"}
    if module.startswith("connectkit.testing"):
        allowed |= TESTING_MAY_IMPORT
    found = {name.partition(".")[0] for name, _ in _imports(SOURCES[module])}
    assert found <= allowed


REGISTRY_CLIENT = {  # speaks HTTP, and executes rules of schemas; librdkafka is not involved
    "connectkit.converters.registry.http",
    "connectkit.converters.registry.rules.executors",
    *(f"connectkit.converters.{kind}.contract" for kind in ("avro", "json_schema", "protobuf")),
}


def test_only_the_kafka_log_imports_confluent_kafka() -> None:
    importers = {
        module
        for module in SOURCES
        if "confluent_kafka" in {n.partition(".")[0] for n, _ in _imports(SOURCES[module])}
    }
    assert all(module.startswith("connectkit.runner.log.kafka") for module in importers - REGISTRY_CLIENT)


def test_no_relative_import() -> None:
    relative = [
        f"{module}:{node.lineno}"
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_nothing_is_imported_because_a_text_names_it() -> None:
    """Plugins are found through entry points; a name out of a configuration is never imported."""
    found = {
        module
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__")
    }
    allowed = {
        "connectkit": "the face, out of its own table",
        "connectkit.testing": "another face, out of its own table",
        "connectkit.runner.local_plugins": "a file that the command line names",
        "connectkit.runner.isolation.child": "a class that the worker's own process has registered",
    }
    assert found <= set(allowed)


def test_exec_and_eval_stand_in_one_place() -> None:
    found = {
        module
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("exec", "eval")
    }
    assert found == {"connectkit.compile"}


def _imports(path: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
    return found


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
