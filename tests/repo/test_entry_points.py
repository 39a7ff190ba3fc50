"""Every entry point of pyproject.toml loads, is installed, and leads to what its group is for."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import entry_points

import pytest

from connectkit import api
from tools.layout import pyproject

GROUPS: dict[str, dict[str, str]] = pyproject()["project"]["entry-points"]
BASES: dict[str, type] = {
    "connectkit.sources": api.SourceConnector,
    "connectkit.sinks": api.SinkConnector,
    "connectkit.converters": api.Converter,
    "connectkit.header_converters": api.HeaderConverter,
    "connectkit.transforms": api.Transform,
    "connectkit.predicates": api.Predicate,
    "connectkit.config_providers": api.ConfigProvider,
}
FUNCTIONS = ("connectkit.commands", "connectkit.sniffers")
"""Groups of the command line's functions."""
PYTEST = "pytest11"
"""The group in which pytest finds the module of our fixtures."""
ENTRIES = [(group, name, value) for group, found in GROUPS.items() for name, value in found.items()]


def test_every_kind_of_plugin_has_a_group() -> None:
    assert set(GROUPS) == {*BASES, *FUNCTIONS, PYTEST}


@pytest.mark.parametrize(("group", "name", "value"), ENTRIES, ids=[f"{g}:{n}" for g, n, _ in ENTRIES])
def test_entry_point_is_a_plugin_of_its_kind(group: str, name: str, value: str) -> None:
    module, _, attribute = value.partition(":")
    if group == PYTEST:
        assert not attribute
        assert callable(importlib.import_module(module).connect)
        return
    found = getattr(importlib.import_module(module), attribute)
    if group in FUNCTIONS:
        assert inspect.isfunction(found)
        return
    assert isinstance(found, type)
    if group == "connectkit.header_converters":
        assert callable(getattr(found, "to_connect_header", None))
    else:
        assert issubclass(found, BASES[group])


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_installed_metadata_is_that_of_the_tree(group: str) -> None:
    installed = {
        found.name: found.value
        for found in entry_points(group=group)
        if found.value.startswith("connectkit.")
    }
    assert installed == GROUPS[group], "the metadata is stale: run `make dev`"


@pytest.mark.parametrize("script", sorted(pyproject()["project"]["scripts"].values()))
def test_console_script_leads_to_a_function(script: str) -> None:
    module, _, attribute = script.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))
